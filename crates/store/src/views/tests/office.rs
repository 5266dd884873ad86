//! A real engine on the real files, with the people of the domain's fixture and their names.
use crate::{SqliteKeys, SqliteLog, SqliteProjector, SqliteViews};
use domain::{
    actor::Actor,
    command::{Attempt, Command, DirectoryChange, Given},
    event::Event,
    fixture,
    grant::GrantTerms,
    ids::{CredentialId, GrantId, RequestId},
    request::Ask,
    text::Text,
};
use engine::{
    Answer, Engine, Ports, Running, Settings, Submission,
    ports::Connector,
    views::{EntryRow, EvidenceQuery, Page, Views},
};
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};
use tempfile::TempDir;
use testkit::{FakeClock, FakePlatform, SeededRandom, bundle, person, signer};

pub(super) const NAMES: [(&str, &str); 5] = [
    ("ada", "A. Lindqvist"),
    ("ann", "J. Costa"),
    ("bob", "M. Sato"),
    ("cyd", "R. Haddad"),
    ("mia", "L. Ito"),
];

/// An engine at work.
pub(crate) struct Office {
    pub(super) folder: TempDir,
    pub(crate) engine: Engine,
    pub(super) views: Arc<SqliteViews>,
    pub(super) keys: Arc<SqliteKeys>,
    pub(super) clock: Arc<FakeClock>,
    running: Running,
}

