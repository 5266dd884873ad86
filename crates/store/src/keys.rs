//! The keys under which people's words are sealed. Destroying one is the only way anything in Remit is forgotten, so SQLite
//! overwrites what it removes, and what the write-ahead file still holds is dropped at once.
use crate::{
    error::{OpenError, RowError},
    file::{self, Tuning},
};
use domain::time::Timestamp;
use engine::ports::{KeyStore, ReadError};
use ledger::body::PersonKey;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

pub(crate) const MIGRATIONS: &[&str] = &[include_str!("../migrations/keys/0001_keys.sql")];

const TUNING: Tuning = Tuning {
    pragmas: "PRAGMA secure_delete = ON;
        PRAGMA journal_mode = WAL;
        PRAGMA synchronous = FULL;",
    migrations: MIGRATIONS,
};

/// Person keys in a file of their own.
#[derive(Debug)]
pub struct SqliteKeys {
    file: PathBuf,
    db: Mutex<Connection>,
}

/// What is known of a subject.
enum Known {
    Never,
    Key(PersonKey),
    Erased,
}

impl SqliteKeys {
    /// Opens the key store at `file`, made if there is none.
    ///
    /// # Errors
    /// [`OpenError`] if the file can't be used.
    pub fn open(file: &Path) -> Result<Arc<Self>, OpenError> {
        let db = file::open_writing(file, &TUNING)?;
        Ok(Arc::new(Self {
            file: file.to_owned(),
            db: Mutex::new(db),
        }))
    }

    pub(crate) fn with<T>(
        &self,
        what: &'static str,
        act: impl FnOnce(&mut Connection) -> Result<T, RowError>,
    ) -> Result<T, ReadError> {
        // a transaction that a panic cut short is rolled back: the connection is as good as before
        let mut db = self.db.lock().unwrap_or_else(PoisonError::into_inner);
        act(&mut db).map_err(|error| error.reading(what, &self.file))
    }
}

impl KeyStore for SqliteKeys {
    fn key(&self, subject: &str) -> Result<Option<PersonKey>, ReadError> {
        self.with("a person key", |db| match known(db, subject)? {
            Known::Key(key) => Ok(Some(key)),
            Known::Never | Known::Erased => Ok(None),
        })
    }

    fn key_or(&self, subject: &str, fresh: PersonKey) -> Result<PersonKey, ReadError> {
        self.with("a person key", |db| {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            match known(&step, subject)? {
                Known::Key(key) => Ok(key),
                Known::Erased => {
                    let row = format!("`{subject}` was erased and gets no new key");
                    Err(RowError::inconsistent("tombstone", row))
                }
                Known::Never => {
                    add_key(&step, subject, &fresh)?;
                    step.commit()?;
                    Ok(fresh)
                }
            }
        })
    }

    fn erase(&self, subject: &str, at: Timestamp) -> Result<bool, ReadError> {
        self.with("the person keys while erasing one", |db| {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let had_one = remove_key(&step, subject)?;
            add_tombstone(&step, subject, at)?;
            step.commit()?;
            // the write-ahead file still holds the page with the key
            let busy: bool =
                db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                let row = format!("the key of `{subject}` is removed, and may still be read from the file beside it");
                return Err(RowError::inconsistent("person_key", row));
            }
            Ok(had_one)
        })
    }

    fn erased(&self) -> Result<Vec<String>, ReadError> {
        self.with("the tombstones", |db| {
            let mut statement = db.prepare_cached(
                "SELECT
                    tombstone.subject
                FROM tombstone
                ORDER BY tombstone.subject",
            )?;
            let subjects = statement.query_map([], |row| row.get(0))?;
            Ok(subjects.collect::<rusqlite::Result<_>>()?)
        })
    }
}

fn known(db: &Connection, subject: &str) -> rusqlite::Result<Known> {
    if let Some(key) = key(db, subject)? {
        return Ok(Known::Key(PersonKey::from_bytes(key)));
    }
    Ok(if is_erased(db, subject)? {
        Known::Erased
    } else {
        Known::Never
    })
}

