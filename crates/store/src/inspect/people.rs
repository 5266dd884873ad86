//! The person keys: nobody has a key and a tombstone, and whoever the log says is forgotten has no key.
use super::{DataFile, Inspected, entries::Told};
use ledger::body::PersonKey;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};

const FILE: DataFile = DataFile::Keys;

/// The keys of one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Kept {
    pub(super) keys: BTreeMap<String, PersonKey>,
    pub(super) tombstones: BTreeSet<String>,
}

/// Looks through `person_key` and `tombstone`.
pub(super) fn inspect(
    db: &Connection,
    told: &Told,
    seen: &mut Inspected,
) -> rusqlite::Result<Kept> {
    let kept = Kept {
        keys: keys(db)?,
        tombstones: tombstones(db)?,
    };
    let named: BTreeSet<&String> = told.bodies.values().map(|body| &body.subject).collect();
    for subject in named {
        if !kept.keys.contains_key(subject) && !kept.tombstones.contains(subject) {
            let what = "the words of this subject can't be opened: there is no key, and no tombstone that says it was destroyed";
            seen.add(FILE, "person_key", subject, what);
        }
    }
    for subject in &kept.tombstones {
        if kept.keys.contains_key(subject) {
            let what = "there is a key, though a tombstone says it was destroyed";
            seen.add(FILE, "person_key", subject, what);
        }
        if !told.erased.contains_key(subject) {
            let what = "no entry records that this key was destroyed: a running server records it within seconds, so look again";
            seen.add(FILE, "tombstone", subject, what);
        }
    }
    for (subject, entry) in &told.erased {
        if !kept.tombstones.contains(subject) {
            let what = format!(
                "entry {entry} records that this key was destroyed, and there is no tombstone"
            );
            seen.add(FILE, "tombstone", subject, what);
        }
    }
    Ok(kept)
}

fn keys(db: &Connection) -> rusqlite::Result<BTreeMap<String, PersonKey>> {
    let mut statement = db.prepare(
        "SELECT
            person_key.subject,
            person_key.key
        FROM person_key",
    )?;
    let keys = statement.query_map([], |row| {
        Ok((row.get(0)?, PersonKey::from_bytes(row.get(1)?)))
    })?;
    keys.collect()
}

fn tombstones(db: &Connection) -> rusqlite::Result<BTreeSet<String>> {
    let mut statement = db.prepare(
        "SELECT
            tombstone.subject
        FROM tombstone",
    )?;
    let subjects = statement.query_map([], |row| row.get(0))?;
    subjects.collect()
}
