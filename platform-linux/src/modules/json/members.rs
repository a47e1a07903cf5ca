//! Reading the members of objects.
//!
//! Each value is read into its place in an object that exists already, by one function for all objects.
//! Structures that serde derives return their values instead, each from a function of its own: for a
//! usual message that moved 7 kB, and took half as many instructions again.

use core::fmt;
use std::borrow::Cow;

use serde::de::{
    DeserializeSeed, Deserializer, Error, Expected, IgnoredAny, MapAccess, SeqAccess, Unexpected,
    Visitor,
};
use serde_json::value::RawValue;

use super::value::{Flag, Number, Section, Status, Text, Value};

/// An object with members of known types.
pub(super) trait Object<'de> {
    /// The member of a name, `None` if there is none.
    fn member(&mut self, name: &str) -> Option<Member<'_, 'de>>;

    /// The place for the value of any other member, `None` to ignore it.
    fn other(&mut self, _name: Text<'de>) -> Option<Place<'_, 'de>> {
        None
    }
}

/// A member that an object may have once.
pub(super) struct Member<'p, 'de> {
    /// Its position in the list of all, below 32.
    pub(super) number: u32,
    pub(super) name: &'static str,
    pub(super) place: Place<'p, 'de>,
}

/// The place for a value. A value of another type than that of the place is an error; `null` leaves
/// the place as it is.
pub(super) enum Place<'p, 'de> {
    Text(&'p mut Text<'de>),
    Number(&'p mut Number),
    Flag(&'p mut Flag),
    Status(&'p mut Status),
    Section(&'p mut dyn Open<'de>),
    Value(&'p mut Value<'de>),
    /// Any value as it was written.
    Raw(&'p mut &'de str),
}

/// An object that may be missing.
pub(super) trait Open<'de> {
    /// Begins the object.
    fn open(&mut self) -> &mut dyn Object<'de>;
}

impl<'de, T: Object<'de> + Default> Open<'de> for Section<T> {
    fn open(&mut self) -> &mut dyn Object<'de> {
        self.0.insert(T::default())
    }
}

/// Defines the structure of an object by the names, fields and types of its members. Others are ignored.
macro_rules! object {
    ($(#[$about:meta])* struct $object:ident $(<$own:lifetime>)?: Object<$de:lifetime> {
        $($name:literal => $field:ident: $type:ty,)*
    }) => {
        $(#[$about])*
        #[derive(Debug, Default)]
        pub(super) struct $object $(<$own>)? {
            $(pub(super) $field: $type,)*
        }

        impl<$de> $crate::modules::json::members::Object<$de> for $object $(<$own>)? {
            fn member(
                &mut self,
                name: &str,
            ) -> Option<$crate::modules::json::members::Member<'_, $de>> {
                #[allow(non_camel_case_types, reason = "named like the fields")]
                enum Number { $($field,)* }
                match name {
                    $($name => Some($crate::modules::json::members::Member {
                        number: Number::$field as u32,
                        name: $name,
                        place: (&mut self.$field).into(),
                    }),)*
                    _ => None,
                }
            }
        }
    };
}
pub(super) use object;

/// Reads an object. What was read before an error stays in it.
pub(super) fn read<'de, D: Deserializer<'de>>(
    object: &mut dyn Object<'de>,
    deserializer: D,
) -> Result<(), D::Error> {
    deserializer.deserialize_map(Members(object))
}

struct Members<'p, 'de>(&'p mut dyn Object<'de>);

impl<'de> Visitor<'de> for Members<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(AN_OBJECT)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<(), A::Error> {
        read_members(self.0, entries)
    }
}

fn read_members<'de, A: MapAccess<'de>>(
    object: &mut dyn Object<'de>,
    mut entries: A,
) -> Result<(), A::Error> {
    let (mut name, mut seen) = (Text::default(), 0_u32);
    while entries.next_key_seed(Place::Text(&mut name))?.is_some() {
        if let Some(Member { number, name, place }) = object.member(name.as_str()) {
            if seen & 1 << number != 0 {
                return Err(A::Error::duplicate_field(name));
            }
            seen |= 1 << number;
            entries.next_value_seed(place)?;
        } else if let Some(place) = object.other(core::mem::take(&mut name)) {
            entries.next_value_seed(place)?;
        } else {
            entries.next_value::<IgnoredAny>()?;
        }
    }
    Ok(())
}

