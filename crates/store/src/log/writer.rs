//! The one writer's transaction. The head moves first and only from the size the batch was made for: a second writer, however
//! it got there, changes nothing.
use super::{checkpointer::Checkpointer, lock::WriterLock};
use crate::{error::RowError, reserve::Reserve};
use engine::ports::{Batch, CommitError, KeptAnswer, LogWriter};
use ledger::{
    body::SealedBody,
    digest::Digest,
    tree::{StoredHash, stored_count},
};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use std::path::{Path, PathBuf};

/// The write side of the log.
#[derive(Debug)]
pub(crate) struct Writer {
    db: Connection,
    file: PathBuf,
    /// Whether the last commit failed in a way that may have left it in the write-ahead file.
    doubtful: bool,
    /// Given up when the disk is full, for batches that take power away; the others wait until it is held again.
    reserve: Reserve,
    checkpointer: Checkpointer,
    // INVARIANT: the last field, given up when nothing of this log is written any more
    _lock: WriterLock,
}

impl Writer {
    pub(crate) fn new(
        db: Connection,
        file: &Path,
        checkpointer: Checkpointer,
        lock: WriterLock,
        reserve: Reserve,
    ) -> Self {
        // more statements than the default cache holds would be prepared anew for each batch
        db.set_prepared_statement_cache_capacity(32);
        Self {
            db,
            file: file.to_owned(),
            doubtful: false,
            reserve,
            checkpointer,
            _lock: lock,
        }
    }
}

#[cfg(test)]
impl Writer {
    pub(crate) fn connection(&self) -> &Connection {
        &self.db
    }
}

impl LogWriter for Writer {
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        if !batch.takes_away && !self.has_room() {
            return Err(CommitError::Full);
        }
        match self.try_commit(batch) {
            Err(CommitError::Full) if batch.takes_away && self.makes_room() => {
                self.try_commit(batch)
            }
            committed => committed,
        }
    }
}

/// Why a batch isn't, or may not be, in the log.
enum Failure {
    HeadElsewhere { found: u64 },
    Row(RowError),
}

impl From<rusqlite::Error> for Failure {
    fn from(source: rusqlite::Error) -> Self {
        Self::Row(source.into())
    }
}

impl Writer {
    fn try_commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let done = self.settle().and_then(|()| write(&mut self.db, batch));
        if done.is_ok() {
            let leaves = batch.leaves.iter().map(Vec::len).sum::<usize>();
            self.checkpointer.committed(leaves);
        }
        done.map_err(|failure| self.explain(failure, batch))
    }

    /// Whether the room for taking power away is held: while it isn't, nothing else may use what is left.
    fn has_room(&mut self) -> bool {
        self.reserve.hold().unwrap_or_else(|error| {
            tracing::warn!(%error, "the disk of the log is full");
            false
        })
    }

    fn makes_room(&mut self) -> bool {
        let released = self.reserve.release();
        tracing::warn!(
            ?released,
            "the disk of the log is full: the room held back is given up"
        );
        released.is_ok_and(|released| released)
    }

    /// After a failed sync the refused batch may lie in the write-ahead file, unseen here, and come back with the next start.
    /// Moving what is known to be committed into the database and emptying that file settles it.
    fn settle(&mut self) -> Result<(), Failure> {
        if self.doubtful {
            let _alone = self.checkpointer.hold();
            let busy: bool = self
                .db
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
            if busy {
                return Err(RowError::inconsistent("head", "the last commit is in doubt").into());
            }
            self.doubtful = false;
        }
        Ok(())
    }

    fn explain(&mut self, failure: Failure, batch: &Batch) -> CommitError {
        let error = match failure {
            Failure::HeadElsewhere { found } => {
                return CommitError::Conflict {
                    expected: batch.expected_size,
                    found,
                };
            }
            Failure::Row(RowError::Sqlite(error))
                if error.sqlite_error_code() == Some(ErrorCode::DiskFull) =>
            {
                return CommitError::Full;
            }
            Failure::Row(error) => error,
        };
        self.doubtful = true;
        CommitError::Unknown(error.reading("the log while writing", &self.file).source)
    }
}

impl From<RowError> for Failure {
    fn from(error: RowError) -> Self {
        Self::Row(error)
    }
}

