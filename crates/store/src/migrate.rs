//! Layouts of a file, in order. A migration that was released is never edited, so a file's layout is fully told by how many
//! of them it has been through.
use crate::error::{Fault, OpenError};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// Brings `db` to the newest layout; each step is one transaction, so a crash leaves a layout that is known.
pub(crate) fn migrate(
    db: &mut Connection,
    file: &Path,
    migrations: &[&str],
) -> Result<(), OpenError> {
    let failed = |source| OpenError::Fault(Fault::new(file, source));
    loop {
        let step = db
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(failed)?;
        let found = layout(&step).map_err(failed)?;
        if found > migrations.len() {
            return Err(newer(file, found, migrations.len()));
        }
        let Some(migration) = migrations.get(found) else {
            return Ok(());
        };
        step.execute_batch(migration).map_err(failed)?;
        step.pragma_update(None, "user_version", found + 1)
            .map_err(failed)?;
        step.commit().map_err(failed)?;
    }
}

/// Refuses a file that is not at the newest layout: readers change nothing.
pub(crate) fn expect_newest(
    db: &Connection,
    file: &Path,
    migrations: &[&str],
) -> Result<(), OpenError> {
    let found = layout(db).map_err(|source| OpenError::Fault(Fault::new(file, source)))?;
    if found == migrations.len() {
        Ok(())
    } else {
        Err(newer(file, found, migrations.len()))
    }
}

fn newer(file: &Path, found: usize, known: usize) -> OpenError {
    OpenError::Newer {
        file: file.to_owned(),
        found,
        known,
    }
}

fn layout(db: &Connection) -> rusqlite::Result<usize> {
    db.pragma_query_value(None, "user_version", |row| row.get(0))
}
