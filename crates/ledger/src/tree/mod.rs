//! The Merkle tree over entries (RFC 6962 §2.1), growing at the right edge.
//!
//! The writer keeps only the frontier: the roots of the complete subtrees, at most one for each bit of the
//! size. Each append yields the node hashes that have just become final, numbered in the order of
//! C2SP's tlog (leaf, then each subtree it completes), so that a store can append them as they come and
//! any proof can later be read from them.

mod proof;

use crate::digest::Digest;

pub(crate) use proof::read as read_hashes;
pub use proof::{
    ProofError, ProveError, leaf_hash, prove_consistency, prove_inclusion, verify_consistency,
    verify_inclusion,
};

/// The most entries that a log can have; the arithmetic of stored hashes is exact up to here.
pub const SIZE_MAX: u64 = 1 << 62;

/// How many entries a log has, and the hash over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeHead {
    /// How many entries.
    pub size: u64,
    /// The Merkle tree hash over them.
    pub root: Digest,
}

/// A node hash that will never change, and its place in the order of stored hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoredHash {
    /// Place in the order of stored hashes.
    pub index: u64,
    /// The hash.
    pub hash: Digest,
}

/// Where stored hashes are read from.
pub trait HashSource {
    /// Why a hash can't be read.
    type Error;

    /// The hashes at `indexes`, in that order and as many.
    ///
    /// # Errors
    /// When one is not there or can't be read.
    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, Self::Error>;
}

/// A stored hash that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stored hash `{index}` is not there")]
pub struct MissingHash {
    /// Its place.
    pub index: u64,
}

/// Stored hashes held in memory, in order.
impl HashSource for Vec<Digest> {
    type Error = MissingHash;

    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, MissingHash> {
        let at = |index: u64| self.get(usize::try_from(index).ok()?).copied();
        let hash = |&index: &u64| at(index).ok_or(MissingHash { index });
        indexes.iter().map(hash).collect()
    }
}

/// The root of a complete subtree on the frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Peak {
    level: u8,
    hash: Digest,
}

/// A tree that can be appended to; it holds the frontier only.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tree {
    size: u64,
    // INVARIANT: levels strictly fall, and are the bits that are set in `size`
    peaks: Vec<Peak>,
}

impl Tree {
    /// The tree without entries.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a tree of `size` entries from its stored hashes; compare [`Tree::head`] with a checkpoint.
    ///
    /// # Errors
    /// When a hash of the frontier can't be read, or the size is beyond [`SIZE_MAX`].
    pub fn resume<S: HashSource + ?Sized>(
        size: u64,
        source: &S,
    ) -> Result<Self, ProveError<S::Error>> {
        proof::check_size(size)?;
        let mut levels = Vec::new();
        let mut indexes = Vec::new();
        let mut start = 0;
        for level in (0..64_u8).rev().filter(|level| size >> level & 1 == 1) {
            levels.push(level);
            indexes.push(stored_index(level, start >> level));
            start += 1 << level;
        }
        let hashes = proof::read(source, &indexes)?;
        let peaks = levels.into_iter().zip(hashes);
        let peaks = peaks.map(|(level, hash)| Peak { level, hash }).collect();
        Ok(Self { size, peaks })
    }

    /// How many entries.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Adds an entry by its bytes, and yields the hashes to store: the leaf's, then those of the subtrees it completes.
    pub fn append(&mut self, leaf_bytes: &[u8]) -> Vec<StoredHash> {
        self.append_hash(leaf_hash(leaf_bytes))
    }

    /// Adds an entry by its leaf hash.
    pub fn append_hash(&mut self, leaf: Digest) -> Vec<StoredHash> {
        let mut index = stored_index(0, self.size);
        let mut peak = Peak {
            level: 0,
            hash: leaf,
        };
        let mut stored = vec![StoredHash { index, hash: leaf }];
        while let Some(left) = self.peaks.pop_if(|left| left.level == peak.level) {
            peak = Peak {
                level: left.level + 1,
                hash: node_hash(left.hash, peak.hash),
            };
            // subtrees completed by an entry are stored right after its leaf hash
            index += 1;
            stored.push(StoredHash {
                index,
                hash: peak.hash,
            });
        }
        self.peaks.push(peak);
        self.size += 1;
        stored
    }

    /// Size and root.
    #[must_use]
    pub fn head(&self) -> TreeHead {
        let mut peaks = self.peaks.iter().rev().map(|peak| peak.hash);
        let root = match peaks.next() {
            None => Digest::from(tlog_tiles::EMPTY_HASH),
            Some(last) => peaks.fold(last, |right, left| node_hash(left, right)),
        };
        TreeHead {
            size: self.size,
            root,
        }
    }
}

/// The place, in the order of stored hashes, of the `n`-th node at `level` (leaves are level 0).
#[must_use]
pub fn stored_index(level: u8, n: u64) -> u64 {
    tlog_tiles::stored_hash_index(level, n)
}

/// The level and number of the node whose place in the order of stored hashes is `index`.
pub(crate) fn node_place(index: u64) -> (u8, u64) {
    tlog_tiles::split_stored_hash_index(index)
}

/// How many hashes are stored for a tree of `size` entries.
#[must_use]
pub fn stored_count(size: u64) -> u64 {
    tlog_tiles::stored_hash_count(size)
}

pub(crate) fn node_hash(left: Digest, right: Digest) -> Digest {
    tlog_tiles::node_hash(left.to_hash(), right.to_hash()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naive_root(entries: &[Vec<u8>]) -> Digest {
        proof::naive::root(entries)
    }

    #[test]
    fn the_root_is_that_of_rfc_6962_at_every_size() {
        let entries = proof::naive::entries(300);
        let mut tree = Tree::new();
        let mut stored = Vec::new();
        for (n, entry) in entries.iter().enumerate() {
            assert_eq!(tree.head().root, naive_root(&entries[..n]));
            assert_eq!(stored_count(tree.size()), stored.len() as u64);
            for StoredHash { index, hash } in tree.append(entry) {
                assert_eq!(index, stored.len() as u64);
                stored.push(hash);
            }
            assert_eq!(Tree::resume(tree.size(), &stored).unwrap(), tree);
        }
        assert_eq!(
            tree.head(),
            TreeHead {
                size: 300,
                root: naive_root(&entries)
            }
        );
    }

    #[test]
    fn known_roots_of_the_rfc_6962_test_tree() {
        let entries: [&[u8]; 8] = [
            b"",
            b"\x00",
            b"\x10",
            b"\x20\x21",
            b"\x30\x31",
            b"\x40\x41\x42\x43",
            b"\x50\x51\x52\x53\x54\x55\x56\x57",
            b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
        ];
        let mut tree = Tree::new();
        let mut roots = vec![tree.head().root.to_string()];
        for entry in entries {
            tree.append(entry);
            roots.push(tree.head().root.to_string());
        }
        assert_eq!(
            roots,
            [
                "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
            ]
        );
    }

    #[test]
    fn a_tree_is_not_taken_up_from_hashes_that_are_missing() {
        let stored = vec![Digest::of(b""); 9];
        let error = Tree::resume(6, &stored).unwrap_err();
        assert_eq!(error.to_string(), "the stored hashes can't be read");
        assert_eq!(error, ProveError::Source(MissingHash { index: 9 }));
    }
}
