//! Inclusion and consistency proofs (RFC 6962 §2.1.1, §2.1.2): made from stored hashes, checked from nothing.
//!
//! The walk is that of `tlog_tiles`, which other verifiers share; this file guards its preconditions, so that
//! no input reaches one of its assertions, and lets a source fail with its own error.

use std::cell::RefCell;

use tlog_tiles::{Hash, HashReader};

use super::{HashSource, SIZE_MAX, TreeHead};
use crate::digest::Digest;

/// Why a proof can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProveError<E> {
    /// There is no such entry or tree.
    #[error("`{asked}` is not in a tree of `{size}` entries")]
    OutOfRange {
        /// The entry's index or the smaller tree's size.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The source failed.
    #[error("the stored hashes can't be read")]
    Source(#[source] E),
    /// The source gave another number of hashes than were asked for.
    #[error("`{asked}` stored hashes were asked for and `{given}` came")]
    Count {
        /// How many were asked for.
        asked: usize,
        /// How many came.
        given: usize,
    },
}

/// Why a proof proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// It speaks of an entry or tree beyond the size.
    #[error("`{asked}` is not in a tree of `{size}` entries")]
    OutOfRange {
        /// The entry's index or the smaller tree's size.
        asked: u64,
        /// The size of the tree.
        size: u64,
    },
    /// The hashes don't lead to the root, or there are too few or too many.
    #[error("the proof does not lead to the root `{root}`")]
    Invalid {
        /// The root that was expected.
        root: Digest,
    },
}

/// The hash of an entry as a leaf (RFC 6962 §2.1).
#[must_use]
pub fn leaf_hash(leaf_bytes: &[u8]) -> Digest {
    tlog_tiles::record_hash(leaf_bytes).into()
}

/// Proves that entry `index` is in the tree of the first `size` entries: siblings from leaf to root.
///
/// # Errors
/// No such entry, or the hashes can't be read.
pub fn prove_inclusion<S: HashSource + ?Sized>(
    source: &S,
    index: u64,
    size: u64,
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    if index >= size {
        return Err(ProveError::OutOfRange { asked: index, size });
    }
    check_size(size)?;
    prove(source, |reader| {
        tlog_tiles::prove_record(size, index, reader)
    })
}

/// Proves that the tree of `old` entries is a beginning of the tree of `new` entries.
///
/// # Errors
/// `old` beyond `new`, or the hashes can't be read.
pub fn prove_consistency<S: HashSource + ?Sized>(
    source: &S,
    old: u64,
    new: u64,
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    if old > new {
        return Err(ProveError::OutOfRange {
            asked: old,
            size: new,
        });
    }
    check_size(new)?;
    if old == 0 {
        // nothing is a beginning of everything (RFC 9162 §2.1.4.1)
        return Ok(Vec::new());
    }
    prove(source, |reader| tlog_tiles::prove_tree(new, old, reader))
}

/// Checks that an entry with this leaf hash is entry `index` of the tree under `head`.
///
/// # Errors
/// An index beyond the tree, or a proof that doesn't lead to the root.
pub fn verify_inclusion(
    proof: &[Digest],
    head: &TreeHead,
    index: u64,
    leaf: Digest,
) -> Result<(), ProofError> {
    if index >= head.size {
        return Err(ProofError::OutOfRange {
            asked: index,
            size: head.size,
        });
    }
    let proof = hashes(proof);
    let root = head.root.to_hash();
    tlog_tiles::check_record(&proof, head.size, root, index, leaf.to_hash())
        .map_err(|_| ProofError::Invalid { root: head.root })
}

