//! A batch in the making: entries that are decided but not yet durable, and everybody who waits for them.
use crate::{
    entry::domain_digest,
    handle::{Answer, Failed, IdempotencyKey},
    ports::{Batch, Head, KeptAnswer},
    record::{BodyNamed, Outcome, Recorded},
    rules::{Known, goes_first},
};
use domain::effect::Effect;
use ledger::{
    body::SealedBody,
    checkpoint::Signer,
    digest::Digest,
    tree::{StoredHash, Tree},
};
use std::{collections::BTreeMap, sync::Arc};
use tokio::sync::oneshot;

/// Most entries of one batch: few enough that others are forwarded while these are decided and written (with all of 256 callers in
/// one batch, processors stood idle a fifth of the time), and enough that a commit's wait for the disk is shared by many.
pub(crate) const ENTRIES_MAX: usize = 64;
/// Most bytes of one batch; the last entry may go over it.
pub(crate) const BYTES_MAX: usize = 4 * 1024 * 1024;

pub(crate) type Reply = oneshot::Sender<Result<Answer, Failed>>;

pub(crate) struct Draft {
    first_entry: u64,
    pub(crate) tree: Tree,
    leaves: Vec<Vec<u8>>,
    hashes: Vec<StoredHash>,
    bodies: Vec<SealedBody>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    answers: BTreeMap<(String, String), KeptAnswer>,
    bytes: usize,
    pub(crate) entries: Vec<Recorded>,
    pub(crate) learned: Vec<Arc<Known>>,
    pub(crate) effects: Vec<Effect>,
    pub(crate) waiting: Vec<Waiting>,
}

/// What is stored beside an entry, which names it.
pub(crate) struct Beside {
    pub(crate) bodies: Vec<SealedBody>,
    pub(crate) blobs: Vec<Vec<u8>>,
    pub(crate) answer: Option<KeptAnswer>,
}

impl Beside {
    pub(crate) fn bodies_named(&self) -> Vec<BodyNamed> {
        let named = self.bodies.iter().map(|body| BodyNamed {
            commitment: domain_digest(&body.commitment),
            subject: body.subject.clone(),
        });
        named.collect()
    }

    pub(crate) fn blobs_named(&self) -> Vec<domain::ids::Digest> {
        let named = self.blobs.iter();
        named.map(|blob| domain_digest(&Digest::of(blob))).collect()
    }

    pub(crate) fn answer_named(&self) -> Option<domain::ids::Digest> {
        let kept = self.answer.as_ref()?;
        Some(domain_digest(&kept.commitment()))
    }
}

/// Somebody who waits for the commit.
pub(crate) struct Waiting {
    pub(crate) reply: Reply,
    pub(crate) answer: Promised,
}

/// What they will be told.
pub(crate) enum Promised {
    /// The answer of an entry of this draft.
    Entry { entry: u64, repeated: bool },
    /// An answer of an earlier entry, which counts only once a commit has gone well.
    Earlier(Answer),
}

impl Draft {
    pub(crate) fn new(tree: &Tree) -> Self {
        Self {
            first_entry: tree.size(),
            tree: tree.clone(),
            leaves: Vec::new(),
            hashes: Vec::new(),
            bodies: Vec::new(),
            blobs: BTreeMap::new(),
            answers: BTreeMap::new(),
            bytes: 0,
            entries: Vec::new(),
            learned: Vec::new(),
            effects: Vec::new(),
            waiting: Vec::new(),
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= ENTRIES_MAX || self.bytes >= BYTES_MAX
    }

    /// Whether nobody waits and nothing is to be written.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.waiting.is_empty()
    }

    /// The number of the next entry.
    pub(crate) fn next_entry(&self) -> u64 {
        self.tree.size()
    }

    /// The answer that this draft holds for a key.
    pub(crate) fn answered(&self, key: &IdempotencyKey) -> Option<&KeptAnswer> {
        self.answers.get(&(key.principal.clone(), key.key.clone()))
    }

    /// Appends a decided entry: `leaf` is hashed here, once, and stored as hashed.
    pub(crate) fn append(&mut self, recorded: Recorded, leaf: Vec<u8>, beside: Beside) {
        self.hashes.extend(self.tree.append(&leaf));
        self.bytes += leaf.len();
        self.leaves.push(leaf);
        for body in beside.bodies {
            self.bytes += body.ciphertext.len();
            self.bodies.push(body);
        }
        for blob in beside.blobs {
            self.bytes += blob.len();
            self.blobs.insert(Digest::of(&blob), blob);
        }
        if let Some(kept) = beside.answer {
            let name = (kept.principal.clone(), kept.key.clone());
            self.answers.insert(name, kept);
        }
        self.entries.push(recorded);
    }

    /// The answer of an entry of this draft.
    pub(crate) fn answer(&self, entry: u64, repeated: bool) -> Option<Answer> {
        let index = usize::try_from(entry.checked_sub(self.first_entry)?).ok()?;
        self.entries
            .get(index)
            .map(|recorded| answer_of(recorded, repeated))
    }

    /// What is to be committed, with the checkpoint signed for just this head.
    pub(crate) fn batch(&mut self, signer: &Signer) -> Batch {
        let tree = self.tree.head();
        Batch {
            expected_size: self.first_entry,
            leaves: std::mem::take(&mut self.leaves),
            hashes: std::mem::take(&mut self.hashes),
            head: Head {
                checkpoint: signer.sign(&tree),
                tree,
            },
            bodies: std::mem::take(&mut self.bodies),
            blobs: std::mem::take(&mut self.blobs).into_iter().collect(),
            answers: std::mem::take(&mut self.answers).into_values().collect(),
            takes_away: self
                .entries
                .iter()
                .all(|recorded| goes_first(&recorded.record.command)),
        }
    }
}

/// What is told about an entry.
pub(crate) fn answer_of(recorded: &Recorded, repeated: bool) -> Answer {
    let entry = recorded.entry;
    match &recorded.record.outcome {
        Outcome::Done(events) => Answer::Done {
            entry,
            at: recorded.at,
            events: events.clone(),
            repeated,
        },
        Outcome::Refused(refused) => Answer::Refused {
            entry,
            refused: refused.clone(),
            repeated,
        },
    }
}
