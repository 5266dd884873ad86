//! Writing the search: entries in order, each to the file of its month. A file is committed before the projections that it belongs
//! to, so after a crash it may be ahead of them, never behind: what it has already is then passed over.
use super::{
    MIGRATIONS, Month,
    marks::{self, About},
};
use crate::{
    error::{Fault, OpenError, RowError},
    file::{self, Tuning},
    followed,
    views::Trouble,
};
use domain::{
    ids::{GrantNumber, PersonId, PrivilegeId, RequestNumber, TargetId},
    time::Timestamp,
};
use engine::ports::LogReader;
use rusqlite::{Connection, params};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
};

/// As that of the projections: losing the last commits costs following them again.
const TUNING: Tuning = Tuning {
    pragmas: "PRAGMA journal_mode = WAL;
        PRAGMA synchronous = NORMAL;
        PRAGMA cache_size = -32768;
        PRAGMA wal_autocheckpoint = 4000;",
    migrations: MIGRATIONS,
};

/// What is found about one entry.
#[derive(Debug)]
pub(crate) struct Line<'a> {
    pub(crate) entry: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: &'a str,
    pub(crate) stream: &'a str,
    pub(crate) person: Option<&'a PersonId>,
    pub(crate) privilege: Option<&'a PrivilegeId>,
    pub(crate) targets: &'a BTreeSet<TargetId>,
    pub(crate) request: Option<RequestNumber>,
    pub(crate) grant: Option<GrantNumber>,
    pub(crate) ticket: Option<&'a str>,
    /// `done`, or the rule that refused.
    pub(crate) outcome: &'a str,
    pub(crate) summary: String,
    /// Everything else it is found by.
    pub(crate) words: String,
    /// Whose words this entry brought.
    pub(crate) subjects: Vec<String>,
}

/// The files of the search, as their one writer sees them.
pub(crate) struct Index {
    /// `None`: files without names, all of them kept open.
    folder: Option<PathBuf>,
    /// Oldest first. Of files in a folder only the newest is kept open, and those of a batch that isn't committed yet.
    months: Vec<Open>,
    /// One after the newest entry in any of them, and what it was before a batch.
    entries: u64,
    committed: u64,
    /// Whose words are in lines about entries that the projections have yet to follow.
    ahead: BTreeSet<String>,
    /// Files that were wiped, and whose write-ahead files may still tell what was in them.
    wiped: Vec<Connection>,
}

struct Open {
    month: Month,
    db: Connection,
    /// Whether the batch has lines for it.
    written: bool,
    /// One after its newest entry.
    entries: u64,
}