/// Checks that the tree under `old` is a beginning of the tree under `new`.
///
/// # Errors
/// `old` larger than `new`, or a proof that doesn't lead to both roots.
pub fn verify_consistency(
    proof: &[Digest],
    old: &TreeHead,
    new: &TreeHead,
) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::OutOfRange {
            asked: old.size,
            size: new.size,
        });
    }
    if old.size == 0 {
        return if proof.is_empty() && old.root == Digest::from(tlog_tiles::EMPTY_HASH) {
            Ok(())
        } else {
            Err(ProofError::Invalid { root: old.root })
        };
    }
    let (old_root, new_root) = (old.root.to_hash(), new.root.to_hash());
    tlog_tiles::check_tree(&hashes(proof), new.size, new_root, old.size, old_root)
        .map_err(|_| ProofError::Invalid { root: new.root })
}

/// Places of stored hashes overflow beyond [`SIZE_MAX`].
pub(super) fn check_size<E>(size: u64) -> Result<(), ProveError<E>> {
    if size > SIZE_MAX {
        return Err(ProveError::OutOfRange {
            asked: size,
            size: SIZE_MAX,
        });
    }
    Ok(())
}

/// Reads hashes and makes sure that as many came as were asked for.
pub(crate) fn read<S: HashSource + ?Sized>(
    source: &S,
    indexes: &[u64],
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    let hashes = source.hashes(indexes).map_err(ProveError::Source)?;
    if hashes.len() != indexes.len() {
        return Err(ProveError::Count {
            asked: indexes.len(),
            given: hashes.len(),
        });
    }
    Ok(hashes)
}

fn hashes(digests: &[Digest]) -> Vec<Hash> {
    digests.iter().map(|digest| digest.to_hash()).collect()
}

/// Carries the source's own error around `tlog_tiles`, whose reader can only fail with its own.
struct Reader<'s, S: HashSource + ?Sized> {
    source: &'s S,
    failure: RefCell<Option<ProveError<S::Error>>>,
}

impl<S: HashSource + ?Sized> HashReader for Reader<'_, S> {
    fn read_hashes(&self, indexes: &[u64]) -> Result<Vec<Hash>, tlog_tiles::Error> {
        match read(self.source, indexes) {
            Ok(digests) => Ok(hashes(&digests)),
            Err(error) => {
                *self.failure.borrow_mut() = Some(error);
                Err(tlog_tiles::Error::IndexesNotInTree)
            }
        }
    }
}

