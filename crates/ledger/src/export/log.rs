//! Checks entries and tiles against the signed root, and finds the one that is wrong.
//!
//! The tree is grown anew from the entries, and each hash it yields is compared with the tiles. The signed
//! root then says whom to believe: if the entries lead to it, the first hash that differs is a fault in a
//! tile; if they don't, it is a fault in an entry. Memory is bounded by one tile of each level, whatever the size of the log.

use super::entries::{check_count, entries_tile, read_file};
use super::{Fault, Files};
use crate::digest::Digest;
use crate::tile::{TILE_WIDTH, TileId, TileKind, bundle_entries, tile_hashes};
use crate::tree::{Tree, TreeHead, leaf_hash};

/// A tile at level 1 or above whose hashes are being compared as the entries complete them.
struct UpperTile {
    id: TileId,
    hashes: Vec<Digest>,
}

/// The first place where two sources of the same hash differ.
#[derive(Clone, Copy)]
struct Difference {
    tile: TileId,
    /// Position of the hash within the tile.
    n: u64,
}

/// Walks a log; see [`check_log`].
struct Walk<'f, F: ?Sized> {
    files: &'f F,
    head: TreeHead,
    tree: Tree,
    upper: Vec<Option<UpperTile>>,
    lowest_difference: Option<Difference>,
    upper_difference: Option<Difference>,
}

