//! The log as files, from a live server: the C2SP paths, and beside them the bodies and blobs that entries refer to. The head is
//! read once, and only what it covers is written, so entries that come meanwhile don't matter.
use crate::ports::{KeyStore, LogReader, ReadError, StoredHashes};
use ledger::{
    body::{BodyError, SealedBody},
    digest::Digest,
    export::{BodyFile, BodyFileError, CHECKPOINT, blob_path, body_path},
    leaf::{BodyRef, ERASED_FIELD, Leaf, LeafError},
    tile::{self, TileError, TileId, TileKind},
};
use std::{collections::BTreeSet, io};

/// The verifying key's file, for convenience only: whoever verifies brings the key from elsewhere.
pub const VKEY: &str = "vkey";

/// Entries looked through at a time.
const READ_AT_ONCE: usize = 1_024;

/// Whether people's words are written as they are stored, or opened.
pub enum Words<'k> {
    /// Encrypted, as stored.
    Sealed,
    /// Opened with the keys that still exist.
    Opened(&'k dyn KeyStore),
}

impl std::fmt::Debug for Words<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sealed => "Sealed",
            Self::Opened(_) => "Opened",
        })
    }
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exported {
    /// Entries.
    pub entries: u64,
    /// Tiles of hashes and entries.
    pub tiles: u64,
    /// Bodies, opened and sealed.
    pub bodies: u64,
    /// Bodies among them that were opened.
    pub opened: u64,
    /// Bodies of people whose key was destroyed: marked as such, and not written.
    pub erased: u64,
    /// Blobs.
    pub blobs: u64,
}