fn prove<S: HashSource + ?Sized>(
    source: &S,
    walk: impl FnOnce(&Reader<'_, S>) -> Result<Vec<Hash>, tlog_tiles::Error>,
) -> Result<Vec<Digest>, ProveError<S::Error>> {
    let reader = Reader {
        source,
        failure: RefCell::new(None),
    };
    match walk(&reader) {
        Ok(proof) => Ok(proof.into_iter().map(Digest::from).collect()),
        // the range was checked above, so only the source can have failed
        Err(_) => Err(reader
            .failure
            .into_inner()
            .unwrap_or(ProveError::Count { asked: 0, given: 0 })),
    }
}

/// RFC 6962 §2.1 word for word, slow and recursive, to compare with.
#[cfg(test)]
pub(super) mod naive {
    use super::Digest;
    use sha2::{Digest as _, Sha256};

    pub(crate) fn entries(count: u32) -> Vec<Vec<u8>> {
        (0..count)
            .map(|n| format!("entry {n}").into_bytes())
            .collect()
    }

    fn hash(prefix: u8, parts: &[&[u8]]) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update([prefix]);
        for part in parts {
            hasher.update(part);
        }
        Digest::from_bytes(hasher.finalize().into())
    }

    /// The largest power of two smaller than `n`.
    fn split(n: usize) -> usize {
        n.next_power_of_two() / 2
    }

    pub(crate) fn root(entries: &[Vec<u8>]) -> Digest {
        match entries {
            [] => Digest::of(b""),
            [entry] => hash(0, &[entry]),
            _ => {
                let (left, right) = entries.split_at(split(entries.len()));
                hash(1, &[root(left).as_bytes(), root(right).as_bytes()])
            }
        }
    }

    pub(crate) fn path(m: usize, entries: &[Vec<u8>]) -> Vec<Digest> {
        if entries.len() == 1 {
            return vec![];
        }
        let k = split(entries.len());
        let (left, right) = entries.split_at(k);
        let (mut path, sibling) = if m < k {
            (path(m, left), root(right))
        } else {
            (path(m - k, right), root(left))
        };
        path.push(sibling);
        path
    }

    pub(crate) fn consistency(m: usize, entries: &[Vec<u8>]) -> Vec<Digest> {
        subproof(m, entries, true)
    }

    fn subproof(m: usize, entries: &[Vec<u8>], known: bool) -> Vec<Digest> {
        if m == entries.len() {
            return if known { vec![] } else { vec![root(entries)] };
        }
        let k = split(entries.len());
        let (left, right) = entries.split_at(k);
        let (mut proof, sibling) = if m <= k {
            (subproof(m, left, known), root(right))
        } else {
            (subproof(m - k, right, false), root(left))
        };
        proof.push(sibling);
        proof
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{MissingHash, Tree};
    use proptest::prelude::*;

    const ENTRIES: u32 = 140;

    fn stored() -> Vec<Digest> {
        let mut tree = Tree::new();
        let entries = naive::entries(ENTRIES);
        let stored = entries.iter().flat_map(|entry| tree.append(entry));
        stored.map(|stored| stored.hash).collect()
    }

    fn head(size: usize) -> TreeHead {
        let entries = naive::entries(ENTRIES);
        TreeHead {
            size: size as u64,
            root: naive::root(&entries[..size]),
        }
    }

    /// Every proof that differs from `proof` by one bit, one hash less, one hash more, or two hashes swapped.
    fn spoiled(proof: &[Digest]) -> Vec<Vec<Digest>> {
        let mut all = Vec::new();
        for n in 0..proof.len() {
            for bit in [0, 7, 100, 255] {
                let mut bytes = *proof[n].as_bytes();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let mut changed = proof.to_vec();
                changed[n] = Digest::from_bytes(bytes);
                all.push(changed);
            }
            let mut shorter = proof.to_vec();
            shorter.remove(n);
            all.push(shorter);
            if n > 0 && proof[n] != proof[n - 1] {
                let mut swapped = proof.to_vec();
                swapped.swap(n, n - 1);
                all.push(swapped);
            }
        }
        for n in 0..=proof.len() {
            let mut longer = proof.to_vec();
            longer.insert(n, Digest::of(b""));
            all.push(longer);
        }
        all
    }

    #[test]
    fn every_inclusion_proof_is_that_of_rfc_6962() {
        let (stored, entries) = (stored(), naive::entries(ENTRIES));
        for size in 1..=70 {
            let head = head(size);
            for index in 0..size {
                let proof = prove_inclusion(&stored, index as u64, size as u64).unwrap();
                assert_eq!(proof, naive::path(index, &entries[..size]));
                let leaf = leaf_hash(&entries[index]);
                assert_eq!(verify_inclusion(&proof, &head, index as u64, leaf), Ok(()));
            }
        }
    }

    #[test]
    fn every_consistency_proof_is_that_of_rfc_6962() {
        let (stored, entries) = (stored(), naive::entries(ENTRIES));
        let heads: Vec<TreeHead> = (0..=70).map(head).collect();
        for new in 1..=70 {
            for old in 1..=new {
                let proof = prove_consistency(&stored, old as u64, new as u64).unwrap();
                assert_eq!(proof, naive::consistency(old, &entries[..new]));
                assert_eq!(verify_consistency(&proof, &heads[old], &heads[new]), Ok(()));
            }
        }
    }

    #[test]
    fn the_empty_log_is_a_beginning_of_every_log() {
        assert_eq!(prove_consistency(&stored(), 0, 9), Ok(vec![]));
        assert_eq!(prove_consistency(&stored(), 0, 0), Ok(vec![]));
        assert_eq!(verify_consistency(&[], &head(0), &head(9)), Ok(()));
        assert_eq!(verify_consistency(&[], &head(0), &head(0)), Ok(()));
        let forged = TreeHead { size: 0, ..head(3) };
        let invalid = |root| Err(ProofError::Invalid { root });
        assert_eq!(
            verify_consistency(&[], &forged, &head(9)),
            invalid(forged.root)
        );
        assert_eq!(
            verify_consistency(&[head(1).root], &head(0), &head(9)),
            invalid(head(0).root)
        );
    }

    #[test]
    fn what_is_not_in_the_tree_is_neither_proved_nor_believed() {
        let out = ProveError::OutOfRange { asked: 9, size: 9 };
        assert_eq!(out.to_string(), "`9` is not in a tree of `9` entries");
        assert_eq!(prove_inclusion(&stored(), 9, 9), Err(out));
        let out = ProveError::OutOfRange { asked: 10, size: 9 };
        assert_eq!(prove_consistency(&stored(), 10, 9), Err(out));
        let beyond = Err(ProveError::OutOfRange {
            asked: u64::MAX,
            size: SIZE_MAX,
        });
        assert_eq!(prove_inclusion(&stored(), 0, u64::MAX), beyond);
        assert_eq!(prove_consistency(&stored(), 1, u64::MAX), beyond);
        let leaf = leaf_hash(b"entry 0");
        let out = Err(ProofError::OutOfRange { asked: 9, size: 9 });
        assert_eq!(verify_inclusion(&[], &head(9), 9, leaf), out);
        assert_eq!(
            verify_consistency(&[], &head(9), &head(8)),
            Err(ProofError::OutOfRange { asked: 9, size: 8 })
        );
    }

    struct Short;
    impl HashSource for Short {
        type Error = MissingHash;
        fn hashes(&self, _: &[u64]) -> Result<Vec<Digest>, MissingHash> {
            Ok(vec![])
        }
    }

    #[test]
    fn a_failing_source_is_named() {
        let few = vec![Digest::of(b""); 3];
        assert_eq!(
            prove_inclusion(&few, 0, 4),
            Err(ProveError::Source(MissingHash { index: 5 }))
        );
        let error = prove_consistency(&Short, 3, 4).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`3` stored hashes were asked for and `0` came"
        );
    }

    #[test]
    fn a_fork_is_not_consistent() {
        let mut forked = naive::entries(20);
        forked[4] = b"another".to_vec();
        let fork = TreeHead {
            size: 20,
            root: naive::root(&forked),
        };
        let proof = naive::consistency(13, &forked);
        assert_eq!(
            verify_consistency(&proof, &head(13), &fork),
            Err(ProofError::Invalid { root: fork.root })
        );
    }

    proptest! {
        #[test]
        fn a_spoiled_inclusion_proof_proves_nothing(size in 1..=ENTRIES as usize, at: prop::sample::Index) {
            let index = at.index(size);
            let entries = naive::entries(ENTRIES);
            let leaf = leaf_hash(&entries[index]);
            let (head, index) = (head(size), index as u64);
            let proof = prove_inclusion(&stored(), index, head.size).unwrap();
            prop_assert_eq!(verify_inclusion(&proof, &head, index, leaf), Ok(()));
            for spoiled in spoiled(&proof) {
                prop_assert!(verify_inclusion(&spoiled, &head, index, leaf).is_err());
            }
            for other in (0..head.size).filter(|other| *other != index) {
                prop_assert!(verify_inclusion(&proof, &head, other, leaf).is_err());
            }
            prop_assert!(verify_inclusion(&proof, &head, index, leaf_hash(b"another")).is_err());
        }

        #[test]
        fn a_spoiled_consistency_proof_proves_nothing(size in 2..=ENTRIES as usize, at: prop::sample::Index) {
            let (old, new) = (head(1 + at.index(size - 1)), head(size));
            let proof = prove_consistency(&stored(), old.size, new.size).unwrap();
            prop_assert_eq!(verify_consistency(&proof, &old, &new), Ok(()));
            for spoiled in spoiled(&proof) {
                prop_assert!(verify_consistency(&spoiled, &old, &new).is_err());
            }
        }
    }
}
