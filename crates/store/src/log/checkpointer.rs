//! Moves what is committed from the write-ahead file into the database while commits go on. The connection that commits would do
//! it by itself now and then, and every caller would wait for it; so it finds little left to do.
use crate::error::OpenError;
use rusqlite::Connection;
use std::{
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, SyncSender, sync_channel},
    },
    thread::{self, JoinHandle},
};

/// How much is committed between two moves, in bytes, about.
const MOVE_AFTER_BYTES: usize = 8 * 1024 * 1024;
/// What a commit writes beside its rows, in bytes, about: the head and the pages that the rows' places are looked up in.
const COMMIT_BYTES: usize = 6 * 4096;

/// Lets one connection at a time move pages.
pub(super) type Moving = Arc<Mutex<()>>;

/// A thread that moves pages when it is told that there are some. It ends with this.
#[derive(Debug)]
pub(super) struct Checkpointer {
    committed_bytes: usize,
    wake: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    moving: Moving,
}

impl Checkpointer {
    /// Starts the thread, on a connection of its own.
    ///
    /// # Errors
    /// [`OpenError::File`] if there can be no more threads.
    pub(super) fn start(db: Connection, file: &Path) -> Result<Self, OpenError> {
        let (wake, woken) = sync_channel(1);
        let moving = Moving::default();
        let lock = Arc::clone(&moving);
        let thread = thread::Builder::new()
            .name("remit-checkpoints".to_owned())
            .spawn(move || run(&db, &woken, &lock))
            .map_err(|source| OpenError::File {
                file: file.to_owned(),
                source,
            })?;
        Ok(Self {
            committed_bytes: 0,
            wake: Some(wake),
            thread: Some(thread),
            moving,
        })
    }

    /// Notes a commit of rows with so many bytes.
    pub(super) fn committed(&mut self, bytes: usize) {
        self.committed_bytes += bytes + COMMIT_BYTES;
        if self.committed_bytes >= MOVE_AFTER_BYTES {
            self.committed_bytes = 0;
            // a thread that was told already, or is gone, leaves it to the connection that commits
            let _ = self.wake.as_ref().map(|wake| wake.try_send(()));
        }
    }

    /// Keeps the thread from moving anything until the guard is dropped.
    pub(super) fn hold(&self) -> MutexGuard<'_, ()> {
        self.moving.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Checkpointer {
    fn drop(&mut self) {
        drop(self.wake.take());
        let ended = self.thread.take().map(JoinHandle::join);
        if let Some(Err(_)) = ended {
            tracing::error!("the thread that moves pages of the log has panicked");
        }
    }
}

fn run(db: &Connection, woken: &Receiver<()>, moving: &Mutex<()>) {
    while let Ok(()) = woken.recv() {
        let _alone = moving.lock().unwrap_or_else(PoisonError::into_inner);
        // `PASSIVE` waits for nobody: what somebody still reads or writes stays where it is until the next time
        let moved = db.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "pages of the log could not be moved into the database");
        }
    }
}
