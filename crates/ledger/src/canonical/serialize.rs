//! Writes whatever serialises straight into its canonical bytes, without a generic value in between: an entry is written for
//! each use of each grant, and most of the time went into copies of it.
use super::{CanonicalError, write_integer, write_string};
use serde::ser::{self, Serialize};
use std::{borrow::Cow, cmp::Ordering};

/// Writes one value at the end of `out`, nested at most `depth` levels.
pub(crate) struct Canonical<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
}

impl<'a> Canonical<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>, depth: usize) -> Self {
        Self { out, depth }
    }

    fn array(self) -> Result<Items<'a>, CanonicalError> {
        let depth = self.depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
        self.out.push(b'[');
        Ok(Items {
            out: self.out,
            depth,
            any: false,
            variant: false,
        })
    }

    fn object(self) -> Result<Members<'a>, CanonicalError> {
        let depth = self.depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
        self.out.push(b'{');
        Ok(Members {
            start: self.out.len(),
            out: self.out,
            depth,
            places: Vec::new(),
            key: None,
            variant: false,
        })
    }

    /// Opens the object whose one member is what the variant holds.
    fn variant(self, variant: &'static str) -> Result<Self, CanonicalError> {
        let depth = self.depth.checked_sub(1).ok_or(CanonicalError::TooDeep)?;
        self.out.push(b'{');
        write_string(variant, self.out)?;
        self.out.push(b':');
        Ok(Self {
            out: self.out,
            depth,
        })
    }

    fn word(self, word: &[u8]) {
        self.out.extend_from_slice(word);
    }
}

fn not_an_integer(number: &impl ToString) -> CanonicalError {
    CanonicalError::NotAnInteger {
        number: number.to_string(),
    }
}

fn out_of_range(number: &impl ToString) -> CanonicalError {
    CanonicalError::OutOfRange {
        number: number.to_string(),
    }
}

impl ser::Error for CanonicalError {
    fn custom<T: std::fmt::Display>(words: T) -> Self {
        Self::Unserializable(serde_json::Error::custom(words))
    }
}

type Written = Result<(), CanonicalError>;

impl<'a> ser::Serializer for Canonical<'a> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    fn serialize_bool(self, value: bool) -> Written {
        self.word(if value { b"true" } else { b"false" });
        Ok(())
    }
    fn serialize_i8(self, value: i8) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_i16(self, value: i16) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_i32(self, value: i32) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_i64(self, value: i64) -> Written {
        write_integer(value, self.out)
    }
    fn serialize_i128(self, value: i128) -> Written {
        let small = i64::try_from(value).map_err(|_| out_of_range(&value))?;
        self.serialize_i64(small)
    }
    fn serialize_u8(self, value: u8) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_u16(self, value: u16) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_u32(self, value: u32) -> Written {
        self.serialize_i64(value.into())
    }
    fn serialize_u64(self, value: u64) -> Written {
        let small = i64::try_from(value).map_err(|_| out_of_range(&value))?;
        self.serialize_i64(small)
    }
    fn serialize_u128(self, value: u128) -> Written {
        let small = i64::try_from(value).map_err(|_| out_of_range(&value))?;
        self.serialize_i64(small)
    }
    fn serialize_f32(self, value: f32) -> Written {
        Err(not_an_integer(&value))
    }
    fn serialize_f64(self, value: f64) -> Written {
        Err(not_an_integer(&value))
    }
    fn serialize_char(self, value: char) -> Written {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }
    fn serialize_str(self, value: &str) -> Written {
        write_string(value, self.out)
    }
    fn serialize_bytes(self, value: &[u8]) -> Written {
        self.collect_seq(value)
    }
    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }
    fn serialize_unit(self) -> Written {
        self.word(b"null");
        Ok(())
    }
    fn serialize_unit_struct(self, _: &'static str) -> Written {
        self.serialize_unit()
    }
    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Written {
        self.serialize_str(variant)
    }
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Written {
        value.serialize(self)
    }
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        let inner = self.variant(variant)?;
        value.serialize(Canonical::new(&mut *inner.out, inner.depth))?;
        inner.out.push(b'}');
        Ok(())
    }
    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, CanonicalError> {
        self.array()
    }
    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, CanonicalError> {
        self.array()
    }
    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Items<'a>, CanonicalError> {
        self.array()
    }
    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, CanonicalError> {
        let mut items = self.variant(variant)?.array()?;
        items.variant = true;
        Ok(items)
    }
    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, CanonicalError> {
        self.object()
    }
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, CanonicalError> {
        self.object()
    }
    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'a>, CanonicalError> {
        let mut members = self.variant(variant)?.object()?;
        members.variant = true;
        Ok(members)
    }
}

