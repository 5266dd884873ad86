//! How many uses of a grant a real engine decides, records durably and answers in a second, on SQLite: by how many callers ask at
//! the same time. Prints a line for each measure, with tabs between: name, value, whence.
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "it measures real time, prints, and panics where it can't go on"
)]
use domain::{
    actor::Actor,
    command::{Command, Given},
    event::Event,
    fixture,
    grant::CredentialKind,
    request::{Ask, RequestKind},
    time::{Seconds, Timestamp},
};
use engine::{
    Answer, Engine, Ports, Settings, Submission,
    ports::{Clock, Random},
};
use policy::bundle::BundleFiles;
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};
use testkit::{MemoryKeys, MemoryProjector, NoViews, SeededRandom, bundle, people, person, signer};

struct RealClock(Instant);

impl Clock for RealClock {
    fn wall(&self) -> Timestamp {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp(i64::try_from(now.as_millis()).unwrap())
    }
    fn monotonic_ms(&self) -> i64 {
        i64::try_from(self.0.elapsed().as_millis()).unwrap()
    }
}

/// The bundle of the tests without the budget, which would end the grant after five uses.
fn unbounded() -> BundleFiles {
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

async fn events(engine: &Engine, actor: Actor, command: Command) -> Vec<Event> {
    let given = Given { actor, command };
    match engine.submit(Submission::of(given)).await.unwrap() {
        Answer::Done { events, .. } => events,
        Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
    }
}

async fn attempt(engine: &Engine) -> Command {
    for change in people() {
        events(engine, Actor::Operator, Command::ChangeDirectory { change }).await;
    }
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
    let made = events(
        engine,
        person("ada"),
        Command::IssueCredential { grant, kind },
    )
    .await;
    let credential = made.iter().find_map(|event| match event {
        Event::CredentialIssued { credential, .. } => Some(*credential),
        _ => None,
    });
    testkit::attempt(grant, credential.unwrap())
}

/// Every caller asks again as soon as it is answered; each use is finished at once, as a gateway does.
async fn measure(engine: &Engine, callers: usize, attempt: &Command) -> (f64, Duration, Duration) {
    let begun = Instant::now();
    let until = begun + Duration::from_secs(3);
    let asking: Vec<_> = (0..callers)
        .map(|_| {
            let (engine, attempt) = (engine.clone(), attempt.clone());
            tokio::spawn(async move {
                let actor = Actor::Gateway {
                    gateway: fixture::gateway_id(),
                };
                let mut took = Vec::new();
                while Instant::now() < until {
                    let asked = Instant::now();
                    let made = events(&engine, actor.clone(), attempt.clone()).await;
                    took.push(asked.elapsed());
                    assert!(matches!(made[..], [Event::UseAllowed { .. }]), "{made:?}");
                }
                took
            })
        })
        .collect();
    let mut took = Vec::new();
    for asking in asking {
        took.extend(asking.await.unwrap());
    }
    took.sort();
    let at = |percent: usize| {
        took.get(took.len() * percent / 100)
            .copied()
            .unwrap_or_default()
    };
    let count = f64::from(u32::try_from(took.len()).unwrap());
    (count / begun.elapsed().as_secs_f64(), at(50), at(99))
}

#[tokio::main]
async fn main() {
    let folder = tempfile::tempdir().unwrap();
    for callers in [1, 16, 256, 1_024] {
        let file = folder.path().join(format!("{callers}.db"));
        let (reader, writer) = store::SqliteLog::open(&file).unwrap();
        let ports = Ports {
            clock: Arc::new(RealClock(Instant::now())),
            random: Arc::new(SeededRandom::new(1)) as Arc<dyn Random>,
            reader,
            writer,
            keys: Arc::new(MemoryKeys::default()),
            projector: Box::new(MemoryProjector::default()),
            views: Arc::new(NoViews),
            snapshots: Arc::new(engine::ports::NoSnapshots),
            connectors: BTreeMap::new(),
        };
        let settings = Settings {
            signer: signer(),
            bundle: unbounded(),
            engine_version: "bench".to_owned(),
            snapshot_every: engine::SNAPSHOT_EVERY,
        };
        let (engine, running) = Engine::start(ports, settings).unwrap();
        let attempt = attempt(&engine).await;
        let (rate, p50, p99) = measure(&engine, callers, &attempt).await;
        println!(
            "decided and durable a second, {callers} callers\t{rate:.0}\tp50 {p50:.1?}, p99 {p99:.1?}"
        );
        running.stop().await;
    }
}
