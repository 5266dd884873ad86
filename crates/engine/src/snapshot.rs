//! A snapshot: what the log's first entries come to, written down so that a start need not read them all. It is a cache and never
//! an authority: it is signed by the log's key, names the head it stands for, and is used only by the release that wrote it. A start
//! compares that head with the log's own tree, and afterwards every entry is read again beside the work (`checking`).
//!
//! It holds nothing that the leaves don't: ids, facts and commitments, never words and never keys.
use crate::{
    fold::Fold,
    handle::Settings,
    ports::{LogReader, ReadError, StoredHashes},
    rules::{BundleError, Rules},
};
use domain::{
    ids::Digest,
    state::{LAYOUT, State},
    time::Timestamp,
};
use ledger::{
    checkpoint::{Signer, VOUCHED_BYTES, VerifierKey, VerifierKeyError},
    tree::{ProveError, Tree, TreeHead},
};
use serde::{Deserialize, Serialize};

/// What the signature of a snapshot is for.
const PURPOSE: &str = "snapshot v1";

/// What the log comes to at one size.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Snapshot {
    layout: u32,
    engine: String,
    /// Entries it stands for.
    pub(crate) entries: u64,
    root: Digest,
    /// Instant of the last of them.
    pub(crate) newest: Option<Timestamp>,
    /// Bundles that these entries brought; their bytes are in the log's blobs.
    bundles: Vec<Digest>,
    state: State,
}

