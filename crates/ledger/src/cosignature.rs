//! Cosignatures: a witness's dated word that a checkpoint agrees with all it saw of that log before (C2SP tlog-cosignature).
//!
//! A reader names the witnesses it trusts and how many of them must have signed; lines by anybody else are passed over. Signing
//! with ML-DSA-44 has its place in the types and in the form of keys, and is refused by name until it can be checked: a witness
//! that is counted on must never be passed over in silence.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use base64::prelude::{BASE64_STANDARD, Engine as _};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use zeroize::Zeroizing;

use crate::checkpoint::Checkpoint;

/// Later instants are no POSIX timestamp of a cosignature (2^63 - 1).
const TIME_MAX: u64 = i64::MAX.unsigned_abs();

/// How a witness signs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Timestamped Ed25519, `cosignature/v1`.
    Ed25519,
    /// Timestamped ML-DSA-44, `subtree/v1`: known by its form, not checked yet.
    MlDsa44,
}

/// The name of a witness, as its signature lines carry it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WitnessName(String);

/// Why a text can't be a witness's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` can't name a witness: use letters without spaces, `+` or control characters, such as `witness.example/w1`"
)]
pub struct WitnessNameError {
    text: String,
}

/// The key of a witness that a reader trusts, given to it from outside the log.
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: WitnessName,
    id: [u8; 4],
    key: VerifyingKey,
}

/// Why a text is not a witness's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WitnessKeyError {
    /// Another form.
    #[error("`{text}` is not a witness's key: `name+hash+base64` of a cosignature key is needed")]
    Form {
        /// What was given.
        text: String,
    },
    /// The key of a log, or of something else that doesn't cosign.
    #[error(
        "`{text}` is a key of type {found:#04x}, which does not cosign: type 0x04 (Ed25519 cosignature) is needed"
    )]
    Kind {
        /// What was given.
        text: String,
        /// Its type byte.
        found: u8,
    },
    /// A kind of key that isn't checked yet.
    #[error(
        "witness `{name}` signs with ML-DSA-44, which is not supported yet: use its Ed25519 key (type 0x04)"
    )]
    NotYet {
        /// The witness.
        name: WitnessName,
    },
    /// The hash in it isn't that of name and key.
    #[error("the hash in `{text}` does not fit its name and key: it was not copied whole")]
    Hash {
        /// What was given.
        text: String,
    },
}

/// A witness's signing key.
pub struct Cosigner {
    name: WitnessName,
    key: SigningKey,
    id: [u8; 4],
}

/// Why a text is not a witness's signing key. Says nothing of what the text was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("it is not a witness's signing key: `remit witness key` makes one")]
pub struct CosignerError;

/// A cosignature that has been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosignature {
    /// Whose.
    pub witness: WitnessName,
    /// When the witness signed, in seconds since 1970.
    pub time: u64,
    /// The signature line, without the newline.
    pub line: String,
}

/// Why a cosignature is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CosignatureError {
    /// A line under the witness's name and key that is no cosignature.
    #[error("the line by witness `{witness}` has no form of a cosignature")]
    Malformed {
        /// Whose.
        witness: WitnessName,
    },
    /// The signature is not one over this checkpoint.
    #[error("the cosignature by witness `{witness}` is not over this checkpoint")]
    BadSignature {
        /// Whose.
        witness: WitnessName,
    },
}

/// Which witnesses a reader trusts, and how many of them must have cosigned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quorum {
    // INVARIANT: at least `needed`, no two of one name or one key
    witnesses: Vec<WitnessKey>,
    needed: usize,
}

/// Why witnesses make no quorum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuorumError {
    /// None or more than there are.
    #[error("a quorum of {needed} can't be had of {given} witnesses: choose 1 to {given}")]
    OutOfReach {
        /// How many must sign.
        needed: usize,
        /// How many there are.
        given: usize,
    },
    /// One name or key twice: it would count as two.
    #[error(
        "witness `{name}` is named twice, by its name or by its key: each counts once, so name it once"
    )]
    Twice {
        /// Which.
        name: WitnessName,
    },
}

/// Why a checkpoint hasn't the witnesses that it needs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotWitnessed {
    /// A line by a trusted witness that isn't its word on this checkpoint.
    #[error("a cosignature is not to be believed")]
    Unbelieved(#[source] CosignatureError),
    /// Too few.
    #[error(
        "{found} of the {given} witnesses have cosigned it and {needed} are needed; missing: {missing}"
    )]
    TooFew {
        /// How many have.
        found: usize,
        /// How many there are.
        given: usize,
        /// How many must.
        needed: usize,
        /// Names of those that haven't.
        missing: String,
    },
}

impl Algorithm {
    /// The type byte of its keys (C2SP signed-note).
    #[must_use]
    pub const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 0x04,
            Self::MlDsa44 => 0x06,
        }
    }

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_key_bytes(self) -> usize {
        match self {
            Self::Ed25519 => 32,
            Self::MlDsa44 => 1_312,
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::Ed25519, Self::MlDsa44]
            .into_iter()
            .find(|algorithm| algorithm.byte() == byte)
    }
}

