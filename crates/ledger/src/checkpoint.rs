//! Checkpoints: the log's signed word on how many entries it has and what they hash to
//! (C2SP tlog-checkpoint and signed-note).
//!
//! A checkpoint counts only when the one key that the reader brought signed it under the log's own name.
//! Signatures of others (witnesses) are carried along unread: who trusts a witness checks its line.

use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signer as _, SigningKey};
use signed_note::{Note, NoteError, StandardVerifier, Verifier as _, VerifierError, VerifierList};

use crate::digest::Digest;
use crate::tree::{SIZE_MAX, TreeHead};

/// The name of a log, first line of its checkpoints and name of its key; best a URL without scheme.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(String);

/// Why a text can't be a log's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` can't name a log: use letters without spaces, `+` or control characters, such as `example.com/remit`"
)]
pub struct OriginError {
    text: String,
}

/// The log's signing key.
pub struct Signer {
    origin: Origin,
    key: SigningKey,
    id: [u8; 4],
}

/// The key that a reader trusts for one log, given to it from outside the log.
#[derive(Clone)]
pub struct VerifierKey {
    origin: Origin,
    vkey: String,
    verifier: StandardVerifier,
}

/// Why a text is not a verifier key.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is not a verifier key: `name+hash+base64` with an Ed25519 key is needed")]
pub struct VerifierKeyError {
    text: String,
    #[source]
    source: VerifierError,
}

/// A checkpoint whose signature has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name.
    pub origin: Origin,
    /// How many entries.
    pub size: u64,
    /// The Merkle tree hash over them.
    pub root: Digest,
    /// Extension lines, signed with the rest; each ends in a newline.
    pub extension: String,
    /// Signature lines by others than the log, unchecked, as they stand and without the newline.
    pub cosignatures: Vec<String>,
}

/// Why a checkpoint is not believed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Not a signed note.
    #[error("it is not a signed note")]
    NotANote,
    /// Signed under the log's name, but with another key.
    #[error("it is signed with another key of `{origin}` than the one given")]
    OtherKey {
        /// The name.
        origin: Origin,
    },
    /// No signature under the log's name.
    #[error("it is not signed by `{origin}`")]
    NotSigned {
        /// The name of the key given.
        origin: Origin,
    },
    /// The same key has signed more than once.
    #[error("`{origin}` signed it more than once")]
    SignedTwice {
        /// The name.
        origin: Origin,
    },
    /// The signature is not one over this text.
    #[error("the signature by `{origin}` is not over this text")]
    BadSignature {
        /// The name.
        origin: Origin,
    },
    /// Signed, but not by the form of a checkpoint.
    #[error("it is signed but has no form of a checkpoint: name, size and root are needed")]
    Malformed,
    /// Signed, but about another log.
    #[error("it speaks of the log `{found}` and `{expected}` was expected")]
    OtherOrigin {
        /// The name of the key given.
        expected: Origin,
        /// The name in the checkpoint.
        found: String,
    },
    /// More entries than any log can have.
    #[error("it speaks of `{size}` entries, more than a log can hold")]
    TooLarge {
        /// How many.
        size: u64,
    },
}

