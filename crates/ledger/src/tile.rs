//! Tiles: the tree and its entries cut into files that never change (C2SP tlog-tiles).
//!
//! A tile holds up to 256 consecutive hashes of every eighth level; an entry bundle holds the entries under
//! a tile of level 0. Only the last of each level may be partial, and its width is part of its name.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::leaf::LEAF_BYTES_MAX;
use crate::tree::{HashSource, ProveError, SIZE_MAX, read_hashes, stored_index};

/// How many hashes or entries a full tile has.
pub const TILE_WIDTH: u16 = 256;

/// The levels that a tree of any size can have.
const LEVELS: u8 = 8;

/// What a tile holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TileKind {
    /// Hashes of the tree: of entries at level 0, of full tiles of the level below at the others.
    Hashes {
        /// 0 to 7.
        level: u8,
    },
    /// The entries themselves.
    Entries,
}

/// The name of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TileId {
    kind: TileKind,
    index: u64,
    // INVARIANT: 1 to 256, and all that the tile covers lies within SIZE_MAX entries
    width: u16,
}

/// Why a path names no tile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{path}` names no tile: `tile/LEVEL/NNN`, `tile/entries/NNN`, each with `.p/WIDTH` if partial"
)]
pub struct TilePathError {
    path: String,
}

/// Why a tile's bytes can't be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TileError<E> {
    /// It is a tile of entries, which are not in the hashes.
    #[error("`{tile}` holds entries, not hashes")]
    Entries {
        /// Which tile.
        tile: TileId,
    },
    /// Its hashes can't be read.
    #[error("the hashes of `{tile}` can't be read")]
    Unreadable {
        /// Which tile.
        tile: TileId,
        /// Why.
        #[source]
        source: ProveError<E>,
    },
}

/// Why entries make no bundle, or bytes are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// An entry longer than its length can tell.
    #[error(
        "entry `{position}` of the bundle has `{bytes}` bytes and at most `{LEAF_BYTES_MAX}` are allowed"
    )]
    TooLarge {
        /// Which entry, from 0 in this bundle.
        position: usize,
        /// How long it is.
        bytes: usize,
    },
    /// The bytes end inside an entry.
    #[error("the bundle ends inside its entry `{position}`")]
    CutShort {
        /// Which entry, from 0 in this bundle.
        position: usize,
    },
}

impl TileId {
    /// Names a tile; none if the width is not 1 to 256 or no tree is so large.
    #[must_use]
    pub fn new(kind: TileKind, index: u64, width: u16) -> Option<Self> {
        let tile = Self { kind, index, width };
        let fits =
            (1..=TILE_WIDTH).contains(&width) && tile.end().is_some_and(|end| end <= SIZE_MAX);
        fits.then_some(tile)
    }

    /// What it holds.
    #[must_use]
    pub const fn kind(&self) -> TileKind {
        self.kind
    }

    /// Its number within its level.
    #[must_use]
    pub const fn index(&self) -> u64 {
        self.index
    }

    /// How many hashes or entries it holds, 1 to 256.
    #[must_use]
    pub const fn width(&self) -> u16 {
        self.width
    }

    /// Whether it is full and so stays for ever.
    #[must_use]
    pub const fn is_full(&self) -> bool {
        self.width == TILE_WIDTH
    }

    /// The number of its first hash within the level, or of its first entry.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.index * u64::from(TILE_WIDTH)
    }

    /// Whether a log of `size` entries has all that this tile holds.
    #[must_use]
    pub fn is_within(&self, size: u64) -> bool {
        self.end().is_some_and(|end| end <= size)
    }

    /// How many entries there must be.
    fn end(&self) -> Option<u64> {
        let level = match self.kind {
            TileKind::Hashes { level } => level,
            TileKind::Entries => 0,
        };
        let hashes = self.index.checked_mul(u64::from(TILE_WIDTH))?;
        let hashes = hashes.checked_add(u64::from(self.width))?;
        let each = 1_u64.checked_shl(u32::from(level) * 8)?;
        hashes.checked_mul(each)
    }
}

