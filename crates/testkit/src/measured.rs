//! What the programs that measure share: a real clock, an engine on a log of their own, and a grant that may be used for ever.
use crate::{MemoryKeys, NoViews, SeededRandom, bundle, people, person, signer};
use domain::{
    actor::Actor,
    command::{Command, Given},
    event::Event,
    fixture,
    grant::CredentialKind,
    ids::{CredentialId, GrantId},
    request::{Ask, RequestKind},
    time::{Seconds, Timestamp},
};
use engine::{
    Answer, Engine, Ports, Running, SNAPSHOT_EVERY, Settings, Submission,
    ports::{Clock, LogReader, LogWriter, NoSnapshots, Projector, ReadError},
    record::Recorded,
};
use policy::bundle::BundleFiles;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

/// The clock of this machine.
#[derive(Debug)]
pub struct RealClock(Instant);

#[expect(
    clippy::disallowed_methods,
    reason = "what measures real time reads the real clock"
)]
impl Default for RealClock {
    fn default() -> Self {
        Self(Instant::now())
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what measures real time reads the real clock"
)]
impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(now.as_millis()).unwrap())
    }
    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// The bundle of the tests without the budget, which would end a grant after a few uses.
pub fn unbounded_bundle() -> BundleFiles {
    let files = bundle();
    let without = |content: &[u8]| {
        let text = String::from_utf8(content.to_vec()).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with("budget"));
        lines.collect::<Vec<_>>().join("\n").into_bytes()
    };
    let files = files
        .iter()
        .map(|(path, content)| (path.to_owned(), without(content)));
    BundleFiles::new(files.collect()).unwrap()
}

/// Projections that only count: one that kept every entry would measure how memory grows.
#[derive(Debug, Default)]
struct Counting(u64);

impl Projector for Counting {
    fn projected(&self) -> u64 {
        self.0
    }

    fn project(&mut self, entries: &[Recorded]) -> Result<(), ReadError> {
        self.0 += entries.len() as u64;
        Ok(())
    }
}

/// An engine on this log under [`unbounded_bundle`], with the people of [`people`]; all else is in memory, and there are no
/// projections.
pub async fn engine_on(
    reader: Arc<dyn LogReader>,
    writer: Box<dyn LogWriter>,
) -> (Engine, Running) {
    let ports = Ports {
        clock: Arc::new(RealClock::default()),
        random: Arc::new(SeededRandom::new(1)),
        reader,
        writer,
        keys: Arc::new(MemoryKeys::default()),
        projector: Box::new(Counting::default()),
        views: Arc::new(NoViews),
        snapshots: Arc::new(NoSnapshots),
        connectors: BTreeMap::new(),
    };
    let settings = Settings {
        signer: signer(),
        bundle: unbounded_bundle(),
        engine_version: "bench".to_owned(),
        snapshot_every: SNAPSHOT_EVERY,
    };
    let (engine, running) = Engine::start(ports, settings).unwrap();
    for change in people() {
        let change = Command::ChangeDirectory { change };
        events(&engine, Actor::Operator, change).await;
    }
    (engine, running)
}

/// The events of a command that is not refused.
pub async fn events(engine: &Engine, actor: Actor, command: Command) -> Vec<Event> {
    let given = Given { actor, command };
    match engine.submit(Submission::of(given)).await.unwrap() {
        Answer::Done { events, .. } => events,
        Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
    }
}

/// A grant that ada takes in an emergency for half an hour, and a browser's credential under it.
pub async fn emergency(engine: &Engine) -> (GrantId, CredentialId) {
    let ask = Ask {
        kind: RequestKind::BreakGlass,
        duration: Seconds::from_minutes(30),
        ..fixture::ask("edit-flow")
    };
    let made = events(engine, person("ada"), Command::SubmitRequest { ask }).await;
    let grant = made.iter().find_map(|event| match event {
        Event::GrantScheduled { terms, .. } => Some(terms.id),
        _ => None,
    });
    let grant = grant.unwrap();
    let kind = CredentialKind::GatewaySession;
    let issue = Command::IssueCredential { grant, kind };
    let made = events(engine, person("ada"), issue).await;
    let credential = made.iter().find_map(|event| match event {
        Event::CredentialIssued { credential, .. } => Some(*credential),
        _ => None,
    });
    (grant, credential.unwrap())
}
