//! The projections: made again from the first entry, beside, and held against those that are there. Words of people are in them, so
//! they are made in a file without a name that is gone when it is closed.
use super::{DataFile, Inspected, Progress, people::Kept, same};
use crate::{OpenError, SqliteLog, SqliteProjector};
use domain::time::Timestamp;
use engine::{
    entry::EntryError,
    ports::{KeyStore, Projector, ReadError},
    record::Recorded,
};
use ledger::body::PersonKey;
use rusqlite::Connection;
use std::{path::Path, sync::Arc};

const FILE: DataFile = DataFile::Views;

/// Entries that are followed at a time.
const READ_AT_ONCE: usize = 1_000;

/// What says how the file was closed, and nothing about entries.
pub(super) const SOUND: &str = "sound";

/// Why projections could not be made again.
pub(super) enum NotMade {
    Open(OpenError),
    /// There are fewer entries than were followed.
    Ahead,
    Read(ReadError),
}

/// How many entries the projections have followed.
pub(super) fn followed(db: &Connection) -> rusqlite::Result<u64> {
    db.query_row(
        "SELECT
            position.entries
        FROM position
        WHERE position.one = 1",
        [],
        |row| row.get(0),
    )
}

/// Projections of the first `entries` entries of the log in the file `log`.
pub(super) fn made_again(
    log: &Path,
    kept: Kept,
    entries: u64,
    progress: Progress<'_>,
) -> Result<SqliteProjector, NotMade> {
    let reader = SqliteLog::read(log).map_err(NotMade::Open)?;
    if reader.head().map_err(NotMade::Read)?.tree.size < entries {
        return Err(NotMade::Ahead);
    }
    let mut projector = SqliteProjector::unnamed(Arc::clone(&reader), Arc::new(Fixed(kept)))
        .map_err(NotMade::Open)?;
    while projector.projected() < entries {
        let from = projector.projected();
        let limit =
            usize::try_from(entries - from).map_or(READ_AT_ONCE, |left| left.min(READ_AT_ONCE));
        let leaves = reader.leaves(from, limit).map_err(NotMade::Read)?;
        let recorded: Result<Vec<Recorded>, EntryError> = (from..)
            .zip(&leaves)
            .map(|(entry, leaf)| Recorded::from_bytes(entry, leaf))
            .collect();
        let recorded = recorded.map_err(|error| {
            NotMade::Read(ReadError {
                what: "an entry",
                source: Box::new(error),
            })
        })?;
        projector.project(&recorded).map_err(NotMade::Read)?;
        progress("projections", projector.projected(), entries);
    }
    Ok(projector)
}

/// Holds the projections `found` against those that were made again; how many rows those have.
pub(super) fn inspect(
    found: &Connection,
    again: &Connection,
    seen: &mut Inspected,
) -> rusqlite::Result<u64> {
    let mut rows = 0;
    for table in same::tables(again)? {
        rows += same::inspect(
            found,
            again,
            &same::Table::of(again, &table, &[SOUND])?,
            &mut |row, what| {
                seen.add(FILE, table.clone(), row, what);
            },
        )?;
    }
    Ok(rows)
}

/// The keys of one moment, which can't be changed.
struct Fixed(Kept);

impl KeyStore for Fixed {
    fn key(&self, subject: &str) -> Result<Option<PersonKey>, ReadError> {
        Ok(self.0.keys.get(subject).cloned())
    }

    fn key_or(&self, _: &str, _: PersonKey) -> Result<PersonKey, ReadError> {
        Err(only_read())
    }

    fn erase(&self, _: &str, _: Timestamp) -> Result<bool, ReadError> {
        Err(only_read())
    }

    fn erased(&self) -> Result<Vec<String>, ReadError> {
        Ok(self.0.tombstones.iter().cloned().collect())
    }
}

fn only_read() -> ReadError {
    ReadError {
        what: "the person keys",
        source: "they are only looked at".into(),
    }
}
