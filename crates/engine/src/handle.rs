//! The engine as everybody else sees it: a cheap handle to submit commands, read the committed state and ask how it is.
use crate::{
    body::{BodyWriter, TextError},
    ports::{
        Clock, Connector, GrantSignal, KeptAnswer, KeyStore, LogReader, LogWriter, OneTimeSecret,
        Projector, Random, ReadError, Snapshots,
    },
    record::Refusal,
    rules::{BundleError, goes_first},
    shared::Shared,
    time::ClockDoubt,
    views::Views,
};
use domain::{
    actor::Actor,
    command::{DirectoryChange, Given},
    event::Event,
    ids::{CredentialId, PersonId, PlatformId},
    precheck::Precheck,
    refusal::Refused,
    request::Ask,
    state::State,
    time::Timestamp,
};
use ledger::{body::SealedBody, checkpoint::Signer};
use std::{collections::BTreeMap, fmt, sync::Arc, time::Duration};
use tokio::sync::{broadcast, mpsc, oneshot};

/// The longest that [`Engine::settled`] waits.
const SETTLE_MS_MAX: u64 = 2_000;

/// A handle to the running engine.
#[derive(Clone)]
pub struct Engine {
    pub(crate) shared: Arc<Shared>,
    pub(crate) first: mpsc::Sender<Ticket>,
    pub(crate) other: mpsc::Sender<Ticket>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("health", &self.health())
            .finish_non_exhaustive()
    }
}

/// Everything the engine needs from outside.
#[expect(missing_docs, reason = "the types say it")]
pub struct Ports {
    pub clock: Arc<dyn Clock>,
    pub random: Arc<dyn Random>,
    pub reader: Arc<dyn LogReader>,
    pub writer: Box<dyn LogWriter>,
    pub keys: Arc<dyn KeyStore>,
    pub projector: Box<dyn Projector>,
    pub views: Arc<dyn Views>,
    pub snapshots: Arc<dyn Snapshots>,
    pub connectors: BTreeMap<PlatformId, Arc<dyn Connector>>,
}

impl fmt::Debug for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ports")
            .field("connectors", &self.connectors.keys())
            .finish_non_exhaustive()
    }
}

/// What the operator decided.
pub struct Settings {
    /// Signs checkpoints.
    pub signer: Signer,
    /// The bundle that this server is to run with.
    pub bundle: policy::bundle::BundleFiles,
    /// Written into every entry.
    pub engine_version: String,
    /// How many entries come between two snapshots: [`SNAPSHOT_EVERY`](crate::SNAPSHOT_EVERY).
    pub snapshot_every: u64,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("engine_version", &self.engine_version)
            .finish_non_exhaustive()
    }
}

/// A command on its way in.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Who wants what.
    pub given: Given,
    /// The sealed words of its texts, from [`Engine::body_writer`].
    pub bodies: Vec<SealedBody>,
    /// With it, the command is done once however often it is sent.
    pub idempotency: Option<IdempotencyKey>,
    /// Large inputs, such as a packed bundle.
    pub blobs: Vec<Vec<u8>>,
}

impl Submission {
    /// A command without words, blobs or key.
    pub fn of(given: Given) -> Self {
        Self {
            given,
            bodies: Vec::new(),
            idempotency: None,
            blobs: Vec::new(),
        }
    }
}

/// Names one sending of one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// Who sent it: keys of others don't matter.
    pub principal: String,
    /// The key they chose.
    pub key: String,
    /// Digest of everything they sent with it.
    pub fingerprint: ledger::digest::Digest,
}

impl IdempotencyKey {
    /// What is kept of it beside the entry that answered.
    pub(crate) fn kept(self, entry: u64) -> KeptAnswer {
        let Self {
            principal,
            key,
            fingerprint,
        } = self;
        KeptAnswer {
            principal,
            key,
            fingerprint,
            entry,
        }
    }
}

