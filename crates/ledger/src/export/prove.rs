//! Proofs out of an exported folder: one entry for a third person, or the whole against a checkpoint kept from before.
//!
//! Hashes between the levels of tiles are not stored in them; they are computed from the tile below.

use super::entries::{entries_tile, read_file};
use super::{CHECKPOINT, Fault, Files};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::digest::Digest;
use crate::proof_file::ProofFile;
use crate::tile::{TILE_WIDTH, TileId, TileKind, bundle_entries, tile_hashes};
use crate::tree::{HashSource, ProveError, Tree, node_place, prove_inclusion};

/// The stored hashes of a log of `size` entries, read from the tiles of its export.
#[derive(Debug)]
pub struct TileHashes<'f, F: ?Sized> {
    files: &'f F,
    size: u64,
}

impl<'f, F: Files + ?Sized> TileHashes<'f, F> {
    /// Reads from `files`, which hold a log of `size` entries.
    #[must_use]
    pub const fn new(files: &'f F, size: u64) -> Self {
        Self { files, size }
    }

    /// The `n`-th node at `level` of the tree.
    fn node(&self, level: u8, n: u64) -> Result<Digest, Fault> {
        let width = u64::from(TILE_WIDTH);
        let (tile_level, above) = (level / 8, level % 8);
        // the node spans this many hashes of its tile, and they never straddle two tiles
        let span = 1_u64 << above;
        let first = n << above;
        let count = self.size >> (u32::from(tile_level) * 8);
        let held = count.saturating_sub(first / width * width).min(width);
        let kind = TileKind::Hashes { level: tile_level };
        let id = u16::try_from(held)
            .ok()
            .and_then(|held| TileId::new(kind, first / width, held));
        let Some(id) = id else {
            return Err(Fault::Missing {
                file: format!("tile/{tile_level}/ for hash {first}"),
            });
        };
        let file = id.to_string();
        let bytes = read_file(self.files, &file)?;
        let hashes = tile_hashes(&bytes).unwrap_or_default();
        let expected = usize::from(id.width()) * 32;
        let within = |n: u64| usize::try_from(n).ok();
        let from = within(first % width);
        let to = within(first % width + span);
        let spanned = from.zip(to).and_then(|(from, to)| hashes.get(from..to));
        let Some(spanned) = spanned.filter(|_| bytes.len() == expected) else {
            return Err(Fault::Length {
                file,
                expected,
                found: bytes.len(),
            });
        };
        let mut tree = Tree::new();
        for hash in spanned {
            tree.append_hash(*hash);
        }
        Ok(tree.head().root)
    }
}

impl<F: Files + ?Sized> HashSource for TileHashes<'_, F> {
    type Error = Fault;

    fn hashes(&self, indexes: &[u64]) -> Result<Vec<Digest>, Fault> {
        let node = |&index: &u64| {
            let (level, n) = node_place(index);
            self.node(level, n)
        };
        indexes.iter().map(node).collect()
    }
}

/// Takes one entry out of an exported folder, with its proof.
///
/// What comes out has been verified against `key`; the rest of the folder has not.
///
/// # Errors
/// The checkpoint isn't the key's, there is no such entry, or what the proof needs is missing or altered.
pub fn prove<F: Files + ?Sized>(
    files: &F,
    key: &VerifierKey,
    index: u64,
) -> Result<ProofFile, Fault> {
    let text = read_file(files, CHECKPOINT)?;
    let text = String::from_utf8(text).map_err(|_| Fault::CheckpointNotText)?;
    let checkpoint = key.open(&text).map_err(Fault::Checkpoint)?;
    let size = checkpoint.size;
    if index >= size {
        return Err(Fault::NoEntry { entry: index, size });
    }
    let tile = entries_tile(index, size)?;
    let file = tile.to_string();
    let bundle = read_file(files, &file)?;
    let position = usize::try_from(index - tile.first()).unwrap_or(usize::MAX);
    let entry = match bundle_entries(&bundle).nth(position) {
        Some(Ok(entry)) => entry.to_vec(),
        Some(Err(source)) => {
            return Err(Fault::Bundle {
                file,
                entry: index,
                source,
            });
        }
        None => return Err(Fault::Altered { file, entry: index }),
    };
    let hashes =
        prove_inclusion(&TileHashes::new(files, size), index, size).map_err(|e| fault(e, size))?;
    let proof = ProofFile {
        entry: Some(entry),
        index,
        hashes,
        checkpoint: text,
    };
    match proof.verify(None, key) {
        Ok(_) => Ok(proof),
        Err(_) => Err(Fault::Unproven { file, entry: index }),
    }
}

