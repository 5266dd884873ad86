//! What a witness decides about a checkpoint that a log brings (C2SP tlog-witness, add-checkpoint): a pure function of the head it
//! cosigned last and what it is sent. Whoever keeps the state makes [`Accepted`] durable before the cosignature leaves, and
//! compares and sets under one lock; then no two heads that it cosigned can ever contradict each other.

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine as _};

use crate::checkpoint::{Checkpoint, CheckpointError, VerifierKey};
use crate::cosignature::{CosignatureError, Cosigner, WitnessKey};
use crate::digest::Digest;
use crate::tree::{ProofError, Tree, TreeHead, verify_consistency};

/// Most hashes of a consistency proof.
const HASHES_MAX: usize = 63;

/// Most bytes of a request: a proof, and a checkpoint with many signatures.
pub const REQUEST_BYTES_MAX: usize = 128 * 1_024;

/// The media type of an answer that tells the size a witness knows.
pub const SIZE_MEDIA_TYPE: &str = "text/x.tlog.size";

/// A checkpoint for a witness, and the proof that it continues an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddCheckpoint {
    /// Entries of the head that the witness cosigned last; 0 if none.
    pub old: u64,
    /// Proof that the old tree is a beginning of the new one.
    pub proof: Vec<Digest>,
    /// The signed checkpoint, as it stands.
    pub checkpoint: String,
}

/// A line of a request that isn't what the protocol asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line} should be {expected}")]
pub struct Malformed {
    /// Which line, from 1.
    pub line: usize,
    /// What belongs there.
    pub expected: &'static str,
}

/// The logs that a witness watches, by the names in their checkpoints.
#[derive(Debug, Clone)]
pub struct WatchedLogs {
    keys: BTreeMap<String, VerifierKey>,
}

/// A log named twice.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the log `{origin}` is named twice: a witness keeps one key for each log")]
pub struct LogTwice {
    /// Its name.
    pub origin: String,
}

/// A checkpoint that is to be made durable, then cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// What it says.
    pub checkpoint: Checkpoint,
    /// The signature line of its log, without the newline.
    pub log_line: String,
}

/// Why a witness doesn't cosign.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// Not a request, or one that speaks of a smaller tree than its old one.
    #[error("the request can't be read: {0}")]
    Malformed(Malformed),
    /// The checkpoint has no form.
    #[error("the checkpoint can't be read")]
    NoCheckpoint(#[source] CheckpointError),
    /// The old tree is larger than the new one.
    #[error("the old size is {old}, and the checkpoint has only {size} entries")]
    Backwards {
        /// The old size.
        old: u64,
        /// Entries of the checkpoint.
        size: u64,
    },
    /// A log that this witness doesn't watch.
    #[error("this witness does not watch the log `{origin}`")]
    UnknownLog {
        /// Its name, as the request has it.
        origin: String,
    },
    /// Not signed by the key that the witness knows.
    #[error("the checkpoint is not signed with the log's key")]
    NotSigned(#[source] CheckpointError),
    /// The old size isn't that of the head cosigned last.
    #[error("the head cosigned last has {known} entries, and the request starts from {old}")]
    Conflict {
        /// Entries of the head cosigned last.
        known: u64,
        /// The old size.
        old: u64,
    },
    /// It doesn't continue the head cosigned last: a fork, a roll-back, or a wrong proof.
    #[error("the checkpoint is not proved to continue the head of {known} entries cosigned last")]
    NotProved {
        /// Entries of the head cosigned last.
        known: u64,
        /// What the proof lacks.
        #[source]
        source: ProofError,
    },
}

impl AddCheckpoint {
    /// The text of the request.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("old {}\n", self.old);
        for hash in &self.proof {
            BASE64_STANDARD.encode_string(hash.as_bytes(), &mut text);
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&self.checkpoint);
        text
    }

    /// Reads the text of a request.
    ///
    /// # Errors
    /// The first line that the protocol doesn't allow.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let malformed = |line, expected| Malformed { line, expected };
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed(
            1,
            "followed by hashes, an empty line and a checkpoint",
        ))?;
        let mut lines = (1..).zip(head.split('\n'));
        let old = lines.next().and_then(|(_, line)| {
            let digits = line.strip_prefix("old ")?;
            let old: u64 = digits.parse().ok()?;
            (old.to_string() == digits).then_some(old)
        });
        let old = old.ok_or(malformed(1, "`old` and the size of the tree before"))?;
        let mut proof = Vec::new();
        for (n, line) in lines {
            if proof.len() == HASHES_MAX {
                return Err(malformed(n, "an empty line: no proof is so long"));
            }
            let bytes = BASE64_STANDARD.decode(line).ok();
            let hash = bytes.and_then(|bytes| bytes.try_into().ok());
            let hash = hash.ok_or(malformed(n, "a hash in base64, or empty"))?;
            proof.push(Digest::from_bytes(hash));
        }
        Ok(Self {
            old,
            proof,
            checkpoint: checkpoint.to_owned(),
        })
    }

    /// The name of the log that it claims to be about.
    #[must_use]
    pub fn origin(&self) -> &str {
        self.checkpoint.lines().next().unwrap_or_default()
    }
}

