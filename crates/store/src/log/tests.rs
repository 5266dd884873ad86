//! What the log promises to its writer and readers, asked of real files.
use super::*;
use engine::chain;
use engine::ports::{Batch, CommitError, Head, KeptAnswer};
use ledger::{
    body::{PersonKey, SealedBody, seal},
    digest::Digest,
    tree::Tree,
};
use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
};
use tempfile::TempDir;

/// A log in a folder of its own, and the tree that the engine would hold.
struct Desk {
    folder: TempDir,
    tree: Tree,
}

impl Desk {
    fn new() -> Self {
        Self {
            folder: TempDir::new().unwrap(),
            tree: Tree::new(),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("log.db")
    }

    fn open(&self) -> OpenLog {
        SqliteLog::open_holding(&self.file(), 32 * 1024).unwrap()
    }

    /// A batch of `leaves` on top of what was batched before.
    fn batch(&mut self, leaves: &[&str]) -> Batch {
        let expected_size = self.tree.size();
        let hashes = leaves
            .iter()
            .flat_map(|leaf| self.tree.append(leaf.as_bytes()))
            .collect();
        let tree = self.tree.head();
        Batch {
            expected_size,
            leaves: leaves.iter().map(|leaf| leaf.as_bytes().to_vec()).collect(),
            hashes,
            head: Head {
                tree,
                checkpoint: format!("checkpoint of {}", tree.size),
            },
            bodies: Vec::new(),
            blobs: Vec::new(),
            answers: Vec::new(),
            takes_away: false,
        }
    }

    fn reason(&self, error: &dyn std::error::Error) -> String {
        chain(error).replace(&self.folder.path().display().to_string(), "DATA")
    }
}

fn body(text: &str) -> SealedBody {
    seal(
        &PersonKey::from_bytes([7; 32]),
        "p-ada",
        [1; 32],
        [2; 24],
        text,
    )
    .unwrap()
}

fn answer(entry: u64) -> KeptAnswer {
    KeptAnswer {
        principal: "ada".into(),
        key: format!("key {entry}"),
        fingerprint: Digest::of(b"content"),
        entry,
    }
}

fn texts(leaves: Vec<Vec<u8>>) -> Vec<String> {
    leaves
        .into_iter()
        .map(|leaf| String::from_utf8(leaf).unwrap())
        .collect()
}

#[test]
fn an_empty_log_has_the_root_of_nothing() {
    let desk = Desk::new();
    let (reader, _writer) = desk.open();
    assert_eq!(
        reader.head().unwrap(),
        Head {
            tree: Tree::new().head(),
            checkpoint: String::new()
        }
    );
    assert_eq!(reader.leaves(0, 10).unwrap(), Vec::<Vec<u8>>::new());
}

#[test]
fn what_is_committed_is_read_back() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    let mut batch = desk.batch(&["a", "b", "c"]);
    batch.bodies = vec![body("hello")];
    batch.blobs = vec![(Digest::of(b"large"), b"large".to_vec())];
    batch.answers = vec![answer(1)];
    writer.commit(&batch).unwrap();

    assert_eq!(reader.head().unwrap(), batch.head);
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b", "c"]);
    assert_eq!(texts(reader.leaves(1, 1).unwrap()), ["b"]);
    assert_eq!(texts(reader.leaves(2, usize::MAX).unwrap()), ["c"]);
    assert_eq!(texts(reader.leaves(u64::MAX, 1).unwrap()), [""; 0]);
    assert_eq!(
        reader.hashes(&[2, 0]).unwrap(),
        [batch.hashes[2].hash, batch.hashes[0].hash]
    );
    let kept = body("hello");
    assert_eq!(reader.body(&kept.commitment).unwrap(), Some(kept));
    assert_eq!(reader.body(&Digest::of(b"")).unwrap(), None);
    assert_eq!(
        reader.blob(&Digest::of(b"large")).unwrap(),
        Some(b"large".to_vec())
    );
    assert_eq!(reader.blob(&Digest::of(b"")).unwrap(), None);
    assert_eq!(reader.answer("ada", "key 1").unwrap(), Some(answer(1)));
    assert_eq!(reader.answer("bob", "key 1").unwrap(), None);
}