/// Why a snapshot isn't used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    #[error("it is not signed by the key of this log, or was changed")]
    NotSigned,
    #[error("it can't be read")]
    Unreadable(#[source] serde_json::Error),
    #[error("it is of `{found}`, layout {layout}, and this is `{expected}`, layout {LAYOUT}")]
    OtherRelease {
        found: String,
        layout: u32,
        expected: String,
    },
    #[error("it stands for {found} entries and is filed under {expected}")]
    OtherSize { found: u64, expected: u64 },
    #[error("the nodes of the log's tree can't be read")]
    Nodes(#[source] ProveError<ReadError>),
    #[error("the log's first {entries} entries hash to another root than it says")]
    OtherLog { entries: u64 },
    #[error("the log can't be read")]
    Read(#[source] ReadError),
    #[error("the log lacks the bundle `{bundle}`")]
    BundleMissing { bundle: Digest },
    #[error("the bundle `{bundle}` can't be used")]
    Bundle {
        bundle: Digest,
        #[source]
        source: BundleError,
    },
}

/// Who reads and writes snapshots.
#[derive(Debug, Clone)]
pub(crate) struct Release {
    /// Verifies what the log's key signed.
    pub(crate) key: VerifierKey,
    /// The version that writes entries.
    pub(crate) engine: String,
}

impl Release {
    /// The one that is configured.
    pub(crate) fn of(settings: &Settings) -> Result<Self, VerifierKeyError> {
        Ok(Self {
            key: VerifierKey::parse(&settings.signer.vkey())?,
            engine: settings.engine_version.clone(),
        })
    }
}

impl Snapshot {
    /// What `fold` came to.
    pub(crate) fn of(fold: Fold, engine: &str) -> Self {
        let TreeHead { size, root } = fold.tree.head();
        Self {
            layout: LAYOUT,
            engine: engine.to_owned(),
            entries: size,
            root: crate::entry::domain_digest(&root),
            newest: fold.newest,
            bundles: fold.rules.names(),
            state: fold.state,
        }
    }

    /// Its bytes without a signature: the same for the same entries.
    ///
    /// # Errors
    /// If the state has no form in JSON: a defect.
    pub(crate) fn body(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// Its bytes: the signature, then the body.
    ///
    /// # Errors
    /// As [`Self::body`].
    pub(crate) fn sealed(&self, signer: &Signer) -> Result<Vec<u8>, serde_json::Error> {
        let body = self.body()?;
        let digest = ledger::digest::Digest::of(&body);
        let mut sealed = signer.vouch(PURPOSE, &digest).to_vec();
        sealed.extend(body);
        Ok(sealed)
    }

    /// Reads the snapshot that is filed under `entries`; the digest of its body comes with it.
    pub(crate) fn open(
        sealed: &[u8],
        entries: u64,
        release: &Release,
    ) -> Result<(Self, ledger::digest::Digest), SnapshotError> {
        let (signature, body) = sealed
            .split_at_checked(VOUCHED_BYTES)
            .ok_or(SnapshotError::NotSigned)?;
        let digest = ledger::digest::Digest::of(body);
        if !release.key.vouches(PURPOSE, &digest, signature) {
            return Err(SnapshotError::NotSigned);
        }
        // another release may have another form, so its name is read first
        let written: Written = serde_json::from_slice(body).map_err(SnapshotError::Unreadable)?;
        if written.layout != LAYOUT || written.engine != release.engine {
            return Err(SnapshotError::OtherRelease {
                found: written.engine,
                layout: written.layout,
                expected: release.engine.clone(),
            });
        }
        let snapshot: Self = serde_json::from_slice(body).map_err(SnapshotError::Unreadable)?;
        if snapshot.entries == entries {
            Ok((snapshot, digest))
        } else {
            Err(SnapshotError::OtherSize {
                found: snapshot.entries,
                expected: entries,
            })
        }
    }

    /// The fold that it stands for, if the log's own tree has that head.
    pub(crate) fn resume(
        self,
        reader: &dyn LogReader,
        mut rules: Rules,
    ) -> Result<Fold, SnapshotError> {
        let tree =
            Tree::resume(self.entries, &StoredHashes(reader)).map_err(SnapshotError::Nodes)?;
        if crate::entry::domain_digest(&tree.head().root) != self.root {
            return Err(SnapshotError::OtherLog {
                entries: self.entries,
            });
        }
        let mut state = self.state;
        for bundle in self.bundles {
            let packed = reader
                .blob(&crate::entry::ledger_digest(bundle))
                .map_err(SnapshotError::Read)?
                .ok_or(SnapshotError::BundleMissing { bundle })?;
            let known = rules
                .read(&packed)
                .map_err(|source| SnapshotError::Bundle { bundle, source })?;
            rules.learn(&mut state, &known);
        }
        Ok(Fold {
            tree,
            state,
            rules,
            newest: self.newest,
        })
    }
}

/// What every layout begins with.
#[derive(Deserialize)]
struct Written {
    layout: u32,
    engine: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::fixture;

    fn signer() -> Signer {
        Signer::from_seed("test.example/remit".parse().unwrap(), &[7; 32])
    }

    fn release() -> Release {
        Release {
            key: VerifierKey::parse(&signer().vkey()).unwrap(),
            engine: "test".to_owned(),
        }
    }

    fn sealed() -> Vec<u8> {
        let mut fold = Fold {
            state: fixture::world(),
            newest: Some(fixture::NOW),
            ..Fold::default()
        };
        for leaf in [b"a", b"b", b"c"] {
            fold.tree.append(leaf);
        }
        Snapshot::of(fold, "test").sealed(&signer()).unwrap()
    }

    fn opened(sealed: &[u8], entries: u64, release: &Release) -> Result<State, String> {
        let opened = Snapshot::open(sealed, entries, release);
        opened
            .map(|(snapshot, _)| snapshot.state)
            .map_err(|error| crate::chain(&error))
    }

    #[test]
    fn a_snapshot_comes_back_as_it_was_but_for_the_catalogs_which_come_from_the_log() {
        let mut expected = fixture::world();
        expected.catalogs.clear();
        assert_eq!(opened(&sealed(), 3, &release()), Ok(expected));
    }

    #[test]
    fn each_flipped_bit_of_a_snapshot_is_noticed_and_each_length_it_can_be_cut_to() {
        let (whole, release) = (sealed(), release());
        let noticed = Err("it is not signed by the key of this log, or was changed".to_owned());
        for place in 0..whole.len() {
            // all bits of the signature, and one bit of each byte that it is over
            let bits = if place < VOUCHED_BYTES {
                0..8
            } else {
                place % 8..place % 8 + 1
            };
            for bit in bits {
                let mut spoiled = whole.clone();
                spoiled[place] ^= 1 << bit;
                assert_eq!(
                    opened(&spoiled, 3, &release),
                    noticed,
                    "bit {bit} of byte {place}"
                );
            }
            assert_eq!(
                opened(&whole[..place], 3, &release),
                noticed,
                "cut to {place} bytes"
            );
        }
    }

    #[test]
    fn a_snapshot_of_another_key_release_or_size_is_not_used() {
        let told = |entries, release: &Release| opened(&sealed(), entries, release).unwrap_err();
        let other = Signer::from_seed("test.example/remit".parse().unwrap(), &[8; 32]);
        let other = Release {
            key: VerifierKey::parse(&other.vkey()).unwrap(),
            ..release()
        };
        assert_eq!(
            told(3, &other),
            "it is not signed by the key of this log, or was changed"
        );
        let later = Release {
            engine: "later".to_owned(),
            ..release()
        };
        assert_eq!(
            told(3, &later),
            format!("it is of `test`, layout {LAYOUT}, and this is `later`, layout {LAYOUT}")
        );
        assert_eq!(
            told(4, &release()),
            "it stands for 3 entries and is filed under 4"
        );
    }

    #[test]
    fn a_checkpoint_vouches_for_no_snapshot() {
        let body = sealed().split_off(VOUCHED_BYTES);
        let digest = ledger::digest::Digest::of(&body);
        for purpose in ["snapshot", "snapshot v2", "checkpoint v1"] {
            let mut other = signer().vouch(purpose, &digest).to_vec();
            other.extend(&body);
            assert!(opened(&other, 3, &release()).is_err(), "{purpose}");
        }
    }
}
