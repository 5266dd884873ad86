//! One JSON value, one sequence of bytes: RFC 8785, narrowed to what a ledger may hold.
//!
//! Numbers are integers that every JSON reader holds exactly (RFC 7493 §2.2); a fraction or an exponent is
//! refused rather than rounded, because a rounded number would hash to something nobody wrote. Bytes that
//! are not canonical are refused on reading, so that one meaning can't have two hashes.

mod serialize;

use serde::Serialize;
use serde_json::{Map, Number, Value};

pub(crate) use serialize::Canonical;

/// The largest whole number that every JSON reader holds exactly: 2^53 - 1.
pub const INTEGER_MAX: i64 = (1 << 53) - 1;

/// The deepest nesting of arrays and objects; the JSON reader refuses more.
pub const DEPTH_MAX: usize = 127;

/// Why a value or its bytes are not canonical.
#[derive(Debug, thiserror::Error)]
pub enum CanonicalError {
    /// A number with a fraction or an exponent.
    #[error("`{number}` is not an integer: write it as a string")]
    NotAnInteger {
        /// The number as found.
        number: String,
    },
    /// An integer that some JSON readers would round.
    #[error("`{number}` is outside -(2^53 - 1) to 2^53 - 1: write it as a string")]
    OutOfRange {
        /// The number as found.
        number: String,
    },
    /// Arrays and objects nested too deeply to be read again.
    #[error("nested deeper than `{DEPTH_MAX}` levels")]
    TooDeep,
    /// A value that JSON can't say.
    #[error("the value has no form in JSON")]
    Unserializable(#[source] serde_json::Error),
    /// Bytes that are no JSON.
    #[error("the bytes are not JSON")]
    Unreadable(#[source] serde_json::Error),
    /// JSON, but not the one canonical sequence of bytes for it.
    #[error("the bytes are JSON but not canonical: they differ from RFC 8785 at byte `{at}`")]
    NotCanonical {
        /// Offset of the first byte that differs.
        at: usize,
    },
}

/// The canonical bytes of `value` (RFC 8785, integers only).
///
/// # Errors
/// A number that is no exact integer, or nesting beyond [`DEPTH_MAX`].
pub fn canonical_json(value: &Value) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    write_value(value, &mut out, DEPTH_MAX)?;
    Ok(out)
}

/// The canonical bytes of anything that serialises.
///
/// # Errors
/// As [`canonical_json`]; also a value that JSON can't say.
pub fn to_canonical<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, CanonicalError> {
    let mut out = Vec::with_capacity(256);
    value.serialize(Canonical::new(&mut out, DEPTH_MAX))?;
    Ok(out)
}

/// Reads bytes that must be canonical; duplicate keys, spaces, other escapes and other orders are refused.
///
/// # Errors
/// Bytes that are no JSON, or that differ from the canonical bytes of what they say.
pub fn parse_canonical(bytes: &[u8]) -> Result<Value, CanonicalError> {
    let value = serde_json::from_slice(bytes).map_err(CanonicalError::Unreadable)?;
    same_bytes(bytes, &canonical_json(&value)?)?;
    Ok(value)
}

/// Compares given bytes with the canonical ones.
pub(crate) fn same_bytes(given: &[u8], canonical: &[u8]) -> Result<(), CanonicalError> {
    if given == canonical {
        return Ok(());
    }
    let same = given.iter().zip(canonical).take_while(|(a, b)| a == b);
    Err(CanonicalError::NotCanonical { at: same.count() })
}

/// Appends the canonical bytes of `value`, nested at most `depth` levels.
pub(crate) fn write_value(
    value: &Value,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), CanonicalError> {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Number(number) => {
            write_integer(integer(number)?, out)?;
        }
        Value::String(text) => write_string(text, out)?,
        Value::Array(items) => {
            let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
            out.push(b'[');
            for (n, item) in items.iter().enumerate() {
                if n > 0 {
                    out.push(b',');
                }
                write_value(item, out, depth)?;
            }
            out.push(b']');
        }
        Value::Object(map) => {
            let depth = depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
            write_object(map, out, depth)?;
        }
    }
    Ok(())
}

fn write_object(
    map: &Map<String, Value>,
    out: &mut Vec<u8>,
    depth: usize,
) -> Result<(), CanonicalError> {
    let mut members: Vec<(&String, &Value)> = map.iter().collect();
    members.sort_unstable_by(|(a, _), (b, _)| serialize::order(a, b));
    out.push(b'{');
    for (n, (key, value)) in members.into_iter().enumerate() {
        if n > 0 {
            out.push(b',');
        }
        write_string(key, out)?;
        out.push(b':');
        write_value(value, out, depth)?;
    }
    out.push(b'}');
    Ok(())
}

/// `serde_json` escapes exactly what RFC 8785 §3.2.2.2 asks for; a test below pins that.
pub(crate) fn write_string(text: &str, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    serde_json::to_writer(out, text).map_err(CanonicalError::Unserializable)
}

/// Appends an integer that every JSON reader holds exactly.
pub(crate) fn write_integer(integer: i64, out: &mut Vec<u8>) -> Result<(), CanonicalError> {
    if integer.unsigned_abs() > INTEGER_MAX.unsigned_abs() {
        return Err(CanonicalError::OutOfRange {
            number: integer.to_string(),
        });
    }
    out.extend_from_slice(integer.to_string().as_bytes());
    Ok(())
}

