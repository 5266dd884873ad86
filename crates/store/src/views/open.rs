//! Opening the projections' file. Unlike the log it holds nothing that is not elsewhere: whenever it can't be trusted it is
//! made anew, without asking.
use crate::{
    error::{Fault, OpenError, RowError, is_damage},
    file::{self, Tuning},
};
use engine::ports::{LogReader, ReadError};
use ledger::{digest::Digest, tree::stored_index};
use rusqlite::{Connection, OptionalExtension, params};
use std::{fs, io, path::Path};

/// Counts changes of what the projector writes. Raise it with every one of them: the file is then made again.
const VERSION: u32 = 2;

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

/// Opens the projections at `file`, empty if they can't go on where they are; and says how many entries they have followed.
pub(super) fn open(file: &Path, log: &dyn LogReader) -> Result<(Connection, u64), OpenError> {
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
    remove(file)?;
    let db = file::open_writing(file, &TUNING)?;
    begin(&db).map_err(|source| OpenError::Fault(Fault::new(file, source)))?;
    Ok((db, 0))
}

/// Empty projections in a file without a name.
pub(super) fn unnamed() -> Result<Connection, OpenError> {
    let begun = || {
        let db = file::open_unnamed(MIGRATIONS)?;
        begin(&db)?;
        Ok(db)
    };
    begun().map_err(|source| OpenError::Fault(Fault::new(Path::new(UNNAMED), source)))
}

enum Trouble {
    Here(OpenError),
    Log(ReadError),
}

/// `None` if the file can't be gone on with although nothing is wrong with it.
fn reopened(file: &Path, log: &dyn LogReader) -> Result<Option<(Connection, u64)>, Trouble> {
    let db = file::open_writing(file, &TUNING).map_err(Trouble::Here)?;
    let failed = |source| Trouble::Here(OpenError::Fault(Fault::new(file, source)));
    let Some(position) = position(&db).map_err(failed)? else {
        return Ok(None);
    };
    let whole = position.sound || is_whole(&db).map_err(failed)?;
    if position.version != VERSION || !whole || !follows(&position, log).map_err(Trouble::Log)? {
        return Ok(None);
    }
    set_sound(&db, false).map_err(failed)?;
    Ok(Some((db, position.entries)))
}

struct Position {
    version: u32,
    entries: u64,
    newest: Option<[u8; 32]>,
    sound: bool,
}

fn follows(position: &Position, log: &dyn LogReader) -> Result<bool, ReadError> {
    let Some(newest) = position.newest else {
        return Ok(true);
    };
    if log.head()?.tree.size < position.entries {
        return Ok(false);
    }
    Ok(leaf_hash(log, position.entries)? == Digest::from_bytes(newest))
}

/// The leaf hash of the newest of `entries` entries.
fn leaf_hash(log: &dyn LogReader, entries: u64) -> Result<Digest, ReadError> {
    let hashes = log.hashes(&[stored_index(0, entries.saturating_sub(1))])?;
    hashes.first().copied().ok_or_else(|| ReadError {
        what: "the newest entry followed",
        source: "the log gave no hash".into(),
    })
}

fn remove(file: &Path) -> Result<(), OpenError> {
    for suffix in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        match fs::remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(source) => {
                return Err(OpenError::File {
                    file: name.into(),
                    source,
                });
            }
        }
    }
    Ok(())
}

/// After a stop in bad order pages may be torn: then the whole file is looked through.
fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    match db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(verdict) => Ok(verdict == "ok"),
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

fn position(db: &Connection) -> rusqlite::Result<Option<Position>> {
    db.query_row(
        "SELECT
            position.version,
            position.entries,
            position.newest,
            position.sound
        FROM position
        WHERE position.one = 1",
        [],
        |row| {
            Ok(Position {
                version: row.get(0)?,
                entries: row.get(1)?,
                newest: row.get(2)?,
                sound: row.get(3)?,
            })
        },
    )
    .optional()
}

fn begin(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO position (one, version, entries, newest, sound)
        VALUES (1, ?1, 0, NULL, 0)",
        [VERSION],
    )
    .map(drop)
}

/// Wipes the whole file: what was in it is overwritten, and it begins again from the first entry.
pub(super) fn wipe(db: &mut Connection) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;")?;
    db.flush_prepared_statement_cache();
    let transaction = db.transaction()?;
    for table in tables(&transaction)? {
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS \"{table}\""))?;
    }
    for migration in MIGRATIONS {
        transaction.execute_batch(migration)?;
    }
    begin(&transaction)?;
    transaction.commit()?;
    db.execute_batch("PRAGMA foreign_keys = ON;")
}

/// Names of our own tables, those of the index first: dropping it drops the tables it keeps its words in.
fn tables(db: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut statement = db.prepare(
        "SELECT
            sqlite_schema.name
        FROM sqlite_schema
        WHERE sqlite_schema.type = 'table'
            AND sqlite_schema.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
        ORDER BY sqlite_schema.sql NOT LIKE 'CREATE VIRTUAL%'",
    )?;
    statement.query_map([], |row| row.get(0))?.collect()
}

/// Drops what the write-ahead file still holds; `false` while a reader keeps it from being dropped.
pub(super) fn drop_log(db: &Connection) -> rusqlite::Result<bool> {
    let busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!busy)
}

/// Notes that the file was left in good order, or is in use.
pub(super) fn set_sound(db: &Connection, sound: bool) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE position
        SET
            sound = ?1
        WHERE position.one = 1
            AND position.version = ?2",
        params![sound, VERSION],
    )
    .map(drop)
}

/// Moves the position from `from` to `to` entries.
pub(super) fn advance(
    db: &Connection,
    log: &dyn LogReader,
    from: u64,
    to: u64,
) -> Result<(), RowError> {
    let newest = leaf_hash(log, to)?;
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
