//! A gateway whose uses a real engine decides, and records in a log on disk.
use crate::HOST;
use domain::{
    actor::Actor,
    catalog::{Route, RouteMeaning, TargetFrom},
    command::{Attempt, Command, DirectoryChange, Given},
    event::Event,
    fixture,
    grant::CredentialKind,
    ids::{CredentialId, GrantId, PlatformId},
    request::{Ask, RequestKind},
    time::{Seconds, Timestamp},
};
use engine::{
    Answer, Engine, Ports, Running, Settings, Submission,
    enforcement::{
        Authority, Begun, Finish, Finished, Lease, PlatformMap, Redeemed, Unreachable, WayIn,
    },
    ports::{Clock, Eventually, GrantSignal},
};
use gateway::{
    gateway::{Gateway, Parts},
    site::Site,
};
use policy::bundle::BundleFiles;
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Instant, SystemTime, UNIX_EPOCH},
};
use testkit::{MemoryKeys, MemoryProjector, NoViews, SeededRandom, bundle, person, signer};

/// What runs until the measuring is over.
pub(crate) struct Recorded {
    running: Running,
    _folder: tempfile::TempDir,
}

impl Recorded {
    pub(crate) async fn stop(self) {
        self.running.stop().await;
    }
}

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

/// An engine in this process, asked by one gateway for one holder.
struct InProcess {
    engine: Engine,
    map: Arc<PlatformMap>,
    grant: GrantId,
    credential: CredentialId,
    expires_at: Timestamp,
}

impl InProcess {
    async fn submit(&self, command: Command) -> Answer {
        let actor = Actor::Gateway {
            gateway: fixture::gateway_id(),
        };
        let given = Given { actor, command };
        self.engine.submit(Submission::of(given)).await.unwrap()
    }
}

impl Authority for InProcess {
    fn platform<'a>(
        &'a self,
        _: &'a PlatformId,
    ) -> Eventually<'a, Result<Arc<PlatformMap>, Unreachable>> {
        Box::pin(async { Ok(self.map.clone()) })
    }

    fn token_keys(&self) -> Eventually<'_, Result<Arc<str>, Unreachable>> {
        Box::pin(async { Ok(r#"{"keys":[]}"#.into()) })
    }

    fn begin(&self, attempt: Attempt) -> Eventually<'_, Result<Begun, Unreachable>> {
        Box::pin(async {
            match self.submit(Command::BeginUse { attempt }).await {
                Answer::Done { entry, events, .. } => match events.first() {
                    Some(Event::UseAllowed { use_id, grant, .. }) => Ok(Begun::Allowed {
                        use_id: *use_id,
                        grant: *grant,
                        entry,
                        expires_at: self.expires_at,
                    }),
                    other => unreachable!("{other:?}"),
                },
                Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
            }
        })
    }

    fn finish(&self, finish: Finish) -> Eventually<'_, Result<Finished, Unreachable>> {
        Box::pin(async move {
            let command = Command::FinishUse {
                use_id: finish.use_id,
                grant: finish.grant,
                outcome: finish.outcome,
            };
            match self.submit(command).await {
                Answer::Done { entry, .. } => Ok(Finished {
                    entry,
                    stopped: None,
                }),
                Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
            }
        })
    }

    fn redeem(&self, _: WayIn) -> Eventually<'_, Result<Option<Redeemed>, Unreachable>> {
        Box::pin(async {
            Ok(Some(Redeemed {
                grant: self.grant,
                credential: self.credential,
                holder: fixture::id("ada"),
                platform: fixture::id("nodered"),
                expires_at: self.expires_at,
            }))
        })
    }

    fn lease(&self, grant: GrantId) -> Eventually<'_, Result<Lease, Unreachable>> {
        Box::pin(async move {
            Ok(Lease {
                grant,
                usable: true,
                expires_at: Some(self.expires_at),
            })
        })
    }

    fn signals(&self) -> tokio::sync::broadcast::Receiver<GrantSignal> {
        self.engine.signals()
    }
}

/// The bundle of the tests without the budget, which would end the grant after a few uses.
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

/// The people of the domain's fixture, but nobody's delegation.
async fn fill(engine: &Engine) {
    let directory = fixture::directory();
    let persons = directory
        .persons
        .into_values()
        .map(|person| DirectoryChange::Person {
            person,
            name: None,
            mail: None,
        });
    let accounts = directory
        .accounts
        .into_values()
        .map(DirectoryChange::Account);
    let groups = directory.groups.into_values().map(DirectoryChange::Group);
    for change in persons.chain(accounts).chain(groups) {
        events(engine, Actor::Operator, Command::ChangeDirectory { change }).await;
    }
}

/// A grant that ada takes in an emergency, and a browser's credential under it.
async fn grant(engine: &Engine) -> (GrantId, CredentialId) {
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

fn map() -> PlatformMap {
    let route = Route {
        methods: ["GET".to_owned()].into(),
        path: "/flow/{flow}".to_owned(),
        meaning: RouteMeaning::Elevated {
            action: fixture::id("flow.read"),
            target: TargetFrom::Path("flow".to_owned()),
        },
        rows: None,
        destination: None,
    };
    PlatformMap {
        platform: fixture::id("nodered"),
        title: "Node-RED".to_owned(),
        routes: vec![route],
        targets: BTreeMap::from([("f1".to_owned(), fixture::id("nodered.invoices"))]),
    }
}

/// Starts engine and gateway in front of `upstream`.
pub(crate) async fn start(upstream: SocketAddr) -> (Recorded, Arc<Gateway>) {
    let folder = tempfile::tempdir_in(".").unwrap();
    let (reader, writer) = store::SqliteLog::open(&folder.path().join("log.db")).unwrap();
    let clock = Arc::new(RealClock(Instant::now()));
    let random = Arc::new(SeededRandom::new(1));
    let ports = Ports {
        clock: clock.clone(),
        random: random.clone(),
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
    fill(&engine).await;
    let (grant, credential) = grant(&engine).await;
    let authority = InProcess {
        engine,
        map: Arc::new(map()),
        grant,
        credential,
        expires_at: clock.wall().plus(Seconds::from_minutes(25)),
    };
    let site = Site::new(
        fixture::id("nodered"),
        &format!("http://{upstream}"),
        Some((http::header::AUTHORIZATION, "Bearer of-the-platform")),
    );
    let gateway = Gateway::new(Parts {
        id: fixture::gateway_id(),
        authority: Arc::new(authority),
        sites: BTreeMap::from([(HOST.to_owned(), site.unwrap())]),
        portal: "http://portal.localhost".to_owned(),
        issuer: "http://portal.localhost".to_owned(),
        tls: false,
        clock,
        random,
    });
    let recorded = Recorded {
        running,
        _folder: folder,
    };
    (recorded, Arc::new(gateway.unwrap()))
}
