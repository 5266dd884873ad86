//! The files of the search: each held against the one of its month that was made again. In a folder where a server works they may be
//! ahead of the projections, so only what those have followed is compared.
use super::{DataFile, Inspected, same, views::SOUND};
use crate::{SqliteProjector, followed, search::Month};
use engine::ports::ReadError;
use rusqlite::Connection;
use std::path::PathBuf;

/// Tables of the index of words: they are compared by what the index finds, for their pages depend on how it was written.
const WORDS: &str = "entry_words";

/// The file of a month as it is now.
pub(super) struct Found {
    pub(super) month: Month,
    pub(super) path: PathBuf,
    pub(super) db: Connection,
}

/// Why it could not be looked through.
pub(super) enum Unseen {
    Found(rusqlite::Error),
    Log(ReadError),
}

impl From<rusqlite::Error> for Unseen {
    fn from(error: rusqlite::Error) -> Self {
        Self::Found(error)
    }
}

/// Says which months lack a file, or have one that no entry leads to.
pub(super) fn expect_months(
    found: &[Found],
    again: &SqliteProjector,
    followed: u64,
    seen: &mut Inspected,
) -> rusqlite::Result<()> {
    for (month, _) in again.search().files() {
        if !found.iter().any(|found| found.month == month) {
            seen.add(DataFile::Search(month), "", "", "it is missing");
        }
    }
    for Found { month, db, .. } in found {
        let expected = again.search().files().any(|(other, _)| other == *month);
        // one without an entry is left when a month could not be begun
        let ahead = crate::search::first(db)?.is_none_or(|first| first >= followed);
        if !expected && !ahead {
            seen.add(
                DataFile::Search(*month),
                "",
                "",
                "no entry leads to this file",
            );
        }
    }
    Ok(())
}

/// Holds one file against what was made again; how many rows that has.
pub(super) fn inspect(
    found: &Found,
    again: &SqliteProjector,
    followed: u64,
    seen: &mut Inspected,
) -> Result<u64, Unseen> {
    let file = DataFile::Search(found.month);
    let Some((_, other)) = again
        .search()
        .files()
        .find(|(month, _)| *month == found.month)
    else {
        return Ok(0);
    };
    let mut rows = 0;
    let mut compare = |table: &str, of: same::Table| {
        same::inspect(&found.db, other, &of, &mut |row, what| {
            seen.add(file, table, row, what);
        })
    };
    for table in ["entry", "worded"] {
        let of = same::Table::of(other, table, &[])?.below("entry", followed);
        rows += compare(table, of)?;
    }
    for db in [&found.db, other] {
        db.execute_batch(
            "DROP TABLE IF EXISTS temp.word;
            CREATE VIRTUAL TABLE temp.word USING fts5vocab(main, entry_words, instance)",
        )?;
    }
    let words = same::Table::of(other, "word", &[])?.below("doc", followed);
    rows += compare(WORDS, words)?;
    let position = followed::position(&found.db)?;
    let ahead = position.filter(|position| position.entries > followed);
    let moved: &[&str] = match ahead {
        Some(_) => &[SOUND, "entries", "newest"],
        None => &[SOUND],
    };
    rows += compare("position", same::Table::of(other, "position", moved)?)?;
    if let Some(position) = ahead {
        let what = match again.leaf_hash(position.entries).map_err(Unseen::Log)? {
            None => "it has more entries than the log",
            Some(newest) if position.newest != Some(*newest.as_bytes()) => {
                "`newest` is not what the log leads to"
            }
            Some(_) => return Ok(rows),
        };
        seen.add(file, "position", "1", what);
    }
    Ok(rows)
}
