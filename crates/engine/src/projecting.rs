//! The thread that keeps the projections behind the log: a reconciler. Entries are handed to it as they are committed; what it
//! misses it reads from the log, so it may be slow, fail or start late without harm.
use crate::{
    chain,
    ports::{Projector, ReadError},
    record::Recorded,
    shared::Shared,
};
use std::{
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

/// Batches that may wait for the projector; more are read from the log later.
pub(crate) const BATCHES_MAX: usize = 64;
/// Entries read from the log at a time.
const READ_AT_ONCE: usize = 500;
/// Pause after a failure.
const RETRY_MS: u64 = 1_000;
/// Pause when nothing happens.
const IDLE_MS: u64 = 30_000;

pub(crate) struct Projecting {
    pub(crate) projector: Box<dyn Projector>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) batches: Receiver<Vec<Recorded>>,
}

#[derive(Debug, thiserror::Error)]
enum ProjectError {
    #[error("the projections could not be written")]
    Write(#[source] ReadError),
    #[error("the log could not be read")]
    Read(#[source] ReadError),
    #[error("an entry could not be read")]
    Entry(#[source] crate::entry::EntryError),
    #[error("the log holds no entry `{0}` though it was committed")]
    Missing(u64),
}

impl Projecting {
    /// Follows the log until the writer is gone and everything is projected.
    pub(crate) fn run(mut self) {
        let mut failed = false;
        loop {
            let caught_up = self.catch_up();
            match &caught_up {
                Err(error) if !failed => {
                    tracing::error!(error = %chain(error), "projections fall behind");
                }
                Ok(()) if failed => tracing::warn!("projections follow again"),
                Ok(()) | Err(_) => {}
            }
            failed = caught_up.is_err();
            let pause = if failed { RETRY_MS } else { IDLE_MS };
            match self.batches.recv_timeout(Duration::from_millis(pause)) {
                Ok(batch) => {
                    // on failure the next turn of the loop reads the same entries from the log
                    let _ = self.follow(&batch);
                    self.follow_waiting();
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => {
                    let _ = self.catch_up();
                    return;
                }
            }
        }
    }

    /// Follows what was handed over already and what the log holds beside it; what fails is left for the next time.
    pub(crate) fn round(&mut self) {
        self.follow_waiting();
        let _ = self.catch_up();
    }

    /// Follows what was handed over already: reading it from the log again would take longer.
    fn follow_waiting(&mut self) {
        while let Ok(batch) = self.batches.try_recv() {
            let _ = self.follow(&batch);
        }
    }

    /// Follows entries that were handed over, unless some before them are missing.
    fn follow(&mut self, batch: &[Recorded]) -> Result<(), ProjectError> {
        let projected = self.projector.projected();
        let known = batch.partition_point(|recorded| recorded.entry < projected);
        let fresh = batch.get(known..).unwrap_or_default();
        match fresh.first() {
            Some(first) if first.entry == projected => self.project(fresh),
            Some(_) | None => Ok(()),
        }
    }

    fn catch_up(&mut self) -> Result<(), ProjectError> {
        loop {
            let projected = self.projector.projected();
            if projected >= self.shared.entries() {
                return Ok(());
            }
            let leaves = self
                .shared
                .reader
                .leaves(projected, READ_AT_ONCE)
                .map_err(ProjectError::Read)?;
            if leaves.is_empty() {
                return Err(ProjectError::Missing(projected));
            }
            let entries: Vec<Recorded> = (projected..)
                .zip(&leaves)
                .map(|(entry, leaf)| Recorded::from_bytes(entry, leaf))
                .collect::<Result<_, _>>()
                .map_err(ProjectError::Entry)?;
            self.project(&entries)?;
        }
    }

    fn project(&mut self, entries: &[Recorded]) -> Result<(), ProjectError> {
        self.projector
            .project(entries)
            .map_err(ProjectError::Write)?;
        self.shared
            .projected
            .send_replace(self.projector.projected());
        Ok(())
    }
}
