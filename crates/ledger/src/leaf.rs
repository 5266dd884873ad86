//! One entry of the ledger: who decided what, when, under which bundle, from which inputs.
//!
//! The ledger reads the envelope and three lists of the record (bodies, blobs, erasures) that an auditor
//! needs to tell complete from incomplete; all else in the record is the engine's. The bytes are made once,
//! hashed as made, and never made again from the parsed form.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{self, Canonical, CanonicalError, DEPTH_MAX};
use crate::digest::Digest;

/// The most bytes that an entry may have: its length is told in two bytes (C2SP tlog-tiles).
pub const LEAF_BYTES_MAX: usize = 65_535;

/// The layout of [`Leaf`] that this release writes.
pub const LEAF_VERSION: u16 = 1;

/// Member of the record listing the bodies that the entry commits to: `[{"commitment":hex,"subject":id}]`.
pub const BODIES_FIELD: &str = "bodies";

/// Member of the record listing the blobs that the entry refers to: `[hex]`, each the SHA-256 of the content.
pub const BLOBS_FIELD: &str = "blobs";

/// Member of the record listing the subjects whose key this entry reports destroyed: `[id]`.
///
/// Only such an entry makes bodies count as erased, those of earlier entries; without one they are missing.
pub const ERASED_FIELD: &str = "erased";

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// Version of this layout: [`LEAF_VERSION`].
    pub v: u16,
    /// What kind of entry it is, such as `request.approved`.
    pub kind: String,
    /// What the entry is about, such as a request's id; entries of one stream are ordered.
    pub stream: String,
    /// When it was recorded: milliseconds since 1970-01-01 UTC.
    pub at: i64,
    /// The version of the engine that wrote it.
    pub engine: String,
    /// The bundle of policies in force, if there was one.
    pub bundle: Option<Digest>,
    /// Command, observed inputs, verdict and events; opaque here but for the three lists.
    pub record: Value,
}

/// A body that an entry commits to.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BodyRef {
    /// The body's commitment, which names its file.
    pub commitment: Digest,
    /// Whose key encrypts it.
    pub subject: String,
}

/// Why an entry can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum LeafError {
    /// More bytes than a length of two bytes can tell.
    #[error(
        "the entry has `{bytes}` bytes and at most `{LEAF_BYTES_MAX}` are allowed: put the larger parts beside it, by hash"
    )]
    TooLarge {
        /// How many it has.
        bytes: usize,
    },
    /// The bytes are not canonical JSON.
    #[error("the entry is not canonical")]
    NotCanonical(#[source] CanonicalError),
    /// No JSON, or JSON that is no entry.
    #[error("the bytes are no entry")]
    Malformed(#[source] serde_json::Error),
    /// One of the lists that the ledger reads has another shape.
    #[error("`{field}` in the record has another shape than the ledger reads")]
    References {
        /// Which list.
        field: &'static str,
        /// What was wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl Leaf {
    /// The canonical bytes, which are what the tree hashes.
    ///
    /// # Errors
    /// Too large, a number that is no exact integer, or a list of references that no verifier could read.
    pub fn encode(&self) -> Result<Vec<u8>, LeafError> {
        check_references(&self.record)?;
        let bytes = self.canonical_bytes().map_err(LeafError::NotCanonical)?;
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Reads an entry; only the bytes that [`Leaf::encode`] would write are accepted.
    ///
    /// # Errors
    /// Too large, not canonical, a field missing or unknown, or a list of references that can't be read.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge { bytes: bytes.len() });
        }
        let leaf: Self = serde_json::from_slice(bytes).map_err(LeafError::Malformed)?;
        canonical::same_bytes(bytes, &leaf.encode()?).map_err(LeafError::NotCanonical)?;
        Ok(leaf)
    }

    /// The bodies that the entry commits to.
    ///
    /// # Errors
    /// The list in the record has another shape.
    pub fn bodies(&self) -> Result<Vec<BodyRef>, LeafError> {
        list(&self.record, BODIES_FIELD)
    }

    /// The blobs that the entry refers to.
    ///
    /// # Errors
    /// The list in the record has another shape.
    pub fn blobs(&self) -> Result<Vec<Digest>, LeafError> {
        list(&self.record, BLOBS_FIELD)
    }

    /// The subjects whose key this entry reports destroyed.
    ///
    /// # Errors
    /// The list in the record has another shape.
    pub fn erased(&self) -> Result<Vec<String>, LeafError> {
        list(&self.record, ERASED_FIELD)
    }

    fn canonical_bytes(&self) -> Result<Vec<u8>, CanonicalError> {
        let envelope = Envelope {
            kind: &self.kind,
            stream: &self.stream,
            at: self.at,
            engine: &self.engine,
            bundle: self.bundle,
        };
        let record = |out: &mut Vec<u8>| canonical::write_value(&self.record, out, DEPTH_MAX - 1);
        envelope.around(self.v, record)
    }
}

/// One of the lists of a record that the ledger reads; a record without it, or that is no object, has none.
fn list<T: for<'de> Deserialize<'de>>(
    record: &Value,
    field: &'static str,
) -> Result<Vec<T>, LeafError> {
    match record.get(field) {
        None => Ok(Vec::new()),
        Some(list) => {
            Vec::deserialize(list).map_err(|source| LeafError::References { field, source })
        }
    }
}

fn check_references(record: &Value) -> Result<(), LeafError> {
    list::<BodyRef>(record, BODIES_FIELD)?;
    list::<Digest>(record, BLOBS_FIELD)?;
    list::<String>(record, ERASED_FIELD)?;
    Ok(())
}

/// All of an entry but its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope<'a> {
    /// As in [`Leaf`].
    pub kind: &'a str,
    /// As in [`Leaf`].
    pub stream: &'a str,
    /// As in [`Leaf`].
    pub at: i64,
    /// As in [`Leaf`].
    pub engine: &'a str,
    /// As in [`Leaf`].
    pub bundle: Option<Digest>,
}

