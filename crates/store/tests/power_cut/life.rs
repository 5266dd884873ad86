//! A real engine on the real files: the life that is written down, and the look at what a power cut left of it.
use domain::{
    actor::Actor,
    command::{Command, DirectoryChange, Given},
    event::Event,
    fixture,
    ids::RequestId,
    request::Ask,
    text::Text,
    time::Timestamp,
};
use engine::{Answer, Engine, Ports, Running, Settings, Submission};
use ledger::{checkpoint::VerifierKey, tree::Tree};
use rusqlite::Connection;
use std::{collections::BTreeMap, fs, path::Path, sync::Arc};
use store::{SnapshotFolder, SqliteKeys, SqliteLog, SqliteProjector, SqliteViews, inspect};
use testkit::{FakeClock, SeededRandom, bundle, people, person, signer};

/// Each write to it is the number of entries that are acknowledged by then.
pub(crate) const ACKNOWLEDGED: &str = "acknowledged";
/// Starts and stops in one life.
pub(crate) const STARTS: u64 = 4;
/// Requests in each part of it, some of many words.
const REQUESTS: usize = 6;

/// An engine at work in a folder.
struct Office {
    engine: Engine,
    running: Running,
}

impl Office {
    /// Starts as a server does, on what is there; `n` tells starts apart.
    fn open(folder: &Path, n: u64) -> Self {
        let path = |name: &str| folder.join(name);
        let (reader, writer) = SqliteLog::open(&path("log.db")).unwrap();
        let keys = SqliteKeys::open(&path("keys.db")).unwrap();
        let views = path("views.db");
        let projector = SqliteProjector::open(&views, reader.clone(), keys.clone()).unwrap();
        // an hour lies between any two starts
        let now = Timestamp(fixture::NOW.0 + i64::try_from(n).unwrap() * 3_600_000);
        let ports = Ports {
            clock: Arc::new(FakeClock::at(now)),
            random: Arc::new(SeededRandom::new(n)),
            reader,
            writer,
            keys,
            projector: Box::new(projector),
            views: Arc::new(SqliteViews::open(&views).unwrap()),
            snapshots: Arc::new(SnapshotFolder::new(&path("snapshots"))),
            connectors: BTreeMap::new(),
        };
        let settings = Settings {
            signer: signer(),
            bundle: bundle(),
            engine_version: "test".to_owned(),
            snapshot_every: 16,
        };
        let (engine, running) = Engine::start(ports, settings).unwrap();
        Self { engine, running }
    }

    /// Has a command done in somebody's own words; the number of entries by then, and what followed.
    async fn does(
        &self,
        (name, words): (&str, &str),
        command: impl FnOnce(Text) -> Command,
    ) -> (u64, Vec<Event>) {
        let mut writer = self.engine.body_writer(name);
        let text = writer.write(words, 10_000).unwrap();
        let mut submission = Submission::of(Given {
            actor: person(name),
            command: command(text),
        });
        submission.bodies = writer.finish();
        self.done(submission).await
    }

    async fn done(&self, submission: Submission) -> (u64, Vec<Event>) {
        match self.engine.submit(submission).await.unwrap() {
            Answer::Done { entry, events, .. } => (entry + 1, events),
            Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
        }
    }

    /// Sends a request in ada's words.
    async fn asks(&self, words: &str) -> (u64, RequestId) {
        let (entries, events) = self
            .does(("ada", words), |text| Command::SubmitRequest {
                ask: Ask {
                    answers: [(fixture::id("goal"), text)].into(),
                    ..fixture::ask("edit-flow")
                },
            })
            .await;
        let Some(Event::RequestSubmitted { request, .. }) = events.first() else {
            unreachable!("{events:?}")
        };
        (entries, *request)
    }
}

fn told(actor: Actor, command: Command) -> Submission {
    Submission::of(Given { actor, command })
}

/// Empties the write-ahead file of the log while it is in use, as SQLite does by itself once that is large.
fn empty(log: &Connection) {
    let pragma = "PRAGMA wal_checkpoint(PASSIVE)";
    log.query_row(pragma, [], |_| Ok(())).unwrap();
}