/// What was decided; durable before it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The rules said yes.
    Done {
        /// The entry's number.
        entry: u64,
        /// Trusted time of the decision.
        at: Timestamp,
        /// What followed.
        events: Vec<Event>,
        /// Whether this was decided by an earlier sending with the same key.
        repeated: bool,
    },
    /// The rules said no.
    Refused {
        /// The entry's number.
        entry: u64,
        /// Which rule, what was found, why the rule exists, what would be allowed.
        refused: Refusal,
        /// Whether this was decided by an earlier sending with the same key.
        repeated: bool,
    },
}

/// Why nothing was decided, or it can't be told.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// The engine has stopped.
    #[error("the engine has stopped")]
    Stopped,
    /// The key was sent before with another command.
    #[error("this idempotency key was used for another command")]
    KeyReused,
    /// No new allows while the clock is in doubt.
    #[error("nothing new is allowed while the clock is in doubt: {doubt}")]
    ClockDoubtful {
        /// Why it is in doubt.
        doubt: ClockDoubt,
    },
    /// It may have been decided or not.
    #[error(
        "it is not known whether this was recorded: send it again with the same idempotency key"
    )]
    Unknown,
    /// There is no room for the entry; nothing was recorded.
    #[error("the disk of the log is full: nothing was recorded")]
    Full,
    /// The entry would be too large, or hold a number that the ledger can't.
    #[error("the command makes an entry that the ledger can't hold")]
    Unrecordable(#[source] ledger::leaf::LeafError),
    /// The log could not be read.
    #[error("the log could not be read")]
    Read(#[source] ReadError),
    /// An entry that answered before can't be read.
    #[error("the entry that answered before could not be read")]
    Entry(#[source] crate::entry::EntryError),
    /// A text could not be written.
    #[error("a text could not be written")]
    Body(#[source] TextError),
    /// Words of somebody who was erased meanwhile.
    #[error("`{person}` was erased: nothing new is written about them")]
    Forgotten {
        /// Who.
        person: PersonId,
    },
    /// A body isn't what it commits to.
    #[error("a sealed text is damaged")]
    Sealed(#[source] ledger::body::BodyError),
    /// The bundle can't be read.
    #[error("the bundle can't be used")]
    Bundle(#[source] BundleError),
}

/// How the engine is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Health {
    /// Whether commands are decided.
    pub running: bool,
    /// Entries in the log.
    pub entries: u64,
    /// Entries that the projections have followed.
    pub projected: u64,
    /// Entries that were taken on the word of a snapshot at the start and not read again since.
    pub unchecked: u64,
    /// Why nothing new is allowed, if so.
    pub clock: Option<ClockDoubt>,
    /// Commands that wait to be decided.
    pub waiting: usize,
    /// What is to be done in targets.
    pub jobs: JobsHealth,
}

/// How the work in targets goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobsHealth {
    /// Credentials to be made, renewed or taken away.
    pub open: usize,
    /// Those among them that are being worked on now.
    pub running: usize,
    /// Those among them that are to be taken away and whose last try failed.
    pub removals_failing: usize,
}

/// A submission and where its answer goes.
pub(crate) struct Ticket {
    pub(crate) submission: Submission,
    pub(crate) answer: oneshot::Sender<Result<Answer, Failed>>,
}

impl Engine {
    /// Has a command decided and recorded; answers after the entry is durable.
    ///
    /// # Errors
    /// [`Failed`] if it could not be decided; after [`Failed::Unknown`] send it again with the same key.
    pub async fn submit(&self, submission: Submission) -> Result<Answer, Failed> {
        let lane = if goes_first(&submission.given.command) {
            &self.first
        } else {
            &self.other
        };
        let (answer, answered) = oneshot::channel();
        lane.send(Ticket { submission, answer })
            .await
            .map_err(|_| Failed::Stopped)?;
        answered.await.map_err(|_| Failed::Unknown)?
    }

    /// Writes free texts about `subject` (a person's id, or another key name).
    pub fn body_writer(&self, subject: &str) -> BodyWriter {
        let shared = &self.shared;
        BodyWriter::new(
            subject,
            Arc::clone(&shared.keys),
            Arc::clone(&shared.random),
        )
    }

    /// Reads the committed state; the writer waits meanwhile, so be short.
    pub fn read<R>(&self, f: impl FnOnce(&State) -> R) -> R {
        f(&self.shared.published().state)
    }

    /// Trusted time, latest reading: whatever ends at or before it is over.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.read().latest
    }

    /// The decision that [`Self::submit`] would make on this ask, with what to do about each finding; records nothing.
    ///
    /// # Errors
    /// [`Refused`] if nobody is behind the actor.
    pub fn precheck(&self, actor: &Actor, ask: &Ask) -> Result<Precheck, Refused> {
        self.shared.precheck(actor, ask)
    }

    /// The reasons behind the names of policies, in their authors' words.
    pub fn explain(&self, policies: &[String]) -> Vec<policy::Reason> {
        let published = self.shared.published();
        published.rules.explain(published.state.bundle, policies)
    }

    /// Holds changes of the directory against the bundle in force and the people on record; records nothing.
    pub fn judge(&self, changes: &[DirectoryChange]) -> policy::Judged {
        let published = self.shared.published();
        published.rules.judge(&published.state, changes)
    }

    /// The projections.
    pub fn views(&self) -> Arc<dyn Views> {
        Arc::clone(&self.shared.views)
    }

    /// The log.
    pub fn reader(&self) -> Arc<dyn LogReader> {
        Arc::clone(&self.shared.reader)
    }

    /// The keys under which people's words are sealed.
    pub fn keys(&self) -> Arc<dyn KeyStore> {
        Arc::clone(&self.shared.keys)
    }

    /// The key that verifies checkpoints, as a C2SP verifier key.
    pub fn vkey(&self) -> String {
        self.shared.release.key.vkey().to_owned()
    }

    /// Waits until the projections have followed `entry`, at most two seconds.
    pub async fn settled(&self, entry: u64) {
        let mut projected = self.shared.projected.subscribe();
        let followed = projected.wait_for(|projected| *projected > entry);
        // both a stopped engine and a slow projection show what there is
        let _ = tokio::time::timeout(Duration::from_millis(SETTLE_MS_MAX), followed).await;
    }

    /// How many entries the projections have followed, as it changes.
    pub fn projected(&self) -> tokio::sync::watch::Receiver<u64> {
        self.shared.projected.subscribe()
    }

    /// Tells, after each commit, of grants that stopped or started being usable.
    pub fn signals(&self) -> broadcast::Receiver<GrantSignal> {
        self.shared.signals.subscribe()
    }

    /// What the holder of a credential needs to use it: shown once, kept in memory only.
    pub fn secret(&self, credential: CredentialId, holder: &PersonId) -> Option<OneTimeSecret> {
        let shared = &self.shared;
        shared
            .vault
            .take(credential, holder, shared.clock.read().latest)
    }

    /// Whether commands are decided.
    pub fn is_running(&self) -> bool {
        self.shared.is_running()
    }

    /// Waits until nothing more is decided, for good: it was stopped, or the log can't be trusted.
    pub async fn stopped(&self) {
        let mut running = self.shared.running();
        // a sender that is gone decides nothing either
        let _ = running.wait_for(|running| !running).await;
    }

    /// How the engine is.
    pub fn health(&self) -> Health {
        let shared = &self.shared;
        let waiting = [&self.first, &self.other].map(|lane| lane.max_capacity() - lane.capacity());
        Health {
            running: shared.is_running(),
            entries: shared.entries(),
            projected: *shared.projected.borrow(),
            unchecked: shared.unchecked(),
            clock: shared.clock.read().doubt,
            waiting: waiting.into_iter().sum(),
            jobs: shared.jobs.health(),
        }
    }

    /// Looks at the clock now instead of when the next timer is due: for a clock that was set, and for tests.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
        self.shared.jobs.wake();
    }
}