impl WatchedLogs {
    /// The logs behind these keys.
    ///
    /// # Errors
    /// Two keys of one name.
    pub fn new(logs: Vec<VerifierKey>) -> Result<Self, LogTwice> {
        let mut keys = BTreeMap::new();
        for key in logs {
            let origin = key.origin().as_str().to_owned();
            if keys.contains_key(&origin) {
                return Err(LogTwice { origin });
            }
            keys.insert(origin, key);
        }
        Ok(Self { keys })
    }

    /// Names of the logs.
    pub fn origins(&self) -> impl Iterator<Item = &str> {
        self.keys.keys().map(String::as_str)
    }

    /// The key of the log that a request is about; nothing else of it is believed yet.
    ///
    /// # Errors
    /// [`Refusal::UnknownLog`].
    pub fn key(&self, request: &AddCheckpoint) -> Result<&VerifierKey, Refusal> {
        let origin = request.origin();
        self.keys.get(origin).ok_or_else(|| Refusal::UnknownLog {
            origin: origin.chars().take(200).collect(),
        })
    }
}

/// Decides about a checkpoint of the log behind `key`, of which `known` is the head cosigned last.
///
/// # Errors
/// [`Refusal`], in the order in which the protocol tells them; the state stays as it is.
pub fn judge(
    known: Option<&TreeHead>,
    key: &VerifierKey,
    request: &AddCheckpoint,
) -> Result<Accepted, Refusal> {
    let checkpoint = key.open(&request.checkpoint).map_err(|error| match error {
        CheckpointError::NotANote
        | CheckpointError::Malformed
        | CheckpointError::TooLarge { .. } => Refusal::NoCheckpoint(error),
        CheckpointError::OtherKey { .. }
        | CheckpointError::NotSigned { .. }
        | CheckpointError::SignedTwice { .. }
        | CheckpointError::BadSignature { .. }
        | CheckpointError::OtherOrigin { .. } => Refusal::NotSigned(error),
    })?;
    let (old, size) = (request.old, checkpoint.size);
    if old > size {
        return Err(Refusal::Backwards { old, size });
    }
    let empty = Tree::new().head();
    let known = known.copied().unwrap_or(empty);
    if old != known.size {
        let known = known.size;
        return Err(Refusal::Conflict { known, old });
    }
    let not_proved = |source| Refusal::NotProved {
        known: known.size,
        source,
    };
    let head = checkpoint.head();
    if size == 0 && head != empty {
        let root = empty.root;
        return Err(not_proved(ProofError::Invalid { root }));
    }
    verify_consistency(&request.proof, &known, &head).map_err(not_proved)?;
    let log_line = log_line(&request.checkpoint, &checkpoint);
    Ok(Accepted {
        checkpoint,
        log_line,
    })
}

/// The log's own signature line of a note that was opened.
fn log_line(note: &str, checkpoint: &Checkpoint) -> String {
    let signatures = note.rsplit_once("\n\n").map_or("", |(_, lines)| lines);
    let own = |line: &&str| !checkpoint.cosignatures.iter().any(|other| other == line);
    signatures.lines().find(own).unwrap_or_default().to_owned()
}

impl Accepted {
    /// The note with the log's signature and the cosignature, and the cosignature's line alone. Make the note durable, then
    /// let the line leave.
    #[must_use]
    pub fn cosign(&self, cosigner: &Cosigner, time: u64) -> Cosigned {
        let line = cosigner.cosign(&self.checkpoint, time);
        let (text, log_line) = (self.checkpoint.text(), &self.log_line);
        Cosigned {
            note: format!("{text}\n{log_line}\n{line}\n"),
            line,
        }
    }
}

/// What a witness keeps and what it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned {
    /// The checkpoint with both signatures.
    pub note: String,
    /// The cosignature's line, without the newline.
    pub line: String,
}

impl Refusal {
    /// The HTTP status of the answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::NoCheckpoint(_) | Self::Backwards { .. } => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog { .. } => 404,
            Self::Conflict { .. } => 409,
            Self::NotProved { .. } => 422,
        }
    }
}

/// Why a witness's answer is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It holds no line by the witness that was asked.
    #[error("the answer holds no cosignature by `{0}`: is its key the one that is configured?")]
    None(crate::cosignature::WitnessName),
    /// It holds one that isn't over the checkpoint.
    #[error("the answer is not to be believed")]
    Unbelieved(#[source] CosignatureError),
}

/// Reads the answer of a witness to a request about `checkpoint`; lines by others are passed over.
///
/// # Errors
/// [`AnswerError`] if it holds no good cosignature of that witness.
pub fn read_answer(
    answer: &str,
    witness: &WitnessKey,
    checkpoint: &Checkpoint,
) -> Result<crate::cosignature::Cosignature, AnswerError> {
    for line in answer.lines() {
        if let Some(found) = witness
            .check(checkpoint, line)
            .map_err(AnswerError::Unbelieved)?
        {
            return Ok(found);
        }
    }
    Err(AnswerError::None(witness.name().clone()))
}

/// Reads the size that a witness tells with a conflict.
#[must_use]
pub fn read_size(answer: &str) -> Option<u64> {
    let digits = answer.strip_suffix('\n')?;
    let size: u64 = digits.parse().ok()?;
    (size.to_string() == digits).then_some(size)
}

#[cfg(test)]
mod tests;
