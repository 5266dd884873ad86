//! What the threads of the engine share: the committed state, the clock, and who listens.
use crate::{
    clock::TimeKeeper,
    jobs::Jobs,
    outcomes::Outcomes,
    past,
    ports::{GrantSignal, KeyStore, LogReader, Random, Snapshots},
    rules::Rules,
    snapshot::Release,
    vault::Vault,
    views::Views,
};
use domain::{
    acting::acting,
    actor::Actor,
    command::{Command, Given},
    effect::Effect,
    precheck::{Precheck, precheck_with},
    refusal::Refused,
    request::Ask,
    state::State,
};
use std::sync::{
    Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use tokio::sync::{Notify, Semaphore, broadcast, watch};

pub(crate) struct Shared {
    published: RwLock<Published>,
    pub(crate) clock: TimeKeeper,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) reader: Arc<dyn LogReader>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) views: Arc<dyn Views>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
    pub(crate) release: Release,
    pub(crate) signals: broadcast::Sender<GrantSignal>,
    pub(crate) projected: watch::Sender<u64>,
    pub(crate) vault: Vault,
    pub(crate) jobs: Jobs,
    pub(crate) outcomes: Outcomes,
    /// Lets few ask about the past at a time.
    pub(crate) looking_back: Semaphore,
    /// Wakes whoever destroys keys.
    pub(crate) forget: Notify,
    /// Wakes the writer.
    pub(crate) wake: Notify,
    entries: AtomicU64,
    unchecked: AtomicU64,
    running: watch::Sender<bool>,
    condemned: AtomicBool,
}

/// What the log says up to the last commit.
#[derive(Clone)]
pub(crate) struct Published {
    pub(crate) state: State,
    pub(crate) rules: Rules,
}

/// The parts of [`Shared`] that the start gathers.
pub(crate) struct Parts {
    pub(crate) published: Published,
    pub(crate) clock: TimeKeeper,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) reader: Arc<dyn LogReader>,
    pub(crate) keys: Arc<dyn KeyStore>,
    pub(crate) views: Arc<dyn Views>,
    pub(crate) snapshots: Arc<dyn Snapshots>,
    pub(crate) release: Release,
    pub(crate) entries: u64,
    pub(crate) unchecked: u64,
    pub(crate) projected: u64,
}

/// Signals that a slow listener may lag behind; it then looks at every grant again.
const SIGNALS_KEPT: usize = 1_024;

impl Shared {
    /// Takes up effects, to be worked on from now on.
    pub(crate) fn begin(&self, effects: Vec<Effect>) {
        self.jobs.add(effects, self.clock.monotonic_ms());
    }

    pub(crate) fn new(parts: Parts) -> Self {
        Self {
            published: RwLock::new(parts.published),
            clock: parts.clock,
            random: parts.random,
            reader: parts.reader,
            keys: parts.keys,
            views: parts.views,
            snapshots: parts.snapshots,
            release: parts.release,
            signals: broadcast::channel(SIGNALS_KEPT).0,
            projected: watch::channel(parts.projected).0,
            vault: Vault::default(),
            jobs: Jobs::default(),
            outcomes: Outcomes::default(),
            looking_back: Semaphore::new(past::AT_A_TIME),
            forget: Notify::new(),
            wake: Notify::new(),
            entries: AtomicU64::new(parts.entries),
            unchecked: AtomicU64::new(parts.unchecked),
            running: watch::channel(true).0,
            condemned: AtomicBool::new(false),
        }
    }

    pub(crate) fn published(&self) -> RwLockReadGuard<'_, Published> {
        self.published
            .read()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn publish(&self) -> RwLockWriteGuard<'_, Published> {
        self.published
            .write()
            .unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn entries(&self) -> u64 {
        self.entries.load(Ordering::Acquire)
    }

    pub(crate) fn set_entries(&self, entries: u64) {
        self.entries.store(entries, Ordering::Release);
    }

    pub(crate) fn unchecked(&self) -> u64 {
        self.unchecked.load(Ordering::Acquire)
    }

    pub(crate) fn set_unchecked(&self, entries: u64) {
        self.unchecked.store(entries, Ordering::Release);
    }

    /// The log was found damaged: the writer decides nothing more.
    pub(crate) fn condemn(&self) {
        self.condemned.store(true, Ordering::Release);
        self.set_stopped();
        self.wake.notify_one();
    }

    pub(crate) fn is_condemned(&self) -> bool {
        self.condemned.load(Ordering::Acquire)
    }

    pub(crate) fn is_running(&self) -> bool {
        *self.running.borrow()
    }

    /// Changes once, when nothing more is decided.
    pub(crate) fn running(&self) -> watch::Receiver<bool> {
        self.running.subscribe()
    }

    pub(crate) fn set_stopped(&self) {
        self.running.send_replace(false);
    }

    pub(crate) fn precheck(&self, actor: &Actor, ask: &Ask) -> Result<Precheck, Refused> {
        let now = self.clock.read().starts;
        let published = self.published();
        let Published { state, rules } = &*published;
        let person = acting(state, actor)?.person;
        let given = Given {
            actor: actor.clone(),
            command: Command::SubmitRequest { ask: ask.clone() },
        };
        let verdict = rules.verdict(state, &given, now);
        Ok(precheck_with(state, &person, ask, now, verdict.as_ref()))
    }
}
