//! A server that answers as a test says, and keeps what it was asked.
use domain::{
    catalog::{DocumentEditor, Route, RouteMeaning, TargetFrom},
    command::Attempt,
    ids::{ActionId, GrantId, PlatformId},
    time::Timestamp,
};
use engine::{
    enforcement::{
        Authority, Begun, Denial, Finish, Finished, Lease, PlatformMap, Redeemed, Unreachable,
        WayIn,
    },
    ports::{Eventually, GrantSignal},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::{broadcast, mpsc};

pub(crate) const GRANT: &str = "01890a5d-ac96-774b-bcce-b302099a8057";
pub(crate) const CREDENTIAL: &str = "01890a5d-ac96-774b-bcce-b302099a8058";
pub(crate) const USE: &str = "01890a5d-ac96-774b-bcce-b302099a8059";
pub(crate) const ENTRY: u64 = 41;

pub(crate) struct Said {
    pub(crate) refused: Option<Denial>,
    pub(crate) stopped: Option<Denial>,
    pub(crate) usable: bool,
    pub(crate) reachable: bool,
    pub(crate) expires_at: Timestamp,
    pub(crate) keys: Arc<str>,
    pub(crate) codes: BTreeMap<(String, String, String), Redeemed>,
    pub(crate) begun: Vec<Attempt>,
}

pub(crate) struct Double {
    said: Mutex<Said>,
    finished: mpsc::UnboundedSender<Finish>,
    signals: broadcast::Sender<GrantSignal>,
}

impl Double {
    pub(crate) fn new(keys: Arc<str>) -> (Arc<Self>, mpsc::UnboundedReceiver<Finish>) {
        let (finished, told) = mpsc::unbounded_channel();
        let said = Said {
            refused: None,
            stopped: None,
            usable: true,
            reachable: true,
            expires_at: Timestamp(crate::bed::NOW.0 + 3_600_000),
            keys,
            codes: BTreeMap::new(),
            begun: Vec::new(),
        };
        let double = Self {
            said: Mutex::new(said),
            finished,
            signals: broadcast::channel(64).0,
        };
        (Arc::new(double), told)
    }

    pub(crate) fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn end_grant(&self) {
        self.said().usable = false;
        self.signal(GRANT);
    }

    pub(crate) fn signal(&self, grant: &str) {
        let grant = grant.parse().unwrap();
        let signal = GrantSignal {
            grant,
            usable: false,
        };
        self.signals.send(signal).unwrap();
    }

    fn asked<T>(&self, answer: impl FnOnce(&mut Said) -> T) -> Result<T, Unreachable> {
        let mut said = self.said();
        if said.reachable {
            Ok(answer(&mut said))
        } else {
            Err(Unreachable {
                because: "the test says so".to_owned(),
            })
        }
    }
}

pub(crate) fn denial(rule: &str, message: &str) -> Denial {
    Denial {
        rule: rule.to_owned(),
        message: message.to_owned(),
        why: "because".to_owned(),
        fix: vec!["ask for less".to_owned()],
        entry: Some(40),
    }
}

fn elevated(action: &str, target: TargetFrom) -> RouteMeaning {
    let action: ActionId = action.parse().unwrap();
    RouteMeaning::Elevated { action, target }
}

fn route(methods: &[&str], path: &str, meaning: RouteMeaning) -> Route {
    Route {
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        path: path.to_owned(),
        meaning,
        rows: None,
        destination: None,
    }
}

fn platform_map(platform: &PlatformId) -> PlatformMap {
    let mut suppliers = route(
        &["GET"],
        "/suppliers",
        elevated(
            "supplier.read",
            TargetFrom::Fixed("desk.suppliers".parse().unwrap()),
        ),
    );
    suppliers.rows = Some("/items".to_owned());
    let mut sending = route(
        &["POST"],
        "/send",
        elevated("supplier.send", TargetFrom::Json("/list".to_owned())),
    );
    sending.destination = Some("/to".to_owned());
    let document = RouteMeaning::Document {
        action: "flow.edit".parse().unwrap(),
        editor: DocumentEditor::NodeRedFlows,
    };
    let ambient = |methods: &[&str], path: &str| route(methods, path, RouteMeaning::Ambient);
    PlatformMap {
        platform: platform.clone(),
        title: "Supplier desk".to_owned(),
        routes: vec![
            suppliers,
            sending,
            route(&["POST"], "/flows", document),
            ambient(&["GET"], "/"),
            ambient(&["GET", "POST"], "/files/{name}"),
            ambient(&["POST"], "/notes"),
            ambient(&["GET"], "/stream"),
            ambient(&["GET"], "/comms"),
        ],
        targets: BTreeMap::from([
            ("suppliers".to_owned(), "desk.suppliers".parse().unwrap()),
            ("t1".to_owned(), "desk.invoices".parse().unwrap()),
            ("t2".to_owned(), "desk.payroll".parse().unwrap()),
        ]),
    }
}

impl Authority for Double {
    fn platform<'a>(
        &'a self,
        platform: &'a PlatformId,
    ) -> Eventually<'a, Result<Arc<PlatformMap>, Unreachable>> {
        Box::pin(async move { self.asked(|_| Arc::new(platform_map(platform))) })
    }

    fn token_keys(&self) -> Eventually<'_, Result<Arc<str>, Unreachable>> {
        Box::pin(async move { self.asked(|said| said.keys.clone()) })
    }

    fn begin(&self, attempt: Attempt) -> Eventually<'_, Result<Begun, Unreachable>> {
        Box::pin(async move {
            self.asked(|said| {
                let refused = said.refused.clone().or_else(|| {
                    let unmapped = attempt.unmapped.first()?;
                    Some(denial("unmapped", unmapped))
                });
                let grant = attempt.grant.unwrap();
                said.begun.push(attempt);
                match refused {
                    Some(denial) => Begun::Refused(denial),
                    None => Begun::Allowed {
                        use_id: USE.parse().unwrap(),
                        grant,
                        entry: ENTRY,
                        expires_at: said.expires_at,
                    },
                }
            })
        })
    }

    fn finish(&self, finish: Finish) -> Eventually<'_, Result<Finished, Unreachable>> {
        Box::pin(async move {
            self.finished.send(finish).unwrap();
            self.asked(|said| Finished {
                entry: ENTRY + 1,
                stopped: said.stopped.clone(),
            })
        })
    }

    fn redeem(&self, way_in: WayIn) -> Eventually<'_, Result<Option<Redeemed>, Unreachable>> {
        let key = (way_in.code, way_in.host, way_in.origin);
        Box::pin(async move { self.asked(|said| said.codes.remove(&key)) })
    }

    fn lease(&self, grant: GrantId) -> Eventually<'_, Result<Lease, Unreachable>> {
        Box::pin(async move {
            self.asked(|said| Lease {
                grant,
                usable: said.usable,
                expires_at: Some(said.expires_at),
            })
        })
    }

    fn signals(&self) -> broadcast::Receiver<GrantSignal> {
        self.signals.subscribe()
    }
}