impl Office {
    pub(super) async fn open() -> Self {
        let folder = TempDir::new().unwrap();
        let path = |name: &str| folder.path().join(name);
        let (reader, writer) = SqliteLog::open(&path("log.db")).unwrap();
        let keys = SqliteKeys::open(&path("keys.db")).unwrap();
        let projector =
            SqliteProjector::open(&path("views.db"), reader.clone(), keys.clone()).unwrap();
        let views = Arc::new(SqliteViews::open(&path("views.db")).unwrap());
        let clock = Arc::new(FakeClock::at(fixture::NOW));
        let platform: Arc<dyn Connector> = Arc::new(FakePlatform::default());
        let ports = Ports {
            clock: clock.clone(),
            random: Arc::new(SeededRandom::new(1)),
            reader,
            writer,
            keys: keys.clone(),
            projector: Box::new(projector),
            views: views.clone(),
            snapshots: Arc::new(engine::ports::NoSnapshots),
            connectors: BTreeMap::from([
                (fixture::id("ledgerdb"), Arc::clone(&platform)),
                (fixture::id("nodered"), platform),
            ]),
        };
        let settings = Settings {
            signer: signer(),
            bundle: bundle(),
            engine_version: "test".to_owned(),
            snapshot_every: engine::SNAPSHOT_EVERY,
        };
        let (engine, running) = Engine::start(ports, settings).unwrap();
        let office = Self {
            folder,
            engine,
            views,
            keys,
            clock,
            running,
        };
        office.hire().await;
        office
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    async fn hire(&self) {
        let mut directory = fixture::directory();
        directory.delegations.clear();
        for person in directory.persons.into_values() {
            let called = NAMES.iter().find(|(id, _)| *id == person.id.as_str());
            let words = called.map(|(id, name)| (*id, *name));
            self.say(Actor::Operator, words, |name| Command::ChangeDirectory {
                change: DirectoryChange::Person {
                    person,
                    name,
                    mail: None,
                },
            })
            .await;
        }
        for account in directory.accounts.into_values() {
            let change = DirectoryChange::Account(account);
            self.does(Actor::Operator, Command::ChangeDirectory { change })
                .await;
        }
        for group in directory.groups.into_values() {
            let change = DirectoryChange::Group(group);
            self.does(Actor::Operator, Command::ChangeDirectory { change })
                .await;
        }
    }

    /// Gives a command with words of `subject`; whatever comes of it.
    async fn say(
        &self,
        actor: Actor,
        words: Option<(&str, &str)>,
        command: impl FnOnce(Option<Text>) -> Command,
    ) -> Answer {
        let mut bodies = Vec::new();
        let text = words.map(|(subject, words)| {
            let mut writer = self.engine.body_writer(subject);
            let text = writer.write(words, 1_000).unwrap();
            bodies = writer.finish();
            text
        });
        let mut submission = Submission::of(Given {
            actor,
            command: command(text),
        });
        submission.bodies = bodies;
        let answer = self.engine.submit(submission).await.unwrap();
        let (Answer::Done { entry, .. } | Answer::Refused { entry, .. }) = &answer;
        self.engine.settled(*entry).await;
        answer
    }

    /// Gives a command that must be done.
    pub(super) async fn does(&self, actor: Actor, command: Command) -> Vec<Event> {
        events(self.say(actor, None, |_| command).await)
    }

    /// Gives a command in somebody's own words, which must be done.
    pub(super) async fn says(
        &self,
        name: &str,
        words: &str,
        command: impl FnOnce(Text) -> Command,
    ) -> Vec<Event> {
        let words = Some((name, words));
        events(
            self.say(person(name), words, |text| command(text.unwrap()))
                .await,
        )
    }

    /// Sends a request for a privilege of the fixture, with its purpose; whatever comes of it.
    pub(super) async fn asks(&self, name: &str, ask: Ask, goal: &str) -> Answer {
        self.say(person(name), Some((name, goal)), |text| {
            Command::SubmitRequest {
                ask: Ask {
                    answers: [(fixture::id("goal"), text.unwrap())].into(),
                    ..ask
                },
            }
        })
        .await
    }

    /// Sends a request that must be taken.
    pub(super) async fn sends(&self, name: &str, privilege: &str, goal: &str) -> RequestId {
        let events = events(self.asks(name, fixture::ask(privilege), goal).await);
        let Some(Event::RequestSubmitted { request, .. }) = events.first() else {
            unreachable!("{events:?}")
        };
        *request
    }

    pub(super) async fn approves(&self, name: &str, request: RequestId, words: &str) -> Vec<Event> {
        let digest = self
            .engine
            .read(|state| state.requests.get(&request).unwrap().digest);
        self.says(name, words, |comment| Command::ApproveRequest {
            request,
            digest,
            narrowing: None,
            comment,
        })
        .await
    }

    /// A grant to `ada`, on the word of the data owner and of security.
    pub(super) async fn lends(&self, privilege: &str) -> GrantTerms {
        let request = self
            .sends("ada", privilege, "match the invoices of October")
            .await;
        self.approves("cyd", request, "it is her job").await;
        let events = self.approves("bob", request, "for one hour").await;
        let terms = events.into_iter().find_map(|event| match event {
            Event::GrantScheduled { terms, .. } => Some(terms),
            _ => None,
        });
        terms.unwrap()
    }

    /// A session at the gateway for `ada`'s grant.
    pub(super) async fn issues(&self, grant: GrantId) -> CredentialId {
        let kind = domain::grant::CredentialKind::GatewaySession;
        let events = self
            .does(person("ada"), Command::IssueCredential { grant, kind })
            .await;
        let credential = events.into_iter().find_map(|event| match event {
            Event::CredentialIssued { credential, .. } => Some(credential),
            _ => None,
        });
        credential.unwrap()
    }

    pub(super) async fn uses(&self, attempt: Attempt) -> Vec<Event> {
        let gateway = Actor::Gateway {
            gateway: fixture::gateway_id(),
        };
        self.does(gateway, Command::BeginUse { attempt }).await
    }

    /// Entries that match, newest first.
    pub(super) fn entries(&self, query: &EvidenceQuery) -> Vec<EntryRow> {
        self.views
            .entries(
                query,
                Page {
                    before: None,
                    limit: 1_000,
                },
            )
            .unwrap()
            .rows
    }

    /// Waits until an entry of this kind is projected.
    pub(super) async fn until(&self, kind: &str) {
        let query = EvidenceQuery {
            kind: Some(kind.to_owned()),
            ..EvidenceQuery::default()
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), async {
            while self.views.count(&query, 1).unwrap() == 0 {
                tokio::task::yield_now().await;
            }
        });
        assert!(waited.await.is_ok(), "no entry `{kind}` came");
    }

    /// Stops; what is left lies in the folder.
    pub(crate) async fn close(self) -> TempDir {
        self.running.stop().await;
        self.folder
    }
}

fn events(answer: Answer) -> Vec<Event> {
    match answer {
        Answer::Done { events, .. } => events,
        Answer::Refused { refused, .. } => unreachable!("{refused:?}"),
    }
}

/// Reading a target of `edit-flow` through the gateway.
pub(super) fn attempt(grant: GrantId, credential: CredentialId, target: &str) -> Attempt {
    Attempt {
        gateway: fixture::gateway_id(),
        grant: Some(grant),
        credential: Some(credential),
        platform: fixture::id("nodered"),
        actions: [(fixture::id("flow.read"), fixture::id(target))].into(),
        method: "GET".to_owned(),
        path: format!("/flow/{target}"),
        destination: None,
        unmapped: Vec::new(),
    }
}
