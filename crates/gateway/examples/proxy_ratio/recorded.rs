//! A gateway whose uses a real engine decides, and records in a log on disk.
use crate::HOST;
use domain::{
    actor::Actor,
    catalog::{Route, RouteMeaning, TargetFrom},
    command::{Attempt, Command, Given},
    event::Event,
    fixture,
    ids::{CredentialId, GrantId, PlatformId},
    time::{Seconds, Timestamp},
};
use engine::{
    Answer, Engine, Failed, Running, Submission,
    enforcement::{
        Authority, Begun, Finish, Finished, Lease, PlatformMap, Redeemed, Then, Unreachable, WayIn,
    },
    ports::{Clock, Eventually, GrantSignal},
};
use gateway::{
    gateway::{Gateway, Parts},
    site::Site,
};
use std::{collections::BTreeMap, net::SocketAddr, sync::Arc};
use testkit::{
    SeededRandom,
    measured::{self, RealClock},
};

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

fn finished(told: Result<Answer, Failed>) -> Finished {
    match told.unwrap() {
        Answer::Done { entry, .. } => Finished {
            entry,
            stopped: None,
        },
        Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
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
            let told = self.engine.finish_use(fixture::gateway_id(), finish);
            Ok(finished(told.await))
        })
    }

    fn finish_then(self: Arc<Self>, finish: Finish, then: Then) {
        let hear = move |told: Result<Answer, Failed>| then(Ok(finished(told)));
        let gateway = fixture::gateway_id();
        self.engine.finish_use_then(gateway, finish, Box::new(hear));
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
    let (engine, running) = measured::engine_on(reader, writer).await;
    let (grant, credential) = measured::emergency(&engine).await;
    let clock = Arc::new(RealClock::default());
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
        random: Arc::new(SeededRandom::new(2)),
    });
    let recorded = Recorded {
        running,
        _folder: folder,
    };
    (recorded, Arc::new(gateway.unwrap()))
}
