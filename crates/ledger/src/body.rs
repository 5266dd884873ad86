//! Personal data: encrypted under the person's own key, so that destroying the key erases it everywhere
//! while every proof still holds.
//!
//! The entry commits to a body by one digest over two others: one of the salted text, one of the sealed
//! bytes. So a body can be checked without any key as long as it is sealed, and without the key once it is
//! opened; and because the salt travels only inside the ciphertext, a destroyed key takes the salt with
//! it, and nobody can confirm a guess of a short text from what remains.

use std::fmt;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::digest::Digest;
use crate::leaf::BodyRef;

const TEXT_DOMAIN: &[u8] = b"remit/body/text/v1\n";
const SEALED_DOMAIN: &[u8] = b"remit/body/sealed/v1\n";
const BODY_DOMAIN: &[u8] = b"remit/body/v1\n";

/// The secret key under which one person's bodies are sealed; wiped from memory when dropped.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PersonKey([u8; 32]);

/// An encrypted body, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedBody {
    /// What the entry holds: it binds subject, salted text, nonce and ciphertext.
    pub commitment: Digest,
    /// Whose key it is sealed under.
    pub subject: String,
    /// The nonce; never used twice with the same key.
    pub nonce: [u8; 24],
    /// The digest of the salted text (32 bytes), then what XChaCha20-Poly1305 made of salt and text.
    pub ciphertext: Vec<u8>,
}

/// A body that has been opened: all that is needed to check it against its commitment, without a key.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenedBody {
    /// What the entry holds.
    pub commitment: Digest,
    /// Whose key it was sealed under.
    pub subject: String,
    /// The salt that was sealed with the text.
    pub salt: [u8; 32],
    /// Digest of the sealed bytes, which the commitment binds as well.
    pub sealed: Digest,
    /// The text.
    pub text: String,
}

/// Why a body can't be sealed, opened or trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// The text is longer than the cipher takes.
    #[error("the text of `{bytes}` bytes is too long to seal")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// Too short to be a sealed body.
    #[error("the sealed body `{commitment}` is cut short")]
    CutShort {
        /// Which body.
        commitment: Digest,
    },
    /// The key is not the one it was sealed under.
    #[error("the key does not open body `{commitment}` of `{subject}`")]
    WrongKey {
        /// Which body.
        commitment: Digest,
        /// Whose.
        subject: String,
    },
    /// The body is not the one that the entry committed to.
    #[error("the body does not match its commitment `{commitment}`")]
    NotCommitted {
        /// The commitment that it should match.
        commitment: Digest,
    },
}

impl PersonKey {
    /// Takes 32 secret bytes from the engine's random port.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The secret bytes, for wrapping them under the key database's own key; copy them nowhere else.
    #[must_use]
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&self.0).into())
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey(secret)")
    }
}

impl fmt::Debug for OpenedBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedBody")
            .field("commitment", &self.commitment)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

/// Seals `text` under the person's key.
///
/// The caller gives salt and nonce, both fresh from its random port. What the entry must hold is
/// [`SealedBody::commitment`].
///
/// # Errors
/// A text longer than the cipher takes (256 GiB).
pub fn seal(
    key: &PersonKey,
    subject: &str,
    salt: [u8; 32],
    nonce: [u8; 24],
    text: &str,
) -> Result<SealedBody, BodyError> {
    let text_digest = text_digest(&salt, text);
    let plain = Zeroizing::new([salt.as_slice(), text.as_bytes()].concat());
    let aad = associated(subject, &text_digest);
    let payload = Payload {
        msg: &plain,
        aad: &aad,
    };
    let encrypted = key
        .cipher()
        .encrypt(&XNonce::from(nonce), payload)
        .map_err(|_| BodyError::TooLong { bytes: text.len() })?;
    let sealed = sealed_digest(&nonce, &encrypted);
    Ok(SealedBody {
        commitment: commitment(subject, &text_digest, &sealed),
        subject: subject.to_owned(),
        nonce,
        ciphertext: [text_digest.as_bytes().as_slice(), &encrypted].concat(),
    })
}

/// Opens a sealed body and checks that it is the one committed to.
///
/// # Errors
/// Another body than the one committed to, or another person's key.
pub fn open(key: &PersonKey, body: &SealedBody) -> Result<String, BodyError> {
    body.open(key).map(|opened| opened.text)
}