impl<'de> DeserializeSeed<'de> for Place<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if let Self::Raw(text) = self {
            *text = <&RawValue as serde::Deserialize>::deserialize(deserializer)?.get();
            return Ok(());
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Text(_) => "a text in quotes",
            Self::Number(_) => "a number from 0",
            Self::Flag(_) => "a boolean",
            Self::Status(_) => "a number from 0 to 10",
            Self::Section(_) => AN_OBJECT,
            Self::Value(_) | Self::Raw(_) => "a value",
        })
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        match self {
            Self::Flag(place) => place.0 = value,
            Self::Value(place) => *place = Value::Bool,
            _ => return Err(E::invalid_type(Unexpected::Bool(value), &self)),
        }
        Ok(())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        match self {
            Self::Number(place) => place.0 = Some(number),
            Self::Status(place) => *place = Status::new(number),
            Self::Value(place) => *place = Value::Unsigned(number),
            _ => return Err(E::invalid_type(Unexpected::Unsigned(number), &self)),
        }
        Ok(())
    }

    /// Takes a number below 0.
    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        match self {
            Self::Status(place) => *place = Status::OTHER,
            Self::Value(place) => *place = Value::Negative(number),
            _ => return Err(E::invalid_type(Unexpected::Signed(number), &self)),
        }
        Ok(())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        match self {
            Self::Number(place) if number >= 0.0 => place.0 = Some(number as u64),
            Self::Status(place) if number >= 0.0 => *place = Status::new(number as u64),
            Self::Status(place) => *place = Status::OTHER,
            Self::Value(place) => *place = Value::Float(number),
            _ => return Err(E::invalid_type(Unexpected::Float(number), &self)),
        }
        Ok(())
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<(), E> {
        match self {
            Self::Text(place) => place.0 = Cow::Borrowed(text),
            Self::Value(place) => *place = Value::Text(Cow::Borrowed(text)),
            _ => return Err(unexpected(text, &self)),
        }
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        match self {
            Self::Text(place) => place.0 = Cow::Owned(text.to_owned()),
            Self::Value(place) => *place = Value::Text(Cow::Owned(text.to_owned())),
            _ => return Err(unexpected(text, &self)),
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Self::Value(place) = self else {
            return Err(A::Error::invalid_type(Unexpected::Seq, &self));
        };
        while items.next_element::<IgnoredAny>()?.is_some() {}
        *place = Value::Array;
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        match self {
            Self::Section(section) => read_members(section.open(), entries),
            Self::Value(place) => {
                while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                *place = Value::Object;
                Ok(())
            }
            _ => Err(A::Error::invalid_type(Unexpected::Map, &self)),
        }
    }
}

/// The error for a text, of which it repeats the beginning.
fn unexpected<E: Error>(text: &str, expected: &dyn Expected) -> E {
    let beginning = text.get(..text.floor_char_boundary(MAX_REPEATED)).unwrap_or_default();
    E::invalid_type(Unexpected::Str(beginning), expected)
}

impl<'p, 'de> From<&'p mut Text<'de>> for Place<'p, 'de> {
    fn from(place: &'p mut Text<'de>) -> Self {
        Self::Text(place)
    }
}

impl<'p> From<&'p mut Number> for Place<'p, '_> {
    fn from(place: &'p mut Number) -> Self {
        Self::Number(place)
    }
}

impl<'p> From<&'p mut Flag> for Place<'p, '_> {
    fn from(place: &'p mut Flag) -> Self {
        Self::Flag(place)
    }
}

impl<'p> From<&'p mut Status> for Place<'p, '_> {
    fn from(place: &'p mut Status) -> Self {
        Self::Status(place)
    }
}

impl<'p, 'de, T: Object<'de> + Default> From<&'p mut Section<T>> for Place<'p, 'de> {
    fn from(place: &'p mut Section<T>) -> Self {
        Self::Section(place)
    }
}

