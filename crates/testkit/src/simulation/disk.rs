//! A disk that is made up, behind the ports of the log: it refuses a batch, keeps a batch it said it refused, is full, fails to be
//! read, or loses power in the middle of a commit. Which of it happens when follows from the seed, or is asked for by the number
//! of the access.
use super::{Plant, dice::Dice};
use crate::locked;
use engine::ports::{Batch, CommitError, Head, KeptAnswer, LogReader, LogWriter, ReadError};
use ledger::{
    body::SealedBody,
    digest::Digest,
    tree::{HashSource, Tree},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// How many batches that take power away fit into the room that is held back.
const RESERVE_BATCHES: u32 = 200;

/// A disk; clones are the same one.
#[derive(Debug, Clone)]
pub(super) struct SimDisk(Arc<Mutex<Disk>>);

/// What lies on it.
#[derive(Debug, Clone, Default)]
pub(super) struct Content {
    pub(super) leaves: Vec<Vec<u8>>,
    pub(super) hashes: Vec<Digest>,
    pub(super) checkpoint: String,
    pub(super) blobs: BTreeMap<Digest, Vec<u8>>,
    pub(super) answers: BTreeMap<(String, String), KeptAnswer>,
    pub(super) copied: Option<u64>,
}

/// How often an access goes wrong, in a thousand.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wear {
    pub(super) commits: u64,
    pub(super) reads: u64,
}

/// What goes wrong with one access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IoFault {
    /// It fails; if it is a write, nothing is stored.
    Eio,
    /// It fails, and if it is a write, all of it is stored.
    EioYetStored,
    /// There is no room. A read is not hindered by that.
    Enospc,
    /// The power fails before anything is stored.
    PowerBefore,
    /// The power fails after all is stored and before anybody is told.
    PowerAfter,
}

#[derive(Debug)]
struct Disk {
    content: Content,
    dice: Dice,
    wear: Wear,
    at: Option<(u64, IoFault)>,
    accesses: u64,
    full: bool,
    reserve: u32,
    powerless: bool,
    plant: Option<Plant>,
    /// Leaves, nodes and checkpoint that are really stored, if this disk lies about the rest.
    really: Option<(usize, usize, String)>,
    faults: u64,
}

impl SimDisk {
    pub(super) fn new(content: Content, dice: Dice, plant: Option<Plant>) -> Self {
        Self(Arc::new(Mutex::new(Disk {
            content,
            dice,
            wear: Wear::default(),
            at: None,
            accesses: 0,
            full: false,
            reserve: RESERVE_BATCHES,
            powerless: false,
            plant,
            really: None,
            faults: 0,
        })))
    }

    pub(super) fn wear(&self, wear: Wear) {
        locked(&self.0).wear = wear;
    }

    /// The access of this number goes wrong, counted from the first there ever was.
    pub(super) fn fail_at(&self, access: u64, fault: IoFault) {
        locked(&self.0).at = Some((access, fault));
    }

    pub(super) fn set_full(&self, full: bool) {
        let mut disk = locked(&self.0);
        disk.full = full;
        disk.reserve = RESERVE_BATCHES;
    }

    /// Whether the power failed: nobody may go on.
    pub(super) fn is_powerless(&self) -> bool {
        locked(&self.0).powerless
    }

    /// The power is there again, and what was never stored is gone.
    pub(super) fn power(&self) {
        let mut disk = locked(&self.0);
        disk.powerless = false;
        if let Some((leaves, hashes, checkpoint)) = disk.really.take() {
            disk.content.leaves.truncate(leaves);
            disk.content.hashes.truncate(hashes);
            disk.content.checkpoint = checkpoint;
            let entries = leaves as u64;
            disk.content.answers.retain(|_, kept| kept.entry < entries);
        }
    }

    pub(super) fn accesses(&self) -> u64 {
        locked(&self.0).accesses
    }

    pub(super) fn faults(&self) -> u64 {
        locked(&self.0).faults
    }

    pub(super) fn len(&self) -> u64 {
        locked(&self.0).content.leaves.len() as u64
    }

    pub(super) fn content(&self) -> Content {
        locked(&self.0).content.clone()
    }

    pub(super) fn put(&self, content: Content) {
        locked(&self.0).content = content;
    }

    /// The leaves from an entry on.
    pub(super) fn since(&self, entry: u64) -> Vec<Vec<u8>> {
        let disk = locked(&self.0);
        let from = usize::try_from(entry).unwrap_or(usize::MAX);
        disk.content.leaves.get(from..).unwrap_or_default().to_vec()
    }

    pub(super) fn leaf(&self, entry: u64) -> Option<Vec<u8>> {
        let disk = locked(&self.0);
        let entry = usize::try_from(entry).ok()?;
        disk.content.leaves.get(entry).cloned()
    }

    pub(super) fn has_answer(&self, principal: &str, key: &str) -> bool {
        let name = (principal.to_owned(), key.to_owned());
        locked(&self.0).content.answers.contains_key(&name)
    }
}

