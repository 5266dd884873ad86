//! The log: leaves, tree nodes, the head, and what lies beside them. One process writes it, any number may read it.
mod checkpointer;
mod copy;
mod lock;
mod reader;
mod writer;

use crate::{
    error::{Fault, OpenError},
    file::{self, Readers, Tuning},
    reserve::Reserve,
};
use checkpointer::Checkpointer;
use engine::ports::{LogReader, LogWriter};
use reader::Reader;
use rusqlite::Connection;
use std::{path::Path, sync::Arc};
use writer::Writer;

/// Room held back for a full disk: thousands of entries that take privileges away.
const RESERVE_BYTES: u64 = 8 * 1024 * 1024;

/// Connections that read the log at a time.
const READERS: usize = 4;

/// KiB of pages that each of them keeps.
const CACHE_KIB: u32 = 8_192;

pub(crate) const MIGRATIONS: &[&str] = &[
    include_str!("../../migrations/log/0001_log.sql"),
    include_str!("../../migrations/log/0002_copied.sql"),
];

/// `synchronous = FULL` is the promise of an acknowledged entry: in WAL mode anything less may lose the last commits with the
/// power. A checkpoint holds up the commit that it falls upon, so it comes once in about 48 MiB, and most of it is done before
/// by a thread of its own.
const TUNING: Tuning = Tuning {
    pragmas: "PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;
        PRAGMA foreign_keys = ON;
        PRAGMA cache_size = -65536;
        PRAGMA wal_autocheckpoint = 12000;
        PRAGMA journal_size_limit = 67108864;",
    migrations: MIGRATIONS,
};

/// The connection that only moves committed pages.
const MOVING: Tuning = Tuning {
    pragmas: "PRAGMA synchronous = FULL;
        PRAGMA wal_autocheckpoint = 0;
        PRAGMA cache_size = -1024;",
    migrations: MIGRATIONS,
};

/// Both sides of an open log.
pub type OpenLog = (Arc<dyn LogReader>, Box<dyn LogWriter>);

/// The log in a file of SQLite.
#[derive(Debug)]
pub struct SqliteLog;

impl SqliteLog {
    /// Opens the log at `file` (made if there is none) for the one process that writes it. Room for what takes privileges away
    /// is held back in `reserve.bin` beside it.
    ///
    /// # Errors
    /// [`OpenError::InUse`] if another process writes it; else if the file can't be used, or its rows don't fit together.
    pub fn open(file: &Path) -> Result<OpenLog, OpenError> {
        Self::open_holding(file, RESERVE_BYTES)
    }

    fn open_holding(file: &Path, reserve_bytes: u64) -> Result<OpenLog, OpenError> {
        let lock = lock::WriterLock::take(&file.with_extension("lock"))?;
        let db = file::open_writing(file, &TUNING)?;
        expect_whole(&db, file)?;
        let reader = Reader::new(Readers::open(file, MIGRATIONS, READERS, CACHE_KIB)?);
        let reserve = hold_reserve(&file.with_file_name("reserve.bin"), reserve_bytes)?;
        let checkpointer = Checkpointer::start(file::open_writing(file, &MOVING)?, file)?;
        let writer = Writer::new(db, file, checkpointer, lock, reserve);
        Ok((Arc::new(reader), Box::new(writer)))
    }

    /// Opens the log at `file` for reading only, also while another process writes it.
    ///
    /// # Errors
    /// [`OpenError`] if there is none or it can't be used.
    pub fn read(file: &Path) -> Result<Arc<dyn LogReader>, OpenError> {
        Ok(Arc::new(Reader::new(Readers::open(
            file, MIGRATIONS, READERS, CACHE_KIB,
        )?)))
    }
}

/// A server starts on a full disk too: there is all the more to take back.
fn hold_reserve(file: &Path, bytes: u64) -> Result<Reserve, OpenError> {
    let opened = Reserve::open(file, bytes);
    let mut reserve = opened.map_err(|source| OpenError::File {
        file: file.to_owned(),
        source,
    })?;
    if let Err(error) = reserve.hold() {
        tracing::warn!(%error, "only what takes privileges away is recorded until there is room");
    }
    Ok(reserve)
}

/// The head, the leaves and the nodes were written in one transaction, so they tell the same size.
fn expect_whole(db: &Connection, file: &Path) -> Result<(), OpenError> {
    let failed = |source| OpenError::Fault(Fault::new(file, source));
    let (size, leaves, nodes) = sizes(db).map_err(failed)?;
    if leaves == size && nodes == ledger::tree::stored_count(size) {
        return Ok(());
    }
    Err(OpenError::Fault(Fault::Inconsistent {
        file: file.to_owned(),
        table: "head",
        row: format!("it tells {size} entries, and there are {leaves} with {nodes} nodes"),
    }))
}

fn sizes(db: &Connection) -> rusqlite::Result<(u64, u64, u64)> {
    db.query_row(
        "SELECT
            head.size,
            (SELECT COALESCE(MAX(leaf.entry) + 1, 0) FROM leaf),
            (SELECT COALESCE(MAX(node.place) + 1, 0) FROM node)
        FROM head
        WHERE head.one = 1",
        [],
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
    )
}

#[cfg(test)]
mod tests;
