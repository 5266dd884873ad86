//! What is wrong with an exported folder, said so that a person knows which file not to rely on.

use super::body_file::BodyFileError;
use super::{CHECKPOINT, COSIGNED, FileError};
use crate::body::BodyError;
use crate::checkpoint::CheckpointError;
use crate::leaf::LeafError;
use crate::tile::BundleError;

/// The first thing found wrong; see [`Fault::file`] and [`Fault::entry`].
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file or the folder can't be read.
    #[error("`{}` can't be read", .0.path)]
    Unreadable(#[source] FileError),
    /// The checkpoint isn't text.
    #[error("`checkpoint` is not text")]
    CheckpointNotText,
    /// The checkpoint isn't the trusted log's.
    #[error("`checkpoint` is not to be believed")]
    Checkpoint(#[source] CheckpointError),
    /// The cosigned checkpoint isn't text.
    #[error("`cosigned` is not text")]
    CosignedNotText,
    /// The cosigned checkpoint isn't the trusted log's.
    #[error("`cosigned` is not to be believed")]
    Cosigned(#[source] CheckpointError),
    /// A file that the log needs is not there.
    #[error("`{file}` is missing")]
    Missing {
        /// Which file.
        file: String,
    },
    /// A file that the log doesn't account for.
    #[error("`{file}` does not belong to this log")]
    Unexpected {
        /// Which file.
        file: String,
    },
    /// A tile of another length than its name says.
    #[error("`{file}` has `{found}` bytes instead of `{expected}`")]
    Length {
        /// Which file.
        file: String,
        /// The length by its name.
        expected: usize,
        /// Its length.
        found: usize,
    },
    /// A hash in a tile that the entries and the signed root contradict.
    #[error("hash `{n}` in `{file}` is wrong")]
    Hash {
        /// Which file.
        file: String,
        /// Which hash, from 0 in this file.
        n: u64,
    },
    /// A bundle of entries that breaks off.
    #[error("entry `{entry}` in `{file}` breaks off")]
    Bundle {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
        /// How.
        #[source]
        source: BundleError,
    },
    /// A bundle with fewer or more entries than its name says.
    #[error("`{file}` has `{found}` entries instead of `{expected}`")]
    Count {
        /// Which file.
        file: String,
        /// The first entry that is not there, or is too many.
        entry: u64,
        /// The number by its name.
        expected: u64,
        /// The number found.
        found: u64,
    },
    /// An entry that was altered after it was signed.
    #[error("entry `{entry}` in `{file}` was altered")]
    Altered {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
    /// Entries that were altered together with the tiles above them.
    #[error(
        "one of the entries `{entry}` to `{last}`, from `{file}` on, was altered together with its hashes"
    )]
    Rewritten {
        /// The file in which they begin.
        file: String,
        /// The first of them.
        entry: u64,
        /// The last of them.
        last: u64,
    },
    /// Entries and tiles agree with each other, but not with what was signed.
    #[error(
        "the `{size}` entries agree with their hashes but not with the root signed in `checkpoint`: the log was rewritten"
    )]
    Root {
        /// How many entries.
        size: u64,
    },
    /// An entry beyond the end of the log.
    #[error("there is no entry `{entry}` among the `{size}` of this log")]
    NoEntry {
        /// Which entry was asked for.
        entry: u64,
        /// How many there are.
        size: u64,
    },
    /// One entry and its proof, of which at least one was altered.
    #[error(
        "entry `{entry}` in `{file}` and the tiles above it do not lead to the signed root: verify the whole folder to learn which was altered"
    )]
    Unproven {
        /// The file that holds the entry.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
    /// Fewer entries than an earlier checkpoint speaks of.
    #[error(
        "the log has `{size}` entries and had `{earlier}` when the earlier checkpoint was signed: its end is lost"
    )]
    Shortened {
        /// How many there are.
        size: u64,
        /// How many there were.
        earlier: u64,
    },
    /// Other entries than an earlier checkpoint speaks of.
    #[error(
        "the first `{earlier}` entries are not those that the earlier checkpoint signed: there are two logs under one name"
    )]
    Forked {
        /// How many the earlier checkpoint speaks of.
        earlier: u64,
    },
    /// Signed bytes that are no entry.
    #[error("entry `{entry}` in `{file}` is signed but can't be read")]
    Entry {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
        /// Why.
        #[source]
        source: LeafError,
    },
    /// A body that an entry commits to is not there, and not marked as erased or missing either.
    #[error("`{file}`, which entry `{entry}` commits to, is missing")]
    BodyAbsent {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
    /// A body's file that can't be read.
    #[error("`{file}`, which entry `{entry}` commits to, can't be understood")]
    BodyUnreadable {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
        /// Why.
        #[source]
        source: BodyFileError,
    },
    /// A body that isn't the one that the entry committed to.
    #[error("`{file}` is not what entry `{entry}` committed to")]
    BodyAltered {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
        /// In what.
        #[source]
        source: BodyError,
    },
    /// A body's file about another body or person.
    #[error("`{file}` speaks of another body or person than entry `{entry}`")]
    BodySwapped {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
    /// A blob that an entry refers to is not there.
    #[error("`{file}`, which entry `{entry}` refers to, is missing")]
    BlobAbsent {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
    /// A blob whose content isn't what its name says.
    #[error(
        "`{file}`, which entry `{entry}` refers to, was altered: its content does not match its name"
    )]
    BlobAltered {
        /// Which file.
        file: String,
        /// Which entry of the log.
        entry: u64,
    },
}

