//! Durable append beside the bare SQLite transaction that writes the same rows, turn by turn in one run: on a noisy machine
//! only the ratio of neighbours means anything. Prints one line per size of batch: its name, the ratio, and entries a second of both.
use engine::ports::{Batch, Head, LogWriter};
use ledger::tree::Tree;
use rusqlite::{Connection, params};
use std::{
    error::Error,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};
use store::SqliteLog;

/// Size of a batch, and how many of them are written.
const RUNS: [(usize, usize); 4] = [(1, 1000), (10, 600), (100, 200), (1000, 40)];

/// Size of an entry: about that of a recorded approval.
const LEAF_BYTES: usize = 900;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir_in(".")?;
    let mut out = std::io::stdout().lock();
    for (size, rounds) in RUNS {
        let (store, bare) = run(&folder.path().join(size.to_string()), size, rounds)?;
        let entries = |time: Duration| {
            #[expect(clippy::cast_precision_loss, reason = "a rate for a table")]
            let count = size as f64;
            count / time.as_secs_f64()
        };
        let (store, bare) = (entries(store), entries(bare));
        writeln!(
            out,
            "durable append, batch of {size}\t{:.2}\t{store:.0} entries/s beside {bare:.0}",
            store / bare
        )?;
    }
    Ok(())
}

/// Mean time of one commit, of the log and of the bare transaction.
fn run(folder: &Path, size: usize, rounds: usize) -> Result<(Duration, Duration), Box<dyn Error>> {
    std::fs::create_dir(folder)?;
    let (_, mut log) = SqliteLog::open(&folder.join("log.db"))?;
    let mut bare = bare_database(&folder.join("bare.db"))?;
    let mut tree = Tree::new();
    let (mut log_time, mut bare_time) = (Duration::ZERO, Duration::ZERO);
    for round in 0..rounds {
        let batch = batch(&mut tree, size);
        // who goes first pays for whatever the machine was doing: take turns
        if round % 2 == 0 {
            log_time += timed(|| append(&mut *log, &batch))?;
            bare_time += timed(|| insert(&mut bare, &batch))?;
        } else {
            bare_time += timed(|| insert(&mut bare, &batch))?;
            log_time += timed(|| append(&mut *log, &batch))?;
        }
    }
    let rounds = u32::try_from(rounds)?;
    Ok((log_time / rounds, bare_time / rounds))
}

fn timed(act: impl FnOnce() -> Result<(), Box<dyn Error>>) -> Result<Duration, Box<dyn Error>> {
    #[expect(
        clippy::disallowed_methods,
        reason = "measuring is what this program does"
    )]
    let began = Instant::now();
    act()?;
    Ok(began.elapsed())
}

fn batch(tree: &mut Tree, size: usize) -> Batch {
    let expected_size = tree.size();
    let leaves: Vec<Vec<u8>> = (expected_size..)
        .take(size)
        .map(|entry| format!("{entry:0LEAF_BYTES$}").into_bytes())
        .collect();
    let hashes = leaves.iter().flat_map(|leaf| tree.append(leaf)).collect();
    let head = tree.head();
    // as long as a checkpoint with one signature
    let checkpoint = format!(
        "remit.example/log\n{}\n{}\n\n{:0120}\n",
        head.size, head.root, 0
    );
    Batch {
        expected_size,
        leaves,
        hashes,
        head: Head {
            tree: head,
            checkpoint,
        },
        bodies: Vec::new(),
        blobs: Vec::new(),
        answers: Vec::new(),
        takes_away: false,
    }
}

fn append(log: &mut dyn LogWriter, batch: &Batch) -> Result<(), Box<dyn Error>> {
    Ok(log.commit(batch)?)
}

fn bare_database(file: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open(file)?;
    db.execute_batch(
        "PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        CREATE TABLE leaf (entry INTEGER PRIMARY KEY, bytes BLOB);
        CREATE TABLE node (place INTEGER PRIMARY KEY, hash BLOB);
        CREATE TABLE head (one INTEGER PRIMARY KEY, size INTEGER, root BLOB, checkpoint TEXT);
        INSERT INTO head (one) VALUES (1);",
    )?;
    Ok(db)
}

fn insert(db: &mut Connection, batch: &Batch) -> Result<(), Box<dyn Error>> {
    let step = db.transaction()?;
    let mut leaf = step.prepare_cached("INSERT INTO leaf VALUES (?1, ?2)")?;
    for (entry, bytes) in (batch.expected_size..).zip(&batch.leaves) {
        leaf.execute(params![entry, bytes])?;
    }
    let mut node = step.prepare_cached("INSERT INTO node VALUES (?1, ?2)")?;
    for hash in &batch.hashes {
        node.execute(params![hash.index, hash.hash.as_bytes()])?;
    }
    let (tree, checkpoint) = (batch.head.tree, &batch.head.checkpoint);
    step.prepare_cached("UPDATE head SET size = ?1, root = ?2, checkpoint = ?3")?
        .execute(params![tree.size, tree.root.as_bytes(), checkpoint])?;
    drop((leaf, node));
    Ok(step.commit()?)
}