/// An array in the making.
pub(crate) struct Items<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    any: bool,
    /// Whether the object around it is to be closed as well.
    variant: bool,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if self.any {
            self.out.push(b',');
        }
        self.any = true;
        value.serialize(Canonical::new(self.out, self.depth))
    }

    fn close(self) {
        self.out.push(b']');
        if self.variant {
            self.out.push(b'}');
        }
    }
}

impl ser::SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl ser::SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl ser::SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl ser::SerializeTupleVariant for Items<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

/// An object in the making: members are written as they come, and put in order at the end.
pub(crate) struct Members<'a> {
    out: &'a mut Vec<u8>,
    depth: usize,
    /// Where the first member begins.
    start: usize,
    places: Vec<Place>,
    /// The key of a map whose value is still to come.
    key: Option<Cow<'static, str>>,
    /// Whether the object around it is to be closed as well.
    variant: bool,
}

/// Where a member was written.
struct Place {
    key: Cow<'static, str>,
    from: usize,
    to: usize,
}

impl Members<'_> {
    fn member<T: Serialize + ?Sized>(&mut self, key: Cow<'static, str>, value: &T) -> Written {
        if !self.places.is_empty() {
            self.out.push(b',');
        }
        let from = self.out.len();
        write_string(&key, self.out)?;
        self.out.push(b':');
        value.serialize(Canonical::new(self.out, self.depth))?;
        self.places.push(Place {
            key,
            from,
            to: self.out.len(),
        });
        Ok(())
    }

    fn close(mut self) {
        let mut sorted = self.places.windows(2).map(|pair| match pair {
            [a, b] => order(&a.key, &b.key) == Ordering::Less,
            _ => true,
        });
        if !sorted.all(|in_order| in_order) {
            self.put_in_order();
        }
        self.out.push(b'}');
        if self.variant {
            self.out.push(b'}');
        }
    }

    /// Of members with one key the last counts, as in a map that they were put into.
    fn put_in_order(&mut self) {
        self.places.sort_by(|a, b| order(&a.key, &b.key));
        let written = self.out.split_off(self.start);
        let mut places = self.places.iter().peekable();
        while let Some(place) = places.next() {
            if places.peek().is_some_and(|next| next.key == place.key) {
                continue;
            }
            if self.out.len() > self.start {
                self.out.push(b',');
            }
            let (from, to) = (place.from - self.start, place.to - self.start);
            self.out
                .extend_from_slice(written.get(from..to).unwrap_or_default());
        }
    }
}

/// By UTF-16 units, as RFC 8785 §3.2.3 has it; within ASCII that is the order of the bytes.
pub(crate) fn order(a: &str, b: &str) -> Ordering {
    if a.is_ascii() && b.is_ascii() {
        a.cmp(b)
    } else {
        a.encode_utf16().cmp(b.encode_utf16())
    }
}