/// Lives in `folder`, and notes each entry when it is acknowledged. The last part of the life isn't closed.
pub(crate) async fn live(folder: &Path) {
    let note = |entries: u64| {
        fs::write(folder.join(ACKNOWLEDGED), entries.to_string()).unwrap();
    };
    for start in 0..STARTS {
        let office = Office::open(folder, start);
        if start == 0 {
            for change in people() {
                let change = Command::ChangeDirectory { change };
                note(office.done(told(Actor::Operator, change)).await.0);
            }
        }
        let log = Connection::open(folder.join("log.db")).unwrap();
        log.execute_batch("PRAGMA synchronous = FULL").unwrap();
        for n in 0..REQUESTS {
            let words = format!("request {n} of part {start} ").repeat(1 + 7 * (n % 3));
            let (entries, request) = office.asks(&words).await;
            note(entries);
            let text = "which invoices are these?";
            let asked = office.does(("bob", text), |text| Command::AskRequester {
                request,
                text,
            });
            note(asked.await.0);
            let withdraw = Command::WithdrawRequest { request };
            note(office.done(told(person("ada"), withdraw)).await.0);
            empty(&log);
        }
        if start + 1 == STARTS {
            std::process::exit(0);
        }
        drop(log);
        office.running.stop().await;
    }
}

/// What must be in a log.
pub(crate) struct Expected {
    leaves: Vec<Vec<u8>>,
    key: VerifierKey,
}

impl Expected {
    /// The log of a life as it was lived.
    pub(crate) fn of(folder: &Path) -> Self {
        let reader = SqliteLog::read(&folder.join("log.db")).unwrap();
        Self {
            leaves: reader.leaves(0, usize::MAX).unwrap(),
            key: VerifierKey::parse(&signer().vkey()).unwrap(),
        }
    }

    pub(crate) fn entries(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// Looks whether the log in `folder` opens, holds at least what was acknowledged, and nothing that was never written.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(crate) fn in_log(&self, folder: &Path, acknowledged: u64) -> Result<(), String> {
        let opened = SqliteLog::open(&folder.join("log.db"));
        let (reader, _writer) = opened.map_err(|error| engine::chain(&error))?;
        let told = |error: engine::ports::ReadError| engine::chain(&error);
        let head = reader.head().map_err(told)?;
        let leaves = reader.leaves(0, usize::MAX).map_err(told)?;
        let (size, root) = (head.tree.size, head.tree.root);
        if size < acknowledged {
            return Err(format!("{size} entries of {acknowledged} acknowledged"));
        }
        if size != leaves.len() as u64 || !self.leaves.starts_with(&leaves) {
            return Err(format!("other entries than the {size} that were written"));
        }
        let mut tree = Tree::new();
        for leaf in &leaves {
            tree.append(leaf);
        }
        if tree.head().root != root {
            return Err("another root than that of the entries".to_owned());
        }
        if size == 0 {
            return Ok(());
        }
        let signed = self.key.open(&head.checkpoint);
        match signed.map(|signed| (signed.size, signed.root)) {
            Ok(signed) if signed == (size, root) => Ok(()),
            other => Err(format!("the checkpoint says {other:?}")),
        }
    }
}

/// Starts on what is left in `folder`, does one thing more, and looks through everything.
///
/// # Errors
/// What is wrong, in words.
pub(crate) async fn goes_on(folder: &Path, expected: &Expected) -> Result<(), String> {
    let office = Office::open(folder, STARTS);
    let change = DirectoryChange::GroupRemoved(fixture::id("nobody"));
    let change = told(Actor::Operator, Command::ChangeDirectory { change });
    let answer = office.engine.submit(change).await;
    let answer = answer.map_err(|error| engine::chain(&error))?;
    let (Answer::Done { entry, .. } | Answer::Refused { entry, .. }) = answer;
    office.engine.settled(entry).await;
    office.running.stop().await;
    drop(office.engine);
    let seen = inspect(folder, &expected.key, &mut |_, _, _| ());
    let seen = seen.map_err(|error| engine::chain(&error))?;
    if seen.entries != entry + 1 {
        return Err(format!(
            "{} entries, and one more than {entry} were made",
            seen.entries
        ));
    }
    match seen.findings.first() {
        None => Ok(()),
        Some(finding) => Err(finding.to_string()),
    }
}