#[test]
fn a_missing_node_is_an_error() {
    let desk = Desk::new();
    let (reader, _writer) = desk.open();
    assert_eq!(
        desk.reason(&reader.hashes(&[0]).unwrap_err()),
        "could not read nodes of the tree: table `node` of `DATA/log.db` holds a row that can't be: node 0 is missing"
    );
}

#[test]
fn a_batch_for_another_head_changes_nothing() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a"])).unwrap();
    let mut stale = desk.batch(&["b"]);
    writer.commit(&stale).unwrap();
    let error = writer.commit(&stale).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the log has 2 entries where 1 were expected: another writer is at work"
    );
    assert!(matches!(
        error,
        CommitError::Conflict {
            expected: 1,
            found: 2
        }
    ));
    stale.leaves.push(b"c".to_vec());
    assert_eq!(
        desk.reason(&writer.commit(&stale).unwrap_err()),
        "the log could not be written: table `head` of `DATA/log.db` holds a row that can't be: 2 leaves with 2 nodes don't lead from 1 entries to 2"
    );
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b"]);
    writer.commit(&desk.batch(&["c"])).unwrap();
    assert_eq!(reader.head().unwrap().tree.size, 3);
}

#[test]
fn a_key_is_answered_once() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    let mut batch = desk.batch(&["a"]);
    batch.answers = vec![answer(0), answer(0)];
    assert_eq!(
        desk.reason(&writer.commit(&batch).unwrap_err()),
        "the log could not be written: `DATA/log.db` can't be read or written: UNIQUE constraint failed: answer.principal, answer.key: Error code 1555: constraint failed"
    );
    assert_eq!(reader.head().unwrap().tree.size, 0);
    batch.answers.pop();
    writer.commit(&batch).unwrap();
    assert_eq!(reader.head().unwrap().tree.size, 1);
}

#[test]
fn a_second_writer_is_turned_away_and_a_reader_is_not() {
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a"])).unwrap();
    let error = SqliteLog::open(&desk.file()).map(drop).unwrap_err();
    assert_eq!(
        desk.reason(&error),
        "`DATA/log.lock` is held by another process: stop that one first"
    );
    let reader = SqliteLog::read(&desk.file()).unwrap();
    writer.commit(&desk.batch(&["b"])).unwrap();
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b"]);
    drop(writer);
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b"]);
    drop(reader);
    let reader = SqliteLog::read(&desk.file()).unwrap();
    assert_eq!(reader.head().unwrap().tree.size, 2);
    let (_, mut writer) = desk.open();
    writer.commit(&desk.batch(&["c"])).unwrap();
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b", "c"]);
}

#[test]
fn there_is_nothing_to_read_where_nobody_wrote() {
    let desk = Desk::new();
    let error = SqliteLog::read(&desk.file()).map(drop).unwrap_err();
    assert_eq!(
        desk.reason(&error),
        "the database can't be opened: `DATA/log.db` can't be read or written: unable to open database file: DATA/log.db: Error code 14: unable to open database file"
    );
}

/// Copies the files as a crash would leave them: nothing is closed, nothing is moved out of the write-ahead file.
fn crash(desk: &Desk) -> Desk {
    let after = TempDir::new().unwrap();
    for name in ["log.db", "log.db-wal"] {
        fs::copy(desk.folder.path().join(name), after.path().join(name)).unwrap();
    }
    Desk {
        folder: after,
        tree: desk.tree.clone(),
    }
}

#[test]
fn a_crash_between_batches_loses_nothing() {
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    for n in 0..20_u64 {
        let mut batch = desk.batch(&["a", "b"]);
        batch.answers = vec![answer(2 * n)];
        writer.commit(&batch).unwrap();
        let mut after = crash(&desk);
        let (reader, mut writer) = after.open();
        assert_eq!(reader.head().unwrap(), batch.head);
        assert_eq!(reader.leaves(0, 100).unwrap().len() as u64, 2 * n + 2);
        assert_eq!(
            reader.answer("ada", &format!("key {}", 2 * n)).unwrap(),
            Some(answer(2 * n))
        );
        writer.commit(&after.batch(&["c"])).unwrap();
    }
}