fn integer(number: &Number) -> Result<i64, CanonicalError> {
    number.as_i64().ok_or_else(|| {
        let is_integer = number.is_u64();
        let number = number.to_string();
        if is_integer {
            CanonicalError::OutOfRange { number }
        } else {
            CanonicalError::NotAnInteger { number }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(json: &str, expected: &str) {
        let value: Value = serde_json::from_str(json).unwrap();
        let shown = match canonical_json(&value) {
            Ok(bytes) => {
                assert_eq!(parse_canonical(&bytes).unwrap(), value);
                String::from_utf8(bytes).unwrap()
            }
            Err(error) => error.to_string(),
        };
        assert_eq!(shown, expected);
    }

    fn refused(bytes: &str, expected: &str) {
        let error = parse_canonical(bytes.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }

    #[test]
    fn strings_are_escaped_as_rfc_8785_3_2_2() {
        check(
            r#"{"string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/", "literals": [null, true, false]}"#,
            "{\"literals\":[null,true,false],\"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}",
        );
        let all: String = (0..=0x7f_u8).map(char::from).collect();
        let plain = r##" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~"##;
        let expected = format!(
            "\"{}{plain}\u{7f}\"",
            concat!(
                r"\u0000\u0001\u0002\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f",
                r"\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"
            )
        );
        assert_eq!(
            canonical_json(&Value::String(all)).unwrap(),
            expected.as_bytes()
        );
    }

    #[test]
    fn keys_are_sorted_by_utf_16_as_rfc_8785_3_2_3() {
        check(
            r#"{"\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
                "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
                "\u00f6": "Latin Small Letter O With Diaeresis"}"#,
            "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\u{80}\":\"Control\",\"ö\":\"Latin Small Letter O With Diaeresis\",\"€\":\"Euro Sign\",\"😀\":\"Emoji: Grinning Face\",\"\u{fb33}\":\"Hebrew Letter Dalet With Dagesh\"}",
        );
        check(
            r#"{"b":{"z":1,"a":[]},"":{},"a":[3,2,{"y":0,"x":-1}]}"#,
            r#"{"":{},"a":[3,2,{"x":-1,"y":0}],"b":{"a":[],"z":1}}"#,
        );
    }

    #[test]
    fn numbers_are_exact_integers() {
        check(
            "[0,-1,9007199254740991,-9007199254740991]",
            "[0,-1,9007199254740991,-9007199254740991]",
        );
        check(
            "9007199254740992",
            "`9007199254740992` is outside -(2^53 - 1) to 2^53 - 1: write it as a string",
        );
        check(
            "-9007199254740992",
            "`-9007199254740992` is outside -(2^53 - 1) to 2^53 - 1: write it as a string",
        );
        check(
            "18446744073709551615",
            "`18446744073709551615` is outside -(2^53 - 1) to 2^53 - 1: write it as a string",
        );
        check("[1.5]", "`1.5` is not an integer: write it as a string");
        assert!(to_canonical(&1.0_f64).is_err());
        assert!(to_canonical(&u64::MAX).is_err());
        assert_eq!(to_canonical(&("a", 7)).unwrap(), br#"["a",7]"#);
    }

    #[test]
    fn bytes_that_say_the_same_in_another_way_are_refused() {
        let differ = |at| {
            format!(
                "the bytes are JSON but not canonical: they differ from RFC 8785 at byte `{at}`"
            )
        };
        refused(r#"{"a":1,"a":1}"#, &differ(6));
        refused(r#"{"a":1,"a":2}"#, &differ(5));
        refused(r#"{"b":1,"a":2}"#, &differ(2));
        refused(r#"{"a": 1}"#, &differ(5));
        refused("[1]\n", &differ(3));
        refused(r#""\u0041""#, &differ(1));
        refused(r#""\/""#, &differ(1));
        refused("1e2", "`100.0` is not an integer: write it as a string");
        refused("-0", "`-0.0` is not an integer: write it as a string");
        refused("{", "the bytes are not JSON");
        refused("\u{feff}1", "the bytes are not JSON");
        refused("", "the bytes are not JSON");
    }

    #[test]
    fn nesting_is_bounded_where_the_reader_is() {
        let nested =
            |depth: usize| (0..depth).fold(Value::Null, |inner, _| Value::Array(vec![inner]));
        let deepest = canonical_json(&nested(DEPTH_MAX)).unwrap();
        assert_eq!(parse_canonical(&deepest).unwrap(), nested(DEPTH_MAX));
        assert_eq!(
            canonical_json(&nested(DEPTH_MAX + 1))
                .unwrap_err()
                .to_string(),
            "nested deeper than `127` levels"
        );
    }

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-INTEGER_MAX..=INTEGER_MAX).prop_map(Value::from),
            any::<String>().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(any::<String>(), inner, 0..6)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in json()) {
            let bytes = canonical_json(&value).unwrap();
            prop_assert_eq!(parse_canonical(&bytes).unwrap(), value);
        }

        #[test]
        fn whatever_is_read_is_its_own_canonical_form(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(value) = parse_canonical(&bytes) {
                prop_assert_eq!(canonical_json(&value).unwrap(), bytes);
            }
        }
    }
}
