//! Files that follow the log: each says how far it is, by which projector, and what the newest entry was. One that can't go on from
//! there holds nothing that is not elsewhere, and is made anew.
use crate::error::{OpenError, is_damage};
use engine::ports::{LogReader, ReadError};
use ledger::{digest::Digest, tree::stored_index};
use rusqlite::{Connection, OptionalExtension};
use std::{fs, io, path::Path};

/// Counts changes of what the projector writes. Raise it with every one of them: the files are then made again.
pub(crate) const VERSION: u32 = 3;

/// How far a file is.
pub(crate) struct Position {
    version: u32,
    /// One after the newest entry followed.
    pub(crate) entries: u64,
    pub(crate) newest: Option<[u8; 32]>,
    pub(crate) sound: bool,
}

/// How far `db` is; `None` before anything was said about it.
pub(crate) fn position(db: &Connection) -> rusqlite::Result<Option<Position>> {
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

impl Position {
    /// Whether this projector can go on from here: it wrote this, and about this log.
    pub(crate) fn goes_on(&self, log: &dyn LogReader) -> Result<bool, ReadError> {
        if self.version != VERSION {
            return Ok(false);
        }
        let Some(newest) = self.newest else {
            return Ok(true);
        };
        if log.head()?.tree.size < self.entries {
            return Ok(false);
        }
        Ok(leaf_hash(log, self.entries)? == Digest::from_bytes(newest))
    }
}

/// The leaf hash of the newest of `entries` entries.
pub(crate) fn leaf_hash(log: &dyn LogReader, entries: u64) -> Result<Digest, ReadError> {
    let hashes = log.hashes(&[stored_index(0, entries.saturating_sub(1))])?;
    hashes.first().copied().ok_or_else(|| ReadError {
        what: "the newest entry followed",
        source: "the log gave no hash".into(),
    })
}

/// Removes the file and what SQLite lays beside it.
pub(crate) fn remove(file: &Path) -> Result<(), OpenError> {
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
pub(crate) fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    match db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)) {
        Ok(verdict) => Ok(verdict == "ok"),
        Err(error) if is_damage(&error) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Begins at the first entry.
pub(crate) fn begin(db: &Connection) -> rusqlite::Result<()> {
    db.execute(
        "INSERT INTO position (one, version, entries, newest, sound)
        VALUES (1, ?1, 0, NULL, 0)",
        [VERSION],
    )
    .map(drop)
}

/// Wipes the whole file: what was in it is overwritten, and it begins again from the first entry.
pub(crate) fn wipe(db: &mut Connection, migrations: &[&str]) -> rusqlite::Result<()> {
    db.execute_batch("PRAGMA secure_delete = ON; PRAGMA foreign_keys = OFF;")?;
    db.flush_prepared_statement_cache();
    let transaction = db.transaction()?;
    for table in tables(&transaction)? {
        transaction.execute_batch(&format!("DROP TABLE IF EXISTS \"{table}\""))?;
    }
    for migration in migrations {
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
pub(crate) fn drop_log(db: &Connection) -> rusqlite::Result<bool> {
    let busy: bool = db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    Ok(!busy)
}

/// Notes that the file was left in good order, or is in use.
pub(crate) fn set_sound(db: &Connection, sound: bool) -> rusqlite::Result<()> {
    db.execute(
        "UPDATE position
        SET
            sound = ?1
        WHERE position.one = 1
            AND position.version = ?2",
        rusqlite::params![sound, VERSION],
    )
    .map(drop)
}
