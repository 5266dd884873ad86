//! Reading the log. What is committed never changes, so readers need no transaction across questions.
use crate::{error::RowError, file::Readers};
use engine::ports::{Head, KeptAnswer, LogReader, ReadError};
use ledger::{body::SealedBody, digest::Digest, tree::TreeHead};
use rusqlite::{Connection, OptionalExtension, params};

/// The read side of the log.
#[derive(Debug)]
pub(crate) struct Reader {
    readers: Readers,
}

impl Reader {
    pub(crate) fn new(readers: Readers) -> Self {
        Self { readers }
    }
}

impl LogReader for Reader {
    fn head(&self) -> Result<Head, ReadError> {
        self.readers.ask("the head of the log", |db| Ok(head(db)?))
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        // no log reaches the numbers that SQLite doesn't have
        let (from, limit) = (from.min(u64::MAX >> 1), limit.min(usize::MAX >> 1));
        self.readers
            .ask("entries of the log", |db| leaves(db, from, limit))
    }

    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        self.readers.ask("nodes of the tree", |db| {
            indexes.iter().map(|&index| hash(db, index)).collect()
        })
    }

    fn body(&self, commitment: &Digest) -> Result<Option<SealedBody>, ReadError> {
        self.readers.ask("a body", |db| Ok(body(db, commitment)?))
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        self.readers.ask("a blob", |db| Ok(blob(db, digest)?))
    }

    fn copied(&self) -> Result<Option<u64>, ReadError> {
        self.readers
            .ask("whether the log is a copy", |db| Ok(copied(db)?))
    }

    fn answer(&self, principal: &str, key: &str) -> Result<Option<KeptAnswer>, ReadError> {
        self.readers
            .ask("a kept answer", |db| Ok(answer(db, principal, key)?))
    }
}

fn head(db: &Connection) -> rusqlite::Result<Head> {
    db.prepare_cached(
        "SELECT
            head.size,
            head.root,
            head.checkpoint
        FROM head
        WHERE head.one = 1",
    )?
    .query_row([], |row| {
        let tree = TreeHead {
            size: row.get(0)?,
            root: Digest::from_bytes(row.get(1)?),
        };
        Ok(Head {
            tree,
            checkpoint: row.get(2)?,
        })
    })
}

pub(super) fn copied(db: &Connection) -> rusqlite::Result<Option<u64>> {
    db.prepare_cached(
        "SELECT
            copied.entries
        FROM copied
        WHERE copied.one = 1",
    )?
    .query_row([], |row| row.get(0))
    .optional()
}

fn leaves(db: &Connection, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, RowError> {
    let mut statement = db.prepare_cached(
        "SELECT
            leaf.entry,
            leaf.bytes
        FROM leaf
        WHERE leaf.entry >= ?1
        ORDER BY leaf.entry
        LIMIT ?2",
    )?;
    let mut rows = statement.query(params![from, limit])?;
    let mut leaves = Vec::new();
    let mut expected = from;
    while let Some(row) = rows.next()? {
        let entry: u64 = row.get(0)?;
        if entry != expected {
            return Err(RowError::inconsistent(
                "leaf",
                format!("entry {expected} is missing"),
            ));
        }
        leaves.push(row.get(1)?);
        expected += 1;
    }
    Ok(leaves)
}

fn hash(db: &Connection, index: u64) -> Result<Digest, RowError> {
    let hash = db
        .prepare_cached(
            "SELECT
                node.hash
            FROM node
            WHERE node.place = ?1",
        )?
        .query_row([index], |row| row.get(0))
        .optional()?;
    hash.map(Digest::from_bytes)
        .ok_or_else(|| RowError::inconsistent("node", format!("node {index} is missing")))
}

fn body(db: &Connection, commitment: &Digest) -> rusqlite::Result<Option<SealedBody>> {
    db.prepare_cached(
        "SELECT
            body.subject,
            body.nonce,
            body.ciphertext
        FROM body
        WHERE body.commitment = ?1",
    )?
    .query_row([commitment.as_bytes()], |row| {
        Ok(SealedBody {
            commitment: *commitment,
            subject: row.get(0)?,
            nonce: row.get(1)?,
            ciphertext: row.get(2)?,
        })
    })
    .optional()
}

fn blob(db: &Connection, digest: &Digest) -> rusqlite::Result<Option<Vec<u8>>> {
    db.prepare_cached(
        "SELECT
            blob.bytes
        FROM blob
        WHERE blob.digest = ?1",
    )?
    .query_row([digest.as_bytes()], |row| row.get(0))
    .optional()
}

fn answer(db: &Connection, principal: &str, key: &str) -> rusqlite::Result<Option<KeptAnswer>> {
    db.prepare_cached(
        "SELECT
            answer.fingerprint,
            answer.entry
        FROM answer
        WHERE answer.principal = ?1
            AND answer.key = ?2",
    )?
    .query_row([principal, key], |row| {
        Ok(KeptAnswer {
            principal: principal.to_owned(),
            key: key.to_owned(),
            fingerprint: Digest::from_bytes(row.get(0)?),
            entry: row.get(1)?,
        })
    })
    .optional()
}
