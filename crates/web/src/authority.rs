//! The server as an enforcement point sees it from inside the same process: decisions and records come from the engine, browser
//! sessions from the portal's one-time codes, keys from its token issuer.
use crate::{codes::Codes, tokens::Issuer};
use domain::{
    actor::Actor,
    command::{Attempt, Command, Given},
    event::Event,
    grant::CredentialKind,
    ids::{Digest, GatewayId, GrantId, PlatformId},
    state::State,
    time::Timestamp,
};
use engine::{
    Answer, Engine, Failed, Submission, chain,
    enforcement::{
        Authority, Begun, Denial, Finish, Finished, Lease, PlatformMap, Redeemed, Then,
        Unreachable, WayIn,
    },
    ports::{Eventually, GrantSignal},
    record::Refusal,
};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

/// Decides for one enforcement point.
#[derive(Clone)]
pub struct LocalAuthority {
    engine: Engine,
    codes: Arc<Codes>,
    issuer: Arc<Issuer>,
    gateway: GatewayId,
    maps: Arc<Mutex<Maps>>,
}

/// Maps of platforms that were made before: each request is mapped by one, and a catalog may be large.
#[derive(Default)]
struct Maps {
    /// The bundle they are from.
    bundle: Option<Digest>,
    made: BTreeMap<PlatformId, Arc<PlatformMap>>,
}

impl fmt::Debug for LocalAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalAuthority")
            .field("gateway", &self.gateway)
            .finish_non_exhaustive()
    }
}

fn unreachable(error: &dyn std::error::Error) -> Unreachable {
    Unreachable {
        because: chain(error),
    }
}

fn denial(entry: u64, refused: Refusal) -> Denial {
    Denial {
        rule: refused.rule,
        message: refused.message,
        why: refused.why,
        fix: refused.fix,
        entry: Some(entry),
    }
}

fn expires_at(state: &State, grant: GrantId) -> Option<Timestamp> {
    state
        .grants
        .get(&grant)
        .and_then(|grant| grant.state.expires_at())
}

/// What the engine said about a use.
fn begun(engine: &Engine, entry: u64, events: &[Event]) -> Option<Begun> {
    events.iter().find_map(|event| match event {
        Event::UseAllowed { use_id, grant, .. } => Some(Begun::Allowed {
            use_id: *use_id,
            grant: *grant,
            entry,
            // A grant that ended in this very moment is no longer known: then the use must be cut at once.
            expires_at: engine
                .read(|state| expires_at(state, *grant))
                .unwrap_or(Timestamp(0)),
        }),
        Event::UseRefused { rule, .. } => Some(Begun::Refused(Denial {
            rule: rule.clone(),
            message: "the grant does not allow this".to_owned(),
            why: "Each use is compared with what the grant says before it is forwarded.".to_owned(),
            fix: vec!["Ask for a grant that covers it.".to_owned()],
            entry: Some(entry),
        })),
        _ => None,
    })
}

/// Why a use made its grant unusable, if it did.
fn stopped(entry: u64, events: &[Event]) -> Option<Denial> {
    let stops = |event: &Event| match event {
        Event::GrantHeld { because, .. } => Some(crate::words::hold_reason(*because)),
        Event::GrantEnded { reason, .. } => Some(crate::words::end_reason(*reason)),
        _ => None,
    };
    let because = events.iter().find_map(stops)?;
    Some(Denial {
        rule: "budget".to_owned(),
        message: format!("the grant was stopped: {because}"),
        why: "What goes beyond the purpose is stopped at once, and looked at by people.".to_owned(),
        fix: vec!["Talk to security; ask again with a purpose that covers it.".to_owned()],
        entry: Some(entry),
    })
}

/// What the engine said about what came of a use.
fn finished(told: Result<Answer, Failed>) -> Result<Finished, Unreachable> {
    match told.map_err(|error| unreachable(&error))? {
        Answer::Done { entry, events, .. } => Ok(Finished {
            entry,
            stopped: stopped(entry, &events),
        }),
        Answer::Refused { entry, refused, .. } => Ok(Finished {
            entry,
            stopped: Some(denial(entry, refused)),
        }),
    }
}

impl LocalAuthority {
    /// Decides for `gateway`, with the codes and keys of the portal.
    pub fn new(engine: Engine, codes: Arc<Codes>, issuer: Arc<Issuer>, gateway: GatewayId) -> Self {
        Self {
            engine,
            codes,
            issuer,
            gateway,
            maps: Arc::default(),
        }
    }

    async fn submit(&self, actor: Actor, command: Command) -> Result<Answer, Unreachable> {
        self.engine
            .submit(Submission {
                given: Given { actor, command },
                bodies: Vec::new(),
                idempotency: None,
                blobs: Vec::new(),
            })
            .await
            .map_err(|error| unreachable(&error))
    }

    fn actor(&self) -> Actor {
        Actor::Gateway {
            gateway: self.gateway.clone(),
        }
    }

