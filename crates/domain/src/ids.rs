//! One id type per thing. A raw `Uuid` or `String` stops at the parser: inside, mixing up a person and an account
//! must not compile, because every rule about consent hangs on that difference.
use serde::{Deserialize, Serialize, Serializer};
use smol_str::SmolStr;
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Longest accepted slug, in bytes.
pub const SLUG_BYTES_MAX: usize = 64;

/// Why a text is not a usable id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a slug.
    #[error(
        "`{text}` is not an id: use 1 to {SLUG_BYTES_MAX} of a-z, 0-9, `.`, `_`, `-`, starting with a letter or digit"
    )]
    NotASlug {
        /// What was given, cut to a bounded length.
        text: String,
    },
}

fn slug(text: &str) -> Result<SmolStr, IdError> {
    let legal =
        |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, b'.' | b'_' | b'-');
    let starts_well = text
        .bytes()
        .next()
        .is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if starts_well && text.len() <= SLUG_BYTES_MAX && text.bytes().all(legal) {
        Ok(SmolStr::new(text))
    } else {
        Err(IdError::NotASlug {
            text: text
                .chars()
                .filter(|c| !c.is_control())
                .take(SLUG_BYTES_MAX)
                .collect(),
        })
    }
}

macro_rules! slug_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(SmolStr);

        impl $name {
            /// The id as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                slug(text).map(Self)
            }
        }
        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0.into()
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

slug_ids! {
    /// One human. Never a display name or an e-mail address.
    PersonId;
    /// One of a human's logins.
    AccountId;
    /// A group of persons, accounts and groups.
    GroupId;
    /// A duty that approves or watches, such as `security`.
    DutyId;
    /// What somebody is employed to do, such as `finance-analyst`.
    JobRole;
    /// An organisational unit.
    TeamId;
    /// A lesson that unlocks a privilege.
    LessonId;
    /// A governed system, such as `nodered`.
    PlatformId;
    /// One thing in a platform, such as `nodered.invoice-matching`.
    TargetId;
    /// A body of work that targets belong to.
    ProjectId;
    /// A named action of a platform, such as `flow.change`.
    ActionId;
    /// One catalog entry.
    PrivilegeId;
    /// One confirmed statement about risk.
    RiskControlId;
    /// One question of a justification template.
    QuestionId;
    /// A named seat rule of a privilege.
    SeatId;
    /// A conflict rule.
    ConflictId;
    /// A delegation of duties.
    DelegationId;
    /// A registered enforcement point.
    GatewayId;
    /// A legal hold.
    LegalHoldId;
}

macro_rules! uuid_ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                Uuid::parse_str(text).map(Self)
            }
        }
    )*};
}

uuid_ids! {
    /// One request (UUIDv7, RFC 9562).
    RequestId;
    /// One grant (UUIDv7, RFC 9562).
    GrantId;
    /// One credential (UUIDv7, RFC 9562).
    CredentialId;
    /// One use of a grant at an enforcement point (UUIDv7, RFC 9562).
    UseId;
}

macro_rules! numbers {
    ($($(#[$doc:meta])* $name:ident $prefix:literal;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "-{}"), self.0)
            }
        }
        impl FromStr for $name {
            type Err = NumberError;
            fn from_str(text: &str) -> Result<Self, NumberError> {
                text.strip_prefix(concat!($prefix, "-"))
                    .and_then(|digits| digits.parse().ok())
                    .map(Self)
                    .ok_or_else(|| NumberError { text: text.chars().take(32).collect(), prefix: $prefix })
            }
        }
    )*};
}

/// Why a text is not a short number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a number of this kind: write `{prefix}-` and digits, such as `{prefix}-1042`"
)]
pub struct NumberError {
    text: String,
    prefix: &'static str,
}

numbers! {
    /// The number people use for a request, such as `R-1042`.
    RequestNumber "R";
    /// The number people use for a grant, such as `G-877`.
    GrantNumber "G";
}

/// A SHA-256 digest, written in lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 digest: 64 hexadecimal digits are needed")]
pub struct DigestError;

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}
impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        let lower = text
            .bytes()
            .all(|c| c.is_ascii_digit() || (b'a'..=b'f').contains(&c));
        if text.len() != 64 || !lower {
            return Err(DigestError);
        }
        let mut bytes = [0; 32];
        for (slot, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            let pair = text.get(at..at + 2).ok_or(DigestError)?;
            *slot = u8::from_str_radix(pair, 16).map_err(|_| DigestError)?;
        }
        Ok(Self(bytes))
    }
}
impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}
