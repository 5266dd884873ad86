//! A whole small world: a real engine on a log in memory, with the people of the domain's fixture in its directory.
use crate::{
    FakeClock, FakePlatform, MemoryKeys, MemoryLog, MemoryProjector, MemorySnapshots, NoViews,
    SeededRandom, bundle,
};
use domain::{
    actor::Actor,
    command::{Attempt, Command, DirectoryChange, Given},
    event::Event,
    fixture,
    grant::{CredentialKind, GrantTerms},
    ids::{CredentialId, GrantId, RequestId},
    request::{Ask, RequestKind},
    state::State,
};
use engine::{
    Answer, Engine, Failed, IdempotencyKey, Ports, Running, Settings, StartError, Submission,
    ports::Connector,
};
use ledger::{checkpoint::Signer, digest::Digest};
use policy::bundle::BundleFiles;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// The longest that a test waits for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a world stands on; it outlives the engine, as a disk does.
#[derive(Debug, Clone)]
pub struct WorldPorts {
    /// The clock.
    pub clock: Arc<FakeClock>,
    /// Random bits.
    pub random: Arc<SeededRandom>,
    /// The log.
    pub log: MemoryLog,
    /// People's keys.
    pub keys: MemoryKeys,
    /// The projection.
    pub projector: MemoryProjector,
    /// The platform behind every connector.
    pub platform: FakePlatform,
    /// The snapshots.
    pub snapshots: MemorySnapshots,
    /// How many entries come between two of them; none are taken unless a test says so.
    pub snapshot_every: u64,
}

/// A running engine and what it stands on.
#[derive(Debug)]
pub struct World {
    /// The engine.
    pub engine: Engine,
    /// What it stands on.
    pub ports: WorldPorts,
    running: Running,
}

impl Default for WorldPorts {
    fn default() -> Self {
        Self {
            clock: Arc::new(FakeClock::at(fixture::NOW)),
            random: Arc::new(SeededRandom::new(1)),
            log: MemoryLog::default(),
            keys: MemoryKeys::default(),
            projector: MemoryProjector::default(),
            platform: FakePlatform::default(),
            snapshots: MemorySnapshots::default(),
            snapshot_every: u64::MAX,
        }
    }
}

/// The key that signs the logs of all worlds.
pub fn signer() -> Signer {
    Signer::from_seed("test.example/remit".parse().unwrap(), &[7; 32])
}

/// A person at their desk, signed in with a second factor.
pub fn person(name: &str) -> Actor {
    Actor::Person {
        account: fixture::id(name),
        signed_in_at: fixture::NOW,
        second_factor: true,
    }
}

/// An attempt to use a grant of `edit-flow` at the gateway.
pub fn attempt(grant: GrantId, credential: CredentialId) -> Command {
    Command::BeginUse {
        attempt: Attempt {
            gateway: fixture::gateway_id(),
            grant: Some(grant),
            credential: Some(credential),
            platform: fixture::id("nodered"),
            actions: [(fixture::id("flow.read"), fixture::id("nodered.invoices"))].into(),
            method: "GET".to_owned(),
            path: "/flow/f1".to_owned(),
            destination: None,
            unmapped: Vec::new(),
        },
    }
}

impl WorldPorts {
    /// Starts an engine on these ports.
    ///
    /// # Errors
    /// [`StartError`] as [`Engine::start`].
    pub fn start(&self, bundle: BundleFiles) -> Result<(Engine, Running), StartError> {
        let platform: Arc<dyn Connector> = Arc::new(self.platform.clone());
        let ports = Ports {
            clock: self.clock.clone(),
            random: self.random.clone(),
            reader: Arc::new(self.log.clone()),
            writer: Box::new(self.log.clone()),
            keys: Arc::new(self.keys.clone()),
            projector: Box::new(self.projector.clone()),
            views: Arc::new(NoViews),
            snapshots: Arc::new(self.snapshots.clone()),
            connectors: BTreeMap::from([
                (fixture::id("ledgerdb"), Arc::clone(&platform)),
                (fixture::id("nodered"), platform),
            ]),
        };
        let settings = Settings {
            signer: signer(),
            bundle,
            engine_version: "test".to_owned(),
            snapshot_every: self.snapshot_every,
        };
        Engine::start(ports, settings)
    }
}

impl World {
    /// A world with its people in the directory, at [`fixture::NOW`].
    pub async fn start() -> Self {
        Self::begun(WorldPorts::default()).await
    }