impl fmt::Display for TileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            TileKind::Hashes { level } => write!(f, "tile/{level}/")?,
            TileKind::Entries => f.write_str("tile/entries/")?,
        }
        let mut groups = vec![self.index % 1000];
        let mut rest = self.index / 1000;
        while rest > 0 {
            groups.push(rest % 1000);
            rest /= 1000;
        }
        while groups.len() > 1 {
            write!(f, "x{:03}/", groups.pop().unwrap_or(0))?;
        }
        write!(f, "{:03}", groups.pop().unwrap_or(0))?;
        if !self.is_full() {
            write!(f, ".p/{}", self.width)?;
        }
        Ok(())
    }
}

impl FromStr for TileId {
    type Err = TilePathError;

    fn from_str(path: &str) -> Result<Self, Self::Err> {
        let parsed = parse(path);
        // writing it again refuses every second spelling: leading zeros, signs, a width of 256
        parsed
            .filter(|tile| tile.to_string() == path)
            .ok_or_else(|| TilePathError {
                path: path.to_owned(),
            })
    }
}

fn parse(path: &str) -> Option<TileId> {
    let (kind, rest) = path.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes {
            level: level.parse().ok().filter(|level| *level < LEVELS)?,
        },
    };
    let (number, width) = match rest.split_once(".p/") {
        Some((number, width)) => (number, width.parse().ok()?),
        None => (rest, TILE_WIDTH),
    };
    let mut index = 0_u64;
    for group in number.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        if digits.len() != 3 {
            return None;
        }
        let group: u64 = digits.parse().ok()?;
        index = index.checked_mul(1000)?.checked_add(group)?;
    }
    TileId::new(kind, index, width)
}

/// The bytes of a tile of hashes.
///
/// # Errors
/// A tile of entries, or hashes that can't be read.
pub fn tile_bytes<S: HashSource + ?Sized>(
    source: &S,
    tile: TileId,
) -> Result<Vec<u8>, TileError<S::Error>> {
    let TileKind::Hashes { level } = tile.kind else {
        return Err(TileError::Entries { tile });
    };
    let first = tile.first();
    let numbers = first..first + u64::from(tile.width);
    let indexes: Vec<u64> = numbers.map(|n| stored_index(level * 8, n)).collect();
    let hashes =
        read_hashes(source, &indexes).map_err(|source| TileError::Unreadable { tile, source })?;
    Ok(hashes.iter().flat_map(|hash| *hash.as_bytes()).collect())
}

/// The hashes in a tile's bytes; none if the length is not that of whole hashes.
#[must_use]
pub fn tile_hashes(bytes: &[u8]) -> Option<Vec<Digest>> {
    let (hashes, rest) = bytes.as_chunks::<32>();
    rest.is_empty().then(|| {
        hashes
            .iter()
            .map(|hash| Digest::from_bytes(*hash))
            .collect()
    })
}

/// A bundle of entries: each with its length before it in two bytes, big-endian.
///
/// # Errors
/// An entry longer than 65,535 bytes.
pub fn entries_bundle<T: AsRef<[u8]>>(entries: &[T]) -> Result<Vec<u8>, BundleError> {
    let mut bundle = Vec::with_capacity(entries.iter().map(|entry| entry.as_ref().len() + 2).sum());
    for (position, entry) in entries.iter().enumerate() {
        let entry = entry.as_ref();
        let bytes = entry.len();
        let length = u16::try_from(bytes).map_err(|_| BundleError::TooLarge { position, bytes })?;
        bundle.extend_from_slice(&length.to_be_bytes());
        bundle.extend_from_slice(entry);
    }
    Ok(bundle)
}

/// The entries of a bundle, one after the other; after an error there is nothing more.
#[must_use]
pub const fn bundle_entries(bundle: &[u8]) -> BundleEntries<'_> {
    BundleEntries {
        rest: bundle,
        position: 0,
    }
}