fn key(db: &Connection, subject: &str) -> rusqlite::Result<Option<[u8; 32]>> {
    db.prepare_cached(
        "SELECT
            person_key.key
        FROM person_key
        WHERE person_key.subject = ?1",
    )?
    .query_row([subject], |row| row.get(0))
    .optional()
}

fn is_erased(db: &Connection, subject: &str) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT
            tombstone.subject
        FROM tombstone
        WHERE tombstone.subject = ?1",
    )?
    .exists([subject])
}

pub(crate) fn add_key(
    step: &Transaction<'_>,
    subject: &str,
    key: &PersonKey,
) -> rusqlite::Result<()> {
    step.prepare_cached(
        "INSERT INTO person_key (subject, key)
        VALUES (?1, ?2)",
    )?
    .execute(params![subject, key.expose()])
    .map(drop)
}

fn remove_key(step: &Transaction<'_>, subject: &str) -> rusqlite::Result<bool> {
    let removed = step.execute(
        "DELETE FROM person_key
        WHERE person_key.subject = ?1",
        [subject],
    )?;
    Ok(removed == 1)
}

pub(crate) fn add_tombstone(
    step: &Transaction<'_>,
    subject: &str,
    at: Timestamp,
) -> rusqlite::Result<()> {
    step.execute(
        "INSERT INTO tombstone (subject, erased_at)
        VALUES (?1, ?2)
        ON CONFLICT (subject) DO NOTHING",
        params![subject, at.0],
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::chain;
    use std::fs;
    use tempfile::TempDir;

    const KEY: [u8; 32] = *b"the key under which ada's words ";
    const OTHER: [u8; 32] = *b"another key that comes too late ";

    fn keys(folder: &TempDir) -> Arc<SqliteKeys> {
        SqliteKeys::open(&folder.path().join("keys.db")).unwrap()
    }

    fn shown(key: Option<PersonKey>) -> Option<[u8; 32]> {
        key.map(|key| *key.expose())
    }

    #[test]
    fn the_first_key_of_a_subject_stays_its_key() {
        let folder = TempDir::new().unwrap();
        let store = keys(&folder);
        assert_eq!(shown(store.key("ada").unwrap()), None);
        let made = store.key_or("ada", PersonKey::from_bytes(KEY)).unwrap();
        assert_eq!(*made.expose(), KEY);
        let kept = store.key_or("ada", PersonKey::from_bytes(OTHER)).unwrap();
        assert_eq!(*kept.expose(), KEY);
        drop(store);
        assert_eq!(shown(keys(&folder).key("ada").unwrap()), Some(KEY));
    }

    #[test]
    fn an_erased_subject_has_no_key_and_gets_none() {
        let folder = TempDir::new().unwrap();
        let store = keys(&folder);
        store.key_or("ada", PersonKey::from_bytes(KEY)).unwrap();
        assert!(store.erase("ada", Timestamp(5)).unwrap());
        assert!(!store.erase("ada", Timestamp(6)).unwrap());
        assert_eq!(shown(store.key("ada").unwrap()), None);
        let refused = store
            .key_or("ada", PersonKey::from_bytes(OTHER))
            .unwrap_err();
        let file = folder.path().join("keys.db").display().to_string();
        assert_eq!(
            chain(&refused).replace(&file, "FILE"),
            "could not read a person key: table `tombstone` of `FILE` holds a row that can't be: `ada` was erased and gets no new key"
        );
    }

    #[test]
    fn an_erased_key_is_in_no_file_any_more() {
        let folder = TempDir::new().unwrap();
        let store = keys(&folder);
        for subject in ["ada", "bob"] {
            store.key_or(subject, PersonKey::from_bytes(KEY)).unwrap();
        }
        assert!(found(&folder, &KEY));
        store.erase("ada", Timestamp(5)).unwrap();
        store.erase("bob", Timestamp(5)).unwrap();
        assert!(!found(&folder, &KEY));
        drop(store);
        assert!(!found(&folder, &KEY));
    }

    fn found(folder: &TempDir, needle: &[u8]) -> bool {
        let files = fs::read_dir(folder.path()).unwrap();
        files
            .map(|file| fs::read(file.unwrap().path()).unwrap())
            .any(|bytes| bytes.windows(needle.len()).any(|window| window == needle))
    }
}
