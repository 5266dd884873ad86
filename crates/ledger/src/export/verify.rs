//! The verifier of an exported folder: everything below it is accounted for, or the first fault is named.
//!
//! The order is that of trust. The checkpoint comes first, because only the key from outside vouches for it;
//! then which files there must be, then the log under the signed root, and only then what the entries, now
//! believed, say about bodies and blobs.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::thread::{self, Scope};

use super::ahead::Ahead;
use super::body_file::BodyFile;
use super::entries::{entries_tile, read_file};
use super::log::check_log;
use super::prove::check_continues;
use super::{BLOBS, BODIES, CHECKPOINT, COSIGNED, Fault, Files, blob_path, body_path};
use crate::checkpoint::{Checkpoint, VerifierKey};
use crate::digest::Digest;
use crate::leaf::{Leaf, LeafError};
use crate::tile::{TILE_WIDTH, tiles_for};

/// Entries from which on a log is read by several threads: for fewer, starting them takes longer.
const LONG_LOG: u64 = 2_048;

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
#[cfg_attr(test, derive(Debug, PartialEq))]
struct Reference {
    entry: u64,
    subject: String,
}

/// What the entries say about the files beside the log.
#[cfg_attr(test, derive(Debug, PartialEq))]
#[derive(Default)]
struct References {
    // the first entry that refers to each
    bodies: BTreeMap<Digest, Reference>,
    blobs: BTreeMap<Digest, u64>,
    // the last entry that reports each subject's key destroyed
    erased: BTreeMap<String, u64>,
    /// The first entry that gives a known body another subject.
    contradiction: Option<(u64, Digest)>,
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

    let noted = thread::scope(|scope| {
        let mut noting = Noting::start(scope, checkpoint.size);
        let mut each = |entry, bytes: &[u8]| noting.note(entry, bytes);
        check_log(files, checkpoint.head(), &mut each, progress)?;
        Ok(noting.finish())
    })?;
    let Noted {
        references,
        unreadable,
    } = noted;
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

/// What a stretch of entries refers to, up to the first that can't be read.
#[derive(Default)]
struct Noted {
    references: References,
    unreadable: Option<(u64, LeafError)>,
}

impl Noted {
    fn note(&mut self, entry: u64, bytes: &[u8]) {
        if self.unreadable.is_none() {
            let noted = self.references.note(entry, bytes);
            self.unreadable = noted.err().map(|source| (entry, source));
        }
    }

    /// Adds what the entries right after these refer to.
    fn and_then(&mut self, later: Self) {
        if self.unreadable.is_none() {
            self.references.and_then(later.references);
            self.unreadable = later.unreadable;
        }
    }
}

/// A stretch of entries, as copied from the log.
type Stretch = Vec<(u64, Vec<u8>)>;

/// Notes what entries refer to: a long log on all processors, a short one at once.
struct Noting {
    noted: Noted,
    stretch: Stretch,
    ahead: Option<Ahead<Stretch, Noted>>,
}

impl Noting {
    fn start<'scope>(scope: &'scope Scope<'scope, '_>, size: u64) -> Self {
        let each = |stretch: Stretch| {
            let mut noted = Noted::default();
            for (entry, bytes) in stretch {
                noted.note(entry, &bytes);
            }
            noted
        };
        Self {
            noted: Noted::default(),
            stretch: Stretch::new(),
            ahead: (size >= LONG_LOG).then(|| Ahead::start(scope, each)),
        }
    }

    fn note(&mut self, entry: u64, bytes: &[u8]) {
        if self.ahead.is_none() {
            self.noted.note(entry, bytes);
            return;
        }
        self.stretch.push((entry, bytes.to_vec()));
        if self.stretch.len() == usize::from(TILE_WIDTH) {
            self.push();
        }
    }

    fn push(&mut self) {
        let Some(ahead) = &mut self.ahead else { return };
        while ahead.is_full() {
            if let Some(later) = ahead.pop() {
                self.noted.and_then(later);
            }
        }
        ahead.push(std::mem::take(&mut self.stretch));
    }

    fn finish(mut self) -> Noted {
        self.push();
        while let Some(later) = self.ahead.as_mut().and_then(Ahead::pop) {
            self.noted.and_then(later);
        }
        self.noted
    }
}

impl References {
    /// Adds what later entries refer to: what was said first about a body or a blob counts, and what was said last of an erasure.
    fn and_then(&mut self, later: Self) {
        if let Some((entry, commitment)) = later.contradiction {
            self.contradict(entry, commitment);
        }
        for (commitment, reference) in later.bodies {
            match self.bodies.entry(commitment) {
                Entry::Vacant(place) => {
                    place.insert(reference);
                }
                Entry::Occupied(first) if first.get().subject != reference.subject => {
                    self.contradict(reference.entry, commitment);
                }
                Entry::Occupied(_) => {}
            }
        }
        for (blob, entry) in later.blobs {
            self.blobs.entry(blob).or_insert(entry);
        }
        self.erased.extend(later.erased);
    }

    /// Notes that an entry gives a known body another subject; the first such entry counts.
    fn contradict(&mut self, entry: u64, commitment: Digest) {
        let found = (entry, commitment);
        self.contradiction = Some(self.contradiction.map_or(found, |first| first.min(found)));
    }

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
            if first.subject != subject {
                self.contradict(entry, body.commitment);
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
            Some((entry, commitment)) => Err(Fault::BodySwapped {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::export::testing::leaf;
    use crate::leaf::{BLOBS_FIELD, BODIES_FIELD, BodyRef, ERASED_FIELD};

    fn subject() -> impl Strategy<Value = String> {
        prop_oneof![Just("p-1".to_owned()), Just("p-2".to_owned())]
    }

    fn digest() -> impl Strategy<Value = Digest> {
        (0_u8..4).prop_map(|n| Digest::of(&[n]))
    }

    /// Entries that refer to few bodies and blobs, so that they meet; some are no entries.
    fn entries() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let body = (digest(), subject()).prop_map(|(commitment, subject)| BodyRef {
            commitment,
            subject,
        });
        let lists = (
            prop::collection::vec(body, 0..3),
            prop::collection::vec(digest(), 0..3),
            prop::collection::vec(subject(), 0..2),
            prop::bool::weighted(0.05),
        );
        let entry = lists.prop_map(|(bodies, blobs, erased, broken)| {
            let record = serde_json::json!({
                BODIES_FIELD: bodies, BLOBS_FIELD: blobs, ERASED_FIELD: erased
            });
            if broken {
                b"broken".to_vec()
            } else {
                leaf(0, record)
            }
        });
        prop::collection::vec(entry, 1..12)
    }

    fn noted(from: usize, entries: &[Vec<u8>]) -> Noted {
        let mut noted = Noted::default();
        for (entry, bytes) in (from as u64..).zip(entries) {
            noted.note(entry, bytes);
        }
        noted
    }

    proptest! {
        /// However a log is cut into stretches, what its entries refer to is the same.
        #[test]
        fn stretches_come_to_the_whole(
            entries in entries(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        ) {
            let whole = noted(0, &entries);
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(entries.len())).collect();
            cuts.extend([0, entries.len()]);
            cuts.sort_unstable();
            let mut together = Noted::default();
            for cut in cuts.windows(2) {
                together.and_then(noted(cut[0], &entries[cut[0]..cut[1]]));
            }
            let at = |noted: &Noted| noted.unreadable.as_ref().map(|(entry, _)| *entry);
            prop_assert_eq!(at(&together), at(&whole));
            if at(&whole).is_none() {
                prop_assert_eq!(together.references, whole.references);
            }
        }
    }
}
