//! The exported folder: the log as C2SP files, with the bodies and blobs that its entries refer to.
//!
//! `checkpoint`, `tile/…`, `bodies/<commitment>.json`, `blobs/<sha256>` and, where there are witnesses, `cosigned`. Every byte of these is covered by
//! the log's signature, directly or by hash; a file more or less is a fault. Only `vkey` and `README…` at the
//! top are for convenience and are never read: the trusted key always comes from outside.

mod ahead;
mod body_file;
mod entries;
mod fault;
mod log;
mod prove;
#[cfg(test)]
mod tampering;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod verify;

use std::collections::BTreeMap;

use crate::digest::Digest;

pub use body_file::{BodyFile, BodyFileError};
pub use entries::{Entries, Entry, entries};
pub use fault::Fault;
pub use prove::{TileHashes, check_continues, prove};
pub use verify::{Verified, verify};

/// The path of the checkpoint.
pub const CHECKPOINT: &str = "checkpoint";

/// The path of the newest checkpoint that witnesses cosigned; it may lag behind [`CHECKPOINT`], and is absent without witnesses.
pub const COSIGNED: &str = "cosigned";

/// The folder of the bodies.
pub const BODIES: &str = "bodies/";

/// The folder of the blobs.
pub const BLOBS: &str = "blobs/";

/// An exported folder, read by path: relative, with `/` between parts.
///
/// A reader must list every file there is and follow no link out of the folder; what it can't name or read
/// is a [`FileError`], never left out.
pub trait Files {
    /// The content of a file; none if there is no such file.
    ///
    /// # Errors
    /// The file is there and can't be read.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError>;

    /// The paths of all files that begin with `prefix`.
    ///
    /// # Errors
    /// The folder can't be listed.
    fn list(&self, prefix: &str) -> Result<Vec<String>, FileError>;
}

/// A file that is there and can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct FileError {
    /// Which file.
    pub path: String,
    /// Why not, as the system says it.
    pub reason: String,
}

/// A folder held in memory.
impl Files for BTreeMap<String, Vec<u8>> {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, FileError> {
        Ok(self.get(path).cloned())
    }

    fn list(&self, prefix: &str) -> Result<Vec<String>, FileError> {
        Ok(self
            .keys()
            .filter(|path| path.starts_with(prefix))
            .cloned()
            .collect())
    }
}

/// The path of a body's file.
#[must_use]
pub fn body_path(commitment: &Digest) -> String {
    format!("{BODIES}{commitment}.json")
}

/// The path of a blob's file.
#[must_use]
pub fn blob_path(digest: &Digest) -> String {
    format!("{BLOBS}{digest}")
}