impl SealedBody {
    /// What an entry's record lists for this body.
    #[must_use]
    pub fn reference(&self) -> BodyRef {
        BodyRef {
            commitment: self.commitment,
            subject: self.subject.clone(),
        }
    }

    /// Checks, without a key, that these are the sealed bytes committed to.
    ///
    /// # Errors
    /// Any other bytes, nonce or subject.
    pub fn check(&self) -> Result<(), BodyError> {
        self.parts().map(|_| ())
    }

    /// Opens the body into the form that can be checked without a key.
    ///
    /// # Errors
    /// Another body than the one committed to, or another person's key.
    pub fn open(&self, key: &PersonKey) -> Result<OpenedBody, BodyError> {
        let (text_digest, encrypted) = self.parts()?;
        let aad = associated(&self.subject, &text_digest);
        let payload = Payload {
            msg: encrypted,
            aad: &aad,
        };
        let plain = key
            .cipher()
            .decrypt(&XNonce::from(self.nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| BodyError::WrongKey {
                commitment: self.commitment,
                subject: self.subject.clone(),
            })?;
        let not_committed = BodyError::NotCommitted {
            commitment: self.commitment,
        };
        let Some((salt, text)) = plain.split_first_chunk::<32>() else {
            return Err(not_committed);
        };
        let Ok(text) = std::str::from_utf8(text) else {
            return Err(not_committed);
        };
        let opened = OpenedBody {
            commitment: self.commitment,
            subject: self.subject.clone(),
            salt: *salt,
            sealed: sealed_digest(&self.nonce, encrypted),
            text: text.to_owned(),
        };
        opened.check()?;
        Ok(opened)
    }

    /// The text's digest and the cipher's output, once they are known to be the ones committed to.
    fn parts(&self) -> Result<(Digest, &[u8]), BodyError> {
        let Some((text_digest, encrypted)) = self.ciphertext.split_first_chunk::<32>() else {
            return Err(BodyError::CutShort {
                commitment: self.commitment,
            });
        };
        let text_digest = Digest::from_bytes(*text_digest);
        let sealed = sealed_digest(&self.nonce, encrypted);
        if commitment(&self.subject, &text_digest, &sealed) != self.commitment {
            return Err(BodyError::NotCommitted {
                commitment: self.commitment,
            });
        }
        Ok((text_digest, encrypted))
    }
}

impl OpenedBody {
    /// Checks, without a key, that this is the text committed to.
    ///
    /// # Errors
    /// Any other text, salt, subject or digest of the sealed bytes.
    pub fn check(&self) -> Result<(), BodyError> {
        let text_digest = text_digest(&self.salt, &self.text);
        if commitment(&self.subject, &text_digest, &self.sealed) == self.commitment {
            Ok(())
        } else {
            Err(BodyError::NotCommitted {
                commitment: self.commitment,
            })
        }
    }
}

fn text_digest(salt: &[u8; 32], text: &str) -> Digest {
    Digest::of_parts(&[TEXT_DOMAIN, salt, text.as_bytes()])
}

fn sealed_digest(nonce: &[u8; 24], encrypted: &[u8]) -> Digest {
    Digest::of_parts(&[SEALED_DOMAIN, nonce, encrypted])
}

fn commitment(subject: &str, text_digest: &Digest, sealed: &Digest) -> Digest {
    // the subject comes last, as the only part whose length varies
    Digest::of_parts(&[
        BODY_DOMAIN,
        text_digest.as_bytes(),
        sealed.as_bytes(),
        subject.as_bytes(),
    ])
}

fn associated(subject: &str, text_digest: &Digest) -> Vec<u8> {
    [BODY_DOMAIN, text_digest.as_bytes(), subject.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::hex;
    use proptest::prelude::*;

    const KEY: PersonKey = PersonKey::from_bytes([7; 32]);

    fn sealed(text: &str) -> SealedBody {
        seal(&KEY, "p-ada", [1; 32], [2; 24], text).unwrap()
    }

    /// These bytes are in logs that exist: a change here breaks every one of them.
    #[test]
    fn the_bytes_of_a_body_never_change() {
        let body = sealed("The invoices can't wait.");
        assert_eq!(
            body.commitment.to_string(),
            "df830f03cc7e664f795424c23852beef130be903b3567762703cf86033889609"
        );
        assert_eq!(
            hex(&body.ciphertext),
            concat!(
                "ae4e3944f2c9181dddea5a0644be759d011a552f3268d7a0634f2fa2c8ede4c4dbb001fd899c3686",
                "4736648030b516f247b41a0b0b429124ba907e6ddd3c7bd2d20a4beb080eb3abfa7107232d96cfe1",
                "0a94a96986ad03226b65796d8a5f5cb1d35dfa157c0b5a65"
            )
        );
        assert_eq!(open(&KEY, &body).unwrap(), "The invoices can't wait.");
    }

    #[test]
    fn only_the_persons_key_opens_a_body() {
        let body = sealed("text");
        let error = open(&PersonKey::from_bytes([8; 32]), &body).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the key does not open body `{}` of `p-ada`",
                body.commitment
            )
        );
    }

