//! One entry that can be checked alone, on paper if need be: a `.tlog-proof` file (C2SP tlog-proof).
//!
//! The entry travels in the file's `extra` line, which the format leaves to the application and nobody signs.
//! That is safe here because the entry is believed only after its hash has led, through the proof, to the
//! root that the log signed.

use std::fmt::Write as _;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::digest::Digest;
use crate::leaf::{Leaf, LeafError};
use crate::tree::{ProofError, leaf_hash, verify_inclusion};

/// The first line.
const MAGIC: &str = "c2sp.org/tlog-proof@v1";

/// More hashes than any proof has.
const HASHES_MAX: usize = 64;

/// A proof that an entry is in a log; see [`ProofFile::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProofFile {
    /// The entry's bytes, if they travel along.
    pub entry: Option<Vec<u8>>,
    /// The entry's number.
    pub index: u64,
    /// The inclusion proof, from the leaf's sibling up.
    pub hashes: Vec<Digest>,
    /// The signed checkpoint, as it stands.
    pub checkpoint: String,
}

/// An entry that a log holds, by its own signed word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenEntry {
    /// Its number.
    pub index: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub leaf: Leaf,
    /// The checkpoint that it was proved against.
    pub checkpoint: Checkpoint,
}

/// Why a proof file proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofFileError {
    /// A line is not what the format asks for.
    #[error("line `{line}` should be {expected}")]
    Malformed {
        /// Which line, from 1.
        line: usize,
        /// What belongs there.
        expected: &'static str,
    },
    /// The checkpoint isn't the trusted log's.
    #[error("the checkpoint is not to be believed")]
    Checkpoint(#[source] CheckpointError),
    /// The file carries no entry and none was given beside it.
    #[error("the file carries no entry: give the entry's bytes beside it")]
    NoEntry,
    /// The file carries one entry and another was given.
    #[error("the entry given differs from the one that the file carries")]
    OtherEntry,
    /// The entry isn't in the log at that number.
    #[error(
        "entry `{index}` is not in the log as it stands here: it was altered, or the proof was"
    )]
    NotProven {
        /// Its number.
        index: u64,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
    /// The log holds these bytes, but they are no entry.
    #[error("the log holds entry `{index}`, but it can't be read")]
    Entry {
        /// Its number.
        index: u64,
        /// Why.
        #[source]
        source: LeafError,
    },
}

