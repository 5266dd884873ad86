//! The verifier of an exported folder: everything below it is accounted for, or the first fault is named.
//!
//! The order is that of trust. The checkpoint comes first, because only the key from outside vouches for it;
//! then which files there must be, then the log under the signed root, and only then what the entries, now
//! believed, say about bodies and blobs.

use std::collections::{BTreeMap, BTreeSet};

use super::body_file::BodyFile;
use super::entries::{entries_tile, read_file};
use super::log::check_log;
use super::prove::check_continues;
use super::{BLOBS, BODIES, CHECKPOINT, COSIGNED, Fault, Files, blob_path, body_path};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::digest::Digest;
use crate::leaf::{Leaf, LeafError};
use crate::tile::tiles_for;

/// What a verified folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many entries.
    pub size: u64,
    /// The Merkle tree hash over them.
    pub root: Digest,
    /// Bodies that are there, sealed or opened.
    pub bodies_present: u64,
    /// Bodies whose key was destroyed, as an entry of the log says.
    pub bodies_erased: u64,
    /// Bodies marked as missing, or as erased though no later entry says so: nothing vouches for the reason.
    pub bodies_missing: u64,
    /// Blobs, all of them there.
    pub blobs: u64,
    /// The checkpoint that witnesses cosigned, if the folder has one: signed by the log and a beginning of it. Which witnesses
    /// count is for the reader to say, with [`crate::cosignature::Quorum::check`].
    pub cosigned: Option<Checkpoint>,
}

/// A body as an entry refers to it.
struct Reference {
    entry: u64,
    subject: String,
}

/// What the entries say about the files beside the log.
#[derive(Default)]
struct References {
    // the first entry that refers to each
    bodies: BTreeMap<Digest, Reference>,
    blobs: BTreeMap<Digest, u64>,
    // the last entry that reports each subject's key destroyed
    erased: BTreeMap<String, u64>,
    /// An entry that gives a known body another subject.
    contradiction: Option<(Digest, u64)>,
}