/// Reads a bundle of entries; see [`bundle_entries`].
#[derive(Debug, Clone)]
pub struct BundleEntries<'b> {
    rest: &'b [u8],
    position: usize,
}

impl<'b> Iterator for BundleEntries<'b> {
    type Item = Result<&'b [u8], BundleError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let position = self.position;
        self.position += 1;
        let split = self
            .rest
            .split_first_chunk::<2>()
            .and_then(|(length, rest)| {
                rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
            });
        let Some((entry, rest)) = split else {
            self.rest = &[];
            return Some(Err(BundleError::CutShort { position }));
        };
        self.rest = rest;
        Some(Ok(entry))
    }
}

/// Every tile of a log of `size` entries: the full ones and the partial one of each level, hashes first.
pub fn tiles_for(size: u64) -> impl Iterator<Item = TileId> {
    let hashes = (0..LEVELS).flat_map(move |level| {
        tiles_of(TileKind::Hashes { level }, size >> (u32::from(level) * 8))
    });
    hashes.chain(tiles_of(TileKind::Entries, size))
}

/// The tiles that hold `count` hashes or entries of one kind.
fn tiles_of(kind: TileKind, count: u64) -> impl Iterator<Item = TileId> {
    let width = u64::from(TILE_WIDTH);
    (0..count.div_ceil(width)).filter_map(move |index| {
        let width = (count - index * width).min(width);
        TileId::new(kind, index, u16::try_from(width).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;
    use proptest::prelude::*;

    fn names(size: u64) -> Vec<String> {
        tiles_for(size).map(|tile| tile.to_string()).collect()
    }

    #[test]
    fn the_tiles_of_a_log_are_those_of_the_specification() {
        assert_eq!(names(0), [""; 0]);
        assert_eq!(names(1), ["tile/0/000.p/1", "tile/entries/000.p/1"]);
        assert_eq!(
            names(256),
            ["tile/0/000", "tile/1/000.p/1", "tile/entries/000"]
        );
        let names = names(70_000);
        let count = |prefix: &str, partial| {
            names
                .iter()
                .filter(|name| name.starts_with(prefix) && name.contains(".p/") == partial)
                .count()
        };
        assert_eq!(
            [
                count("tile/0/", false),
                count("tile/1/", false),
                count("tile/2/", false)
            ],
            [273, 1, 0]
        );
        let partial: Vec<_> = names.iter().filter(|name| name.contains(".p/")).collect();
        assert_eq!(
            partial,
            [
                "tile/0/273.p/112",
                "tile/1/001.p/17",
                "tile/2/000.p/1",
                "tile/entries/273.p/112"
            ]
        );
        assert_eq!(count("tile/entries/", false), 273);
    }

    #[test]
    fn a_name_is_written_in_groups_of_three_digits() {
        let name = |level, index, width| {
            TileId::new(TileKind::Hashes { level }, index, width)
                .unwrap()
                .to_string()
        };
        assert_eq!(name(0, 1_234_067, 256), "tile/0/x001/x234/067");
        assert_eq!(name(1, 1_000, 255), "tile/1/x001/000.p/255");
        assert_eq!(name(3, 999, 256), "tile/3/999");
        assert_eq!(name(7, 0, 1), "tile/7/000.p/1");
    }

    #[test]
    fn a_name_has_one_spelling() {
        for path in [
            "",
            "tile",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/00/000",
            "tile/+0/000",
            "tile/8/000.p/1",
            "tile/64/000",
            "tile/-1/000",
            "tile/0/x000/000",
            "tile/0/000/000",
            "tile/0/x001/x000",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/01",
            "tile/0/000.p/256",
            "tile/0/000.p/257",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/2",
            "/tile/0/000",
            "tile/0/000/",
            "tile/Entries/000",
            "tile/8/0/000",
            "tile/entries/x999/x999/x999/x999/x999/x999/999",
            "tile/7/000",
            "tile/0/000.p/+1",
            "tile/0/000.p/1.p/1",
        ] {
            assert_eq!(
                path.parse::<TileId>().unwrap_err().to_string(),
                format!(
                    "`{path}` names no tile: `tile/LEVEL/NNN`, `tile/entries/NNN`, each with `.p/WIDTH` if partial"
                )
            );
        }
    }

    #[test]
    fn a_tile_is_within_a_log_that_has_all_its_hashes() {
        let tile: TileId = "tile/1/000.p/2".parse().unwrap();
        assert!(tile.is_within(512));
        assert!(!tile.is_within(511));
        let tile: TileId = "tile/entries/001".parse().unwrap();
        assert!(tile.is_within(512));
        assert!(!tile.is_within(511));
    }

    #[test]
    fn a_tile_above_holds_the_roots_of_the_tiles_below() {
        let mut tree = Tree::new();
        let mut stored = Vec::new();
        for n in 0..600_u32 {
            stored.extend(
                tree.append(&n.to_be_bytes())
                    .iter()
                    .map(|stored| stored.hash),
            );
        }
        let bytes = tile_bytes(&stored, "tile/1/000.p/2".parse().unwrap()).unwrap();
        let mut roots = Vec::new();
        for index in ["tile/0/000", "tile/0/001"] {
            let mut below = Tree::new();
            let hashes = tile_bytes(&stored, index.parse().unwrap()).unwrap();
            for hash in tile_hashes(&hashes).unwrap() {
                below.append_hash(hash);
            }
            roots.push(below.head().root);
        }
        assert_eq!(tile_hashes(&bytes).unwrap(), roots);
        assert_eq!(tile_hashes(&bytes[1..]), None);
    }

    #[test]
    fn a_tile_that_is_not_there_is_named() {
        let none: Vec<Digest> = vec![];
        let error = tile_bytes(&none, "tile/0/000.p/3".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the hashes of `tile/0/000.p/3` can't be read"
        );
        let error = tile_bytes(&none, "tile/entries/000".parse().unwrap()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "`tile/entries/000` holds entries, not hashes"
        );
    }

    #[test]
    fn a_bundle_tells_where_it_breaks() {
        let bundle = entries_bundle(&[b"one".as_slice(), b"", b"three"]).unwrap();
        assert_eq!(bundle, b"\0\x03one\0\0\0\x05three");
        let read = |bytes: &[u8]| {
            bundle_entries(bytes)
                .map(|entry| entry.map(<[u8]>::to_vec))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            read(&bundle),
            [Ok(b"one".to_vec()), Ok(vec![]), Ok(b"three".to_vec())]
        );
        let error = read(&bundle[..bundle.len() - 1])
            .pop()
            .unwrap()
            .unwrap_err();
        assert_eq!(error.to_string(), "the bundle ends inside its entry `2`");
        assert_eq!(read(b"\0"), [Err(BundleError::CutShort { position: 0 })]);
        let error = entries_bundle(&[vec![], vec![0; 65_536]]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "entry `1` of the bundle has `65536` bytes and at most `65535` are allowed"
        );
        assert!(entries_bundle(&[vec![0; 65_535]]).is_ok());
    }

    proptest! {
        #[test]
        fn a_name_is_read_as_written(kind in 0..9_u8, index in 0..1_u64 << 50, width in 1..=256_u16) {
            let kind = if kind == 8 { TileKind::Entries } else { TileKind::Hashes { level: kind } };
            if let Some(tile) = TileId::new(kind, index, width) {
                prop_assert_eq!(tile.to_string().parse(), Ok(tile));
            }
        }

        #[test]
        fn a_bundle_is_read_as_written(entries: Vec<Vec<u8>>) {
            let bundle = entries_bundle(&entries).unwrap();
            let read: Result<Vec<&[u8]>, _> = bundle_entries(&bundle).collect();
            prop_assert_eq!(read.unwrap(), entries);
        }

        #[test]
        fn every_tile_of_a_log_lies_within_it(size in 0..200_000_u64) {
            prop_assert!(tiles_for(size).all(|tile| tile.is_within(size)));
        }
    }
}
