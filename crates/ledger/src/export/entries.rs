//! The entries of an exported folder in order, for whoever replays them after the folder has been verified.

use std::thread::Scope;

use super::ahead::Ahead;
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

/// Reads the entries of a log of `size` entries, such as [`super::Verified::size`]. They are decoded ahead, by threads of `scope`.
///
/// It checks form only, no hash: run [`super::verify()`] first. After a fault there is nothing more.
pub fn entries<'scope, F: Files + ?Sized>(
    files: &'scope F,
    size: u64,
    scope: &'scope Scope<'scope, '_>,
) -> Entries<'scope, F> {
    Entries {
        files,
        size,
        pushed: 0,
        ahead: Ahead::start(scope, decode),
        decoded: Vec::new().into_iter(),
        fault: None,
        over: false,
    }
}

/// See [`entries`].
pub struct Entries<'f, F: ?Sized> {
    files: &'f F,
    size: u64,
    /// Entries that were given out to be decoded.
    pushed: u64,
    ahead: Ahead<Bundle, Vec<Result<Entry, Fault>>>,
    decoded: std::vec::IntoIter<Result<Entry, Fault>>,
    /// Why there is no further bundle.
    fault: Option<Fault>,
    over: bool,
}

impl<F: ?Sized> std::fmt::Debug for Entries<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entries")
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// Entries of one file, not decoded yet.
struct Bundle {
    tile: TileId,
    entries: Vec<Vec<u8>>,
}

/// Up to the first that can't be read.
fn decode(bundle: Bundle) -> Vec<Result<Entry, Fault>> {
    let mut decoded = Vec::with_capacity(bundle.entries.len());
    for (index, bytes) in (bundle.tile.first()..).zip(bundle.entries) {
        let leaf = Leaf::decode(&bytes).map_err(|source| Fault::Entry {
            file: bundle.tile.to_string(),
            entry: index,
            source,
        });
        let whole = leaf.is_ok();
        decoded.push(leaf.map(|leaf| Entry { index, leaf, bytes }));
        if !whole {
            break;
        }
    }
    decoded
}

impl<F: Files + ?Sized> Iterator for Entries<'_, F> {
    type Item = Result<Entry, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let next = self.decoded.next().or_else(|| {
            self.read_ahead();
            match self.ahead.pop() {
                Some(decoded) => {
                    self.decoded = decoded.into_iter();
                    self.decoded.next()
                }
                None => self.fault.take().map(Err),
            }
        });
        self.over = !matches!(next, Some(Ok(_)));
        next
    }
}

impl<F: Files + ?Sized> Entries<'_, F> {
    /// Gives out as many bundles as may wait to be decoded.
    fn read_ahead(&mut self) {
        while self.fault.is_none() && self.pushed < self.size && !self.ahead.is_full() {
            let tile = entries_tile(self.pushed, self.size);
            match tile.and_then(|tile| Ok((tile, read_bundle(self.files, tile)?))) {
                Ok((tile, entries)) => {
                    self.pushed += u64::from(tile.width());
                    self.ahead.push(Bundle { tile, entries });
                }
                Err(fault) => self.fault = Some(fault),
            }
        }
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