/// Checks an exported folder against the key that the reader trusts.
///
/// `progress` hears how many entries of how many have been checked. Proven for every byte but those of `vkey`
/// and `README…` at the top, and of signature lines by others in `checkpoint` and `cosigned`.
///
/// # Errors
/// The first fault, by file and, where there is one, by entry.
pub fn verify<F: Files + ?Sized>(
    files: &F,
    key: &VerifierKey,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Verified, Fault> {
    let checkpoint = read_checkpoint(files, key)?;
    let mut beside = account_for_files(files, checkpoint.size)?;

    let mut references = References::default();
    let mut unreadable = None;
    let mut each = |entry, bytes: &[u8]| {
        if unreadable.is_none() {
            unreadable = references
                .note(entry, bytes)
                .err()
                .map(|source| (entry, source));
        }
    };
    check_log(files, checkpoint.head(), &mut each, progress)?;
    if let Some((entry, source)) = unreadable {
        let file = entries_tile(entry, checkpoint.size)?.to_string();
        return Err(Fault::Entry {
            file,
            entry,
            source,
        });
    }

    let mut verified = Verified {
        size: checkpoint.size,
        root: checkpoint.root,
        bodies_present: 0,
        bodies_erased: 0,
        bodies_missing: 0,
        blobs: 0,
        cosigned: read_cosigned(files, key, checkpoint.size)?,
    };
    references.check_bodies(files, &mut beside, &mut verified)?;
    references.check_blobs(files, &mut beside, &mut verified)?;
    match beside.pop_first() {
        Some(file) => Err(Fault::Unexpected { file }),
        None => Ok(verified),
    }
}

fn read_checkpoint<F: Files + ?Sized>(files: &F, key: &VerifierKey) -> Result<Checkpoint, Fault> {
    let bytes = read_file(files, CHECKPOINT)?;
    let text = String::from_utf8(bytes).map_err(|_| Fault::CheckpointNotText)?;
    key.open(&text).map_err(Fault::Checkpoint)
}

/// The cosigned checkpoint, which a log may be ahead of and must continue.
fn read_cosigned<F: Files + ?Sized>(
    files: &F,
    key: &VerifierKey,
    size: u64,
) -> Result<Option<Checkpoint>, Fault> {
    let Some(bytes) = files.read(COSIGNED).map_err(Fault::Unreadable)? else {
        return Ok(None);
    };
    let text = String::from_utf8(bytes).map_err(|_| Fault::CosignedNotText)?;
    let cosigned = key.open(&text).map_err(Fault::Cosigned)?;
    check_continues(files, size, &cosigned)?;
    Ok(Some(cosigned))
}

/// Makes sure that the log's own files are there and nothing foreign is; what is left lies beside the log.
fn account_for_files<F: Files + ?Sized>(files: &F, size: u64) -> Result<BTreeSet<String>, Fault> {
    let mut found: BTreeSet<String> = files
        .list("")
        .map_err(Fault::Unreadable)?
        .into_iter()
        .collect();
    found.remove(CHECKPOINT);
    found.remove(COSIGNED);
    for tile in tiles_for(size) {
        let file = tile.to_string();
        if !found.remove(&file) {
            return Err(Fault::Missing { file });
        }
    }
    found.retain(|file| !is_convenience(file));
    let foreign = found
        .iter()
        .find(|file| !file.starts_with(BODIES) && !file.starts_with(BLOBS));
    match foreign {
        Some(file) => Err(Fault::Unexpected { file: file.clone() }),
        None => Ok(found),
    }
}

/// Files at the top that explain the folder and that nothing here ever reads.
fn is_convenience(file: &str) -> bool {
    !file.contains('/') && (file == "vkey" || file.starts_with("README"))
}

impl References {
    /// Notes what an entry refers to.
    fn note(&mut self, entry: u64, bytes: &[u8]) -> Result<(), LeafError> {
        let leaf = Leaf::decode(bytes)?;
        for body in leaf.bodies()? {
            let subject = body.subject;
            let first = self.bodies.entry(body.commitment);
            let first = first.or_insert_with(|| Reference {
                entry,
                subject: subject.clone(),
            });
            if first.subject != subject && self.contradiction.is_none() {
                self.contradiction = Some((body.commitment, entry));
            }
        }
        for blob in leaf.blobs()? {
            self.blobs.entry(blob).or_insert(entry);
        }
        for subject in leaf.erased()? {
            self.erased.insert(subject, entry);
        }
        Ok(())
    }

    fn check_bodies<F: Files + ?Sized>(
        &self,
        files: &F,
        beside: &mut BTreeSet<String>,
        verified: &mut Verified,
    ) -> Result<(), Fault> {
        for (commitment, reference) in &self.bodies {
            let file = body_path(commitment);
            let entry = reference.entry;
            let Some(bytes) = files.read(&file).map_err(Fault::Unreadable)? else {
                return Err(Fault::BodyAbsent { file, entry });
            };
            beside.remove(&file);
            let body = match BodyFile::parse(&bytes) {
                Ok(body) => body,
                Err(source) => {
                    return Err(Fault::BodyUnreadable {
                        file,
                        entry,
                        source,
                    });
                }
            };
            if body.commitment() != *commitment || body.subject() != reference.subject {
                return Err(Fault::BodySwapped { file, entry });
            }
            if let Err(source) = body.check() {
                return Err(Fault::BodyAltered {
                    file,
                    entry,
                    source,
                });
            }
            match body {
                BodyFile::Sealed(_) | BodyFile::Opened(_) => verified.bodies_present += 1,
                BodyFile::Erased(body) if self.is_erased(&body.subject, entry) => {
                    verified.bodies_erased += 1;
                }
                BodyFile::Erased(_) | BodyFile::Missing(_) => verified.bodies_missing += 1,
            }
        }
        match self.contradiction {
            Some((commitment, entry)) => Err(Fault::BodySwapped {
                file: body_path(&commitment),
                entry,
            }),
            None => Ok(()),
        }
    }

    /// Whether the log records, after `entry`, that the subject's key was destroyed.
    fn is_erased(&self, subject: &str, entry: u64) -> bool {
        self.erased
            .get(subject)
            .is_some_and(|erasure| *erasure > entry)
    }

    fn check_blobs<F: Files + ?Sized>(
        &self,
        files: &F,
        beside: &mut BTreeSet<String>,
        verified: &mut Verified,
    ) -> Result<(), Fault> {
        for (&digest, &entry) in &self.blobs {
            let file = blob_path(&digest);
            let Some(bytes) = files.read(&file).map_err(Fault::Unreadable)? else {
                return Err(Fault::BlobAbsent { file, entry });
            };
            beside.remove(&file);
            if Digest::of(&bytes) != digest {
                return Err(Fault::BlobAltered { file, entry });
            }
            verified.blobs += 1;
        }
        Ok(())
    }
}