/// Why a log could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The log is empty.
    #[error("the log is empty")]
    Empty,
    /// The log can't be read.
    #[error("the log can't be read")]
    Read(#[source] ReadError),
    /// The nodes of the tree can't be read.
    #[error("the tree of the log can't be read")]
    Tile(#[source] TileError<ReadError>),
    /// Entries are missing.
    #[error("`{tile}` has {found} entries where the log should have {expected}")]
    Short {
        /// Which tile.
        tile: String,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// An entry is too long for its tile.
    #[error("the entries can't be written")]
    Entries(#[source] tile::BundleError),
    /// An entry can't be read.
    #[error("entry `{entry}` can't be read")]
    Entry {
        /// Which.
        entry: u64,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// A body isn't what it commits to.
    #[error("a body is damaged")]
    Body(#[source] BodyError),
    /// A body has no form as a file.
    #[error("a body can't be written")]
    BodyFile(#[source] BodyFileError),
    /// A file can't be written.
    #[error("`{path}` can't be written")]
    Write {
        /// Which.
        path: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Writes a file of the export, by its path within it.
pub type Out<'o> = &'o mut dyn FnMut(&str, &[u8]) -> io::Result<()>;

/// Exports the log up to its head. `progress` hears of entries written so far, and of all.
///
/// # Errors
/// [`ExportError`] if something can't be read or written; what was written by then is of no use.
pub fn export(
    reader: &dyn LogReader,
    words: &Words<'_>,
    vkey: &str,
    out: Out<'_>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Exported, ExportError> {
    let head = reader.head().map_err(ExportError::Read)?;
    let size = head.tree.size;
    if size == 0 {
        return Err(ExportError::Empty);
    }
    let mut export = Export {
        erased: erased(reader, size)?,
        reader,
        words,
        out,
        blobs: BTreeSet::new(),
        exported: Exported {
            entries: size,
            ..Exported::default()
        },
    };
    export.write(VKEY, format!("{vkey}\n").as_bytes())?;
    for tile in tile::tiles_for(size) {
        match tile.kind() {
            TileKind::Hashes { .. } => export.hashes(tile)?,
            TileKind::Entries => {
                export.entries(tile)?;
                progress(tile.first() + u64::from(tile.width()), size);
            }
        }
        export.exported.tiles += 1;
    }
    // last: a folder that was cut off while it was written has no checkpoint, and verifies as nothing
    export.write(CHECKPOINT, head.checkpoint.as_bytes())?;
    Ok(export.exported)
}

struct Export<'a> {
    reader: &'a dyn LogReader,
    words: &'a Words<'a>,
    out: Out<'a>,
    erased: BTreeSet<String>,
    blobs: BTreeSet<Digest>,
    exported: Exported,
}

/// Everybody whose key the log reports destroyed. Only entries that may say so are decoded.
fn erased(reader: &dyn LogReader, size: u64) -> Result<BTreeSet<String>, ExportError> {
    let marker = format!("\"{ERASED_FIELD}\":[").into_bytes();
    let (mut erased, mut from) = (BTreeSet::new(), 0);
    while from < size {
        let leaves = reader
            .leaves(from, READ_AT_ONCE)
            .map_err(ExportError::Read)?;
        if leaves.is_empty() {
            // told where the entries themselves are written
            break;
        }
        for (entry, leaf) in (from..size).zip(&leaves) {
            if !leaf.windows(marker.len()).any(|bytes| bytes == marker) {
                continue;
            }
            let unreadable = |source| ExportError::Entry { entry, source };
            let leaf = Leaf::decode(leaf).map_err(unreadable)?;
            erased.extend(leaf.erased().map_err(unreadable)?);
        }
        from += leaves.len() as u64;
    }
    Ok(erased)
}

impl Export<'_> {
    fn write(&mut self, path: &str, bytes: &[u8]) -> Result<(), ExportError> {
        (self.out)(path, bytes).map_err(|source| ExportError::Write {
            path: path.to_owned(),
            source,
        })
    }

    fn hashes(&mut self, tile: TileId) -> Result<(), ExportError> {
        let bytes =
            tile::tile_bytes(&StoredHashes(self.reader), tile).map_err(ExportError::Tile)?;
        self.write(&tile.to_string(), &bytes)
    }

    fn entries(&mut self, tile: TileId) -> Result<(), ExportError> {
        let expected = usize::from(tile.width());
        let leaves = self
            .reader
            .leaves(tile.first(), expected)
            .map_err(ExportError::Read)?;
        if leaves.len() != expected {
            return Err(ExportError::Short {
                tile: tile.to_string(),
                expected,
                found: leaves.len(),
            });
        }
        for (entry, leaf) in (tile.first()..).zip(&leaves) {
            let unreadable = |source| ExportError::Entry { entry, source };
            let leaf = Leaf::decode(leaf).map_err(unreadable)?;
            for body in leaf.bodies().map_err(unreadable)? {
                self.body(body)?;
            }
            for blob in leaf.blobs().map_err(unreadable)? {
                self.blob(&blob)?;
            }
        }
        let bytes = tile::entries_bundle(&leaves).map_err(ExportError::Entries)?;
        self.write(&tile.to_string(), &bytes)
    }

    /// Each body that an entry commits to gets a file, which says so if there is nothing to write.
    fn body(&mut self, named: BodyRef) -> Result<(), ExportError> {
        let path = body_path(&named.commitment);
        let body = self
            .reader
            .body(&named.commitment)
            .map_err(ExportError::Read)?;
        let file = match body {
            _ if self.erased.contains(&named.subject) => {
                self.exported.erased += 1;
                BodyFile::Erased(named)
            }
            None => BodyFile::Missing(named),
            Some(body) => {
                self.exported.bodies += 1;
                self.opened(body)?
            }
        };
        let bytes = file.to_bytes().map_err(ExportError::BodyFile)?;
        self.write(&path, &bytes)
    }

    fn opened(&mut self, body: SealedBody) -> Result<BodyFile, ExportError> {
        let key = match self.words {
            Words::Sealed => None,
            Words::Opened(keys) => keys.key(&body.subject).map_err(ExportError::Read)?,
        };
        let Some(key) = key else {
            return Ok(BodyFile::Sealed(body));
        };
        self.exported.opened += 1;
        let opened = body.open(&key).map_err(ExportError::Body)?;
        Ok(BodyFile::Opened(opened))
    }

    fn blob(&mut self, digest: &Digest) -> Result<(), ExportError> {
        if !self.blobs.insert(*digest) {
            return Ok(());
        }
        let Some(blob) = self.reader.blob(digest).map_err(ExportError::Read)? else {
            return Ok(());
        };
        self.exported.blobs += 1;
        self.write(&blob_path(digest), &blob)
    }
}
