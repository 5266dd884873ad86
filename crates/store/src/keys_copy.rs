//! Person keys as a value: to be kept apart from the log and its backups, and to be put together again without bringing anybody
//! back who was erased since.
use crate::{
    SqliteKeys,
    keys::{add_key, add_tombstone},
};
use domain::time::Timestamp;
use engine::ports::ReadError;
use ledger::body::PersonKey;
use rusqlite::TransactionBehavior;
use std::{collections::BTreeMap, fmt};

/// All keys, and all who were erased.
#[derive(Default)]
pub struct KeyCopy {
    keys: BTreeMap<String, PersonKey>,
    erased: BTreeMap<String, Timestamp>,
}

impl fmt::Debug for KeyCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyCopy")
            .field("keys", &self.keys.len())
            .field("erased", &self.erased.len())
            .finish()
    }
}

impl KeyCopy {
    /// Adds the key of `subject`, unless it was erased. The first key of a subject stays its key.
    pub fn add(&mut self, subject: String, key: PersonKey) {
        if !self.erased.contains_key(&subject) {
            self.keys.entry(subject).or_insert(key);
        }
    }

    /// Notes that `subject` was erased: a key of theirs is dropped, whichever copy it came from. The first erasure counts.
    pub fn erase(&mut self, subject: String, at: Timestamp) {
        self.keys.remove(&subject);
        let first = self.erased.entry(subject).or_insert(at);
        *first = at.min(*first);
    }

    /// Takes up another copy, whether it is older or newer.
    pub fn merge(&mut self, other: Self) {
        for (subject, at) in other.erased {
            self.erase(subject, at);
        }
        for (subject, key) in other.keys {
            self.add(subject, key);
        }
    }

    /// The keys by subject.
    pub fn keys(&self) -> impl Iterator<Item = (&str, &PersonKey)> {
        self.keys
            .iter()
            .map(|(subject, key)| (subject.as_str(), key))
    }

    /// Who was erased, and when.
    pub fn erased(&self) -> impl Iterator<Item = (&str, Timestamp)> {
        self.erased
            .iter()
            .map(|(subject, at)| (subject.as_str(), *at))
    }
}

impl SqliteKeys {
    /// All keys as they are at one moment.
    ///
    /// # Errors
    /// [`ReadError`] if the file can't be read.
    pub fn copy(&self) -> Result<KeyCopy, ReadError> {
        self.with("the person keys", |db| {
            let step = db.transaction()?;
            let mut copy = KeyCopy::default();
            let mut erased = step.prepare(
                "SELECT
                    tombstone.subject,
                    tombstone.erased_at
                FROM tombstone",
            )?;
            for row in erased.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
                let (subject, at) = row?;
                copy.erase(subject, Timestamp(at));
            }
            let mut keys = step.prepare(
                "SELECT
                    person_key.subject,
                    person_key.key
                FROM person_key",
            )?;
            for row in keys.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))? {
                let (subject, key) = row?;
                copy.add(subject, PersonKey::from_bytes(key));
            }
            Ok(copy)
        })
    }

    /// Fills a store that is new.
    ///
    /// # Errors
    /// [`ReadError`] if the file can't be written, or holds a key already.
    pub fn fill(&self, copy: &KeyCopy) -> Result<(), ReadError> {
        self.with("the person keys while filling them in", |db| {
            let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
            for (subject, at) in copy.erased() {
                add_tombstone(&step, subject, at)?;
            }
            for (subject, key) in copy.keys() {
                add_key(&step, subject, key)?;
            }
            step.commit()?;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use engine::ports::KeyStore as _;
    use tempfile::TempDir;

    const KEY: [u8; 32] = [7; 32];

    fn of(people: &[&str], erased: &[&str]) -> KeyCopy {
        let mut copy = KeyCopy::default();
        for person in people {
            copy.add((*person).to_owned(), PersonKey::from_bytes(KEY));
        }
        for person in erased {
            copy.erase((*person).to_owned(), Timestamp(5));
        }
        copy
    }

    fn told(copy: &KeyCopy) -> String {
        let keys: Vec<&str> = copy.keys().map(|(subject, _)| subject).collect();
        let erased: Vec<&str> = copy.erased().map(|(subject, _)| subject).collect();
        format!("{} / {}", keys.join(" "), erased.join(" "))
    }

    #[test]
    fn whoever_was_erased_in_one_copy_is_erased_in_all_whatever_the_order() {
        let (before, after) = (of(&["ada", "bob"], &[]), of(&["bob", "cyd"], &["ada"]));
        let mut merged = of(&[], &[]);
        merged.merge(before);
        merged.merge(after);
        assert_eq!(told(&merged), "bob cyd / ada");
        let mut merged = of(&[], &[]);
        merged.merge(of(&["bob", "cyd"], &["ada"]));
        merged.merge(of(&["ada", "bob"], &[]));
        assert_eq!(told(&merged), "bob cyd / ada");
    }

    #[test]
    fn a_filled_store_gives_the_same_copy_and_no_new_key_to_the_erased() {
        let folder = TempDir::new().unwrap();
        let store = SqliteKeys::open(&folder.path().join("keys.db")).unwrap();
        store.fill(&of(&["ada", "bob"], &["ada"])).unwrap();
        assert_eq!(told(&store.copy().unwrap()), "bob / ada");
        assert!(store.key("ada").unwrap().is_none());
        assert!(store.key_or("ada", PersonKey::from_bytes(KEY)).is_err());
        assert_eq!(*store.key("bob").unwrap().unwrap().expose(), KEY);
        assert!(
            store.fill(&of(&["bob"], &[])).is_err(),
            "keys are made once"
        );
    }
}
