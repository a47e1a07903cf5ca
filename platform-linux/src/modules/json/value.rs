//! Values of messages as programs write them: `null` is the same as a key that is not there, and a
//! whole number may have a decimal point.

use core::fmt;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Unexpected, Visitor};

/// A text; empty if it is not there. Borrowed from the message unless it has escapes.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text<'a>(pub(super) Cow<'a, str>);

/// A number from 0, without its fraction.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Number(pub(super) Option<u64>);

/// `true` or `false`; `false` if it is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Flag(pub(super) bool);

/// An object in a message. Never an array of its values, which serde would take for one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Section<T>(pub(super) Option<T>);

/// A value of any type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) enum Value<'a> {
    #[default]
    Null,
    Bool,
    Unsigned(u64),
    Negative(i64),
    Float(f64),
    Text(Cow<'a, str>),
    Array,
    Object,
}

impl Text<'_> {
    /// The text, unless it is empty.
    pub(super) fn get(&self) -> Option<&str> {
        Some(&*self.0).filter(|text| !text.is_empty())
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Number {
    /// A gauge of 32 bits: 0 if it is unknown; a larger number becomes the largest.
    pub(super) fn gauge(self) -> u32 {
        self.0.map_or(0, |number| u32::try_from(number).unwrap_or(u32::MAX))
    }

    /// A counter of 32 bits, which starts again at 0 behind its largest value: all ones if it is
    /// unknown.
    pub(super) fn counter(self) -> u32 {
        self.0.map_or(u32::MAX, |number| number as u32)
    }
}

impl<'de, T: Deserialize<'de>> Section<T> {
    /// Reads the value of `key`, which may be there once.
    pub(super) fn read<A: MapAccess<'de>>(
        &mut self,
        key: &'static str,
        entries: &mut A,
    ) -> Result<(), A::Error> {
        if self.0.is_some() {
            return Err(A::Error::duplicate_field(key));
        }
        *self = entries.next_value()?;
        Ok(())
    }
}

impl<T> Default for Section<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Text(text) => Ok(Self(text)),
            Value::Null => Ok(Self::default()),
            other => Err(other.unexpected("a text in quotes")),
        }
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Unsigned(number) => Ok(Self(Some(number))),
            Value::Float(number) if number >= 0.0 => Ok(Self(Some(number as u64))),
            Value::Null => Ok(Self(None)),
            other => Err(other.unexpected("a number from 0")),
        }
    }
}

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Option::<bool>::deserialize(deserializer).map(|flag| Self(flag.unwrap_or(false)))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Section<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(SectionVisitor(core::marker::PhantomData))
    }
}

struct SectionVisitor<T>(core::marker::PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SectionVisitor<T> {
    type Value = Section<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object in braces")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Section<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(|content| Section(Some(content)))
    }

    fn visit_unit<E: Error>(self) -> Result<Section<T>, E> {
        Ok(Section(None))
    }
}

impl Value<'_> {
    pub(super) fn unexpected<E: Error>(&self, expected: &str) -> E {
        let found = match self {
            Self::Null => Unexpected::Unit,
            Self::Bool => Unexpected::Other("true or false"),
            Self::Unsigned(number) => Unexpected::Unsigned(*number),
            Self::Negative(number) => Unexpected::Signed(*number),
            Self::Float(number) => Unexpected::Float(*number),
            Self::Text(text) => Unexpected::Str(beginning(text)),
            Self::Array => Unexpected::Seq,
            Self::Object => Unexpected::Map,
        };
        E::invalid_type(found, &expected)
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value<'de>, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Value<'de>, E> {
        Ok(Value::Bool)
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Value<'de>, E> {
        Ok(Value::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Value<'de>, E> {
        Ok(Value::Negative(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Value<'de>, E> {
        Ok(Value::Float(number))
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value<'de>, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value<'de>, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::Array)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value<'de>, A::Error> {
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

/// The part of a wrong text that an error repeats.
fn beginning(text: &str) -> &str {
    text.get(..text.floor_char_boundary(MAX_REPEATED)).unwrap_or_default()
}

/// Bytes of [`beginning`].
const MAX_REPEATED: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Number {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn gauges_are_limited_and_counters_wrap() {
        for (text, gauge, counter) in [
            ("7", 7, 7),
            ("7.9", 7, 7),
            ("4294967295", u32::MAX, u32::MAX),
            ("4294967298", u32::MAX, 2),
            ("1e30", u32::MAX, u32::MAX),
            // Unknown.
            ("null", 0, u32::MAX),
        ] {
            assert_eq!((number(text).gauge(), number(text).counter()), (gauge, counter), "{text}");
        }
        assert_eq!((Number::default().gauge(), Number::default().counter()), (0, u32::MAX));
    }

    #[test]
    fn any_value_can_be_read() {
        let value = |text| serde_json::from_str::<Value<'_>>(text).unwrap();
        assert_eq!(value("true"), Value::Bool);
        assert_eq!(value("-1"), Value::Negative(-1));
        assert_eq!(value("[1,{\"a\":[]}]"), Value::Array);
        assert_eq!(value("{\"a\":{\"b\":1}}"), Value::Object);
        assert_eq!(value("\"x\""), Value::Text(Cow::Borrowed("x")));
    }
}
