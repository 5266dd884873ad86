//! A clock that is set by hand, random bits that repeat, and keys and projections in memory.
use crate::locked;
use domain::time::Timestamp;
use engine::{
    ports::{Clock, KeyStore, Projector, Random, ReadError, Snapshots},
    record::Recorded,
};
use ledger::{body::PersonKey, digest::Digest};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering},
    },
};

/// A clock that stands still until it is moved.
#[derive(Debug, Default)]
pub struct FakeClock {
    wall: AtomicI64,
    monotonic: AtomicI64,
}

impl FakeClock {
    /// A clock that shows `wall`.
    pub fn at(wall: Timestamp) -> Self {
        Self {
            wall: AtomicI64::new(wall.0),
            monotonic: AtomicI64::new(0),
        }
    }

    /// Time goes by.
    pub fn advance(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
        self.monotonic.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody turns the wall clock, and no time goes by.
    pub fn turn(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for FakeClock {
    fn wall(&self) -> Timestamp {
        Timestamp(self.wall.load(Ordering::SeqCst))
    }
    fn monotonic_ms(&self) -> i64 {
        self.monotonic.load(Ordering::SeqCst)
    }
}

/// Bits that look random and are the same in every run.
#[derive(Debug)]
pub struct SeededRandom(AtomicU64);

impl SeededRandom {
    /// Bits that follow from `seed`.
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed << 32))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let next = self.0.fetch_add(1, Ordering::SeqCst);
            let block = Digest::of(&next.to_be_bytes());
            for (slot, byte) in chunk.iter_mut().zip(block.as_bytes()) {
                *slot = *byte;
            }
        }
    }
}

/// Keys in memory; clones see the same keys.
#[derive(Debug, Clone, Default)]
pub struct MemoryKeys {
    inner: Arc<Mutex<Kept>>,
}

#[derive(Debug, Default)]
struct Kept {
    keys: BTreeMap<String, PersonKey>,
    erased: BTreeSet<String>,
    refusing: bool,
}

impl MemoryKeys {
    /// From now on keys can't be destroyed, or can be again.
    pub fn refuse_to_erase(&self, refusing: bool) {
        locked(&self.inner).refusing = refusing;
    }
}

impl KeyStore for MemoryKeys {
    fn key(&self, subject: &str) -> Result<Option<PersonKey>, ReadError> {
        Ok(locked(&self.inner).keys.get(subject).cloned())
    }

    fn key_or(&self, subject: &str, fresh: PersonKey) -> Result<PersonKey, ReadError> {
        let mut inner = locked(&self.inner);
        if inner.erased.contains(subject) {
            return Err(ReadError {
                what: "a key",
                source: "it was destroyed".into(),
            });
        }
        Ok(inner
            .keys
            .entry(subject.to_owned())
            .or_insert(fresh)
            .clone())
    }

    fn erase(&self, subject: &str, _: Timestamp) -> Result<bool, ReadError> {
        let mut inner = locked(&self.inner);
        if inner.refusing {
            return Err(ReadError {
                what: "a key",
                source: "the disk is read-only".into(),
            });
        }
        inner.erased.insert(subject.to_owned());
        Ok(inner.keys.remove(subject).is_some())
    }

    fn erased(&self) -> Result<Vec<String>, ReadError> {
        Ok(locked(&self.inner).erased.iter().cloned().collect())
    }
}

/// A projection that is just the list of entries; clones see the same list.
#[derive(Debug, Clone, Default)]
pub struct MemoryProjector {
    inner: Arc<Projected>,
}

#[derive(Debug, Default)]
struct Projected {
    entries: Mutex<Vec<Recorded>>,
    failing: AtomicBool,
}

impl MemoryProjector {
    /// What was projected, in order.
    pub fn entries(&self) -> Vec<Recorded> {
        locked(&self.inner.entries).clone()
    }

    /// Whether it fails from now on.
    pub fn set_failing(&self, failing: bool) {
        self.inner.failing.store(failing, Ordering::SeqCst);
    }
}

impl Projector for MemoryProjector {
    fn projected(&self) -> u64 {
        locked(&self.inner.entries).len() as u64
    }

    fn project(&mut self, entries: &[Recorded]) -> Result<(), ReadError> {
        if self.inner.failing.load(Ordering::SeqCst) {
            return Err(ReadError {
                what: "the projection",
                source: "the disk is away".into(),
            });
        }
        let mut all = locked(&self.inner.entries);
        for entry in entries {
            assert_eq!(entry.entry, all.len() as u64, "entries come in order");
            all.push(entry.clone());
        }
        Ok(())
    }
}

/// Snapshots in memory; clones see the same ones.
#[derive(Debug, Clone, Default)]
pub struct MemorySnapshots {
    kept: Arc<Mutex<BTreeMap<u64, Vec<u8>>>>,
}

impl MemorySnapshots {
    /// All of them, by size.
    pub fn all(&self) -> BTreeMap<u64, Vec<u8>> {
        locked(&self.kept).clone()
    }

    /// These and no others.
    pub fn replace(&self, kept: BTreeMap<u64, Vec<u8>>) {
        *locked(&self.kept) = kept;
    }
}

impl Snapshots for MemorySnapshots {
    fn kept(&self) -> Result<Vec<u64>, ReadError> {
        Ok(locked(&self.kept).keys().copied().collect())
    }

    fn read(&self, size: u64) -> Result<Vec<u8>, ReadError> {
        let kept = locked(&self.kept).get(&size).cloned();
        kept.ok_or_else(|| ReadError {
            what: "a snapshot",
            source: "there is none".into(),
        })
    }

    fn keep(&self, size: u64, snapshot: &[u8]) -> Result<(), ReadError> {
        locked(&self.kept).insert(size, snapshot.to_vec());
        Ok(())
    }

    fn remove(&self, size: u64) -> Result<(), ReadError> {
        locked(&self.kept).remove(&size);
        Ok(())
    }
}
