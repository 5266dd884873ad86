//! Opening the projections' files: `views.db`, and those of the search beside it. Unlike the log they hold nothing that is not
//! elsewhere: whenever they can't be trusted they are made anew, without asking.
use crate::{
    error::{Fault, OpenError, RowError},
    file::{self, Tuning},
    followed,
    search::{self, Index},
};
use engine::ports::{LogReader, ReadError};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../../migrations/views/0001_views.sql")];

/// What a file without a name is called in an error.
pub(super) const UNNAMED: &str = "a temporary file";

/// Losing the last commits with the power costs following them again, so nothing waits for the disk.
const TUNING: Tuning = Tuning {
    pragmas: "PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA foreign_keys = ON;
        PRAGMA cache_size = -32768;
        PRAGMA wal_autocheckpoint = 4000;",
    migrations: MIGRATIONS,
};

/// What the projector writes to, and how many entries it has followed.
pub(super) struct Opened {
    pub(super) db: Connection,
    pub(super) search: Index,
    pub(super) entries: u64,
}

/// The folder of the search files that belong to the projections at `file`.
pub(super) fn search_folder(file: &Path) -> PathBuf {
    file.with_file_name(search::FOLDER)
}

/// Opens the projections at `file`, empty if they can't go on where they are.
pub(super) fn open(file: &Path, log: &dyn LogReader) -> Result<Opened, OpenError> {
    match reopened(file, log) {
        Ok(Some(opened)) => return Ok(opened),
        Ok(None) | Err(Trouble::Here(OpenError::Newer { .. })) => {}
        Err(Trouble::Here(OpenError::Fault(
            Fault::Damaged { .. } | Fault::Inconsistent { .. },
        ))) => {
            tracing::warn!(file = %file.display(), "the projections are damaged and made again");
        }
        Err(Trouble::Here(error)) => return Err(error),
        Err(Trouble::Log(error)) => return Err(OpenError::Log(error)),
    }
    followed::remove(file)?;
    let search = Index::anew(&search_folder(file))?;
    let db = file::open_writing(file, &TUNING)?;
    followed::begin(&db).map_err(|source| OpenError::Fault(Fault::new(file, source)))?;
    Ok(Opened {
        db,
        search,
        entries: 0,
    })
}

/// Empty projections in files without names.
pub(super) fn unnamed() -> Result<Opened, OpenError> {
    let begun = || {
        let db = file::open_unnamed(MIGRATIONS)?;
        followed::begin(&db)?;
        Ok(db)
    };
    Ok(Opened {
        db: begun().map_err(|source| OpenError::Fault(Fault::new(Path::new(UNNAMED), source)))?,
        search: Index::unnamed(),
        entries: 0,
    })
}

/// Why files could not be gone on with.
pub(crate) enum Trouble {
    /// It is about the files.
    Here(OpenError),
    /// It is about the log.
    Log(ReadError),
}

/// `None` if the files can't be gone on with although nothing is wrong with them.
fn reopened(file: &Path, log: &dyn LogReader) -> Result<Option<Opened>, Trouble> {
    let mut db = file::open_writing(file, &TUNING).map_err(Trouble::Here)?;
    let failed = |source| Trouble::Here(OpenError::Fault(Fault::new(file, source)));
    let Some(position) = followed::position(&db).map_err(failed)? else {
        return Ok(None);
    };
    let whole = position.sound || followed::is_whole(&db).map_err(failed)?;
    if !whole || !position.goes_on(log).map_err(Trouble::Log)? {
        return Ok(None);
    }
    let Some(search) = Index::open(&search_folder(file), position.entries, log)? else {
        // it may have been wiped of somebody's words just before a crash: then they are still here
        followed::wipe(&mut db, MIGRATIONS).map_err(failed)?;
        return Ok(None);
    };
    followed::set_sound(&db, false).map_err(failed)?;
    Ok(Some(Opened {
        db,
        search,
        entries: position.entries,
    }))
}

/// Moves the position from `from` to `to` entries.
pub(super) fn advance(
    db: &Connection,
    newest: &ledger::digest::Digest,
    from: u64,
    to: u64,
) -> Result<(), RowError> {
    let moved = db
        .prepare_cached(
            "UPDATE position
            SET
                entries = ?1,
                newest = ?2
            WHERE position.one = 1
                AND position.entries = ?3",
        )?
        .execute(params![to, newest.as_bytes(), from])?;
    if moved == 1 {
        return Ok(());
    }
    Err(RowError::inconsistent(
        "position",
        format!("it isn't at {from} entries"),
    ))
}
