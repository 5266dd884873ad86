//! What can go wrong with a file. Every fault names the file: whoever runs the server has several, and only
//! one of them may be thrown away.
use engine::ports::ReadError;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// Why a file can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Two writers would fork the log.
    #[error("`{file}` is held by another process: stop that one first")]
    InUse {
        /// The lock file.
        file: PathBuf,
    },
    /// Its layout is unknown here.
    #[error(
        "`{file}` has layout {found} and this release knows up to {known}: install the release that wrote it"
    )]
    Newer {
        /// Which file.
        file: PathBuf,
        /// Its layout.
        found: usize,
        /// The newest layout this release knows.
        known: usize,
    },
    /// The operating system refused.
    #[error("`{file}` can't be opened")]
    File {
        /// Which file.
        file: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It opened, and can't be used.
    #[error("the database can't be opened")]
    Fault(#[source] Fault),
    /// The projections can't be held against the log they follow.
    #[error("the log can't be read to open the projections")]
    Log(#[source] ReadError),
}

/// Why an open file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Bytes that SQLite can't have written.
    #[error("`{file}` is damaged: restore it from a backup")]
    Damaged {
        /// Which file.
        file: PathBuf,
        /// What was found.
        #[source]
        source: rusqlite::Error,
    },
    /// Anything else SQLite says.
    #[error("`{file}` can't be read or written")]
    Sqlite {
        /// Which file.
        file: PathBuf,
        /// What it said.
        #[source]
        source: rusqlite::Error,
    },
    /// A row that no release writes.
    #[error("table `{table}` of `{file}` holds a row that can't be: {row}")]
    Inconsistent {
        /// Which file.
        file: PathBuf,
        /// Which table.
        table: &'static str,
        /// Which row, and what is wrong with it.
        row: String,
    },
}

/// What a statement or its rows turned out to be, before the file's name is added.
#[derive(Debug)]
pub(crate) enum RowError {
    Sqlite(rusqlite::Error),
    Inconsistent { table: &'static str, row: String },
    Elsewhere(ReadError),
}

impl From<rusqlite::Error> for RowError {
    fn from(source: rusqlite::Error) -> Self {
        Self::Sqlite(source)
    }
}

impl From<ReadError> for RowError {
    fn from(source: ReadError) -> Self {
        Self::Elsewhere(source)
    }
}

impl RowError {
    pub(crate) fn inconsistent(table: &'static str, row: impl Into<String>) -> Self {
        Self::Inconsistent {
            table,
            row: row.into(),
        }
    }

    /// What the caller of a port is told; `what` was being read in `file`.
    pub(crate) fn reading(self, what: &'static str, file: &Path) -> ReadError {
        let fault = match self {
            Self::Elsewhere(error) => return error,
            Self::Sqlite(source) => Fault::new(file, source),
            Self::Inconsistent { table, row } => Fault::Inconsistent {
                file: file.to_owned(),
                table,
                row,
            },
        };
        ReadError {
            what,
            source: Box::new(fault),
        }
    }
}

impl Fault {
    pub(crate) fn new(file: &Path, source: rusqlite::Error) -> Self {
        let file = file.to_owned();
        if is_damage(&source) {
            Self::Damaged { file, source }
        } else {
            Self::Sqlite { file, source }
        }
    }
}

/// Whether SQLite found bytes that it can't have written.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}