impl WitnessName {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for WitnessName {
    type Err = WitnessNameError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if signed_note::is_key_name_valid(text) && !text.contains(char::is_control) {
            Ok(Self(text.to_owned()))
        } else {
            Err(WitnessNameError {
                text: text.to_owned(),
            })
        }
    }
}

impl fmt::Display for WitnessName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Type byte and key, as a verifier key holds them.
fn typed(algorithm: Algorithm, key: &[u8]) -> Vec<u8> {
    [&[algorithm.byte()], key].concat()
}

fn key_id(name: &WitnessName, typed: &[u8]) -> [u8; 4] {
    signed_note::key_id(name.as_str(), typed).to_be_bytes()
}

fn vkey(name: &WitnessName, key: &VerifyingKey) -> String {
    let typed = typed(Algorithm::Ed25519, key.as_bytes());
    let id = u32::from_be_bytes(key_id(name, &typed));
    format!("{name}+{id:08x}+{}", BASE64_STANDARD.encode(typed))
}

impl WitnessKey {
    /// Reads a witness's key, `name+hash+base64`; white space around it is ignored.
    ///
    /// # Errors
    /// Another form, a key that doesn't cosign or can't be checked yet, or a hash that doesn't fit.
    pub fn parse(vkey: &str) -> Result<Self, WitnessKeyError> {
        let vkey = vkey.trim();
        let text = || vkey.to_owned();
        let form = || WitnessKeyError::Form { text: text() };
        let mut parts = vkey.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(form());
        };
        let name: WitnessName = name.parse().map_err(|_| form())?;
        let typed = BASE64_STANDARD.decode(key).map_err(|_| form())?;
        let Some((&byte, key)) = typed.split_first() else {
            return Err(form());
        };
        let Some(algorithm) = Algorithm::of(byte) else {
            let (text, found) = (text(), byte);
            return Err(WitnessKeyError::Kind { text, found });
        };
        if key.len() != algorithm.public_key_bytes() {
            return Err(form());
        }
        let id = key_id(&name, &typed);
        if hash != format!("{:08x}", u32::from_be_bytes(id)) {
            return Err(WitnessKeyError::Hash { text: text() });
        }
        match algorithm {
            Algorithm::MlDsa44 => Err(WitnessKeyError::NotYet { name }),
            Algorithm::Ed25519 => {
                let bytes = key.try_into().map_err(|_| form())?;
                let key = VerifyingKey::from_bytes(bytes).map_err(|_| form())?;
                Ok(Self { name, id, key })
            }
        }
    }

    /// The witness's name.
    #[must_use]
    pub const fn name(&self) -> &WitnessName {
        &self.name
    }

    /// The key as text.
    #[must_use]
    pub fn vkey(&self) -> String {
        vkey(&self.name, &self.key)
    }

    /// Checks one signature line, without its newline, against a checkpoint; `None` if it is somebody else's.
    ///
    /// # Errors
    /// A line under this witness's name and key that isn't its word on this checkpoint.
    pub fn check(
        &self,
        checkpoint: &Checkpoint,
        line: &str,
    ) -> Result<Option<Cosignature>, CosignatureError> {
        let prefix = format!("— {} ", self.name);
        let Some(bytes) = line
            .strip_prefix(&prefix)
            .and_then(|signature| BASE64_STANDARD.decode(signature).ok())
        else {
            return Ok(None);
        };
        let Some(signature) = bytes.strip_prefix(&self.id) else {
            return Ok(None);
        };
        let witness = || self.name.clone();
        let malformed = || CosignatureError::Malformed { witness: witness() };
        let (time, signature) = signature.split_at_checked(8).ok_or_else(malformed)?;
        let time = u64::from_be_bytes(time.try_into().map_err(|_| malformed())?);
        let signature = Signature::from_slice(signature).map_err(|_| malformed())?;
        if time == 0 || time > TIME_MAX {
            return Err(malformed());
        }
        self.key
            .verify_strict(message(checkpoint, time).as_bytes(), &signature)
            .map_err(|_| CosignatureError::BadSignature { witness: witness() })?;
        let (witness, line) = (witness(), line.to_owned());
        Ok(Some(Cosignature {
            witness,
            time,
            line,
        }))
    }

    /// This witness's newest cosignature among the lines that a checkpoint carries.
    ///
    /// # Errors
    /// As [`WitnessKey::check`]: one bad line under a trusted key spoils the whole note.
    pub fn find(&self, checkpoint: &Checkpoint) -> Result<Option<Cosignature>, CosignatureError> {
        let mut newest: Option<Cosignature> = None;
        for line in &checkpoint.cosignatures {
            let found = self.check(checkpoint, line)?;
            newest = newest.into_iter().chain(found).max_by_key(|one| one.time);
        }
        Ok(newest)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WitnessKey").field(&self.vkey()).finish()
    }
}

/// What an Ed25519 witness signs.
fn message(checkpoint: &Checkpoint, time: u64) -> String {
    format!("cosignature/v1\ntime {time}\n{}", checkpoint.text())
}