/// The text of a key: text as it is, whole numbers and truth values in quotes; anything else can't be a key.
fn key_of<T: Serialize + ?Sized>(key: &T) -> Result<String, CanonicalError> {
    match serde_json::to_value(key).map_err(CanonicalError::Unserializable)? {
        serde_json::Value::String(text) => Ok(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(value) => Ok(value.to_string()),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Err(ser::Error::custom("key must be a string"))
        }
    }
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Written {
        self.key = Some(Cow::Owned(key_of(key)?));
        Ok(())
    }
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        let key = self.key.take();
        let key =
            key.ok_or_else(|| <CanonicalError as ser::Error>::custom("a value without its key"))?;
        self.member(key, value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.member(Cow::Borrowed(key), value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

impl ser::SerializeStructVariant for Members<'_> {
    type Ok = ();
    type Error = CanonicalError;
    fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Written {
        self.member(Cow::Borrowed(key), value)
    }
    fn end(self) -> Written {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::canonical::{canonical_json, to_canonical};
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::Value;
    use std::collections::BTreeMap;

    #[derive(Debug, Clone, Serialize)]
    struct Unit;

    #[derive(Debug, Clone, Serialize)]
    struct New(i64);

    #[derive(Debug, Clone, Serialize)]
    struct Pair(u8, String);

    /// Every form that serde knows, with names out of order.
    #[derive(Debug, Clone, Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Any {
        Unit(Unit),
        Nothing,
        New(New),
        Pair(Pair, char),
        Tagged {
            z: Option<bool>,
            a: Box<Any>,
            m: i32,
        },
        List(Vec<Any>),
        Map(BTreeMap<String, Any>),
        Numbered(BTreeMap<i16, u64>),
        Flat(Flat),
    }

    #[derive(Debug, Clone, Serialize)]
    struct Flat {
        y: i8,
        #[serde(flatten)]
        more: BTreeMap<String, u32>,
        b: (),
    }

    fn any_form() -> impl Strategy<Value = Any> {
        let leaf = prop_oneof![
            Just(Any::Unit(Unit)),
            Just(Any::Nothing),
            any::<i64>().prop_map(|n| Any::New(New(n))),
            any::<(u8, String, char)>().prop_map(|(n, text, c)| Any::Pair(Pair(n, text), c)),
            prop::collection::btree_map(any::<i16>(), 0..1_000_u64, 0..4).prop_map(Any::Numbered),
            (
                any::<i8>(),
                prop::collection::btree_map("[a-z\u{fb33}\u{1f600}]{0,2}", any::<u32>(), 0..4)
            )
                .prop_map(|(y, more)| Any::Flat(Flat { y, more, b: () })),
        ];
        leaf.prop_recursive(4, 24, 4, |inner| {
            prop_oneof![
                (any::<Option<bool>>(), inner.clone(), any::<i32>()).prop_map(|(z, a, m)| {
                    Any::Tagged {
                        z,
                        a: Box::new(a),
                        m,
                    }
                }),
                prop::collection::vec(inner.clone(), 0..4).prop_map(Any::List),
                prop::collection::btree_map(any::<String>(), inner, 0..4).prop_map(Any::Map),
            ]
        })
    }

    fn told(bytes: Result<Vec<u8>, super::CanonicalError>) -> Result<String, String> {
        bytes
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .map_err(|error| error.to_string())
    }

    proptest! {
        #[test]
        fn the_bytes_are_those_of_the_generic_value(form in any_form()) {
            let generic = canonical_json(&serde_json::to_value(&form).unwrap());
            // which of two wrong numbers is named depends on which comes first
            prop_assert_eq!(told(to_canonical(&form)).ok(), told(generic).ok());
        }
    }

    #[test]
    fn what_json_or_the_ledger_cannot_say_is_refused() {
        let refused = |value: &dyn Fn() -> Result<Vec<u8>, super::CanonicalError>| told(value());
        assert_eq!(
            refused(&|| to_canonical(&0.5_f32)),
            Err("`0.5` is not an integer: write it as a string".to_owned())
        );
        assert_eq!(
            refused(&|| to_canonical(&f64::NAN)),
            Err("`NaN` is not an integer: write it as a string".to_owned())
        );
        assert_eq!(
            refused(&|| to_canonical(&u128::MAX)),
            Err(format!(
                "`{}` is outside -(2^53 - 1) to 2^53 - 1: write it as a string",
                u128::MAX
            ))
        );
        assert_eq!(
            refused(&|| to_canonical(&BTreeMap::from([(vec![1], 1)]))),
            Err("the value has no form in JSON".to_owned())
        );
        let deep =
            (0..=super::super::DEPTH_MAX).fold(Any::Nothing, |inner, _| Any::List(vec![inner]));
        assert_eq!(
            refused(&|| to_canonical(&deep)),
            Err("nested deeper than `127` levels".to_owned())
        );
    }

    #[test]
    fn of_two_members_with_one_name_the_last_counts() {
        let flat = Flat {
            y: 1,
            more: BTreeMap::from([("y".to_owned(), 2), ("a".to_owned(), 3)]),
            b: (),
        };
        let value: Value = serde_json::to_value(&flat).unwrap();
        assert_eq!(
            told(to_canonical(&flat)),
            Ok(r#"{"a":3,"b":null,"y":2}"#.to_owned())
        );
        assert_eq!(
            told(canonical_json(&value)),
            Ok(r#"{"a":3,"b":null,"y":2}"#.to_owned())
        );
    }
}