impl Envelope<'_> {
    /// The canonical bytes of the entry with this record, in this release's layout: the same as [`Leaf::encode`] gives, without
    /// a copy of the record in between. That the lists of references have the shape that the ledger reads is the record's own
    /// to see to, by its types: they are not read back here.
    ///
    /// # Errors
    /// Too large, or a number that is no exact integer.
    pub fn encode<R: Serialize>(&self, record: &R) -> Result<Vec<u8>, LeafError> {
        let bytes = self.around(LEAF_VERSION, |out| {
            record.serialize(Canonical::new(out, DEPTH_MAX - 1))
        });
        let bytes = bytes.map_err(LeafError::NotCanonical)?;
        if bytes.len() > LEAF_BYTES_MAX {
            return Err(LeafError::TooLarge { bytes: bytes.len() });
        }
        Ok(bytes)
    }

    /// Written field by field, in the order of their names: a log is read a million entries at a time, and going through a
    /// generic value would copy every record.
    fn around(
        &self,
        version: u16,
        record: impl FnOnce(&mut Vec<u8>) -> Result<(), CanonicalError>,
    ) -> Result<Vec<u8>, CanonicalError> {
        let mut out = Vec::with_capacity(2_048);
        out.extend_from_slice(b"{\"at\":");
        canonical::write_integer(self.at, &mut out)?;
        match self.bundle {
            Some(bundle) => out.extend_from_slice(format!(",\"bundle\":\"{bundle}\"").as_bytes()),
            None => out.extend_from_slice(b",\"bundle\":null"),
        }
        out.extend_from_slice(b",\"engine\":");
        canonical::write_string(self.engine, &mut out)?;
        out.extend_from_slice(b",\"kind\":");
        canonical::write_string(self.kind, &mut out)?;
        out.extend_from_slice(b",\"record\":");
        record(&mut out)?;
        out.extend_from_slice(b",\"stream\":");
        canonical::write_string(self.stream, &mut out)?;
        out.extend_from_slice(b",\"v\":");
        canonical::write_integer(i64::from(version), &mut out)?;
        out.push(b'}');
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;

    use super::*;
    use serde_json::json;

    fn leaf(record: Value) -> Leaf {
        Leaf {
            v: LEAF_VERSION,
            kind: "request.approved".into(),
            stream: "R-1042".into(),
            at: 1_763_895_871_000,
            engine: "0.1.0".into(),
            bundle: Some(Digest::of(b"bundle")),
            record,
        }
    }

    #[track_caller]
    fn refused(leaf: &Leaf, expected: &str) {
        let error = leaf.encode().unwrap_err();
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        assert_eq!(format!("{error}{cause}"), expected);
    }

    #[track_caller]
    fn unreadable(text: &str, expected: &str) {
        let error = Leaf::decode(text.as_bytes()).unwrap_err();
        let cause = error
            .source()
            .map(|cause| format!(": {cause}"))
            .unwrap_or_default();
        assert_eq!(format!("{error}{cause}"), expected);
    }

    /// These bytes are in logs that exist: a change here breaks every one of them.
    #[test]
    fn the_bytes_of_an_entry_never_change() {
        let entry = leaf(json!({"seat": "data owner", "bodies": [], "n": 2}));
        let bytes = entry.encode().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"at":1763895871000,"bundle":"1e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f027bdf294a33fc","engine":"0.1.0","kind":"request.approved","record":{"bodies":[],"n":2,"seat":"data owner"},"stream":"R-1042","v":1}"#
        );
        assert_eq!(
            Digest::of(&bytes).to_string(),
            "56f729b497e7451721fa85f8a00ada8281e65018fc1e843403510a3133a772ad"
        );
        assert_eq!(Leaf::decode(&bytes).unwrap(), entry);

        let bare = Leaf {
            bundle: None,
            record: Value::Null,
            ..entry
        };
        let bytes = bare.encode().unwrap();
        assert_eq!(
            String::from_utf8(bytes.clone()).unwrap(),
            r#"{"at":1763895871000,"bundle":null,"engine":"0.1.0","kind":"request.approved","record":null,"stream":"R-1042","v":1}"#
        );
        assert_eq!(Leaf::decode(&bytes).unwrap(), bare);
    }

    /// What is written without a generic value in between is what is written with it, refusals included.
    #[test]
    fn an_envelope_writes_what_the_entry_would() {
        let many = json!({"text": "x".repeat(LEAF_BYTES_MAX)});
        for record in [
            json!({"b": [1, {"z": 0, "a": "\u{202e}"}], "a": null, BODIES_FIELD: []}),
            json!("text"),
            json!([1, 2]),
            json!({BLOBS_FIELD: [Digest::of(b"x")], ERASED_FIELD: ["x"]}),
            json!({"fraction": 0.5}),
            many,
        ] {
            let entry = leaf(record);
            let envelope = Envelope {
                kind: &entry.kind,
                stream: &entry.stream,
                at: entry.at,
                engine: &entry.engine,
                bundle: entry.bundle,
            };
            let told = |bytes: Result<Vec<u8>, LeafError>| bytes.map_err(|error| error.to_string());
            assert_eq!(told(envelope.encode(&entry.record)), told(entry.encode()));
        }
    }

    #[test]
    fn an_entry_has_one_spelling() {
        let bare =
            r#"{"at":0,"bundle":null,"engine":"e","kind":"k","record":{},"stream":"s","v":1}"#;
        assert!(Leaf::decode(bare.as_bytes()).is_ok());
        unreadable(
            &bare.replace("\"bundle\":null,", ""),
            "the entry is not canonical: the bytes are JSON but not canonical: they differ from RFC 8785 at byte `9`",
        );
        unreadable(
            &bare.replace("\"v\":1", "\"v\":1,\"w\":1"),
            "the bytes are no entry: unknown field `w`, expected one of `v`, `kind`, `stream`, `at`, `engine`, `bundle`, `record` at line 1 column 80",
        );
        unreadable(
            &bare.replace("\"kind\":\"k\",", ""),
            "the bytes are no entry: missing field `kind` at line 1 column 66",
        );
        unreadable(
            &bare.replace("\"v\":1", "\"v\":65536"),
            "the bytes are no entry: invalid value: integer `65536`, expected u16 at line 1 column 80",
        );
        unreadable(
            "[]",
            "the bytes are no entry: invalid length 0, expected struct Leaf with 7 elements at line 1 column 2",
        );
        unreadable(
            &bare.replace("{}", "{\"a\":0.5}"),
            "the entry is not canonical: `0.5` is not an integer: write it as a string",
        );
        unreadable(
            &format!(" {bare}"),
            "the entry is not canonical: the bytes are JSON but not canonical: they differ from RFC 8785 at byte `0`",
        );
    }

    #[test]
    fn an_entry_fits_a_length_of_two_bytes() {
        let empty = leaf(json!({"text": ""})).encode().unwrap().len();
        let full = leaf(json!({"text": "x".repeat(LEAF_BYTES_MAX - empty)}));
        let bytes = full.encode().unwrap();
        assert_eq!(bytes.len(), LEAF_BYTES_MAX);
        assert_eq!(Leaf::decode(&bytes).unwrap(), full);
        refused(
            &leaf(json!({"text": "x".repeat(LEAF_BYTES_MAX - empty + 1)})),
            "the entry has `65536` bytes and at most `65535` are allowed: put the larger parts beside it, by hash",
        );
        let long = vec![b' '; LEAF_BYTES_MAX + 1];
        assert!(matches!(
            Leaf::decode(&long),
            Err(LeafError::TooLarge { bytes: 65_536 })
        ));
    }

    #[test]
    fn references_are_read_from_the_record() {
        let digest = Digest::of(b"x");
        let entry = leaf(json!({
            BODIES_FIELD: [{"commitment": digest, "subject": "p-1"}],
            BLOBS_FIELD: [digest],
            ERASED_FIELD: ["p-2"],
        }));
        let expected = BodyRef {
            commitment: digest,
            subject: "p-1".into(),
        };
        assert_eq!(entry.bodies().unwrap(), [expected]);
        assert_eq!(entry.blobs().unwrap(), [digest]);
        assert_eq!(entry.erased().unwrap(), ["p-2"]);
        assert_eq!(leaf(json!("text")).bodies().unwrap(), []);
    }

    #[test]
    fn references_that_no_verifier_could_read_are_not_written() {
        refused(
            &leaf(json!({"bodies": ["x"]})),
            "`bodies` in the record has another shape than the ledger reads: invalid type: string \"x\", expected struct BodyRef",
        );
        refused(
            &leaf(json!({"bodies": [{"commitment": "00", "subject": "p"}]})),
            "`bodies` in the record has another shape than the ledger reads: `00` is not a digest: 64 lower-case hexadecimal digits are needed",
        );
        refused(
            &leaf(json!({"blobs": {}})),
            "`blobs` in the record has another shape than the ledger reads: invalid type: map, expected a sequence",
        );
        refused(
            &leaf(json!({"erased": [1]})),
            "`erased` in the record has another shape than the ledger reads: invalid type: integer `1`, expected a string",
        );
    }
}