impl ProofFile {
    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{MAGIC}\n");
        if let Some(entry) = &self.entry {
            text.push_str("extra ");
            BASE64_STANDARD.encode_string(entry, &mut text);
            text.push('\n');
        }
        // writing to a string can't fail
        let _ = writeln!(text, "index {}", self.index);
        for hash in &self.hashes {
            BASE64_STANDARD.encode_string(hash.as_bytes(), &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a file; nothing in it is to be believed before [`ProofFile::verify`].
    ///
    /// # Errors
    /// A line that the format doesn't allow.
    pub fn parse(text: &str) -> Result<Self, ProofFileError> {
        let malformed = |line, expected| ProofFileError::Malformed { line, expected };
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed(
            1,
            "followed by hashes, an empty line and a checkpoint",
        ))?;
        let mut lines = (1..).zip(head.split('\n')).peekable();
        if lines.next_if(|(_, line)| *line == MAGIC).is_none() {
            return Err(malformed(1, "`c2sp.org/tlog-proof@v1`"));
        }
        let mut entry = None;
        if let Some((n, extra)) = lines.next_if(|(_, line)| line.starts_with("extra ")) {
            let bytes = extra
                .strip_prefix("extra ")
                .and_then(|data| BASE64_STANDARD.decode(data).ok());
            entry = Some(bytes.ok_or(malformed(n, "`extra` and base64"))?);
        }
        let (n, line) = lines.next().unwrap_or((2, ""));
        let index = line.strip_prefix("index ").and_then(|digits| {
            let index: u64 = digits.parse().ok()?;
            (index.to_string() == digits).then_some(index)
        });
        let index = index.ok_or(malformed(n, "`index` and the entry's number"))?;
        let mut hashes = Vec::new();
        for (n, line) in lines {
            let bytes = BASE64_STANDARD
                .decode(line)
                .ok()
                .and_then(|bytes| bytes.try_into().ok());
            if hashes.len() == HASHES_MAX {
                return Err(malformed(n, "an empty line: no proof is so long"));
            }
            hashes.push(Digest::from_bytes(
                bytes.ok_or(malformed(n, "a hash in base64, or empty"))?,
            ));
        }
        Ok(Self {
            entry,
            index,
            hashes,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// Checks that the log behind `key` holds the entry: `entry` if given, else the one in the file.
    ///
    /// # Errors
    /// A checkpoint not signed by `key`, no entry or two different ones, or a proof that doesn't hold.
    pub fn verify(
        &self,
        entry: Option<&[u8]>,
        key: &VerifierKey,
    ) -> Result<ProvenEntry, ProofFileError> {
        let checkpoint = key
            .open(&self.checkpoint)
            .map_err(ProofFileError::Checkpoint)?;
        let bytes = match (entry, self.entry.as_deref()) {
            (Some(given), Some(carried)) if given != carried => {
                return Err(ProofFileError::OtherEntry);
            }
            (Some(bytes), _) | (None, Some(bytes)) => bytes,
            (None, None) => return Err(ProofFileError::NoEntry),
        };
        let index = self.index;
        verify_inclusion(&self.hashes, &checkpoint.head(), index, leaf_hash(bytes))
            .map_err(|source| ProofFileError::NotProven { index, source })?;
        let leaf = Leaf::decode(bytes).map_err(|source| ProofFileError::Entry { index, source })?;
        Ok(ProvenEntry {
            index,
            bytes: bytes.to_vec(),
            leaf,
            checkpoint,
        })
    }
}

/// Reads a proof file and checks it; see [`ProofFile::parse`] and [`ProofFile::verify`].
///
/// # Errors
/// As those two.
pub fn verify_proof_file(
    text: &str,
    entry: Option<&[u8]>,
    key: &VerifierKey,
) -> Result<ProvenEntry, ProofFileError> {
    ProofFile::parse(text)?.verify(entry, key)
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::checkpoint::Signer;
    use crate::tree::{Tree, prove_inclusion};
    use serde_json::{Value, json};

    fn leaf(n: i64) -> Vec<u8> {
        let leaf = Leaf {
            v: 1,
            kind: "k".into(),
            stream: "s".into(),
            at: n,
            engine: "0.1.0".into(),
            bundle: None,
            record: Value::Null,
        };
        leaf.encode().unwrap()
    }

    fn signer() -> Signer {
        Signer::from_seed("example.com/remit".parse().unwrap(), &[1; 32])
    }

    fn key() -> VerifierKey {
        VerifierKey::parse(&signer().vkey()).unwrap()
    }

    /// A proof of entry 3 of 7.
    fn file(entries: &[Vec<u8>]) -> ProofFile {
        let mut tree = Tree::new();
        let mut stored = Vec::new();
        for entry in entries {
            stored.extend(tree.append(entry).iter().map(|stored| stored.hash));
        }
        ProofFile {
            entry: entries.get(3).cloned(),
            index: 3,
            hashes: prove_inclusion(&stored, 3, tree.size()).unwrap(),
            checkpoint: signer().sign(&tree.head()),
        }
    }

    fn good() -> ProofFile {
        file(&(0..7).map(leaf).collect::<Vec<_>>())
    }

    #[track_caller]
    fn refused(text: &str, entry: Option<&[u8]>, expected: &str) {
        let error = verify_proof_file(text, entry, &key()).unwrap_err();
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        assert_eq!(format!("{error}{cause}"), expected);
    }

    #[test]
    fn a_proof_file_proves_its_entry() {
        let text = good().to_text();
        assert_eq!(ProofFile::parse(&text).unwrap(), good());
        let proven = verify_proof_file(&text, None, &key()).unwrap();
        assert_eq!(
            (proven.index, proven.leaf.at, proven.checkpoint.size),
            (3, 3, 7)
        );
        assert_eq!(proven.bytes, leaf(3));
        assert_eq!(
            verify_proof_file(&text, Some(&leaf(3)), &key()).unwrap(),
            proven
        );
    }

    #[test]
    fn the_entry_may_lie_beside_the_file() {
        let bare = ProofFile {
            entry: None,
            ..good()
        }
        .to_text();
        assert!(bare.starts_with("c2sp.org/tlog-proof@v1\nindex 3\n"));
        assert_eq!(
            verify_proof_file(&bare, Some(&leaf(3)), &key())
                .unwrap()
                .index,
            3
        );
        refused(
            &bare,
            None,
            "the file carries no entry: give the entry's bytes beside it",
        );
        refused(
            &good().to_text(),
            Some(&leaf(4)),
            "the entry given differs from the one that the file carries",
        );
        let root = good().verify(None, &key()).unwrap().checkpoint.root;
        refused(
            &bare,
            Some(&leaf(4)),
            &format!(
                "entry `3` is not in the log as it stands here: it was altered, or the proof was: the proof does not lead to the root `{root}`"
            ),
        );
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let text = good().to_text().into_bytes();
        for n in 0..text.len() * 8 {
            let mut changed = text.clone();
            changed[n / 8] ^= 1 << (n % 8);
            if let Ok(changed) = std::str::from_utf8(&changed) {
                assert!(
                    verify_proof_file(changed, None, &key()).is_err(),
                    "bit {n}: {changed}"
                );
            }
        }
        for n in 0..text.len() {
            let cut = String::from_utf8_lossy(&text[..n]);
            assert!(verify_proof_file(&cut, None, &key()).is_err());
        }
    }

    #[test]
    fn a_line_out_of_place_is_named() {
        let text = good().to_text();
        refused(
            "",
            None,
            "line `1` should be followed by hashes, an empty line and a checkpoint",
        );
        refused(
            &text.replace("@v1", "@v2"),
            None,
            "line `1` should be `c2sp.org/tlog-proof@v1`",
        );
        refused(
            &text.replace("extra ", "extra  "),
            None,
            "line `2` should be `extra` and base64",
        );
        refused(
            &text.replace("index 3", "index 03"),
            None,
            "line `3` should be `index` and the entry's number",
        );
        refused(
            &text.replace("index 3", "index +3"),
            None,
            "line `3` should be `index` and the entry's number",
        );
        refused(
            &text.replace("index 3\n", "index 3\nx\n"),
            None,
            "line `4` should be a hash in base64, or empty",
        );
        let long = ProofFile {
            hashes: vec![Digest::of(b""); 65],
            ..good()
        };
        refused(
            &long.to_text(),
            None,
            "line `68` should be an empty line: no proof is so long",
        );
        refused(
            "c2sp.org/tlog-proof@v1\n\n",
            None,
            "line `2` should be `index` and the entry's number",
        );
    }

    #[test]
    fn a_proof_by_another_log_or_of_no_entry_is_refused() {
        let foreign = Signer::from_seed("example.com/remit".parse().unwrap(), &[2; 32]);
        let head = good().verify(None, &key()).unwrap().checkpoint.head();
        let forged = ProofFile {
            checkpoint: foreign.sign(&head),
            ..good()
        };
        refused(
            &forged.to_text(),
            None,
            "the checkpoint is not to be believed: it is signed with another key of `example.com/remit` than the one given",
        );
        let entries: Vec<_> = (0..7).map(|_| json!({}).to_string().into_bytes()).collect();
        refused(
            &file(&entries).to_text(),
            None,
            "the log holds entry `3`, but it can't be read: the bytes are no entry",
        );
    }
}