fn write(db: &mut Connection, batch: &Batch) -> Result<(), Failure> {
    expect_fitting(batch)?;
    let step = db.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !move_head(&step, batch)? {
        return Err(Failure::HeadElsewhere {
            found: size(&step)?,
        });
    }
    add_leaves(&step, batch.expected_size, &batch.leaves)?;
    add_nodes(&step, &batch.hashes)?;
    add_bodies(&step, &batch.bodies)?;
    add_blobs(&step, &batch.blobs)?;
    add_answers(&step, &batch.answers)?;
    Ok(step.commit()?)
}

/// A head that doesn't tell its leaves and nodes would make a log that no reader accepts again.
fn expect_fitting(batch: &Batch) -> Result<(), RowError> {
    let (from, to) = (batch.expected_size, batch.head.tree.size);
    let nodes = stored_count(from)..stored_count(to);
    if to == from + batch.leaves.len() as u64
        && batch.hashes.iter().map(|node| node.index).eq(nodes)
    {
        return Ok(());
    }
    let (leaves, nodes) = (batch.leaves.len(), batch.hashes.len());
    let row = format!("{leaves} leaves with {nodes} nodes don't lead from {from} entries to {to}");
    Err(RowError::inconsistent("head", row))
}

fn move_head(step: &Transaction<'_>, batch: &Batch) -> rusqlite::Result<bool> {
    let head = &batch.head;
    let moved = step
        .prepare_cached(
            "UPDATE head
            SET
                size = ?1,
                root = ?2,
                checkpoint = ?3
            WHERE head.one = 1
                AND head.size = ?4",
        )?
        .execute(params![
            head.tree.size,
            head.tree.root.as_bytes(),
            head.checkpoint,
            batch.expected_size
        ])?;
    Ok(moved == 1)
}

fn size(step: &Transaction<'_>) -> rusqlite::Result<u64> {
    step.query_row(
        "SELECT
            head.size
        FROM head
        WHERE head.one = 1",
        [],
        |row| row.get(0),
    )
}

fn add_leaves(step: &Transaction<'_>, first: u64, leaves: &[Vec<u8>]) -> rusqlite::Result<()> {
    let mut insert = step.prepare_cached(
        "INSERT INTO leaf (entry, bytes)
        VALUES (?1, ?2)",
    )?;
    for (entry, bytes) in (first..).zip(leaves) {
        insert.execute(params![entry, bytes])?;
    }
    Ok(())
}

fn add_nodes(step: &Transaction<'_>, hashes: &[StoredHash]) -> rusqlite::Result<()> {
    let mut insert = step.prepare_cached(
        "INSERT INTO node (place, hash)
        VALUES (?1, ?2)",
    )?;
    for node in hashes {
        insert.execute(params![node.index, node.hash.as_bytes()])?;
    }
    Ok(())
}

/// A commitment binds all of a body, so a body that is there already is the same one.
fn add_bodies(step: &Transaction<'_>, bodies: &[SealedBody]) -> rusqlite::Result<()> {
    if bodies.is_empty() {
        return Ok(());
    }
    let mut insert = step.prepare_cached(
        "INSERT INTO body (commitment, subject, nonce, ciphertext)
        VALUES (?1, ?2, ?3, ?4)
        ON CONFLICT (commitment) DO NOTHING",
    )?;
    for body in bodies {
        insert.execute(params![
            body.commitment.as_bytes(),
            body.subject,
            body.nonce,
            body.ciphertext
        ])?;
    }
    Ok(())
}

/// A digest binds its blob, so a blob that is there already is the same one.
fn add_blobs(step: &Transaction<'_>, blobs: &[(Digest, Vec<u8>)]) -> rusqlite::Result<()> {
    if blobs.is_empty() {
        return Ok(());
    }
    let mut insert = step.prepare_cached(
        "INSERT INTO blob (digest, bytes)
        VALUES (?1, ?2)
        ON CONFLICT (digest) DO NOTHING",
    )?;
    for (digest, bytes) in blobs {
        insert.execute(params![digest.as_bytes(), bytes])?;
    }
    Ok(())
}

fn add_answers(step: &Transaction<'_>, answers: &[KeptAnswer]) -> rusqlite::Result<()> {
    if answers.is_empty() {
        return Ok(());
    }
    let mut insert = step.prepare_cached(
        "INSERT INTO answer (principal, key, fingerprint, entry)
        VALUES (?1, ?2, ?3, ?4)",
    )?;
    for answer in answers {
        insert.execute(params![
            answer.principal,
            answer.key,
            answer.fingerprint.as_bytes(),
            answer.entry
        ])?;
    }
    Ok(())
}