impl<'p, 'de> From<&'p mut Value<'de>> for Place<'p, 'de> {
    fn from(place: &'p mut Value<'de>) -> Self {
        Self::Value(place)
    }
}

const AN_OBJECT: &str = "an object in braces";
/// Bytes of a wrong text that an error repeats.
const MAX_REPEATED: usize = 32;

#[cfg(test)]
mod tests {
    use serde_json::Deserializer;

    use super::*;

    object! {
        struct All<'a>: Object<'a> {
            "text" => text: Text<'a>,
            "number" => number: Number,
            "flag" => flag: Flag,
            "status" => status: Status,
            "value" => value: Value<'a>,
            "inner" => inner: Section<Inner>,
        }
    }

    object! {
        struct Inner: Object<'a> {
            "number" => number: Number,
        }
    }

    fn all(text: &str) -> Result<All<'_>, String> {
        let mut all = All::default();
        let read = read(&mut all, &mut Deserializer::from_str(text));
        read.map(|()| all).map_err(|error| error.to_string())
    }

    #[test]
    fn values_of_every_type_are_in_their_places() {
        let text = r#"{"inner":{"number":1,"x":{}},"x":[{}],"text":"a","number":7.9,
            "flag":true,"status":3,"value":"b"}"#;
        let read = all(text).unwrap();
        assert_eq!((read.inner.0.unwrap().number, read.number), (Number(Some(1)), Number(Some(7))));
        assert!(read.flag.0 && matches!(read.text.0, Cow::Borrowed("a")));
        assert_eq!((read.status, read.value), (Status::new(3), Value::Text("b".into())));
        let read = all(r#"{"text":"\u0061","value":"\n","number":1e30}"#).unwrap();
        assert_eq!((read.text.as_str(), read.value), ("a", Value::Text("\n".into())));
        assert_eq!(read.number, Number(Some(u64::MAX)));
    }

    #[test]
    fn null_is_no_value() {
        let text = r#"{"text":null,"number":null,"flag":null,"status":null,"value":null,
            "inner":null}"#;
        let read = all(text).unwrap();
        assert_eq!((read.text.get(), read.number.0, read.flag.0), (None, None, false));
        assert_eq!((read.status, read.value), (Status::default(), Value::Null));
        assert!(read.inner.0.is_none());
    }

    #[test]
    fn value_can_be_of_any_type() {
        for (value, expected) in [
            ("true", Value::Bool),
            ("1", Value::Unsigned(1)),
            ("-1", Value::Negative(-1)),
            ("0.5", Value::Float(0.5)),
            ("[1,{\"a\":[]}]", Value::Array),
            ("{\"a\":{\"b\":1}}", Value::Object),
        ] {
            let text = format!(r#"{{"value":{value},"number":1}}"#);
            let read = all(&text).unwrap();
            assert_eq!((read.value, read.number.0), (expected, Some(1)), "{value}");
        }
    }

    #[test]
    fn value_of_another_type_is_an_error() {
        let values = [r#""x""#, "1", "-1", "-0.5", "true", "[]", "{}"];
        for (name, right) in [
            ("text", &values[..1]),
            ("number", &values[1..2]),
            ("flag", &values[4..5]),
            ("status", &values[1..4]),
            ("inner", &values[6..]),
        ] {
            for value in values {
                let text = format!(r#"{{"{name}":{value}}}"#);
                assert_eq!(all(&text).is_ok(), right.contains(&value), "{text}");
            }
        }
    }

    #[test]
    fn member_that_is_there_twice_is_an_error_unless_it_is_ignored() {
        assert!(all(r#"{"x":1,"x":2}"#).is_ok());
        for text in [r#"{"number":1,"text":"a","number":1}"#, r#"{"flag":null,"flag":null}"#] {
            assert!(all(text).unwrap_err().starts_with("duplicate field `"), "{text}");
        }
        assert!(all(r#"{"inner":{"number":1},"number":1}"#).is_ok(), "of two objects");
    }
}