    async fn begin_use(&self, mut attempt: Attempt) -> Result<Begun, Unreachable> {
        // INVARIANT: an enforcement point speaks for itself only, whatever it writes into the attempt.
        attempt.gateway = self.gateway.clone();
        match self
            .submit(self.actor(), Command::BeginUse { attempt })
            .await?
        {
            Answer::Done { entry, events, .. } => {
                begun(&self.engine, entry, &events).ok_or_else(|| Unreachable {
                    because: "the decision has no answer in it".to_owned(),
                })
            }
            Answer::Refused { entry, refused, .. } => Ok(Begun::Refused(denial(entry, refused))),
        }
    }

    async fn finish_use(&self, finish: Finish) -> Result<Finished, Unreachable> {
        finished(self.engine.finish_use(self.gateway.clone(), finish).await)
    }

    async fn redeem_code(&self, way_in: WayIn) -> Result<Option<Redeemed>, Unreachable> {
        let Some(bound) = self.codes.redeem(&way_in, self.engine.now()) else {
            return Ok(None);
        };
        let command = Command::IssueCredential {
            grant: bound.grant,
            kind: CredentialKind::GatewaySession,
        };
        let Answer::Done { events, .. } = self.submit(bound.actor, command).await? else {
            return Ok(None);
        };
        let issued = events.iter().find_map(|event| match event {
            Event::CredentialIssued {
                credential,
                expires_at,
                ..
            } => Some((*credential, *expires_at)),
            _ => None,
        });
        Ok(issued.map(|(credential, expires_at)| Redeemed {
            grant: bound.grant,
            credential,
            holder: bound.holder,
            platform: bound.platform,
            expires_at,
        }))
    }

    fn lease_of(&self, grant: GrantId) -> Lease {
        let now = self.engine.now();
        // while nothing is decided nothing can be taken back either
        let running = self.engine.is_running();
        self.engine.read(|state| Lease {
            grant,
            usable: running
                && state
                    .grants
                    .get(&grant)
                    .is_some_and(|grant| state.standing(grant, now).is_usable()),
            expires_at: expires_at(state, grant),
        })
    }

    fn map_of(&self, platform: &PlatformId) -> Result<Arc<PlatformMap>, Unreachable> {
        let mut maps = self.maps.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.engine.read(|state| {
            if maps.bundle != state.bundle {
                *maps = Maps {
                    bundle: state.bundle,
                    made: BTreeMap::new(),
                };
            }
            if let Some(made) = maps.made.get(platform) {
                return Some(Arc::clone(made));
            }
            let made = Arc::new(map(state, platform)?);
            maps.made.insert(platform.clone(), Arc::clone(&made));
            Some(made)
        });
        found.ok_or_else(|| Unreachable {
            because: format!("the catalog in force has no platform `{platform}`"),
        })
    }
}

/// A platform's routes and targets, from the catalog in force.
fn map(state: &State, platform: &PlatformId) -> Option<PlatformMap> {
    let catalog = state.catalog()?;
    let known = catalog.platforms.get(platform)?;
    let targets = catalog
        .targets
        .values()
        .filter(|target| target.platform == *platform);
    Some(PlatformMap {
        platform: known.id.clone(),
        title: known.title.clone(),
        routes: known.routes.clone(),
        targets: targets
            .map(|target| (target.native.clone(), target.id.clone()))
            .collect(),
    })
}

impl Authority for LocalAuthority {
    fn platform<'a>(
        &'a self,
        platform: &'a PlatformId,
    ) -> Eventually<'a, Result<Arc<PlatformMap>, Unreachable>> {
        Box::pin(async move { self.map_of(platform) })
    }

    fn token_keys(&self) -> Eventually<'_, Result<Arc<str>, Unreachable>> {
        Box::pin(async move { Ok(self.issuer.key_set()) })
    }

    fn begin(&self, attempt: Attempt) -> Eventually<'_, Result<Begun, Unreachable>> {
        Box::pin(self.begin_use(attempt))
    }

    fn finish(&self, finish: Finish) -> Eventually<'_, Result<Finished, Unreachable>> {
        Box::pin(self.finish_use(finish))
    }

    fn finish_then(self: Arc<Self>, finish: Finish, then: Then) {
        let hear = move |told| then(finished(told));
        let gateway = self.gateway.clone();
        self.engine.finish_use_then(gateway, finish, Box::new(hear));
    }

    fn redeem(&self, way_in: WayIn) -> Eventually<'_, Result<Option<Redeemed>, Unreachable>> {
        Box::pin(self.redeem_code(way_in))
    }

    fn lease(&self, grant: GrantId) -> Eventually<'_, Result<Lease, Unreachable>> {
        Box::pin(async move { Ok(self.lease_of(grant)) })
    }

    fn signals(&self) -> tokio::sync::broadcast::Receiver<GrantSignal> {
        self.engine.signals()
    }
}