    /// The same on ports that nobody has used.
    pub async fn begun(ports: WorldPorts) -> Self {
        Self::under(ports, bundle()).await
    }

    /// The same under another bundle.
    pub async fn under(ports: WorldPorts, bundle: BundleFiles) -> Self {
        let (engine, running) = ports.start(bundle).unwrap();
        let world = Self {
            engine,
            ports,
            running,
        };
        for (n, change) in people().into_iter().enumerate() {
            let mut submission = Submission::of(Given {
                actor: Actor::Operator,
                command: Command::ChangeDirectory { change },
            });
            submission.idempotency = Some(seed_key(n));
            let answer = world.engine.submit(submission).await.unwrap();
            assert!(matches!(answer, Answer::Done { .. }), "{answer:?}");
        }
        world
    }

    /// Stops gracefully and starts again on the same ports.
    pub async fn restart(self) -> Self {
        Self::on(self.stop().await)
    }

    /// A world on ports that were used before. Call it inside a runtime.
    pub fn on(ports: WorldPorts) -> Self {
        let (engine, running) = ports.start(bundle()).unwrap();
        Self {
            engine,
            ports,
            running,
        }
    }

    /// Stops gracefully.
    pub async fn stop(self) -> WorldPorts {
        self.running.stop().await;
        self.ports
    }

    /// Submits a command of `actor`, its words sealed nowhere.
    ///
    /// # Errors
    /// [`Failed`] as [`Engine::submit`].
    pub async fn submit(&self, actor: Actor, command: Command) -> Result<Answer, Failed> {
        let given = Given { actor, command };
        self.engine.submit(Submission::of(given)).await
    }

    /// Submits a command that must be done; its events.
    pub async fn done(&self, actor: Actor, command: Command) -> Vec<Event> {
        let told = format!("{command:?}");
        match self.submit(actor, command).await.unwrap() {
            Answer::Done { events, .. } => events,
            Answer::Refused { refused, .. } => unreachable!("{told} was refused: {refused:?}"),
        }
    }

    /// Submits a command that must be refused; the rule.
    pub async fn refused(&self, actor: Actor, command: Command) -> String {
        let told = format!("{command:?}");
        match self.submit(actor, command).await.unwrap() {
            Answer::Refused { refused, .. } => refused.rule,
            Answer::Done { events, .. } => unreachable!("{told} was done: {events:?}"),
        }
    }

    /// Sends a request of `name` for `privilege`.
    pub async fn ask(&self, name: &str, privilege: &str) -> RequestId {
        self.send(name, fixture::ask(privilege)).await
    }

    /// Sends a request.
    pub async fn send(&self, name: &str, ask: Ask) -> RequestId {
        let events = self
            .done(person(name), Command::SubmitRequest { ask })
            .await;
        events
            .iter()
            .find_map(|event| match event {
                Event::RequestSubmitted { request, .. } => Some(*request),
                _ => None,
            })
            .unwrap()
    }

    /// Consents as `name` to what the request says now.
    pub async fn approve(&self, name: &str, request: RequestId) -> Vec<Event> {
        let digest = self
            .engine
            .read(|state| state.requests.get(&request).map(|request| request.digest));
        let command = Command::ApproveRequest {
            request,
            digest: digest.unwrap(),
            narrowing: None,
            comment: fixture::text("the task needs it"),
        };
        self.done(person(name), command).await
    }

    /// A grant of `privilege` to `name`, on the word of the data owner and of security.
    pub async fn grant(&self, name: &str, privilege: &str) -> GrantTerms {
        let request = self.ask(name, privilege).await;
        self.approve("cyd", request).await;
        terms(&self.approve("bob", request).await)
    }

    /// A grant that `name` takes in an emergency.
    pub async fn break_glass(&self, name: &str, privilege: &str) -> GrantTerms {
        let ask = Ask {
            kind: RequestKind::BreakGlass,
            duration: domain::time::Seconds::from_minutes(30),
            ..fixture::ask(privilege)
        };
        let command = Command::SubmitRequest { ask };
        terms(&self.done(person(name), command).await)
    }

    /// Opens a browser session at the gateway under a grant.
    pub async fn open(&self, name: &str, grant: GrantId) -> CredentialId {
        let kind = CredentialKind::GatewaySession;
        let command = Command::IssueCredential { grant, kind };
        let events = self.done(person(name), command).await;
        events
            .iter()
            .find_map(|event| match event {
                Event::CredentialIssued { credential, .. } => Some(*credential),
                _ => None,
            })
            .unwrap()
    }

