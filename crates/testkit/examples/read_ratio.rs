//! How fast an outsider verifies and replays an export, on all processors, beside hashing the same entries on one and nothing else.
//! Prints a line for each measure, with tabs between: name, value, whence.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::cast_precision_loss,
    reason = "it measures real time, prints, and panics where it can't go on"
)]
use domain::{
    actor::Actor,
    command::{Command, UseOutcome},
    event::Event,
    fixture,
};
use engine::{
    Engine,
    enforcement::Finish,
    export::{Words, export},
    ports::LogReader,
    replay,
};
use ledger::{checkpoint::VerifierKey, export as files, tree::Tree};
use std::{
    collections::BTreeMap,
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use testkit::{measured, signer};

/// How long uses are written.
const WRITING: Duration = Duration::from_secs(4);
const CALLERS: usize = 256;

type Folder = BTreeMap<String, Vec<u8>>;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let place = tempfile::tempdir_in(".").unwrap();
    let (reader, writer) = store::SqliteLog::open(&place.path().join("log.db")).unwrap();
    runtime.block_on(async {
        let (engine, running) = measured::engine_on(Arc::clone(&reader), writer).await;
        write(&engine).await;
        running.stop().await;
    });
    let folder = exported(reader.as_ref());
    let size = reader.head().unwrap().tree.size;
    let each = |took: Duration| size as f64 / took.as_secs_f64();

    let hashed = each(hash(reader.as_ref()));
    let verified = each(took(|| verify(&folder, size)));
    let replayed = each(took(|| replay_all(&folder, size)));
    println!(
        "entries verified a second\t{verified:.0}\t{size} entries of an export; beside {hashed:.0} hashed on one processor and nothing else"
    );
    println!(
        "entries replayed a second\t{replayed:.0}\teach decided again; beside {hashed:.0} hashed on one processor and nothing else"
    );
}

fn took(work: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    work();
    begun.elapsed()
}

/// Uses of one grant by many callers, each begun and finished.
async fn write(engine: &Engine) {
    let (grant, credential) = measured::emergency(engine).await;
    let until = Instant::now() + WRITING;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                while Instant::now() < until {
                    let begin: Command = testkit::attempt(grant, credential);
                    let actor = Actor::Gateway {
                        gateway: fixture::gateway_id(),
                    };
                    let made = measured::events(&engine, actor, begin).await;
                    let [Event::UseAllowed { use_id, .. }] = made[..] else {
                        unreachable!("{made:?}");
                    };
                    let outcome = UseOutcome {
                        status: Some(200),
                        bytes: 512,
                        rows: 0,
                        cut: false,
                    };
                    let finish = Finish {
                        use_id,
                        grant,
                        outcome,
                    };
                    let told = engine.finish_use(fixture::gateway_id(), finish);
                    told.await.unwrap();
                }
            })
        })
        .collect();
    for caller in callers {
        caller.await.unwrap();
    }
}

fn exported(reader: &dyn LogReader) -> Folder {
    let mut folder = Folder::new();
    let mut out = |path: &str, bytes: &[u8]| {
        folder.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    };
    export(
        reader,
        &Words::Sealed,
        &signer().vkey(),
        &mut out,
        &mut |_, _| (),
    )
    .unwrap();
    folder
}

fn hash(reader: &dyn LogReader) -> Duration {
    let mut leaves = Vec::new();
    loop {
        let more = reader.leaves(leaves.len() as u64, 10_000).unwrap();
        if more.is_empty() {
            break;
        }
        leaves.extend(more);
    }
    took(|| {
        let mut tree = Tree::new();
        for leaf in &leaves {
            tree.append(leaf);
        }
        assert_eq!(tree.head(), reader.head().unwrap().tree);
    })
}

fn verify(folder: &Folder, size: u64) {
    let key = VerifierKey::parse(&signer().vkey()).unwrap();
    let verified = files::verify(folder, &key, &mut |_, _| ()).unwrap();
    assert_eq!(verified.size, size);
}

fn replay_all(folder: &Folder, size: u64) {
    let blob = |digest: &ledger::Digest| folder.get(&files::blob_path(digest)).cloned();
    let replayed = thread::scope(|scope| {
        let entries = files::entries(folder, size, scope);
        let leaves = entries.map(|entry| entry.map(|entry| (entry.index, entry.leaf)));
        replay::replay(leaves, blob, "bench", |_| ())
    });
    assert_eq!(replayed.unwrap().entries, size);
}
