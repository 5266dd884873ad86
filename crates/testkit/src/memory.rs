//! A log in memory that does what a disk does on a bad day: refuses a batch, keeps a batch it said it refused, finds another
//! writer, or takes its time. The same value is reader and writer; clones see the same log.
use crate::locked;
use engine::ports::{Batch, CommitError, Head, KeptAnswer, LogReader, LogWriter, ReadError};
use ledger::{
    body::SealedBody,
    digest::Digest,
    tree::{Tree, TreeHead},
};
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Condvar, Mutex},
};

/// What goes wrong with a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: this commit goes well, the fault is for a later one.
    None,
    /// It fails and nothing is stored.
    NotStored,
    /// It fails, yet all of it is stored.
    StoredYetFailed,
    /// The disk is full.
    Full,
    /// Another writer was here.
    Conflict,
}

/// What a log holds.
#[derive(Debug, Clone, Default)]
pub struct Stored {
    /// Canonical bytes of the leaves.
    pub leaves: Vec<Vec<u8>>,
    /// Nodes of the tree, in stored order.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint.
    pub checkpoint: String,
    /// Bodies by commitment.
    pub bodies: BTreeMap<Digest, SealedBody>,
    /// Blobs by digest.
    pub blobs: BTreeMap<Digest, Vec<u8>>,
    /// Kept answers by principal and key.
    pub answers: BTreeMap<(String, String), KeptAnswer>,
    /// How many entries it had when it was made as a copy.
    pub copied: Option<u64>,
    /// Sizes of the batches so far.
    pub batches: Vec<usize>,
}

/// A log in memory.
#[derive(Debug, Clone, Default)]
pub struct MemoryLog {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    stored: Mutex<Stored>,
    faults: Mutex<VecDeque<Fault>>,
    gate: Mutex<Gate>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct Gate {
    closed: bool,
    waiting: usize,
}

impl MemoryLog {
    /// A log that holds this already.
    pub fn of(stored: Stored) -> Self {
        let log = Self::default();
        *locked(&log.inner.stored) = stored;
        log
    }

    /// A copy of everything it holds: what a disk would show after a crash.
    pub fn stored(&self) -> Stored {
        locked(&self.inner.stored).clone()
    }

    /// A log of its own that holds what this one holds now, and says that it is a copy.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut stored = self.stored();
        stored.copied = Some(stored.leaves.len() as u64);
        Self::of(stored)
    }

    /// The next commits go wrong like this, one after the other.
    pub fn fail_next(&self, faults: &[Fault]) {
        locked(&self.inner.faults).extend(faults);
    }

    /// Commits wait from now on.
    pub fn close_gate(&self) {
        locked(&self.inner.gate).closed = true;
    }

    /// Commits go on.
    pub fn open_gate(&self) {
        locked(&self.inner.gate).closed = false;
        self.inner.opened.notify_all();
    }

    /// Waits until a commit waits at the gate.
    pub fn wait_for_commit(&self) {
        let gate = locked(&self.inner.gate);
        let waited = self.inner.opened.wait_while(gate, |gate| gate.waiting == 0);
        drop(waited);
    }

    fn pass_gate(&self) {
        let mut gate = locked(&self.inner.gate);
        gate.waiting += 1;
        self.inner.opened.notify_all();
        if let Ok(mut gate) = self.inner.opened.wait_while(gate, |gate| gate.closed) {
            gate.waiting -= 1;
        }
    }

    fn store(&self, batch: &Batch) {
        let mut stored = locked(&self.inner.stored);
        stored.batches.push(batch.leaves.len());
        stored.leaves.extend(batch.leaves.iter().cloned());
        for node in &batch.hashes {
            assert_eq!(
                node.index,
                stored.hashes.len() as u64,
                "nodes come in order"
            );
            stored.hashes.push(node.hash);
        }
        stored.checkpoint.clone_from(&batch.head.checkpoint);
        for body in &batch.bodies {
            stored.bodies.insert(body.commitment, body.clone());
        }
        stored.blobs.extend(batch.blobs.iter().cloned());
        for answer in &batch.answers {
            let name = (answer.principal.clone(), answer.key.clone());
            stored.answers.insert(name, answer.clone());
        }
    }
}

impl LogWriter for MemoryLog {
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        self.pass_gate();
        let size = locked(&self.inner.stored).leaves.len() as u64;
        let fault = locked(&self.inner.faults).pop_front();
        if size != batch.expected_size || fault == Some(Fault::Conflict) {
            return Err(CommitError::Conflict {
                expected: batch.expected_size,
                found: size,
            });
        }
        let failed = || CommitError::Unknown("the disk said so".into());
        match fault {
            None | Some(Fault::None | Fault::Conflict) => {
                self.store(batch);
                Ok(())
            }
            Some(Fault::NotStored) => Err(failed()),
            Some(Fault::Full) => Err(CommitError::Full),
            Some(Fault::StoredYetFailed) => {
                self.store(batch);
                Err(failed())
            }
        }
    }
}

impl LogReader for MemoryLog {
    fn head(&self) -> Result<Head, ReadError> {
        let stored = locked(&self.inner.stored);
        let size = stored.leaves.len() as u64;
        let tree = Tree::resume(size, &stored.hashes).map_err(|source| ReadError {
            what: "the head",
            source: Box::new(source),
        })?;
        let TreeHead { size, root } = tree.head();
        Ok(Head {
            tree: TreeHead { size, root },
            checkpoint: stored.checkpoint.clone(),
        })
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        let stored = locked(&self.inner.stored);
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        Ok(stored
            .leaves
            .iter()
            .skip(from)
            .take(limit)
            .cloned()
            .collect())
    }

    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        let stored = locked(&self.inner.stored);
        ledger::tree::HashSource::hashes(&stored.hashes, indexes).map_err(|source| ReadError {
            what: "nodes of the tree",
            source: Box::new(source),
        })
    }

    fn body(&self, commitment: &Digest) -> Result<Option<SealedBody>, ReadError> {
        Ok(locked(&self.inner.stored).bodies.get(commitment).cloned())
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        Ok(locked(&self.inner.stored).blobs.get(digest).cloned())
    }

    fn copied(&self) -> Result<Option<u64>, ReadError> {
        Ok(locked(&self.inner.stored).copied)
    }

    fn answer(&self, principal: &str, key: &str) -> Result<Option<KeptAnswer>, ReadError> {
        let name = (principal.to_owned(), key.to_owned());
        Ok(locked(&self.inner.stored).answers.get(&name).cloned())
    }
}