    /// An attempt to use a grant of `edit-flow` at the gateway.
    pub fn attempt(&self, grant: GrantId, credential: CredentialId) -> Command {
        attempt(grant, credential)
    }

    /// The gateway of this world.
    pub fn gateway(&self) -> Actor {
        Actor::Gateway {
            gateway: fixture::gateway_id(),
        }
    }

    /// Lets time go by and waits until the timers that came due are done.
    pub async fn advance(&self, ms: i64) {
        self.ports.clock.advance(ms);
        self.turn().await;
    }

    /// Waits until the writer has gone round once, timers included. Nothing is recorded by it: a command that was done before
    /// is sent again with its key.
    pub async fn turn(&self) {
        let change = people().swap_remove(0);
        let mut submission = Submission::of(Given {
            actor: Actor::Operator,
            command: Command::ChangeDirectory { change },
        });
        submission.idempotency = Some(seed_key(0));
        let answer = self.engine.submit(submission).await.unwrap();
        assert!(
            matches!(answer, Answer::Done { repeated: true, .. }),
            "{answer:?}"
        );
        self.engine.wake();
    }

    /// Waits until `holds`.
    pub async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !holds(self) {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "it never came to this: {what}");
    }

    /// Waits until nothing is to be done in any target; time stands still.
    pub async fn idle(&self) {
        self.until("no jobs are left", |world| {
            world.engine.health().jobs.open == 0
        })
        .await;
    }

    /// Waits until nothing is to be done in any target; time goes by while jobs wait to be tried again.
    pub async fn idle_in_time(&self) {
        self.until("no jobs are left", |world| {
            let jobs = world.engine.health().jobs;
            if jobs.open > 0 && jobs.running == 0 {
                world.ports.clock.advance(100);
                world.engine.wake();
            }
            jobs.open == 0
        })
        .await;
    }

    /// Waits until just this many commands wait to be decided.
    pub async fn waiting(&self, commands: usize) {
        self.until("so many commands wait", |world| {
            world.engine.health().waiting == commands
        })
        .await;
    }

    /// Closes the gate of the log, and waits until a harmless command is at it: what is sent now waits in its lane.
    pub async fn stand_still(&self) {
        self.ports.log.close_gate();
        let engine = self.engine.clone();
        let command = Command::ChangeDirectory {
            change: DirectoryChange::GroupRemoved(fixture::id("nobody")),
        };
        let given = Given {
            actor: Actor::Operator,
            command,
        };
        tokio::spawn(async move { engine.submit(Submission::of(given)).await });
        let log = self.ports.log.clone();
        tokio::task::spawn_blocking(move || log.wait_for_commit())
            .await
            .unwrap();
    }

    /// The committed state.
    pub fn state(&self) -> State {
        self.engine.read(Clone::clone)
    }
}

fn seed_key(n: usize) -> IdempotencyKey {
    IdempotencyKey {
        principal: "seed".to_owned(),
        key: n.to_string(),
        fingerprint: Digest::of(&n.to_be_bytes()),
    }
}

fn terms(events: &[Event]) -> GrantTerms {
    events
        .iter()
        .find_map(|event| match event {
            Event::GrantScheduled { terms, .. } => Some(terms.clone()),
            _ => None,
        })
        .unwrap()
}

/// The directory of the domain's fixture, as the changes that make it.
pub fn people() -> Vec<DirectoryChange> {
    let mut directory = fixture::directory();
    for delegation in directory.delegations.values_mut() {
        // the ledger holds no larger number
        delegation.ends_at.0 = delegation.ends_at.0.min(ledger::canonical::INTEGER_MAX);
    }
    // two people who change the rules
    for name in ["dee", "mia"] {
        let person = directory.persons.get_mut(&fixture::id(name)).unwrap();
        person.duties.insert(fixture::id("governance"));
    }
    let persons = directory.persons.into_values();
    let persons = persons.map(|person| DirectoryChange::Person {
        person,
        name: None,
        mail: None,
    });
    persons
        .chain(
            directory
                .accounts
                .into_values()
                .map(DirectoryChange::Account),
        )
        .chain(directory.groups.into_values().map(DirectoryChange::Group))
        .chain(
            directory
                .delegations
                .into_values()
                .map(DirectoryChange::Delegation),
        )
        .collect()
}