/// Reads all tiles and entries of the log under `head`, hands each entry up to the first that differs from its hash to `each`,
/// and names the first fault.
pub(super) fn check_log<F: Files + ?Sized>(
    files: &F,
    head: TreeHead,
    each: &mut dyn FnMut(u64, &[u8]),
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Fault> {
    let mut walk = Walk {
        files,
        head,
        tree: Tree::new(),
        upper: Vec::new(),
        lowest_difference: None,
        upper_difference: None,
    };
    while walk.tree.size() < head.size {
        walk.bundle(each)?;
        progress(walk.tree.size(), head.size);
    }
    walk.judge()
}

impl<F: Files + ?Sized> Walk<'_, F> {
    /// Reads the next bundle of entries and the tile of their hashes.
    fn bundle(&mut self, each: &mut dyn FnMut(u64, &[u8])) -> Result<(), Fault> {
        let bundle = entries_tile(self.tree.size(), self.head.size)?;
        let hashes = self.hash_tile(0, bundle.index())?;
        let bytes = read_file(self.files, &bundle.to_string())?;
        for (position, entry) in bundle_entries(&bytes).enumerate() {
            let index = self.tree.size();
            let bytes = match entry {
                Ok(bytes) => bytes,
                Err(source) => {
                    let file = bundle.to_string();
                    let entry = index;
                    return Err(self.first(Fault::Bundle {
                        file,
                        entry,
                        source,
                    }));
                }
            };
            let Some(expected) = hashes.hashes.get(position) else {
                break;
            };
            let hash = leaf_hash(bytes);
            if self.lowest_difference.is_some() {
                // nothing is said about a log that won't be believed
            } else if hash == *expected {
                each(index, bytes);
            } else {
                let n = index - bundle.first();
                self.lowest_difference = Some(Difference { tile: hashes.id, n });
            }
            let completed = self.tree.append_hash(hash);
            for (level, stored) in (0_u8..).zip(completed.iter().skip(8).step_by(8)) {
                self.compare_upper(level + 1, index, stored.hash)?;
            }
        }
        let count = bundle_entries(&bytes).count();
        check_count(bundle, count).map_err(|fault| self.first(fault))
    }

    /// An entry altered in its length shifts all after it: the first difference, if any, is the place.
    fn first(&self, later: Fault) -> Fault {
        match (self.lowest_difference, self.judge()) {
            (Some(_), Err(first)) => first,
            _ => later,
        }
    }

    /// Compares the root of a full tile below, completed by entry `index`, with its place at `level`.
    fn compare_upper(&mut self, level: u8, index: u64, hash: Digest) -> Result<(), Fault> {
        let number = index >> (u32::from(level) * 8);
        let width = u64::from(TILE_WIDTH);
        let (tile, n) = (number / width, number % width);
        let slot = usize::from(level);
        let cached = self.upper.get_mut(slot).and_then(Option::take);
        let upper = match cached {
            Some(upper) if upper.id.index() == tile => upper,
            _ => self.hash_tile(level, tile)?,
        };
        let stored = usize::try_from(n).ok().and_then(|n| upper.hashes.get(n));
        if stored != Some(&hash) && self.upper_difference.is_none() {
            self.upper_difference = Some(Difference { tile: upper.id, n });
        }
        if self.upper.len() <= slot {
            self.upper.resize_with(slot + 1, || None);
        }
        if let Some(place) = self.upper.get_mut(slot) {
            *place = Some(upper);
        }
        Ok(())
    }

    /// Reads a tile of hashes, as wide as it is in a log of this size.
    fn hash_tile(&self, level: u8, index: u64) -> Result<UpperTile, Fault> {
        let width = u64::from(TILE_WIDTH);
        let count = self.head.size >> (u32::from(level) * 8);
        let held = count.saturating_sub(index * width).min(width);
        let held = u16::try_from(held).unwrap_or(TILE_WIDTH);
        let Some(id) = TileId::new(TileKind::Hashes { level }, index, held) else {
            return Err(Fault::Root {
                size: self.head.size,
            });
        };
        let file = id.to_string();
        let bytes = read_file(self.files, &file)?;
        let expected = usize::from(held) * 32;
        match tile_hashes(&bytes) {
            Some(hashes) if bytes.len() == expected => Ok(UpperTile { id, hashes }),
            _ => Err(Fault::Length {
                file,
                expected,
                found: bytes.len(),
            }),
        }
    }

    /// Lets the signed root decide what is wrong.
    fn judge(&self) -> Result<(), Fault> {
        let entries_hold = self.tree.head() == self.head;
        match (self.lowest_difference, self.upper_difference) {
            (None, None) if entries_hold => Ok(()),
            (None, None) => Err(Fault::Root {
                size: self.head.size,
            }),
            (Some(difference), _) | (None, Some(difference)) if entries_hold => Err(Fault::Hash {
                file: difference.tile.to_string(),
                n: difference.n,
            }),
            (Some(difference), _) => {
                let entry = difference.tile.first() + difference.n;
                let file = entries_tile(entry, self.head.size)?.to_string();
                Err(Fault::Altered { file, entry })
            }
            (None, Some(difference)) => {
                let TileKind::Hashes { level } = difference.tile.kind() else {
                    return Err(Fault::Root {
                        size: self.head.size,
                    });
                };
                let each = 1_u64 << (u32::from(level) * 8);
                let entry = (difference.tile.first() + difference.n) * each;
                Err(Fault::Rewritten {
                    file: entries_tile(entry, self.head.size)?.to_string(),
                    entry,
                    last: entry + each - 1,
                })
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::export::testing::log_files;

    fn check(files: &BTreeMap<String, Vec<u8>>, head: TreeHead) -> String {
        let mut seen = Vec::new();
        let mut each = |entry, _: &[u8]| seen.push(entry);
        match check_log(files, head, &mut each, &mut |_, _| ()) {
            Ok(()) => {
                assert!(seen.into_iter().eq(0..head.size));
                "genuine".to_owned()
            }
            Err(fault) => fault.to_string(),
        }
    }

    fn flipped(
        files: &BTreeMap<String, Vec<u8>>,
        file: &str,
        byte: usize,
    ) -> BTreeMap<String, Vec<u8>> {
        let mut changed = files.clone();
        changed.get_mut(file).unwrap()[byte] ^= 1;
        changed
    }

    #[test]
    fn logs_of_every_shape_hold() {
        for size in [0, 1, 2, 255, 256, 257, 511, 512, 513, 700] {
            let entries: Vec<_> = (0..size).map(|n: u32| n.to_be_bytes().to_vec()).collect();
            let (files, head) = log_files(&entries);
            assert_eq!(check(&files, head), "genuine", "{size} entries");
        }
    }

    #[test]
    fn a_wrong_hash_is_found_at_every_level() {
        let entries: Vec<_> = (0..65_536 + 300)
            .map(|n: u32| n.to_be_bytes().to_vec())
            .collect();
        let (files, head) = log_files(&entries);
        assert_eq!(check(&files, head), "genuine");
        let wrong = |file: &str, n: usize| {
            assert_eq!(
                check(&flipped(&files, file, n * 32 + 7), head),
                format!("hash `{n}` in `{file}` is wrong")
            );
        };
        wrong("tile/0/000", 0);
        wrong("tile/0/257.p/44", 43);
        wrong("tile/1/000", 255);
        wrong("tile/1/001.p/1", 0);
        wrong("tile/2/000.p/1", 0);
        let both = flipped(&flipped(&files, "tile/0/257.p/44", 0), "tile/2/000.p/1", 0);
        assert_eq!(check(&both, head), "hash `0` in `tile/0/257.p/44` is wrong");
    }

    /// Takes files of one log into another, as somebody would who alters an entry and hashes anew.
    fn with_files_of(
        mut files: BTreeMap<String, Vec<u8>>,
        other: &BTreeMap<String, Vec<u8>>,
        taken: &[&str],
    ) -> BTreeMap<String, Vec<u8>> {
        for file in taken {
            files.insert((*file).to_owned(), other[*file].clone());
        }
        files
    }

    #[test]
    fn an_entry_altered_together_with_hashes_above_it_is_still_found() {
        let mut entries: Vec<_> = (0..600).map(|n: u32| n.to_be_bytes().to_vec()).collect();
        let (files, head) = log_files(&entries);
        entries[300] = b"another".to_vec();
        let (forged, _) = log_files(&entries);
        let all: Vec<&str> = forged.keys().map(String::as_str).collect();

        let some = with_files_of(files.clone(), &forged, &["tile/entries/001"]);
        assert_eq!(
            check(&some, head),
            "entry `300` in `tile/entries/001` was altered"
        );
        let some = with_files_of(files.clone(), &forged, &["tile/entries/001", "tile/0/001"]);
        assert_eq!(
            check(&some, head),
            "one of the entries `256` to `511`, from `tile/entries/001` on, was altered together with its hashes"
        );
        let some = with_files_of(files, &forged, &all);
        assert_eq!(
            check(&some, head),
            "the `600` entries agree with their hashes but not with the root signed in `checkpoint`: the log was rewritten"
        );
    }

    #[test]
    fn an_impossible_size_is_refused_without_looking_for_its_files() {
        let (files, _) = log_files(&[]);
        let head = TreeHead {
            size: crate::tree::SIZE_MAX,
            root: Digest::of(b""),
        };
        assert_eq!(check(&files, head), "`tile/0/000` is missing");
    }
}
