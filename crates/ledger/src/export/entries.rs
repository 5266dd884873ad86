//! The entries of an exported folder in order, for whoever replays them after the folder has been verified.

use super::{Fault, Files};
use crate::leaf::Leaf;
use crate::tile::{TILE_WIDTH, TileId, TileKind, bundle_entries};

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its number.
    pub index: u64,
    /// What it says.
    pub leaf: Leaf,
    /// Its bytes, as hashed.
    pub bytes: Vec<u8>,
}

/// Reads the entries of a log of `size` entries, such as [`super::Verified::size`].
///
/// It checks form only, no hash: run [`super::verify()`] first. After a fault there is nothing more.
pub const fn entries<F: Files + ?Sized>(files: &F, size: u64) -> Entries<'_, F> {
    Entries {
        files,
        size,
        next: 0,
        bundle: Vec::new(),
    }
}

/// See [`entries`].
#[derive(Debug)]
pub struct Entries<'f, F: ?Sized> {
    files: &'f F,
    size: u64,
    next: u64,
    // INVARIANT: the entries from `next` to the end of their bundle, last one first
    bundle: Vec<Vec<u8>>,
}

impl<F: Files + ?Sized> Iterator for Entries<'_, F> {
    type Item = Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.next >= self.size {
            return None;
        }
        let entry = self.read();
        if entry.is_err() {
            self.next = self.size;
        }
        Some(entry)
    }
}

impl<F: Files + ?Sized> Entries<'_, F> {
    fn read(&mut self) -> Result<Entry, Fault> {
        let index = self.next;
        let tile = entries_tile(index, self.size)?;
        if self.bundle.is_empty() {
            self.bundle = read_bundle(self.files, tile)?;
            self.bundle.reverse();
        }
        let file = tile.to_string();
        let Some(bytes) = self.bundle.pop() else {
            return Err(Fault::Missing { file });
        };
        let leaf = Leaf::decode(&bytes).map_err(|source| Fault::Entry {
            file,
            entry: index,
            source,
        })?;
        self.next += 1;
        Ok(Entry { index, leaf, bytes })
    }
}

/// The bundle that holds entry `index` of a log of `size` entries.
pub(super) fn entries_tile(index: u64, size: u64) -> Result<TileId, Fault> {
    let width = u64::from(TILE_WIDTH);
    let number = index / width;
    let held = size.saturating_sub(number * width).min(width);
    u16::try_from(held)
        .ok()
        .and_then(|held| TileId::new(TileKind::Entries, number, held))
        .ok_or_else(|| Fault::Missing {
            file: format!("tile/entries/ for entry {index}"),
        })
}

/// Reads a file that has to be there.
pub(super) fn read_file<F: Files + ?Sized>(files: &F, file: &str) -> Result<Vec<u8>, Fault> {
    let bytes = files.read(file).map_err(Fault::Unreadable)?;
    bytes.ok_or_else(|| Fault::Missing {
        file: file.to_owned(),
    })
}

/// Reads a bundle and makes sure that it has as many entries as its name says.
fn read_bundle<F: Files + ?Sized>(files: &F, tile: TileId) -> Result<Vec<Vec<u8>>, Fault> {
    let file = tile.to_string();
    let bytes = read_file(files, &file)?;
    let mut found = Vec::new();
    for (entry, bytes) in (tile.first()..).zip(bundle_entries(&bytes)) {
        match bytes {
            Ok(bytes) => found.push(bytes.to_vec()),
            Err(source) => {
                return Err(Fault::Bundle {
                    file,
                    entry,
                    source,
                });
            }
        }
    }
    check_count(tile, found.len())?;
    Ok(found)
}

/// Refuses a bundle of more or fewer entries than its name says.
pub(super) fn check_count(tile: TileId, found: usize) -> Result<(), Fault> {
    let (expected, found) = (u64::from(tile.width()), found as u64);
    if expected == found {
        return Ok(());
    }
    Err(Fault::Count {
        file: tile.to_string(),
        entry: tile.first() + expected.min(found),
        expected,
        found,
    })
}