/// Cuts the write-ahead file at each of its frames and in the middle of each, as losing the power may.
#[test]
fn a_batch_is_there_whole_or_not_at_all() {
    const FRAME: u64 = 24 + 4096;
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a"])).unwrap();
    writer.commit(&desk.batch(&["b", "c", "d"])).unwrap();
    let whole = fs::metadata(desk.folder.path().join("log.db-wal"))
        .unwrap()
        .len();
    let mut sizes = Vec::new();
    for cut in (32..=whole).step_by(usize::try_from(FRAME / 2).unwrap()) {
        let after = crash(&desk);
        let wal = fs::OpenOptions::new()
            .write(true)
            .open(after.folder.path().join("log.db-wal"));
        wal.unwrap().set_len(cut).unwrap();
        // layouts are made in transactions too: before the first of them there is an empty file, which is a new log
        let (reader, _writer) = after.open();
        let size = reader.head().unwrap().tree.size;
        assert_eq!(reader.leaves(0, 100).unwrap().len() as u64, size);
        sizes.push(size);
    }
    sizes.dedup();
    assert_eq!(sizes, [0, 1, 4]);
}

/// A writer whose database may grow by only so many pages, as on a disk that is nearly full.
fn cramped(desk: &Desk, pages: u64) -> Writer {
    let folder = desk.folder.path();
    let lock = lock::WriterLock::take(&folder.join("log.lock")).unwrap();
    let db = file::open_writing(&desk.file(), &TUNING).unwrap();
    let reserve = hold_reserve(&folder.join("reserve.bin"), 32 * 1024).unwrap();
    let present: u64 = db
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    quota(&db, present + pages);
    let moving = file::open_writing(&desk.file(), &MOVING).unwrap();
    let checkpointer = Checkpointer::start(moving, &desk.file()).unwrap();
    Writer::new(db, &desk.file(), checkpointer, lock, reserve)
}

/// The pages of what was committed reach the database long before the connection that commits would move them.
#[test]
fn committed_pages_are_moved_while_commits_go_on() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    let leaf = "x".repeat(60_000);
    // about 9 MiB: enough to be moved by the thread, too little for the connection that commits
    for _ in 0..150 {
        let batch = desk.batch(&[&leaf]);
        writer.commit(&batch).unwrap();
    }
    // the thread ends after what it was told; connections that read keep the pages from being moved at the end
    drop(writer);
    assert!(fs::metadata(desk.file()).unwrap().len() > 4 * 1024 * 1024);
    assert_eq!(reader.leaves(0, 200).unwrap().len(), 150);
}

fn quota(db: &Connection, pages: u64) {
    db.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
        .unwrap();
}

fn held_back(desk: &Desk) -> u64 {
    fs::metadata(desk.folder.path().join("reserve.bin"))
        .unwrap()
        .len()
}

#[test]
fn a_full_disk_is_told_and_nothing_is_written() {
    let mut desk = Desk::new();
    let mut writer = cramped(&desk, 2);
    let mut batch = desk.batch(&["a"]);
    batch.blobs = vec![(Digest::of(b"large"), vec![1; 100_000])];
    let error = writer.commit(&batch).unwrap_err();
    assert_eq!(error.to_string(), "the disk of the log is full");
    assert!(matches!(error, CommitError::Full));
    let reader = SqliteLog::read(&desk.file()).unwrap();
    assert_eq!(reader.head().unwrap().tree.size, 0);
    assert_eq!(held_back(&desk), 32 * 1024);
    quota(writer.connection(), 1_000_000);
    writer.commit(&batch).unwrap();
    assert_eq!(reader.head().unwrap(), batch.head);
}

#[test]
fn the_room_held_back_is_given_up_for_what_takes_away_and_for_nothing_else() {
    let mut desk = Desk::new();
    let mut writer = cramped(&desk, 2);
    let mut revoke = desk.batch(&["revoke"]);
    revoke.takes_away = true;
    revoke.blobs = vec![(Digest::of(b"large"), vec![1; 100_000])];
    assert!(matches!(writer.commit(&revoke), Err(CommitError::Full)));
    assert_eq!(held_back(&desk), 0);
    quota(writer.connection(), 1_000_000);
    writer.commit(&revoke).unwrap();
    let ask = desk.batch(&["ask"]);
    let refused = (0..100)
        .take_while(|_| writer.commit(&ask).is_err())
        .count();
    assert_eq!((refused, held_back(&desk)), (15, 32 * 1024));
    let reader = SqliteLog::read(&desk.file()).unwrap();
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["revoke", "ask"]);
}

