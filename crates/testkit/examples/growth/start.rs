//! Starts an engine on a log, and says how long it took and how much memory the process then holds.
use domain::time::Timestamp;
use engine::{
    Engine, Ports, Settings,
    ports::{Clock, LogReader, NoSnapshots, Projector, ReadError, Snapshots},
    record::Recorded,
};
use ledger::tree::Tree;
use std::{
    collections::BTreeMap,
    path::Path,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use store::{SnapshotFolder, SqliteLog};
use testkit::{MemoryKeys, NoViews, SeededRandom, bundle, signer};

struct RealClock(Instant);

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(now.as_millis()).unwrap())
    }
    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// Follows nothing, so that no memory is held for it.
#[derive(Default)]
pub(crate) struct Nothing(u64);

impl Projector for Nothing {
    fn projected(&self) -> u64 {
        self.0
    }
    fn project(&mut self, entries: &[Recorded]) -> Result<(), ReadError> {
        self.0 += entries.len() as u64;
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
pub(crate) fn ports(folder: &Path, snapshots: bool, projector: Box<dyn Projector>) -> Ports {
    let (reader, writer) = SqliteLog::open(&folder.join("log.db")).unwrap();
    let kept: Arc<dyn Snapshots> = if snapshots {
        Arc::new(SnapshotFolder::new(&folder.join("snapshots")))
    } else {
        Arc::new(NoSnapshots)
    };
    Ports {
        clock: Arc::new(RealClock(Instant::now())),
        random: Arc::new(SeededRandom::new(1)),
        reader,
        writer,
        keys: Arc::new(MemoryKeys::default()),
        projector,
        views: Arc::new(NoViews),
        snapshots: kept,
        connectors: BTreeMap::new(),
    }
}

pub(crate) fn settings() -> Settings {
    Settings {
        signer: signer(),
        bundle: bundle(),
        engine_version: "bench".to_owned(),
        snapshot_every: engine::SNAPSHOT_EVERY,
    }
}

/// Resident memory of this process, in MB.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kilobytes: f64 = line
        .unwrap()
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    kilobytes / 1024.0
}

#[expect(clippy::disallowed_methods, reason = "it measures real time")]
pub(crate) fn run(folder: &Path, from: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // what is to be projected was projected already
        let entries = SqliteLog::read(&folder.join("log.db")).unwrap().head();
        let followed = Nothing(entries.unwrap().tree.size);
        let ports = ports(folder, from == "snapshot", Box::new(followed));
        let reader = Arc::clone(&ports.reader);
        let begun = Instant::now();
        let (engine, running) = Engine::start(ports, settings()).unwrap();
        let took = begun.elapsed().as_secs_f64();
        assert_eq!(from == "snapshot", engine.health().unchecked > 0);
        let held = resident();
        while engine.health().unchecked > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let after = resident();
        running.stop().await;
        println!("{took} {held} {after} {}", hashed(reader.as_ref()));
    });
}

/// Seconds in which every entry is read and hashed, and nothing else.
#[expect(clippy::disallowed_methods, reason = "it measures real time")]
fn hashed(reader: &dyn LogReader) -> f64 {
    let begun = Instant::now();
    let mut tree = Tree::new();
    loop {
        let leaves = reader.leaves(tree.size(), 1_000).unwrap();
        if leaves.is_empty() {
            break;
        }
        for leaf in leaves {
            tree.append(&leaf);
        }
    }
    begun.elapsed().as_secs_f64()
}