impl Cosigner {
    /// Takes the witness's name and 32 secret bytes.
    #[must_use]
    pub fn from_seed(name: WitnessName, seed: &[u8; 32]) -> Self {
        let key = SigningKey::from_bytes(seed);
        let id = key_id(
            &name,
            &typed(Algorithm::Ed25519, key.verifying_key().as_bytes()),
        );
        Self { name, key, id }
    }

    /// The witness's name.
    #[must_use]
    pub const fn name(&self) -> &WitnessName {
        &self.name
    }

    /// The public half as text, to hand to logs and to whoever verifies.
    #[must_use]
    pub fn vkey(&self) -> String {
        vkey(&self.name, &self.key.verifying_key())
    }

    /// The secret half as text, in the form of signing keys (`PRIVATE+KEY+name+hash+base64`).
    #[must_use]
    pub fn private_text(&self) -> Zeroizing<String> {
        let seed = Zeroizing::new(self.key.to_bytes());
        let typed = Zeroizing::new(typed(Algorithm::Ed25519, seed.as_slice()));
        let base64 = Zeroizing::new(BASE64_STANDARD.encode(&*typed));
        let (name, id) = (&self.name, u32::from_be_bytes(self.id));
        Zeroizing::new(format!("PRIVATE+KEY+{name}+{id:08x}+{}", *base64))
    }

    /// Reads the secret half; white space around it is ignored.
    ///
    /// # Errors
    /// [`CosignerError`] if it has another form, or its hash doesn't fit name and key.
    pub fn parse(text: &str) -> Result<Self, CosignerError> {
        let rest = text.trim().strip_prefix("PRIVATE+KEY+");
        let mut parts = rest.ok_or(CosignerError)?.splitn(3, '+');
        let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(CosignerError);
        };
        let bytes = BASE64_STANDARD.decode(key).map_err(|_| CosignerError)?;
        let bytes = Zeroizing::new(bytes);
        let (byte, seed) = bytes.split_first().ok_or(CosignerError)?;
        let seed = Zeroizing::new(<[u8; 32]>::try_from(seed).map_err(|_| CosignerError)?);
        let cosigner = Self::from_seed(name.parse().map_err(|_| CosignerError)?, &seed);
        let fits = hash == format!("{:08x}", u32::from_be_bytes(cosigner.id));
        if *byte == Algorithm::Ed25519.byte() && fits {
            Ok(cosigner)
        } else {
            Err(CosignerError)
        }
    }

    /// The signature line on a checkpoint at `time` (seconds since 1970, not 0), without a newline. Whoever calls this has made sure that the
    /// checkpoint agrees with all it signed before, and that this is durable.
    #[must_use]
    pub fn cosign(&self, checkpoint: &Checkpoint, time: u64) -> String {
        let time = time.clamp(1, TIME_MAX);
        let signature = self.key.sign(message(checkpoint, time).as_bytes());
        let bytes = [
            self.id.as_slice(),
            &time.to_be_bytes(),
            &signature.to_bytes(),
        ]
        .concat();
        format!("— {} {}", self.name, BASE64_STANDARD.encode(bytes))
    }
}

impl fmt::Debug for Cosigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cosigner").field(&self.vkey()).finish()
    }
}

impl Quorum {
    /// `needed` of these witnesses.
    ///
    /// # Errors
    /// More needed than there are, none needed, or one witness twice.
    pub fn new(witnesses: Vec<WitnessKey>, needed: usize) -> Result<Self, QuorumError> {
        let given = witnesses.len();
        if needed == 0 || needed > given {
            return Err(QuorumError::OutOfReach { needed, given });
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for witness in &witnesses {
            if !names.insert(witness.name()) || !keys.insert(witness.key.to_bytes()) {
                let name = witness.name.clone();
                return Err(QuorumError::Twice { name });
            }
        }
        Ok(Self { witnesses, needed })
    }

    /// The witnesses.
    #[must_use]
    pub fn witnesses(&self) -> &[WitnessKey] {
        &self.witnesses
    }

    /// How many must have cosigned.
    #[must_use]
    pub const fn needed(&self) -> usize {
        self.needed
    }

    /// The cosignatures on a checkpoint, one for each witness that has signed.
    ///
    /// # Errors
    /// Too few, or a line by one of them that isn't its word on this checkpoint.
    pub fn check(&self, checkpoint: &Checkpoint) -> Result<Vec<Cosignature>, NotWitnessed> {
        let mut found = Vec::new();
        let mut missing = Vec::new();
        for witness in &self.witnesses {
            match witness.find(checkpoint).map_err(NotWitnessed::Unbelieved)? {
                Some(cosignature) => found.push(cosignature),
                None => missing.push(format!("`{}`", witness.name)),
            }
        }
        if found.len() < self.needed {
            return Err(NotWitnessed::TooFew {
                found: found.len(),
                given: self.witnesses.len(),
                needed: self.needed,
                missing: missing.join(", "),
            });
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests;