impl Disk {
    /// What goes wrong with this access.
    fn fault(&mut self, write: bool) -> Option<IoFault> {
        let access = self.accesses;
        self.accesses += 1;
        let asked = self.at.filter(|(at, _)| *at == access);
        let worn = self.dice.chance(if write {
            self.wear.commits
        } else {
            self.wear.reads
        });
        let fault = match (asked, worn) {
            (Some((_, fault)), _) => Some(fault),
            (None, true) if write => Some(match self.dice.below(5) {
                0 => IoFault::Eio,
                1 => IoFault::EioYetStored,
                2 => IoFault::Enospc,
                3 => IoFault::PowerBefore,
                _ => IoFault::PowerAfter,
            }),
            (None, true) => Some(IoFault::Eio),
            (None, false) => None,
        };
        self.faults += u64::from(fault.is_some());
        fault
    }

    fn store(&mut self, batch: &Batch) {
        let lies = self.plant == Some(Plant::DiskForgets) && self.dice.chance(100);
        let content = &mut self.content;
        if lies && self.really.is_none() {
            let (leaves, hashes) = (content.leaves.len(), content.hashes.len());
            self.really = Some((leaves, hashes, content.checkpoint.clone()));
        }
        content.leaves.extend(batch.leaves.iter().cloned());
        content
            .hashes
            .extend(batch.hashes.iter().map(|node| node.hash));
        content.checkpoint.clone_from(&batch.head.checkpoint);
        content.blobs.extend(batch.blobs.iter().cloned());
        if self.plant != Some(Plant::AnswersAreLost) {
            for answer in &batch.answers {
                let name = (answer.principal.clone(), answer.key.clone());
                content.answers.insert(name, answer.clone());
            }
        }
        if self.plant == Some(Plant::DiskRots)
            && self.dice.chance(50)
            && let Some(leaf) = content.leaves.last_mut()
        {
            let engine = leaf.windows(6).position(|bytes| bytes == b"\"test\"");
            if let Some(byte) = engine.and_then(|at| leaf.get_mut(at + 1)) {
                *byte = b'T';
            }
        }
    }

    fn read<T>(
        &mut self,
        what: &'static str,
        read: impl FnOnce(&Content) -> T,
    ) -> Result<T, ReadError> {
        let failed = |why: &str| ReadError {
            what,
            source: why.into(),
        };
        if self.powerless {
            return Err(failed("there is no power"));
        }
        match self.fault(false) {
            Some(IoFault::PowerBefore | IoFault::PowerAfter) => {
                self.powerless = true;
                Err(failed("the power failed"))
            }
            Some(IoFault::Eio | IoFault::EioYetStored) => Err(failed("input/output error")),
            Some(IoFault::Enospc) | None => Ok(read(&self.content)),
        }
    }
}

impl LogWriter for SimDisk {
    fn commit(&mut self, batch: &Batch) -> Result<(), CommitError> {
        let mut disk = locked(&self.0);
        let failed = |why: &str| CommitError::Unknown(why.into());
        if disk.powerless {
            return Err(failed("there is no power"));
        }
        let found = disk.content.leaves.len() as u64;
        if found != batch.expected_size {
            return Err(CommitError::Conflict {
                expected: batch.expected_size,
                found,
            });
        }
        if disk.full {
            if !batch.takes_away || disk.reserve == 0 {
                return Err(CommitError::Full);
            }
            disk.reserve -= 1;
        }
        match disk.fault(true) {
            None => {
                disk.store(batch);
                Ok(())
            }
            Some(IoFault::Eio) => Err(failed("input/output error")),
            Some(IoFault::Enospc) => Err(CommitError::Full),
            Some(IoFault::EioYetStored) => {
                disk.store(batch);
                Err(failed("input/output error"))
            }
            Some(fault @ (IoFault::PowerBefore | IoFault::PowerAfter)) => {
                if fault == IoFault::PowerAfter {
                    disk.store(batch);
                }
                disk.powerless = true;
                Err(failed("the power failed"))
            }
        }
    }
}

impl LogReader for SimDisk {
    fn head(&self) -> Result<Head, ReadError> {
        let head = locked(&self.0).read("the head", |content| {
            let size = content.leaves.len() as u64;
            Tree::resume(size, &content.hashes).map(|tree| Head {
                tree: tree.head(),
                checkpoint: content.checkpoint.clone(),
            })
        })?;
        head.map_err(|source| ReadError {
            what: "the head",
            source: Box::new(source),
        })
    }

    fn leaves(&self, from: u64, limit: usize) -> Result<Vec<Vec<u8>>, ReadError> {
        locked(&self.0).read("entries", |content| {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            let leaves = content.leaves.iter().skip(from).take(limit);
            leaves.cloned().collect()
        })
    }

    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, ReadError> {
        let found = locked(&self.0).read("nodes of the tree", |content| {
            HashSource::hashes(&content.hashes, indexes)
        })?;
        found.map_err(|source| ReadError {
            what: "nodes of the tree",
            source: Box::new(source),
        })
    }

    fn body(&self, _: &Digest) -> Result<Option<SealedBody>, ReadError> {
        locked(&self.0).read("a body", |_| None)
    }

    fn blob(&self, digest: &Digest) -> Result<Option<Vec<u8>>, ReadError> {
        locked(&self.0).read("a blob", |content| content.blobs.get(digest).cloned())
    }

    fn copied(&self) -> Result<Option<u64>, ReadError> {
        locked(&self.0).read("whether it is a copy", |content| content.copied)
    }

    fn answer(&self, principal: &str, key: &str) -> Result<Option<KeptAnswer>, ReadError> {
        let name = (principal.to_owned(), key.to_owned());
        locked(&self.0).read("an answer", |content| content.answers.get(&name).cloned())
    }
}
