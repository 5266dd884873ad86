//! Looking through a data folder: whatever can be worked out again is, and what differs is named. Nothing is changed, and a server
//! may go on working in the folder: each file is read as it was at one moment.
mod beside;
mod entries;
mod layout;
mod people;
mod same;
mod search;
mod views;

use crate::{
    Month, SqliteProjector,
    error::{Fault, OpenError, is_damage},
    file, keys, log,
};
use engine::ports::ReadError;
use ledger::checkpoint::VerifierKey;
use rusqlite::Connection;
use std::{
    borrow::Cow,
    fmt,
    path::{Path, PathBuf},
    rc::Rc,
};
use views::NotMade;

#[cfg(test)]
mod tests;

/// Most findings that are told one by one.
const FINDINGS_MAX: usize = 1_000;

/// Which file of a data folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DataFile {
    /// The truth.
    Log,
    /// What people's words are sealed with.
    Keys,
    /// What follows from the two.
    Views,
    /// The search over the entries of one month, which follows from them too.
    Search(Month),
}

impl DataFile {
    /// Its name in the folder.
    pub fn name(self) -> Cow<'static, str> {
        match self {
            Self::Log => "log.db".into(),
            Self::Keys => "keys.db".into(),
            Self::Views => "views.db".into(),
            Self::Search(month) => format!("{}/{}", crate::search::FOLDER, month.file()).into(),
        }
    }

    /// What to do about a finding in it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::Log => {
                "stop the server, keep this folder as it is for whoever investigates, and go on from a backup that `remit doctor` finds whole"
            }
            Self::Keys => {
                "stop the server, keep this folder for whoever investigates, and bring back `keys.db` from its own backup"
            }
            Self::Views => {
                "stop the server, remove `views.db` and start it again: the file is made again from the log"
            }
            Self::Search(_) => {
                "stop the server, remove the folder `search` and start it again: its files are made again from the log"
            }
        }
    }
}