/// A disk of two mebibytes, where this process may mount one; elsewhere the quota above has to do.
#[cfg(target_os = "linux")]
struct SmallDisk(TempDir);

#[cfg(target_os = "linux")]
impl SmallDisk {
    fn mount() -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let mounted = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=2m", "tmpfs"])
            .arg(folder.path())
            .stderr(std::process::Stdio::null())
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then_some(Self(folder))
    }
}

#[cfg(target_os = "linux")]
impl Drop for SmallDisk {
    fn drop(&mut self) {
        std::process::Command::new("umount")
            .arg("-l")
            .arg(self.0.path())
            .status()
            .unwrap();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn on_a_full_disk_privileges_are_still_taken_away() {
    let Some(small) = SmallDisk::mount() else {
        return;
    };
    let mut desk = Desk::new();
    let file = small.0.path().join("log.db");
    let (reader, mut writer) = SqliteLog::open_holding(&file, 512 * 1024).unwrap();
    let mut asked = 0;
    loop {
        let mut ask = desk.batch(&["ask"]);
        ask.blobs = vec![(Digest::of(&[asked]), vec![asked; 20_000])];
        match writer.commit(&ask) {
            Ok(()) => asked += 1,
            Err(CommitError::Full) => break,
            Err(error) => unreachable!("{}", chain(&error)),
        }
    }
    assert!(asked > 10);
    desk.tree = Tree::new();
    for _ in 0..asked {
        desk.batch(&["ask"]);
    }
    fs::write(small.0.path().join("somebody else's"), vec![1; 3_000_000]).unwrap_err();
    for _ in 0..10 {
        let mut revoke = desk.batch(&["revoke"]);
        revoke.takes_away = true;
        writer.commit(&revoke).unwrap();
    }
    assert_eq!(reader.head().unwrap().tree, desk.tree.head());
}

#[test]
fn after_a_doubtful_commit_the_next_one_settles_it() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a"])).unwrap();
    let meddler = Connection::open(desk.file()).unwrap();
    meddler
        .execute_batch("ALTER TABLE leaf RENAME TO gone")
        .unwrap();
    let batch = desk.batch(&["b"]);
    assert_eq!(
        desk.reason(&writer.commit(&batch).unwrap_err()),
        "the log could not be written: `DATA/log.db` can't be read or written: no such table: leaf: Error code 1: SQL logic error"
    );
    meddler
        .execute_batch("ALTER TABLE gone RENAME TO leaf")
        .unwrap();
    drop(meddler);
    writer.commit(&batch).unwrap();
    assert_eq!(texts(reader.leaves(0, 10).unwrap()), ["a", "b"]);
    // what was settled is in the database itself, not in the write-ahead file alone
    fs::copy(desk.file(), desk.folder.path().join("copy.db")).unwrap();
    let copy = SqliteLog::read(&desk.folder.path().join("copy.db")).unwrap();
    assert_eq!(texts(copy.leaves(0, 10).unwrap()), ["a"]);
}

#[test]
fn a_damaged_page_is_an_error_that_names_the_file() {
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    let long = "x".repeat(3000);
    let leaves = vec![long.as_str(); 50];
    writer.commit(&desk.batch(&leaves)).unwrap();
    drop(writer);
    let mut file = fs::OpenOptions::new()
        .write(true)
        .open(desk.file())
        .unwrap();
    let pages = file.metadata().unwrap().len() / 4096;
    for page in pages - 20..pages {
        file.seek(SeekFrom::Start(page * 4096)).unwrap();
        file.write_all(&[0xff; 4096]).unwrap();
    }
    let reader = SqliteLog::read(&desk.file()).unwrap();
    assert_eq!(
        desk.reason(&reader.leaves(0, 100).unwrap_err()),
        "could not read entries of the log: `DATA/log.db` is damaged: restore it from a backup: database disk image is malformed: Error code 11: database disk image is malformed"
    );
    drop(reader);
    fs::write(
        desk.file(),
        "this is no database, although it is a file that can be read",
    )
    .unwrap();
    assert_eq!(
        desk.reason(&SqliteLog::open(&desk.file()).map(drop).unwrap_err()),
        "the database can't be opened: `DATA/log.db` is damaged: restore it from a backup: file is not a database: Error code 26: file is not a database"
    );
}

#[test]
fn a_log_whose_tables_tell_different_sizes_is_not_opened() {
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a", "b"])).unwrap();
    drop(writer);
    let meddler = Connection::open(desk.file()).unwrap();
    let refused = meddler
        .execute("DELETE FROM leaf WHERE entry = 1", [])
        .unwrap_err();
    assert_eq!(refused.to_string(), "leaves are only ever added");
    meddler
        .execute_batch("DROP TRIGGER a_leaf_is_never_removed; DELETE FROM leaf WHERE entry = 1")
        .unwrap();
    assert_eq!(
        desk.reason(&SqliteLog::open(&desk.file()).map(drop).unwrap_err()),
        "the database can't be opened: table `head` of `DATA/log.db` holds a row that can't be: it tells 2 entries, and there are 1 with 3 nodes"
    );
}

#[test]
fn a_gap_between_leaves_is_an_error() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a", "b", "c"])).unwrap();
    let meddler = Connection::open(desk.file()).unwrap();
    meddler
        .execute_batch("DROP TRIGGER a_leaf_is_never_removed; DELETE FROM leaf WHERE entry = 1")
        .unwrap();
    assert_eq!(
        desk.reason(&reader.leaves(0, 10).unwrap_err()),
        "could not read entries of the log: table `leaf` of `DATA/log.db` holds a row that can't be: entry 1 is missing"
    );
}