    #[test]
    fn a_sealed_body_is_checked_without_its_key() {
        let body = sealed("text");
        assert_eq!(body.check(), Ok(()));
        let expected = Err(BodyError::NotCommitted {
            commitment: body.commitment,
        });
        for n in 0..body.ciphertext.len() * 8 {
            let mut changed = body.clone();
            changed.ciphertext[n / 8] ^= 1 << (n % 8);
            assert_eq!(changed.check(), expected);
            assert_eq!(open(&KEY, &changed).map(|_| ()), expected);
        }
        for n in 0..24 * 8 {
            let mut changed = body.clone();
            changed.nonce[n / 8] ^= 1 << (n % 8);
            assert_eq!(changed.check(), expected);
        }
        let other = SealedBody {
            subject: "p-bob".into(),
            ..body.clone()
        };
        assert_eq!(other.check(), expected);
        let short = SealedBody {
            ciphertext: vec![0; 31],
            ..body
        };
        assert_eq!(
            short.check(),
            Err(BodyError::CutShort {
                commitment: short.commitment
            })
        );
    }

    #[test]
    fn an_opened_body_is_checked_without_its_key() {
        let body = sealed("text").open(&KEY).unwrap();
        assert_eq!(body.check(), Ok(()));
        let wrong = [
            OpenedBody {
                text: "Text".into(),
                ..body.clone()
            },
            OpenedBody {
                salt: [0; 32],
                ..body.clone()
            },
            OpenedBody {
                sealed: body.commitment,
                ..body.clone()
            },
            OpenedBody {
                subject: "p-bob".into(),
                ..body.clone()
            },
            OpenedBody {
                commitment: body.sealed,
                ..body.clone()
            },
        ];
        for body in wrong {
            let commitment = body.commitment;
            assert_eq!(body.check(), Err(BodyError::NotCommitted { commitment }));
        }
    }

    #[test]
    fn a_sealer_who_commits_to_another_text_is_found_out() {
        let honest = sealed("one text");
        let lie = text_digest(&[1; 32], "another text");
        let plain = [[1; 32].as_slice(), b"one text"].concat();
        let aad = associated("p-ada", &lie);
        let payload = Payload {
            msg: plain.as_slice(),
            aad: &aad,
        };
        let encrypted = KEY
            .cipher()
            .encrypt(&XNonce::from([2; 24]), payload)
            .unwrap();
        let forged = SealedBody {
            commitment: commitment("p-ada", &lie, &sealed_digest(&[2; 24], &encrypted)),
            ciphertext: [lie.as_bytes().as_slice(), &encrypted].concat(),
            ..honest
        };
        assert_eq!(forged.check(), Ok(()));
        assert_eq!(
            open(&KEY, &forged),
            Err(BodyError::NotCommitted {
                commitment: forged.commitment
            })
        );
    }

    #[test]
    fn equal_texts_have_unequal_commitments() {
        let other = seal(&KEY, "p-ada", [3; 32], [2; 24], "text").unwrap();
        assert_ne!(sealed("text").commitment, other.commitment);
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        let body = sealed("my illness").open(&KEY).unwrap();
        assert_eq!(format!("{KEY:?}"), "PersonKey(secret)");
        assert!(!format!("{body:?}").contains("illness"));
    }

    proptest! {
        #[test]
        fn what_is_sealed_is_opened(key: [u8; 32], salt: [u8; 32], nonce: [u8; 24], subject: String, text: String) {
            let key = PersonKey::from_bytes(key);
            let body = seal(&key, &subject, salt, nonce, &text).unwrap();
            prop_assert_eq!(open(&key, &body).unwrap(), text);
        }
    }
}