/// Checks that a verified log of `size` entries continues the one that an earlier checkpoint speaks of.
///
/// # Errors
/// The log has fewer entries than then, or others.
pub fn check_continues<F: Files + ?Sized>(
    files: &F,
    size: u64,
    earlier: &Checkpoint,
) -> Result<(), Fault> {
    if earlier.size > size {
        return Err(Fault::Shortened {
            size,
            earlier: earlier.size,
        });
    }
    let then =
        Tree::resume(earlier.size, &TileHashes::new(files, size)).map_err(|e| fault(e, size))?;
    if then.head() == earlier.head() {
        Ok(())
    } else {
        Err(Fault::Forked {
            earlier: earlier.size,
        })
    }
}

fn fault(error: ProveError<Fault>, size: u64) -> Fault {
    match error {
        ProveError::Source(fault) => fault,
        ProveError::OutOfRange { asked, .. } => Fault::NoEntry { entry: asked, size },
        ProveError::Count { .. } => Fault::Root { size },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::testing::{Folder, key, leaf, signed, small};
    use crate::proof_file::verify_proof_file;
    use serde_json::json;

    fn log(size: i64) -> Folder {
        signed(&(0..size).map(|n| leaf(n, json!({}))).collect::<Vec<_>>())
    }

    fn earlier(size: i64) -> Checkpoint {
        let note = log(size).remove(CHECKPOINT).unwrap();
        key().open(std::str::from_utf8(&note).unwrap()).unwrap()
    }

    #[test]
    fn every_entry_of_an_export_can_be_proved_alone() {
        for size in [1, 6, 256, 257, 600] {
            let files = log(size);
            for index in (0..size).step_by(17).chain([size - 1]) {
                let proof = prove(&files, &key(), index.unsigned_abs()).unwrap();
                let proven = verify_proof_file(&proof.to_text(), None, &key()).unwrap();
                assert_eq!(proven.leaf.at, index);
            }
        }
    }

    #[test]
    fn no_proof_comes_out_of_spoiled_files() {
        let refused = |change: &dyn Fn(&mut Folder), expected: &str| {
            let mut files = log(300);
            change(&mut files);
            assert_eq!(
                prove(&files, &key(), 257).unwrap_err().to_string(),
                expected
            );
        };
        let flip = |file: &'static str, at: usize| {
            move |files: &mut Folder| files.get_mut(file).unwrap()[at] ^= 1
        };
        refused(
            &flip("tile/entries/001.p/44", 120),
            "entry `257` in `tile/entries/001.p/44` and the tiles above it do not lead to the signed root: verify the whole folder to learn which was altered",
        );
        refused(
            &flip("tile/1/000.p/1", 0),
            "entry `257` in `tile/entries/001.p/44` and the tiles above it do not lead to the signed root: verify the whole folder to learn which was altered",
        );
        refused(&flip("checkpoint", 0), "`checkpoint` is not to be believed");
        refused(
            &|files| {
                files.remove("tile/1/000.p/1");
            },
            "`tile/1/000.p/1` is missing",
        );
        refused(
            &|files| files.get_mut("tile/0/001.p/44").unwrap().truncate(64),
            "`tile/0/001.p/44` has `64` bytes instead of `1408`",
        );
        refused(
            &|files| files.get_mut("tile/entries/001.p/44").unwrap().truncate(0),
            "entry `257` in `tile/entries/001.p/44` was altered",
        );
        let error = prove(&small(), &key(), 6).unwrap_err();
        assert_eq!(
            error.to_string(),
            "there is no entry `6` among the `6` of this log"
        );
    }

    #[test]
    fn a_log_continues_each_of_its_beginnings() {
        let files = log(600);
        for size in [0, 1, 255, 256, 257, 511, 599, 600] {
            assert!(
                check_continues(&files, 600, &earlier(size)).is_ok(),
                "{size}"
            );
        }
    }

    #[test]
    fn a_lost_tail_is_noticed_by_whoever_kept_a_later_checkpoint() {
        assert_eq!(
            check_continues(&log(300), 300, &earlier(301))
                .unwrap_err()
                .to_string(),
            "the log has `300` entries and had `301` when the earlier checkpoint was signed: its end is lost"
        );
    }

    #[test]
    fn a_fork_is_noticed_by_whoever_kept_an_earlier_checkpoint() {
        let mut entries: Vec<_> = (0..300).map(|n| leaf(n, json!({}))).collect();
        entries[100] = leaf(100, json!({"another": 1}));
        let forked = signed(&entries);
        assert!(check_continues(&forked, 300, &earlier(100)).is_ok());
        assert_eq!(
            check_continues(&forked, 300, &earlier(101))
                .unwrap_err()
                .to_string(),
            "the first `101` entries are not those that the earlier checkpoint signed: there are two logs under one name"
        );
    }
}