#[test]
fn a_layout_from_the_future_is_left_alone() {
    let desk = Desk::new();
    drop(desk.open());
    let future = Connection::open(desk.file()).unwrap();
    future.pragma_update(None, "user_version", 9).unwrap();
    let told = "`DATA/log.db` has layout 9 and this release knows up to 2: install the release that wrote it";
    assert_eq!(
        desk.reason(&SqliteLog::open(&desk.file()).map(drop).unwrap_err()),
        told
    );
    assert_eq!(
        desk.reason(&SqliteLog::read(&desk.file()).map(drop).unwrap_err()),
        told
    );
}

#[cfg(unix)]
#[test]
fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut desk = Desk::new();
    let (_, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a"])).unwrap();
    for name in ["log.db", "log.db-wal", "log.lock"] {
        let mode = fs::metadata(desk.folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(format!("{name} {:o}", mode & 0o777), format!("{name} 600"));
    }
}

#[test]
fn a_copy_made_while_the_log_is_written_is_whole_and_says_it_is_one() {
    let mut desk = Desk::new();
    let (reader, mut writer) = desk.open();
    writer.commit(&desk.batch(&["a", "b"])).unwrap();
    let head = reader.head().unwrap();
    let to = desk.folder.path().join("copy.db");
    SqliteLog::copy(&desk.file(), &to, &mut |_, _| {}).unwrap();
    writer.commit(&desk.batch(&["c"])).unwrap();

    let copy = SqliteLog::read(&to).unwrap();
    assert_eq!(copy.head().unwrap(), head);
    assert_eq!(texts(copy.leaves(0, 10).unwrap()), ["a", "b"]);
    assert_eq!(SqliteLog::copied(&to).unwrap(), Some(2));
    assert_eq!(SqliteLog::copied(&desk.file()).unwrap(), None);
    drop(copy);
    let mut beside: Vec<String> = fs::read_dir(desk.folder.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("copy"))
        .collect();
    beside.sort();
    assert_eq!(beside, ["copy.db"], "a copy is one file, read or not");
}

#[test]
fn nothing_is_copied_over_a_file_or_from_a_log_without_entries() {
    let mut desk = Desk::new();
    let (_reader, mut writer) = desk.open();
    let to = desk.folder.path().join("copy.db");
    assert!(SqliteLog::copy(&desk.file(), &to, &mut |_, _| {}).is_err());
    writer.commit(&desk.batch(&["a"])).unwrap();
    let taken = SqliteLog::copy(&desk.file(), &to, &mut |_, _| {}).unwrap_err();
    assert_eq!(
        desk.reason(&taken),
        "`DATA/copy.db` can't be opened: File exists (os error 17)"
    );
}