/// Something in a data folder that isn't as the log says, or that no release wrote.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// In which file.
    pub file: DataFile,
    /// In which table; empty where it is about the whole file.
    pub table: String,
    /// Which row, by its key; empty where it is about the whole table.
    pub row: String,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`", self.file.name())?;
        if !self.table.is_empty() {
            write!(f, ", table `{}`", self.table)?;
        }
        if !self.row.is_empty() {
            write!(f, ", row {}", self.row)?;
        }
        write!(f, ": {}", self.what)
    }
}

/// What a look through a data folder came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inspected {
    /// Entries of the log, all of them hashed again.
    pub entries: u64,
    /// Bodies and blobs beside them.
    pub beside: u64,
    /// Rows of projections, each held against one made again; `None` if they could not be compared.
    pub projected: Option<u64>,
    /// What is wrong, at most a thousand.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: u64,
}

/// Hears what is being looked through, how much of it is done, and of how much.
pub type Progress<'p> = &'p mut dyn FnMut(&'static str, u64, u64);

impl Inspected {
    fn add(
        &mut self,
        file: DataFile,
        table: impl Into<String>,
        row: impl fmt::Display,
        what: impl Into<String>,
    ) {
        if self.findings.len() == FINDINGS_MAX {
            self.more += 1;
            return;
        }
        self.findings.push(Finding {
            file,
            table: table.into(),
            row: row.to_string(),
            what: what.into(),
        });
    }

    /// Does `look`; what SQLite can't read of a file is a finding, and what the system can't read an error.
    fn looks<T>(
        &mut self,
        file: DataFile,
        path: &Path,
        look: impl FnOnce(&mut Self) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, OpenError> {
        match look(self) {
            Ok(seen) => Ok(Some(seen)),
            Err(error) if tells_change(&error) => {
                self.add(file, "", "", format!("it can't be read on: {error}"));
                Ok(None)
            }
            Err(source) => Err(OpenError::Fault(Fault::new(path, source))),
        }
    }
}

/// Whether an error is about what is in the file, and not about reading it.
fn tells_change(error: &rusqlite::Error) -> bool {
    is_damage(error)
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::QueryReturnedNoRows
                | rusqlite::Error::SqlInputError { .. }
        )
        || error.sqlite_error_code() == Some(rusqlite::ErrorCode::Unknown)
}

/// Looks through the data folder `folder`, whose log must be signed with `key`.
///
/// # Errors
/// [`OpenError`] if a file can't be read; what is found in it is no error.
pub fn inspect(
    folder: &Path,
    key: &VerifierKey,
    progress: Progress<'_>,
) -> Result<Inspected, OpenError> {
    let path = |file: DataFile| folder.join(file.name().as_ref());
    let mut seen = Inspected::default();
    // the projections lag behind the log, and a key is there before the first entry that needs it
    let views = snapshot(&mut seen, &path(DataFile::Views), DataFile::Views)?;
    let months = months(&mut seen, folder)?;
    let log = snapshot(&mut seen, &path(DataFile::Log), DataFile::Log)?;
    let keys = snapshot(&mut seen, &path(DataFile::Keys), DataFile::Keys)?;
    let told = match &log {
        Some(db) => look_at_log(&mut seen, db, &path(DataFile::Log), key, progress)?,
        None => None,
    };
    let Some(told) = told else { return Ok(seen) };
    let kept = match &keys {
        Some(db) => {
            let path = path(DataFile::Keys);
            seen.looks(DataFile::Keys, &path, |seen| {
                layout::inspect(db, DataFile::Keys, keys::MIGRATIONS, seen)?;
                people::inspect(db, &told, seen)
            })?
        }
        None => None,
    };
    let kept = kept.unwrap_or_default();
    if let Some(db) = &log {
        seen.looks(DataFile::Log, &path(DataFile::Log), |seen| {
            beside::inspect(db, &told, &kept, seen, progress)
        })?;
    }
    let Some(db) = &views else { return Ok(seen) };
    let log = path(DataFile::Log);
    let mut again = |entries| views::made_again(&log, kept.clone(), entries, progress).map(Rc::new);
    let projections = Projections {
        path: path(DataFile::Views),
        db,
        months: &months,
    };
    projections.look(&mut seen, &mut again)?;
    Ok(seen)
}

fn look_at_log(
    seen: &mut Inspected,
    db: &Connection,
    path: &Path,
    key: &VerifierKey,
    progress: Progress<'_>,
) -> Result<Option<entries::Told>, OpenError> {
    seen.looks(DataFile::Log, path, |seen| {
        layout::inspect(db, DataFile::Log, log::MIGRATIONS, seen)?;
        entries::inspect(db, key, seen, progress)
    })
}

/// Makes the projections of that many entries.
type MadeAgain<'m> = &'m mut dyn FnMut(u64) -> Result<Rc<SqliteProjector>, NotMade>;

/// The projections as they are now.
struct Projections<'p> {
    path: PathBuf,
    db: &'p Connection,
    months: &'p [search::Found],
}

impl Projections<'_> {
    fn look(&self, seen: &mut Inspected, again: MadeAgain<'_>) -> Result<(), OpenError> {
        let (file, path) = (DataFile::Views, &self.path);
        seen.looks(file, path, |seen| {
            layout::inspect(self.db, file, crate::views::MIGRATIONS, seen)
        })?;
        for found in self.months {
            let file = DataFile::Search(found.month);
            seen.looks(file, &found.path, |seen| {
                layout::inspect(&found.db, file, crate::search::MIGRATIONS, seen)
            })?;
        }
        // what follows from a log that isn't whole, or from other keys, tells nothing
        if !seen.findings.is_empty() {
            return Ok(());
        }
        let followed = seen.looks(file, path, |_| views::followed(self.db))?;
        let Some(followed) = followed else {
            return Ok(());
        };
        match again(followed) {
            Ok(again) => self.compare(&again, followed, seen)?,
            Err(NotMade::Open(error)) => return Err(error),
            Err(NotMade::Ahead) => {
                let what = "it has followed more entries than the log has";
                seen.add(DataFile::Views, "position", "1", what);
            }
            Err(NotMade::Read(error)) => unmade(&error, seen),
        }
        Ok(())
    }

    fn compare(
        &self,
        again: &SqliteProjector,
        followed: u64,
        seen: &mut Inspected,
    ) -> Result<(), OpenError> {
        let mut rows = seen.looks(DataFile::Views, &self.path, |seen| {
            search::expect_months(self.months, again, followed, seen)?;
            views::inspect(self.db, again.connection(), seen)
        })?;
        for found in self.months {
            let looked =
                seen.looks(
                    DataFile::Search(found.month),
                    &found.path,
                    |seen| match search::inspect(found, again, followed, seen) {
                        Ok(rows) => Ok(rows),
                        Err(search::Unseen::Found(error)) => Err(error),
                        Err(search::Unseen::Log(error)) => {
                            unmade(&error, seen);
                            Ok(0)
                        }
                    },
                )?;
            rows = rows.zip(looked).map(|(rows, more)| rows + more);
        }
        seen.projected = rows;
        Ok(())
    }
}

fn unmade(error: &ReadError, seen: &mut Inspected) {
    let what = format!(
        "projections can't be made from it: {}",
        engine::chain(error)
    );
    seen.add(DataFile::Log, "", "", what);
}

/// The files of the search as they are now, but for one that is about to be made.
fn months(seen: &mut Inspected, folder: &Path) -> Result<Vec<search::Found>, OpenError> {
    let folder = folder.join(crate::search::FOLDER);
    let listed = crate::search::months(&folder).map_err(|source| OpenError::File {
        file: folder.clone(),
        source,
    })?;
    let mut months = Vec::new();
    for month in listed {
        let path = folder.join(month.file());
        if let Some(db) = snapshot(seen, &path, DataFile::Search(month))? {
            months.push(search::Found { month, path, db });
        }
    }
    Ok(months)
}

/// A file as it is now, for reading only; `None` if it can't be used, which is a finding, or if it need not be there.
fn snapshot(
    seen: &mut Inspected,
    path: &Path,
    file: DataFile,
) -> Result<Option<Connection>, OpenError> {
    if !path.exists() && file == DataFile::Views {
        return Ok(None);
    }
    let opened = file::open_looking(path, file.migrations());
    match opened {
        Ok(db) => Ok(Some(db)),
        Err(OpenError::Fault(fault @ Fault::Damaged { .. })) => {
            seen.add(file, "", "", engine::chain(&fault));
            Ok(None)
        }
        Err(OpenError::Newer { found: 0, .. }) if matches!(file, DataFile::Search(_)) => Ok(None),
        Err(error @ OpenError::Newer { .. }) => {
            seen.add(file, "", "", error.to_string());
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

impl DataFile {
    const fn migrations(self) -> &'static [&'static str] {
        match self {
            Self::Log => log::MIGRATIONS,
            Self::Keys => keys::MIGRATIONS,
            Self::Views => crate::views::MIGRATIONS,
            Self::Search(_) => crate::search::MIGRATIONS,
        }
    }
}