impl Origin {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Origin {
    type Err = OriginError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if signed_note::is_key_name_valid(text) && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(OriginError {
                text: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Signer {
    /// Takes the log's name and 32 secret bytes from the engine's random port.
    #[must_use]
    pub fn from_seed(origin: Origin, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let public = [&[1_u8], key.verifying_key().as_bytes().as_slice()].concat();
        let id = signed_note::key_id(origin.as_str(), &public).to_be_bytes();
        Self { origin, key, id }
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The public half as text, to hand to whoever verifies.
    #[must_use]
    pub fn vkey(&self) -> String {
        signed_note::new_ed25519_verifier_key(self.origin.as_str(), &self.key.verifying_key())
    }

    /// The checkpoint of a tree head: the whole text of the signed note.
    #[must_use]
    pub fn sign(&self, head: &TreeHead) -> String {
        let root = BASE64_STANDARD.encode(head.root.as_bytes());
        let text = format!("{}\n{}\n{root}\n", self.origin, head.size);
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let line = BASE64_STANDARD.encode([self.id.as_slice(), &signature].concat());
        format!("{text}\n— {} {line}\n", self.origin)
    }

    /// Signs a digest for `purpose`. What is signed begins with a line that has a space in it, so it is never taken for a
    /// checkpoint, whose first line is a name without spaces.
    #[must_use]
    pub fn vouch(&self, purpose: &str, digest: &Digest) -> [u8; VOUCHED_BYTES] {
        self.key.sign(&vouched(purpose, digest)).to_bytes()
    }
}

/// Length of what [`Signer::vouch`] makes.
pub const VOUCHED_BYTES: usize = 64;

fn vouched(purpose: &str, digest: &Digest) -> Vec<u8> {
    format!("remit {purpose}\n{digest}\n").into_bytes()
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signer").field(&self.vkey()).finish()
    }
}

impl VerifierKey {
    /// Reads a verifier key, `name+hash+base64`; white space around it is ignored.
    ///
    /// # Errors
    /// Another form, another kind of key, or a hash that doesn't fit the key.
    pub fn parse(vkey: &str) -> Result<Self, VerifierKeyError> {
        let vkey = vkey.trim();
        let refused = |source| VerifierKeyError {
            text: vkey.to_owned(),
            source,
        };
        let verifier = StandardVerifier::new(vkey).map_err(refused)?;
        let origin = verifier.name().parse();
        Ok(Self {
            origin: origin.map_err(|_| refused(VerifierError::Format))?,
            vkey: vkey.to_owned(),
            verifier,
        })
    }

    /// The log's name.
    #[must_use]
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// The key as text.
    #[must_use]
    pub fn vkey(&self) -> &str {
        &self.vkey
    }

    /// Whether this key signed `digest` for `purpose`: see [`Signer::vouch`].
    #[must_use]
    pub fn vouches(&self, purpose: &str, digest: &Digest, signature: &[u8]) -> bool {
        self.verifier.verify(&vouched(purpose, digest), signature)
    }

    /// Reads a checkpoint and believes it only if this key signed it.
    ///
    /// # Errors
    /// Not a signed note, not signed by this key, another text than the one signed, or about another log.
    pub fn open(&self, note: &str) -> Result<Checkpoint, CheckpointError> {
        let parsed = Note::from_bytes(note.as_bytes()).map_err(|_| CheckpointError::NotANote)?;
        if parsed.to_bytes() != note.as_bytes() {
            return Err(CheckpointError::NotANote);
        }
        let known = VerifierList::new(vec![Box::new(self.verifier.clone())]);
        let (_, others) = parsed
            .verify(&known)
            .map_err(|error| self.unbelieved(&error, note))?;
        if self.signature_lines(note) > 1 {
            return Err(CheckpointError::SignedTwice {
                origin: self.origin.clone(),
            });
        }
        let checkpoint = tlog_tiles::Checkpoint::from_bytes(parsed.text())
            .map_err(|_| CheckpointError::Malformed)?;
        if checkpoint.origin() != self.origin.as_str() {
            return Err(CheckpointError::OtherOrigin {
                expected: self.origin.clone(),
                found: checkpoint.origin().to_owned(),
            });
        }
        if checkpoint.size() > SIZE_MAX {
            return Err(CheckpointError::TooLarge {
                size: checkpoint.size(),
            });
        }
        let line = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).trim_end().to_owned();
        let checkpoint = Checkpoint {
            origin: self.origin.clone(),
            size: checkpoint.size(),
            root: Digest::from(*checkpoint.hash()),
            extension: checkpoint.extension().to_owned(),
            cosignatures: others.iter().map(|other| line(other.to_bytes())).collect(),
        };
        // witnesses sign the text, so it must be the one that its parts make
        if checkpoint.text().as_bytes() == parsed.text() {
            Ok(checkpoint)
        } else {
            Err(CheckpointError::Malformed)
        }
    }

    fn unbelieved(&self, error: &NoteError, note: &str) -> CheckpointError {
        let origin = self.origin.clone();
        match error {
            NoteError::InvalidSignature { .. } => CheckpointError::BadSignature { origin },
            NoteError::UnverifiedNote if note.contains(&format!("\n— {origin} ")) => {
                CheckpointError::OtherKey { origin }
            }
            _ => CheckpointError::NotSigned { origin },
        }
    }

    /// How many lines of the note claim to be this key's signature; the parser passes over all but the first.
    fn signature_lines(&self, note: &str) -> usize {
        let prefix = format!("— {} ", self.origin);
        let lines = note.lines().filter_map(|line| line.strip_prefix(&prefix));
        let id = self.verifier.key_id().to_be_bytes();
        lines
            .filter_map(|signature| BASE64_STANDARD.decode(signature).ok())
            .filter(|signature| signature.starts_with(&id))
            .count()
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("VerifierKey").field(&self.vkey).finish()
    }
}

impl Checkpoint {
    /// Size and root.
    #[must_use]
    pub const fn head(&self) -> TreeHead {
        TreeHead {
            size: self.size,
            root: self.root,
        }
    }

    /// What the log signed: the note without its signature lines.
    #[must_use]
    pub fn text(&self) -> String {
        let root = BASE64_STANDARD.encode(self.root.as_bytes());
        format!("{}\n{}\n{root}\n{}", self.origin, self.size, self.extension)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn signer(seed: u8) -> Signer {
        Signer::from_seed("example.com/remit".parse().unwrap(), &[seed; 32])
    }

    fn key() -> VerifierKey {
        VerifierKey::parse(&signer(1).vkey()).unwrap()
    }

    fn head() -> TreeHead {
        let mut tree = Tree::new();
        tree.append(b"one");
        tree.append(b"two");
        tree.head()
    }

    /// Signs any text under any name, as a forger with a key of their own would.
    fn note(text: &str, name: &str, seed: u8) -> String {
        let signer = Signer::from_seed(name.parse().unwrap(), &[seed; 32]);
        let signature = signer.key.sign(text.as_bytes()).to_bytes();
        let line = BASE64_STANDARD.encode([signer.id.as_slice(), &signature].concat());
        format!("{text}\n— {name} {line}\n")
    }

    #[track_caller]
    fn refused(note: &str, expected: &str) {
        assert_eq!(key().open(note).unwrap_err().to_string(), expected);
    }

    /// These bytes are with witnesses and auditors: a change here makes the log contradict itself.
    #[test]
    fn the_bytes_of_a_checkpoint_never_change() {
        assert_eq!(
            signer(1).vkey(),
            "example.com/remit+280e7e48+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
        );
        assert_eq!(
            signer(1).sign(&head()),
            concat!(
                "example.com/remit\n2\nT1X2GdkhUjV3iyufF9b0kVsWFxIU0VI4EpNml2Teci4=\n\n",
                "— example.com/remit KA5+SH9NXXkPMosEV7b0oRssrFan3jZB+ZgkB5PWAniOxzBpH4alR1mZ2uJx8Tczpx/8ikJ9MRSScQ/rCwQ2Rew2iwY=\n"
            )
        );
    }

    #[test]
    fn the_example_key_of_the_specification_opens_its_note() {
        let vkey = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";
        let note = "This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
        let error = VerifierKey::parse(vkey).unwrap().open(note).unwrap_err();
        assert!(
            matches!(error, CheckpointError::Malformed),
            "the signature is right, and the text no checkpoint: {error}"
        );
    }

    #[test]
    fn a_signed_checkpoint_is_opened() {
        let opened = key().open(&signer(1).sign(&head())).unwrap();
        assert_eq!(opened.head(), head());
        assert_eq!(opened.origin.as_str(), "example.com/remit");
        assert_eq!(
            (opened.extension.as_str(), opened.cosignatures.len()),
            ("", 0)
        );
        let empty = Tree::new().head();
        assert_eq!(key().open(&signer(1).sign(&empty)).unwrap().head(), empty);
    }

    #[test]
    fn witnesses_and_extensions_are_kept() {
        let text = "example.com/remit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nmore\n";
        let own = note(text, "example.com/remit", 1);
        let witness = note(text, "witness.example", 9);
        let witness = witness.lines().last().unwrap();
        let opened = key().open(&format!("{own}{witness}\n")).unwrap();
        assert_eq!(opened.extension, "more\n");
        assert_eq!(opened.cosignatures, [witness]);
    }

    #[test]
    fn every_changed_bit_is_noticed() {
        let note = signer(1).sign(&head()).into_bytes();
        for n in 0..note.len() * 8 {
            let mut changed = note.clone();
            changed[n / 8] ^= 1 << (n % 8);
            if let Ok(text) = std::str::from_utf8(&changed) {
                assert!(key().open(text).is_err(), "bit {n} of {text}");
            }
        }
        for n in 0..note.len() {
            let text = String::from_utf8_lossy(&note[..n]).into_owned();
            assert!(key().open(&text).is_err());
        }
    }

    #[test]
    fn a_refusal_says_what_is_wrong() {
        let good = signer(1).sign(&head());
        refused("", "it is not a signed note");
        refused(&good.replace("\n\n", "\n"), "it is not a signed note");
        refused(
            &good.replace("\n2\n", "\n3\n"),
            "the signature by `example.com/remit` is not over this text",
        );
        refused(
            &signer(2).sign(&head()),
            "it is signed with another key of `example.com/remit` than the one given",
        );
        let text = "example.com/remit\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n";
        refused(
            &note(text, "example.com/other", 1),
            "it is not signed by `example.com/remit`",
        );
        let twice = format!("{good}{}\n", good.lines().last().unwrap());
        refused(&twice, "`example.com/remit` signed it more than once");
        let sign = |text: &str| note(text, "example.com/remit", 1);
        refused(
            &sign("hello\n"),
            "it is signed but has no form of a checkpoint: name, size and root are needed",
        );
        refused(
            &sign(&text.replace("\n0\n", "\n00\n")),
            "it is signed but has no form of a checkpoint: name, size and root are needed",
        );
        refused(
            &sign(&text.replace("remit", "other")),
            "it speaks of the log `example.com/other` and `example.com/remit` was expected",
        );
        refused(
            &sign(&text.replace("\n0\n", "\n9223372036854775808\n")),
            "it speaks of `9223372036854775808` entries, more than a log can hold",
        );
    }

    #[test]
    fn a_key_is_read_with_white_space_around_it_and_no_other_change() {
        let vkey = signer(1).vkey();
        assert_eq!(
            VerifierKey::parse(&format!(" {vkey}\n")).unwrap().vkey(),
            vkey
        );
        for wrong in [
            "",
            "a+b",
            &vkey.replace("remit", "other"),
            &vkey.replace("+AY", "+BY"),
            vkey.trim_end_matches('c'),
        ] {
            let error = VerifierKey::parse(wrong).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "`{wrong}` is not a verifier key: `name+hash+base64` with an Ed25519 key is needed"
                )
            );
        }
    }

    #[test]
    fn a_name_has_neither_spaces_nor_plus() {
        for wrong in ["", "a b", "a+b", "a\n", "a\u{a0}b", "a\u{7f}"] {
            assert_eq!(
                wrong.parse::<Origin>().unwrap_err().to_string(),
                format!(
                    "`{wrong}` can't name a log: use letters without spaces, `+` or control characters, such as `example.com/remit`"
                )
            );
        }
    }

    #[test]
    fn the_secret_does_not_show_in_debug_output() {
        assert_eq!(
            format!("{:?}", signer(1)),
            format!("Signer({:?})", signer(1).vkey())
        );
    }
}
