//! A copy of the log as it is at one moment, made while another process goes on writing it. The copy is one plain file, and says
//! of itself that it is a copy: whoever serves it begins by asking what happened since.
use super::{CACHE_KIB, MIGRATIONS, SqliteLog};
use crate::{
    error::{Fault, OpenError},
    file,
};
use rusqlite::{
    Connection, OpenFlags,
    backup::{Backup, StepResult},
};
use std::path::Path;

/// Pages that are copied at a time.
const PAGES: i32 = 1_024;

impl SqliteLog {
    /// Copies the log at `from` to `to`, which must not be there yet. `progress` is told pages done, and pages in all.
    ///
    /// # Errors
    /// [`OpenError`] if either file can't be used, or the log has no entries. What was written of `to` is then of no use.
    pub fn copy(
        from: &Path,
        to: &Path,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<(), OpenError> {
        let source = file::open_reading(from, MIGRATIONS, CACHE_KIB)?;
        file::private_new(to).map_err(|source| OpenError::File {
            file: to.to_owned(),
            source,
        })?;
        let mut copy = Connection::open_with_flags(
            to,
            OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
        )
        .map_err(|error| OpenError::Fault(Fault::new(to, error)))?;
        pages(&source, &mut copy, progress)
            .map_err(|error| OpenError::Fault(Fault::new(from, error)))?;
        mark(&copy).map_err(|error| OpenError::Fault(Fault::new(to, error)))
    }

    /// How many entries the log at `file` had when it was made as a copy; `None` if it isn't one.
    ///
    /// # Errors
    /// [`OpenError`] if there is none or it can't be used.
    pub fn copied(file: &Path) -> Result<Option<u64>, OpenError> {
        let db = file::open_reading(file, MIGRATIONS, CACHE_KIB)?;
        super::reader::copied(&db).map_err(|error| OpenError::Fault(Fault::new(file, error)))
    }
}

fn pages(
    source: &Connection,
    copy: &mut Connection,
    progress: &mut dyn FnMut(u64, u64),
) -> rusqlite::Result<()> {
    // the open read transaction holds one moment fast: without it each commit would start the copy anew
    source.execute_batch("BEGIN")?;
    source.query_row("SELECT head.size FROM head WHERE head.one = 1", [], |_| {
        Ok(())
    })?;
    let backup = Backup::new(source, copy)?;
    loop {
        match backup.step(PAGES)? {
            StepResult::Done => break,
            StepResult::More => {
                let made = backup.progress();
                let all = u64::try_from(made.pagecount).unwrap_or(0);
                progress(
                    all.saturating_sub(u64::try_from(made.remaining).unwrap_or(0)),
                    all,
                );
            }
            // nobody else has the copy, and the source is being read already: neither can be busy
            _ => return Err(rusqlite::Error::InvalidQuery),
        }
    }
    Ok(())
}

/// One file without others beside it, so that nothing can be slipped in by laying a write-ahead file next to it.
fn mark(copy: &Connection) -> rusqlite::Result<()> {
    copy.query_row("PRAGMA journal_mode = DELETE", [], |_| Ok(()))?;
    copy.execute(
        "INSERT INTO copied (one, entries)
        SELECT 1, head.size
        FROM head
        WHERE head.one = 1
        ON CONFLICT (one) DO UPDATE SET entries = excluded.entries",
        [],
    )
    .map(drop)
}
