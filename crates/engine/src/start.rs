//! The start: the log is read from its first entry to its last, hashed again, compared with its signed head, and folded into the
//! state. Nothing is decided on a log that isn't whole, or under a bundle that its own record hasn't adopted.
use crate::{
    checking::Checking,
    clock::TimeKeeper,
    draft::Draft,
    entry::EntryError,
    fold::{Fold, check_signature},
    forgetting,
    handle::{Engine, Failed, Ports, Settings, Submission},
    inbox::Inbox,
    ports::{Connector, Head, ReadError},
    projecting::{BATCHES_MAX, Projecting},
    reconcile,
    record::Outcome,
    rules::{BundleError, Rules},
    shared::{Parts, Published, Shared},
    snapshot::Release,
    snapshots::{self, Keeping, Resumed},
    timers::Timers,
    worker::Worker,
    writer::Writer,
};
use domain::{
    actor::Actor,
    command::{Command, Given},
    ids::{Digest, PlatformId},
    react::outstanding,
};
use ledger::checkpoint::{CheckpointError, VerifierKeyError};
use policy::bundle::{hash, pack};
use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    sync::{Arc, mpsc as std_mpsc},
    thread,
};
use tokio::sync::Notify;

/// Why the engine doesn't start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The log can't be read.
    #[error("the log can't be read")]
    Read(#[source] ReadError),
    /// The signing key has no verifying key: a defect.
    #[error("the signing key has no usable verifying key")]
    Key(#[source] VerifierKeyError),
    /// The head isn't signed by our key.
    #[error("the checkpoint of the log is not to be trusted")]
    Checkpoint(#[source] CheckpointError),
    /// The head doesn't fit the entries.
    #[error("the log is damaged: {what}")]
    Damaged {
        /// What doesn't fit.
        what: String,
    },
    /// An entry can't be read.
    #[error("the log holds an entry that can't be read")]
    Entry(#[source] EntryError),
    /// A bundle that the log adopted is missing.
    #[error("entry `{entry}` names the bundle `{bundle}`, which is not in the log's blobs")]
    BundleMissing {
        /// Which entry.
        entry: u64,
        /// Which bundle.
        bundle: Digest,
    },
    /// A bundle can't be used.
    #[error("the bundle `{bundle}` can't be used")]
    Bundle {
        /// Which.
        bundle: Digest,
        /// Why.
        #[source]
        source: BundleError,
    },
    /// The bundle given isn't the one in force.
    #[error(
        "the bundle given is `{given}` and the log has adopted `{in_force}`: have one person propose it with `remit bundle propose DIR` and another confirm it with `remit bundle confirm {given}`, or serve the adopted one"
    )]
    NotAdopted {
        /// The one given.
        given: Digest,
        /// The one in force.
        in_force: Digest,
    },
    /// The first bundle could not be adopted.
    #[error("the first bundle could not be adopted: {message}")]
    GenesisRefused {
        /// Why.
        message: String,
    },
    /// The first entry could not be written.
    #[error("the first entry could not be written")]
    Genesis(#[source] Failed),
    /// The quarantine of a copy could not be written.
    #[error("this log is a copy, and its quarantine could not be put on record")]
    Quarantine(#[source] Failed),
    /// The log could not be written at all.
    #[error("the first entry could not be made durable")]
    NotDurable,
    /// The projections belong to another log, or to this one before it was cut.
    #[error(
        "the projections have followed {projected} entries and the log has {entries}: if the log is the right one, delete the file of the projections and start again"
    )]
    ProjectionsAhead {
        /// Followed so far.
        projected: u64,
        /// In the log.
        entries: u64,
    },
    /// There is no async runtime.
    #[error("the engine needs a tokio runtime to start in")]
    NoRuntime(#[source] tokio::runtime::TryCurrentError),
    /// A thread could not be started.
    #[error("a thread of the engine could not be started")]
    Thread(#[source] io::Error),
}

/// The engine at work: whoever holds it stops it.
#[derive(Debug)]
pub struct Running {
    engine: Engine,
    stop_writer: Arc<Notify>,
    worker: Task,
    /// Compares the platforms with a restored copy; there is one in a quarantine only.
    reconciler: Option<Task>,
    /// Destroys keys that are to be destroyed.
    forgetting: Task,
    threads: Vec<thread::JoinHandle<()>>,
}

/// Work beside the writer, and how it is told to stop.
#[derive(Debug, Default)]
struct Task {
    stop: Arc<Notify>,
    handle: Option<tokio::task::JoinHandle<()>>,
}

impl Task {
    async fn stop(self) {
        self.stop.notify_one();
        if let Some(handle) = self.handle {
            // a task that panicked has nothing left to finish
            let _ = handle.await;
        }
    }
}

/// Starts what works beside the writer: the worker in the targets, in a quarantine the comparison, and whoever destroys keys.
fn tasks(
    runtime: &tokio::runtime::Handle,
    engine: &Engine,
    connectors: &Connectors,
) -> (Task, Option<Task>, Task) {
    let (stop_worker, stop_reconciler) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let worker = Worker {
        engine: engine.clone(),
        connectors: Arc::clone(connectors),
    };
    let worker = Task {
        handle: Some(runtime.spawn(worker.run(Arc::clone(&stop_worker)))),
        stop: stop_worker,
    };
    let quarantined = engine.read(|state| state.quarantine.is_some());
    let reconciler = quarantined.then(|| Task {
        handle: Some(runtime.spawn(reconcile::run(
            engine.clone(),
            Arc::clone(connectors),
            Arc::clone(&stop_reconciler),
        ))),
        stop: stop_reconciler,
    });
    let stop_forgetting = Arc::new(Notify::new());
    let forgetting = Task {
        handle: Some(runtime.spawn(forgetting::run(
            engine.clone(),
            Arc::clone(&stop_forgetting),
            forgetting::Place::OnAThread,
        ))),
        stop: stop_forgetting,
    };
    (worker, reconciler, forgetting)
}

impl Running {
    fn begin(
        runtime: &tokio::runtime::Handle,
        engine: &Engine,
        connectors: &Connectors,
        (stop_writer, threads): (Arc<Notify>, Vec<thread::JoinHandle<()>>),
    ) -> Self {
        let (worker, reconciler, forgetting) = tasks(runtime, engine, connectors);
        Self {
            engine: engine.clone(),
            stop_writer,
            worker,
            reconciler,
            forgetting,
            threads,
        }
    }

    /// Stops gracefully: running jobs are finished and reported, what waits is decided, projections catch up.
    pub async fn stop(mut self) {
        if let Some(reconciler) = self.reconciler.take() {
            reconciler.stop().await;
        }
        std::mem::take(&mut self.worker).stop().await;
        std::mem::take(&mut self.forgetting).stop().await;
        self.stop_writer.notify_one();
        let threads = std::mem::take(&mut self.threads);
        let joined = tokio::task::spawn_blocking(move || {
            for thread in threads {
                let _ = thread.join();
            }
        });
        let _ = joined.await;
    }

    /// Whether the engine still decides; a server that finds it doesn't should exit, so that a fresh start reads the log again.
    pub fn is_alive(&self) -> bool {
        self.engine.health().running
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop_writer.notify_one();
        let tasks = [
            Some(&self.worker),
            self.reconciler.as_ref(),
            Some(&self.forgetting),
        ];
        for task in tasks {
            if let Some(handle) = task.and_then(|task| task.handle.as_ref()) {
                handle.abort();
            }
        }
    }
}

impl Engine {
    /// Reads the log, adopts the bundle if the log is empty, and starts to work. Call it inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`] if the log isn't whole, or hasn't adopted the bundle given.
    pub fn start(ports: Ports, settings: Settings) -> Result<(Engine, Running), StartError> {
        let runtime = tokio::runtime::Handle::try_current().map_err(StartError::NoRuntime)?;
        let Assembled {
            engine,
            writer,
            beside,
            connectors,
            stop_writer,
        } = assemble(ports, settings, &Rules::default())?;
        let threads = threads(writer, beside)?;
        let running = Running::begin(&runtime, &engine, &connectors, (stop_writer, threads));
        Ok((engine, running))
    }
}

/// An engine that is put together and doesn't work yet.
pub(crate) struct Assembled {
    pub(crate) engine: Engine,
    pub(crate) writer: Writer,
    pub(crate) beside: Beside,
    pub(crate) connectors: Connectors,
    pub(crate) stop_writer: Arc<Notify>,
}

/// What reaches the platforms.
pub(crate) type Connectors = Arc<BTreeMap<PlatformId, Arc<dyn Connector>>>;

/// Reads the log, adopts the bundle if the log is empty, puts a copy into quarantine, and derives what is to be done in targets.
pub(crate) fn assemble(
    ports: Ports,
    settings: Settings,
    rules: &Rules,
) -> Result<Assembled, StartError> {
    let head = ports.reader.head().map_err(StartError::Read)?;
    let copied = ports.reader.copied().map_err(StartError::Read)?;
    check_signature(&head, &settings.signer)?;
    let release = Release::of(&settings).map_err(StartError::Key)?;
    let Resumed { fold, unchecked } = read_log(&ports, &release, &head, rules)?;
    let published = Published {
        state: fold.state,
        rules: fold.rules,
    };
    let shared = Arc::new(Shared::new(Parts {
        published: published.clone(),
        clock: TimeKeeper::start(ports.clock, fold.newest),
        random: ports.random,
        reader: ports.reader,
        keys: ports.keys,
        views: ports.views,
        snapshots: ports.snapshots,
        release,
        entries: head.tree.size,
        unchecked: unchecked.map_or(0, |(entries, _)| entries),
        projected: not_ahead(ports.projector.projected(), head.tree.size)?,
    }));
    let (first, other, inbox) = Inbox::open();
    let stop_writer = Arc::clone(&inbox.stop);
    let (batches, batches_out) = std_mpsc::sync_channel(BATCHES_MAX);
    let signer = Arc::new(settings.signer);
    let (taking, keeping) = snapshots::both(&shared, &signer, settings.snapshot_every);
    let mut writer = Writer {
        shared: Arc::clone(&shared),
        log: ports.writer,
        signer,
        engine_version: settings.engine_version,
        tree: fold.tree,
        newest: fold.newest,
        state: published.state,
        rules: published.rules,
        timers: Timers::default(),
        inbox,
        projector: batches,
        taking,
        unproven: false,
    };
    adopt(&mut writer, &settings.bundle)?;
    let platforms = ports.connectors.keys().cloned().collect();
    quarantine(&mut writer, copied, platforms)?;
    shared.begin(outstanding(&writer.state));
    let beside = Beside {
        projecting: Projecting {
            projector: ports.projector,
            shared: Arc::clone(&shared),
            batches: batches_out,
        },
        keeping,
        checking: Checking::of(&shared, unchecked),
    };
    Ok(Assembled {
        engine: Engine {
            shared,
            first,
            other,
        },
        writer,
        beside,
        connectors: Arc::new(ports.connectors),
        stop_writer,
    })
}

/// What works in threads beside the writer.
pub(crate) struct Beside {
    pub(crate) projecting: Projecting,
    pub(crate) keeping: Keeping,
    pub(crate) checking: Option<Checking>,
}

/// Folds the log from the newest snapshot that can be used, or from its first entry.
fn read_log(
    ports: &Ports,
    release: &Release,
    head: &Head,
    rules: &Rules,
) -> Result<Resumed, StartError> {
    let reader = ports.reader.as_ref();
    let kept = ports.snapshots.as_ref();
    if let Some(resumed) = snapshots::newest(kept, reader, head, release, rules) {
        return Ok(resumed);
    }
    Ok(Resumed {
        fold: Fold::under(rules.none()).until_head(reader, head)?,
        unchecked: None,
    })
}

/// Projections that follow more than there is were made from another log.
fn not_ahead(projected: u64, entries: u64) -> Result<u64, StartError> {
    if projected > entries {
        Err(StartError::ProjectionsAhead { projected, entries })
    } else {
        Ok(projected)
    }
}

fn threads(writer: Writer, beside: Beside) -> Result<Vec<thread::JoinHandle<()>>, StartError> {
    let waiting = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(StartError::Thread)?;
    let Beside {
        projecting,
        keeping,
        checking,
    } = beside;
    let mut threads = vec![
        spawn("remit-writer", move || writer.run(&waiting))?,
        spawn("remit-projector", move || projecting.run())?,
        spawn("remit-snapshots", move || keeping.run())?,
    ];
    if let Some(checking) = checking {
        threads.push(spawn("remit-checking", move || checking.run())?);
    }
    Ok(threads)
}

fn spawn(
    name: &str,
    run: impl FnOnce() + Send + 'static,
) -> Result<thread::JoinHandle<()>, StartError> {
    thread::Builder::new()
        .name(name.to_owned())
        .spawn(run)
        .map_err(StartError::Thread)
}

/// A copy that is served for the first time goes into quarantine, before anything else is decided. That it did so is told by the
/// log itself: the entry after the last one that was copied can't be another.
fn quarantine(
    writer: &mut Writer,
    copied: Option<u64>,
    platforms: BTreeSet<PlatformId>,
) -> Result<(), StartError> {
    let Some(copied) = copied else {
        return Ok(());
    };
    if copied < writer.tree.size() {
        return Ok(());
    }
    if copied > writer.tree.size() {
        return Err(StartError::Damaged {
            what: format!(
                "it was copied at {copied} entries and has {}",
                writer.tree.size()
            ),
        });
    }
    let submission = Submission::of(Given {
        actor: Actor::System,
        command: Command::BeginQuarantine { copied, platforms },
    });
    let mut draft = Draft::new(&writer.tree);
    writer
        .enter(&mut draft, submission)
        .map_err(StartError::Quarantine)?;
    let begun = !writer.commit(draft).is_break() && !writer.unproven;
    if begun && writer.state.quarantine.is_some() {
        Ok(())
    } else {
        Err(StartError::NotDurable)
    }
}

/// Adopts the first bundle as genesis; on a log that has one, refuses to serve another.
fn adopt(writer: &mut Writer, files: &policy::bundle::BundleFiles) -> Result<(), StartError> {
    let given = hash(files);
    if let Some(in_force) = writer.state.bundle {
        return if in_force == given {
            Ok(())
        } else {
            Err(StartError::NotAdopted { given, in_force })
        };
    }
    let mut submission = Submission::of(Given {
        actor: Actor::Operator,
        command: Command::AdoptGenesis { bundle: given },
    });
    submission.blobs.push(pack(files));
    let mut draft = Draft::new(&writer.tree);
    writer
        .enter(&mut draft, submission)
        .map_err(|failed| match failed {
            Failed::Bundle(source) => StartError::Bundle {
                bundle: given,
                source,
            },
            failed => StartError::Genesis(failed),
        })?;
    if let Some(Outcome::Refused(refused)) =
        draft.entries.first().map(|entry| &entry.record.outcome)
    {
        return Err(StartError::GenesisRefused {
            message: refused.message.clone(),
        });
    }
    if writer.commit(draft).is_break() || writer.unproven || writer.state.bundle != Some(given) {
        return Err(StartError::NotDurable);
    }
    Ok(())
}