impl Fault {
    /// The file not to rely on.
    #[must_use]
    pub fn file(&self) -> &str {
        match self {
            Self::Unreadable(error) => &error.path,
            Self::CheckpointNotText
            | Self::Checkpoint(_)
            | Self::Root { .. }
            | Self::NoEntry { .. }
            | Self::Shortened { .. }
            | Self::Forked { .. } => CHECKPOINT,
            Self::CosignedNotText | Self::Cosigned(_) => COSIGNED,
            Self::Missing { file }
            | Self::Unexpected { file }
            | Self::Length { file, .. }
            | Self::Hash { file, .. }
            | Self::Bundle { file, .. }
            | Self::Count { file, .. }
            | Self::Altered { file, .. }
            | Self::Unproven { file, .. }
            | Self::Rewritten { file, .. }
            | Self::Entry { file, .. }
            | Self::BodyAbsent { file, .. }
            | Self::BodyUnreadable { file, .. }
            | Self::BodyAltered { file, .. }
            | Self::BodySwapped { file, .. }
            | Self::BlobAbsent { file, .. }
            | Self::BlobAltered { file, .. } => file,
        }
    }

    /// The entry not to rely on, where one can be named.
    #[must_use]
    pub const fn entry(&self) -> Option<u64> {
        match self {
            Self::Unreadable(_)
            | Self::CheckpointNotText
            | Self::Checkpoint(_)
            | Self::CosignedNotText
            | Self::Cosigned(_)
            | Self::Missing { .. }
            | Self::Unexpected { .. }
            | Self::Length { .. }
            | Self::Hash { .. }
            | Self::Root { .. }
            | Self::Shortened { .. }
            | Self::Forked { .. } => None,
            Self::NoEntry { entry, .. }
            | Self::Bundle { entry, .. }
            | Self::Count { entry, .. }
            | Self::Altered { entry, .. }
            | Self::Unproven { entry, .. }
            | Self::Rewritten { entry, .. }
            | Self::Entry { entry, .. }
            | Self::BodyAbsent { entry, .. }
            | Self::BodyUnreadable { entry, .. }
            | Self::BodyAltered { entry, .. }
            | Self::BodySwapped { entry, .. }
            | Self::BlobAbsent { entry, .. }
            | Self::BlobAltered { entry, .. } => Some(*entry),
        }
    }
}
