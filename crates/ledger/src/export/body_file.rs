//! `bodies/<commitment>.json`: one file for each body that an entry commits to, whatever became of it.
//!
//! A file that is simply absent is a fault, so what can't be shown is said: erased, or missing.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use serde::{Deserialize, Serialize};

use crate::body::{BodyError, OpenedBody, SealedBody};
use crate::canonical::{self, CanonicalError};
use crate::digest::{Digest, hex, unhex};
use crate::leaf::BodyRef;

/// The content of a body's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BodyFile {
    /// Still encrypted.
    Sealed(SealedBody),
    /// Readable by whoever holds the export.
    Opened(OpenedBody),
    /// Its key was destroyed; it counts as erased only if a later entry of the log says so, else as missing.
    Erased(BodyRef),
    /// Not included, or lost; the reader is told how many.
    Missing(BodyRef),
}

/// Why a body's file can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BodyFileError {
    /// The bytes are not canonical JSON.
    #[error("it is not canonical")]
    NotCanonical(#[source] CanonicalError),
    /// JSON of another shape.
    #[error("it lacks a field or has one too many")]
    Malformed(#[source] serde_json::Error),
    /// None or more than one of the four forms.
    #[error("it is neither sealed, opened, erased nor missing")]
    NoForm,
    /// A field isn't in its encoding.
    #[error("`{field}` is not in its encoding")]
    Encoding {
        /// Which field.
        field: &'static str,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    commitment: Digest,
    subject: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ciphertext: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    erased: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    missing: Option<bool>,
}

impl BodyFile {
    /// The commitment, which names the file.
    #[must_use]
    pub const fn commitment(&self) -> Digest {
        match self {
            Self::Sealed(body) => body.commitment,
            Self::Opened(body) => body.commitment,
            Self::Erased(body) | Self::Missing(body) => body.commitment,
        }
    }

    /// Whose body it is.
    #[must_use]
    pub fn subject(&self) -> &str {
        match self {
            Self::Sealed(body) => &body.subject,
            Self::Opened(body) => &body.subject,
            Self::Erased(body) | Self::Missing(body) => &body.subject,
        }
    }

    /// Checks sealed or opened content against the commitment; the other two have none.
    ///
    /// # Errors
    /// Content that isn't the one committed to.
    pub fn check(&self) -> Result<(), BodyError> {
        match self {
            Self::Sealed(body) => body.check(),
            Self::Opened(body) => body.check(),
            Self::Erased(_) | Self::Missing(_) => Ok(()),
        }
    }

    /// The bytes of the file: canonical JSON.
    ///
    /// # Errors
    /// None that the types allow; the encoder's error is passed on all the same.
    pub fn to_bytes(&self) -> Result<Vec<u8>, BodyFileError> {
        let mut wire = Wire {
            commitment: self.commitment(),
            subject: self.subject().to_owned(),
            nonce: None,
            ciphertext: None,
            salt: None,
            sealed: None,
            text: None,
            erased: None,
            missing: None,
        };
        match self {
            Self::Sealed(body) => {
                wire.nonce = Some(hex(&body.nonce));
                wire.ciphertext = Some(BASE64_STANDARD.encode(&body.ciphertext));
            }
            Self::Opened(body) => {
                wire.salt = Some(hex(&body.salt));
                wire.sealed = Some(body.sealed);
                wire.text = Some(body.text.clone());
            }
            Self::Erased(_) => wire.erased = Some(true),
            Self::Missing(_) => wire.missing = Some(true),
        }
        canonical::to_canonical(&wire).map_err(BodyFileError::NotCanonical)
    }

    /// Reads a file; nothing in it is to be believed before [`BodyFile::check`].
    ///
    /// # Errors
    /// Bytes that [`BodyFile::to_bytes`] would not write.
    pub fn parse(bytes: &[u8]) -> Result<Self, BodyFileError> {
        let value = canonical::parse_canonical(bytes).map_err(BodyFileError::NotCanonical)?;
        let wire: Wire = serde_json::from_value(value).map_err(BodyFileError::Malformed)?;
        let (commitment, subject) = (wire.commitment, wire.subject);
        let sealed = (wire.nonce, wire.ciphertext);
        let opened = (wire.salt, wire.sealed, wire.text);
        let file = match (sealed, opened, wire.erased, wire.missing) {
            ((Some(nonce), Some(ciphertext)), (None, None, None), None, None) => {
                Self::Sealed(SealedBody {
                    commitment,
                    subject,
                    nonce: unhex(&nonce).ok_or(BodyFileError::Encoding { field: "nonce" })?,
                    ciphertext: BASE64_STANDARD.decode(ciphertext).map_err(|_| {
                        BodyFileError::Encoding {
                            field: "ciphertext",
                        }
                    })?,
                })
            }
            ((None, None), (Some(salt), Some(sealed), Some(text)), None, None) => {
                Self::Opened(OpenedBody {
                    commitment,
                    subject,
                    salt: unhex(&salt).ok_or(BodyFileError::Encoding { field: "salt" })?,
                    sealed,
                    text,
                })
            }
            ((None, None), (None, None, None), Some(true), None) => Self::Erased(BodyRef {
                commitment,
                subject,
            }),
            ((None, None), (None, None, None), None, Some(true)) => Self::Missing(BodyRef {
                commitment,
                subject,
            }),
            _ => return Err(BodyFileError::NoForm),
        };
        // a null field reads like an absent one: only one of the two spellings may stand
        if file.to_bytes()? != bytes {
            return Err(BodyFileError::NoForm);
        }
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use crate::body::{PersonKey, seal};

    const KEY: PersonKey = PersonKey::from_bytes([7; 32]);

    fn sealed() -> SealedBody {
        seal(&KEY, "p-ada", [1; 32], [2; 24], "text").unwrap()
    }

    fn text(file: &BodyFile) -> String {
        let bytes = file.to_bytes().unwrap();
        assert_eq!(BodyFile::parse(&bytes).unwrap(), *file);
        assert_eq!(file.check(), Ok(()));
        String::from_utf8(bytes).unwrap()
    }

    #[track_caller]
    fn refused(json: &str, expected: &str) {
        let error = BodyFile::parse(json.as_bytes()).unwrap_err();
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        assert_eq!(format!("{error}{cause}"), expected);
    }

    #[test]
    fn each_form_is_written_and_read() {
        let body = sealed();
        let (id, salt, nonce) = (body.commitment, "01".repeat(32), "02".repeat(24));
        let ciphertext = BASE64_STANDARD.encode(&body.ciphertext);
        let opened = body.open(&KEY).unwrap();
        let inner = opened.sealed;
        let reference = body.reference();
        assert_eq!(
            text(&BodyFile::Sealed(body)),
            format!(
                r#"{{"ciphertext":"{ciphertext}","commitment":"{id}","nonce":"{nonce}","subject":"p-ada"}}"#
            )
        );
        assert_eq!(
            text(&BodyFile::Opened(opened)),
            format!(
                r#"{{"commitment":"{id}","salt":"{salt}","sealed":"{inner}","subject":"p-ada","text":"text"}}"#
            )
        );
        assert_eq!(
            text(&BodyFile::Erased(reference.clone())),
            format!(r#"{{"commitment":"{id}","erased":true,"subject":"p-ada"}}"#)
        );
        assert_eq!(
            text(&BodyFile::Missing(reference)),
            format!(r#"{{"commitment":"{id}","missing":true,"subject":"p-ada"}}"#)
        );
    }

    #[test]
    fn a_file_of_no_form_or_of_two_is_refused() {
        let with = |fields: &str| {
            format!(
                r#"{{"commitment":"{}",{fields}"subject":"p"}}"#,
                Digest::of(b"")
            )
        };
        refused(
            &with(""),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""erased":false,"#),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""erased":true,"missing":true,"#),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""erased":null,"#),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""erased":true,"missing":null,"#),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""nonce":"00","#),
            "it is neither sealed, opened, erased nor missing",
        );
        refused(
            &with(r#""other":1,"#),
            "it lacks a field or has one too many: unknown field `other`, expected one of `commitment`, `subject`, `nonce`, `ciphertext`, `salt`, `sealed`, `text`, `erased`, `missing`",
        );
        refused(
            "{}",
            "it lacks a field or has one too many: missing field `commitment`",
        );
        refused(
            " {}",
            "it is not canonical: the bytes are JSON but not canonical: they differ from RFC 8785 at byte `0`",
        );
        let json = text(&BodyFile::Sealed(sealed()));
        refused(
            &json.replace("\"0202", "\"02"),
            "`nonce` is not in its encoding",
        );
        refused(
            &json.replace("\"ciphertext\":\"", "\"ciphertext\":\"*"),
            "`ciphertext` is not in its encoding",
        );
        let json = text(&BodyFile::Opened(sealed().open(&KEY).unwrap()));
        refused(
            &json.replace("\"0101", "\"010A"),
            "`salt` is not in its encoding",
        );
    }
}
