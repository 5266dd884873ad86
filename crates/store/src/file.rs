//! How a database file is opened. The folder is nobody else's business: files are made readable for their owner only,
//! and a file that can't be trusted is an error with its name, never a fresh start.
use crate::{
    error::{Fault, OpenError, RowError},
    migrate,
};
use engine::ports::ReadError;
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{
    fs::{self, File, OpenOptions},
    io,
    path::{Path, PathBuf},
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// How long SQLite waits for another connection of the same file.
const BUSY_WAIT: Duration = Duration::from_secs(5);

/// How a connection that writes is tuned: pragmas, run before the migrations.
pub(crate) struct Tuning {
    /// `PRAGMA` statements.
    pub(crate) pragmas: &'static str,
    /// The file's layouts, in order.
    pub(crate) migrations: &'static [&'static str],
}

/// Opens `file` for writing, makes it if there is none, and brings it to the newest layout.
pub(crate) fn open_writing(file: &Path, tuning: &Tuning) -> Result<Connection, OpenError> {
    made(file).map_err(|source| OpenError::File {
        file: file.to_owned(),
        source,
    })?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = connect(file, flags, tuning.pragmas)?;
    migrate::migrate(&mut db, file, tuning.migrations)?;
    Ok(db)
}

/// Opens `file`, which must exist at the newest layout, for reading only.
pub(crate) fn open_reading(
    file: &Path,
    migrations: &[&str],
    cache_kib: u32,
) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let pragmas = format!("PRAGMA query_only = ON; PRAGMA cache_size = -{cache_kib};");
    let db = connect(file, flags, &pragmas)?;
    migrate::expect_newest(&db, file, migrations)?;
    Ok(db)
}

/// Opens `file`, which must exist at the newest layout, as it is at this moment, to look through: the file can't be changed by
/// this connection, and changes by others are not seen.
pub(crate) fn open_looking(file: &Path, migrations: &[&str]) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    // the snapshot is taken by the first question
    let db = connect(file, flags, "BEGIN; SELECT COUNT(*) FROM sqlite_schema;")?;
    migrate::expect_newest(&db, file, migrations)?;
    Ok(db)
}

/// A database in a file without a name, which is gone when it is closed.
pub(crate) fn open_unnamed(migrations: &[&str]) -> rusqlite::Result<Connection> {
    let db = Connection::open("")?;
    for migration in migrations {
        db.execute_batch(migration)?;
    }
    Ok(db)
}

fn connect(file: &Path, flags: OpenFlags, pragmas: &str) -> Result<Connection, OpenError> {
    let connected = || {
        let db = Connection::open_with_flags(file, flags)?;
        db.busy_timeout(BUSY_WAIT)?;
        // a crafted schema or a slip in our own SQL can do less harm this way
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
        db.execute_batch("PRAGMA cell_size_check = ON; PRAGMA temp_store = MEMORY;")?;
        db.execute_batch(pragmas)?;
        Ok(db)
    };
    connected().map_err(|source| OpenError::Fault(Fault::new(file, source)))
}

/// Makes `folder` if there is none, for its owner only.
pub(crate) fn private_folder(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
    Ok(())
}

/// Makes the database `file` if there is none, for its owner only; what SQLite lays beside it gets the same rights. One that is
/// there is not opened here: closing any descriptor of a file gives back every lock that this process holds on it (POSIX), and
/// another program would then think that nobody uses the database, and remove the write-ahead file that commits go to.
fn made(file: &Path) -> io::Result<()> {
    match private_new(file) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

/// Opens `file`, and makes it if there is none, for its owner only. Not for databases: see [`made`].
pub(crate) fn private(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Makes `file`, which must not be there yet, for its owner only.
pub(crate) fn private_new(file: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)
}

/// Connections that only read one file, opened as they are needed; whoever finds all of them busy waits for the next.
#[derive(Debug)]
pub(crate) struct Readers {
    file: PathBuf,
    migrations: &'static [&'static str],
    most: usize,
    cache_kib: u32,
    connections: Mutex<Connections>,
    returned: Condvar,
}

#[derive(Debug, Default)]
struct Connections {
    idle: Vec<Connection>,
    /// Idle or lent.
    open: usize,
}

/// Lends a connection and takes it back, also when the borrower fails.
struct Lent<'a> {
    readers: &'a Readers,
    connection: Option<Connection>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.readers
            .connections()
            .idle
            .extend(self.connection.take());
        self.readers.returned.notify_one();
    }
}

impl Readers {
    /// At most `most` connections to `file`, each with so many KiB of pages of its own.
    pub(crate) fn open(
        file: &Path,
        migrations: &'static [&'static str],
        most: usize,
        cache_kib: u32,
    ) -> Result<Self, OpenError> {
        let first = open_reading(file, migrations, cache_kib)?;
        Ok(Self {
            file: file.to_owned(),
            migrations,
            most,
            cache_kib,
            connections: Mutex::new(Connections {
                idle: vec![first],
                open: 1,
            }),
            returned: Condvar::new(),
        })
    }

    /// Puts one question to the file; `what` says it in an error.
    pub(crate) fn ask<T>(
        &self,
        what: &'static str,
        question: impl FnOnce(&Connection) -> Result<T, RowError>,
    ) -> Result<T, ReadError> {
        let lent = self.lend().map_err(|error| ReadError {
            what,
            source: Box::new(error),
        })?;
        let answer = lent.connection.as_ref().map(question);
        // INVARIANT: `lend` returns with a connection
        answer
            .unwrap_or_else(|| Err(rusqlite::Error::InvalidQuery.into()))
            .map_err(|error| error.reading(what, &self.file))
    }

    fn lend(&self) -> Result<Lent<'_>, OpenError> {
        let lent = |connection| Lent {
            readers: self,
            connection: Some(connection),
        };
        let mut connections = self.connections();
        loop {
            if let Some(connection) = connections.idle.pop() {
                return Ok(lent(connection));
            }
            if connections.open < self.most {
                connections.open += 1;
                break;
            }
            connections = self
                .returned
                .wait(connections)
                .unwrap_or_else(PoisonError::into_inner);
        }
        drop(connections);
        let opened = open_reading(&self.file, self.migrations, self.cache_kib);
        if opened.is_err() {
            self.connections().open -= 1;
            // somebody may wait for what this one was to open
            self.returned.notify_one();
        }
        opened.map(lent)
    }

    fn connections(&self) -> MutexGuard<'_, Connections> {
        // a panic elsewhere can't leave a list of connections half changed
        self.connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}