/// Names of months that have a file in `folder`, oldest first; none if there is no such folder.
pub(crate) fn months(folder: &Path) -> io::Result<Vec<Month>> {
    let files = match fs::read_dir(folder) {
        Ok(files) => files,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let mut months = Vec::new();
    for file in files {
        months.extend(file?.file_name().to_str().and_then(Month::of_file));
    }
    months.sort_unstable();
    Ok(months)
}

fn listed(folder: &Path) -> Result<Vec<Month>, OpenError> {
    months(folder).map_err(|source| OpenError::File {
        file: folder.to_owned(),
        source,
    })
}

impl Index {
    const fn new(folder: Option<PathBuf>) -> Self {
        Self {
            folder,
            months: Vec::new(),
            entries: 0,
            committed: 0,
            ahead: BTreeSet::new(),
            wiped: Vec::new(),
        }
    }

    /// Files without names, which are gone with this.
    pub(crate) const fn unnamed() -> Self {
        Self::new(None)
    }

    /// No file in `folder`, whatever was there.
    pub(crate) fn anew(folder: &Path) -> Result<Self, OpenError> {
        for month in listed(folder)? {
            followed::remove(&folder.join(month.file()))?;
        }
        Ok(Self::new(Some(folder.to_owned())))
    }

    /// The files in `folder`, for projections that have followed `followed` entries; `None` if they can't be gone on with.
    pub(crate) fn open(
        folder: &Path,
        followed: u64,
        log: &dyn LogReader,
    ) -> Result<Option<Self>, Trouble> {
        let mut index = Self::new(Some(folder.to_owned()));
        for month in listed(folder).map_err(Trouble::Here)? {
            let path = folder.join(month.file());
            let opened = match file::open_writing(&path, &TUNING) {
                Ok(db) => index.goes_on(month, db, &path, log)?,
                Err(OpenError::Newer { .. } | OpenError::Fault(Fault::Damaged { .. })) => false,
                Err(error) => return Err(Trouble::Here(error)),
            };
            if !opened {
                return Ok(None);
            }
        }
        if index.entries < followed {
            return Ok(None);
        }
        index.committed = index.entries;
        let failed = |source| Trouble::Here(OpenError::Fault(Fault::new(folder, source)));
        index.ahead_of(followed).map_err(failed)?;
        index.keep_the_newest().map_err(failed)?;
        Ok(Some(index))
    }

    /// Whether `db` begins where the file before it ends, and can be gone on with. Then it is one of the months.
    fn goes_on(
        &mut self,
        month: Month,
        db: Connection,
        path: &Path,
        log: &dyn LogReader,
    ) -> Result<bool, Trouble> {
        let failed = |source| Trouble::Here(OpenError::Fault(Fault::new(path, source)));
        let Some(position) = followed::position(&db).map_err(failed)? else {
            return Ok(false);
        };
        let first = first(&db).map_err(failed)?;
        let follows = first.is_none_or(|first| first == self.entries);
        let whole = position.sound || followed::is_whole(&db).map_err(failed)?;
        if !follows || !whole || !position.goes_on(log).map_err(Trouble::Log)? {
            return Ok(false);
        }
        self.entries = self.entries.max(position.entries);
        self.months.push(Open {
            month,
            db,
            written: false,
            entries: position.entries,
        });
        Ok(true)
    }

    /// Remembers whose words came with entries from `followed` on.
    fn ahead_of(&mut self, followed: u64) -> rusqlite::Result<()> {
        for open in self.months.iter().filter(|open| open.entries > followed) {
            let mut statement = open.db.prepare(
                "SELECT
                    worded.subject
                FROM worded
                WHERE worded.entry >= ?1",
            )?;
            let subjects = statement.query_map([followed], |row| row.get(0))?;
            for subject in subjects {
                self.ahead.insert(subject?);
            }
        }
        Ok(())
    }

    /// Closes all but the newest, which nobody will write again.
    fn keep_the_newest(&mut self) -> rusqlite::Result<()> {
        if self.folder.is_some() {
            let older = self.months.len().saturating_sub(1);
            for open in self.months.drain(..older) {
                followed::set_sound(&open.db, true)?;
            }
        }
        if let Some(newest) = self.months.last() {
            followed::set_sound(&newest.db, false)?;
        }
        Ok(())
    }

    /// Whether words of `subject` are in entries that the projections have yet to follow.
    pub(crate) fn is_ahead_with(&self, subject: &str) -> bool {
        self.ahead.contains(subject)
    }

    /// Notes that the projections have followed so many entries.
    pub(crate) fn followed(&mut self, entries: u64) {
        if entries >= self.entries {
            self.ahead.clear();
        }
    }

    /// Adds the line about the next entry; one that is there already is passed over.
    pub(crate) fn add(&mut self, line: &Line<'_>) -> Result<(), RowError> {
        if line.entry < self.entries {
            return Ok(());
        }
        if line.entry != self.entries {
            let row = format!(
                "entry {} was to be added, and {} came",
                self.entries, line.entry
            );
            return Err(RowError::inconsistent("entry", row));
        }
        let db = self.month_of(line.at)?;
        insert_row(db, line)?;
        insert_words(db, line)?;
        for subject in &line.subjects {
            db.prepare_cached(
                "INSERT INTO worded (subject, entry)
                VALUES (?1, ?2)
                ON CONFLICT (subject) DO NOTHING",
            )?
            .execute(params![subject, line.entry])?;
        }
        self.ahead.extend(line.subjects.iter().cloned());
        self.entries += 1;
        Ok(())
    }

    /// The file for an entry of that time, in a transaction.
    fn month_of(&mut self, at: Timestamp) -> Result<&Connection, RowError> {
        let newest = self.months.last().map(|open| open.month);
        // entries of a month lie side by side, whatever a clock may say
        let month = newest.map_or(Month::of(at), |newest| newest.max(Month::of(at)));
        if newest != Some(month) {
            let db = self.begin(month)?;
            self.months.push(Open {
                month,
                db,
                written: false,
                entries: 0,
            });
        }
        let Some(open) = self.months.last_mut() else {
            return Err(RowError::inconsistent("position", "there is no month"));
        };
        if !open.written {
            open.db.execute_batch("BEGIN IMMEDIATE")?;
            open.written = true;
        }
        Ok(&open.db)
    }

    /// A new file.
    fn begin(&self, month: Month) -> Result<Connection, RowError> {
        let db = match &self.folder {
            Some(folder) => made(folder, month)?,
            None => file::open_unnamed(MIGRATIONS)?,
        };
        db.set_prepared_statement_cache_capacity(16);
        // a file that was wiped has begun already
        if followed::position(&db)?.is_none() {
            followed::begin(&db)?;
        }
        Ok(db)
    }

    /// Commits what was added.
    pub(crate) fn commit(&mut self, log: &dyn LogReader) -> Result<(), RowError> {
        for n in 0..self.months.len() {
            let next = self.months.get(n + 1..).unwrap_or_default();
            // the files after it begin where it ends
            let after = next
                .iter()
                .filter(|open| open.written)
                .find_map(|open| first_line(&open.db));
            let entries = after.unwrap_or(self.entries);
            let Some(open) = self.months.get_mut(n) else {
                break;
            };
            if open.written {
                open.commit(log, entries)?;
            }
        }
        self.committed = self.entries;
        if self.months.len() > 1 {
            self.keep_the_newest()?;
        }
        Ok(())
    }

    /// Forgets what was added since the last commit.
    pub(crate) fn abandon(&mut self) -> rusqlite::Result<()> {
        for open in &mut self.months {
            open.written = false;
            if !open.db.is_autocommit() {
                open.db.execute_batch("ROLLBACK")?;
            }
        }
        self.entries = self.committed;
        Ok(())
    }

    /// Overwrites what is in every file; they begin again from the first entry.
    pub(crate) fn wipe(&mut self) -> Result<(), RowError> {
        self.months.clear();
        (self.entries, self.committed) = (0, 0);
        self.ahead.clear();
        let Some(folder) = &self.folder else {
            return Ok(());
        };
        for month in listed(folder).map_err(opening)? {
            let mut db =
                file::open_writing(&folder.join(month.file()), &TUNING).map_err(opening)?;
            followed::wipe(&mut db, MIGRATIONS)?;
            self.wiped.push(db);
        }
        Ok(())
    }

    /// Drops what write-ahead files still hold of what was wiped; `false` while a reader keeps one from being dropped.
    pub(crate) fn drop_logs(&mut self) -> rusqlite::Result<bool> {
        while let Some(db) = self.wiped.last() {
            if !followed::drop_log(db)? {
                return Ok(false);
            }
            self.wiped.pop();
        }
        Ok(true)
    }

    /// Notes that the files were left in good order.
    pub(crate) fn close(&self) -> rusqlite::Result<()> {
        match self.months.last() {
            Some(newest) => followed::set_sound(&newest.db, true),
            None => Ok(()),
        }
    }

    /// The files with their months, oldest first; for those without names, all of them.
    pub(crate) fn files(&self) -> impl Iterator<Item = (Month, &Connection)> {
        self.months.iter().map(|open| (open.month, &open.db))
    }
}

impl Open {
    fn commit(&mut self, log: &dyn LogReader, entries: u64) -> Result<(), RowError> {
        let newest = followed::leaf_hash(log, entries)?;
        let first = first_line(&self.db);
        self.db
            .prepare_cached(
                "UPDATE position
                SET
                    first = ?1,
                    entries = ?2,
                    newest = ?3
                WHERE position.one = 1",
            )?
            .execute(params![first, entries, newest.as_bytes()])?;
        self.db.execute_batch("COMMIT")?;
        self.written = false;
        self.entries = entries;
        Ok(())
    }
}

fn opening(error: OpenError) -> RowError {
    RowError::Elsewhere(engine::ports::ReadError {
        what: "the files of the search",
        source: Box::new(error),
    })
}

fn made(folder: &Path, month: Month) -> Result<Connection, RowError> {
    let source = |source| {
        opening(OpenError::File {
            file: folder.to_owned(),
            source,
        })
    };
    file::private_folder(folder).map_err(source)?;
    file::open_writing(&folder.join(month.file()), &TUNING).map_err(opening)
}

/// The entry with which a file begins, as its position says.
pub(crate) fn first(db: &Connection) -> rusqlite::Result<Option<u64>> {
    db.query_row(
        "SELECT
            position.first
        FROM position
        WHERE position.one = 1",
        [],
        |row| row.get(0),
    )
}

/// The first entry that has a line.
fn first_line(db: &Connection) -> Option<u64> {
    let first = db.query_row("SELECT MIN(entry.entry) FROM entry", [], |row| row.get(0));
    first.ok().flatten()
}

fn insert_row(db: &Connection, line: &Line<'_>) -> Result<(), RowError> {
    let targets = serde_json::to_string(line.targets)
        .map_err(|error| RowError::inconsistent("entry", error.to_string()))?;
    db.prepare_cached(
        "INSERT INTO entry (
            entry, at, kind, stream, person, privilege, targets, request, grant_number, ticket,
            outcome, summary
        )
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
    )?
    .execute(params![
        line.entry,
        line.at.0,
        line.kind,
        line.stream,
        line.person.map(PersonId::as_str),
        line.privilege.map(PrivilegeId::as_str),
        targets,
        line.request.map(|number| number.0),
        line.grant.map(|number| number.0),
        line.ticket,
        line.outcome,
        line.summary
    ])?;
    Ok(())
}

fn insert_words(db: &Connection, line: &Line<'_>) -> Result<(), RowError> {
    db.prepare_cached(
        "INSERT INTO entry_words (rowid, summary, words, marks)
        VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute(params![line.entry, line.summary, line.words, line.marks()])?;
    Ok(())
}

impl Line<'_> {
    fn marks(&self) -> String {
        let of = |about, value: &str| Some(marks::mark(about, value));
        let mut marks = vec![
            of(About::Kind, self.kind),
            of(About::Outcome, self.outcome),
            (self.outcome != "done").then(marks::refused),
            self.person.and_then(|id| of(About::Person, id.as_str())),
            self.privilege
                .and_then(|id| of(About::Privilege, id.as_str())),
            self.request
                .and_then(|number| of(About::Request, &number.0.to_string())),
            self.grant
                .and_then(|number| of(About::Grant, &number.0.to_string())),
            self.ticket.and_then(|ticket| of(About::Ticket, ticket)),
        ];
        marks.extend(self.targets.iter().map(|id| of(About::Target, id.as_str())));
        marks.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }
}
