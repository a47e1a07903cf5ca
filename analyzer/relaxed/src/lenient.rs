//! Values as clients write them: numbers and booleans also as strings, lists also as text.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
}

impl Scalar {
    fn text(self) -> String {
        match self {
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

/// A finite number, or a string that contains one. JSON5 also knows NaN and Infinity.
pub fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    match Option::<Scalar>::deserialize(deserializer)? {
        None => Ok(None),
        Some(Scalar::Number(number)) if number.is_finite() => Ok(Some(number)),
        Some(Scalar::Number(_) | Scalar::Bool(_)) => {
            Err(serde::de::Error::custom("expected a number"))
        }
        Some(Scalar::Text(text)) => match text.trim().parse() {
            Ok(number) if f64::is_finite(number) => Ok(Some(number)),
            _ => Err(serde::de::Error::custom(format!("expected a number, not {text:?}"))),
        },
    }
}

/// A [number](number()), written without a fraction if it has none, as clients expect of `n` and `t`.
pub mod plain_number {
    use serde::Serializer;

    pub use super::number as deserialize;

    /// Writes the number, or null.
    pub fn serialize<S: Serializer>(value: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
        match *value {
            None => serializer.serialize_none(),
            Some(number) if number.fract() == 0.0 && number.abs() < 1e15 => {
                serializer.serialize_i64(number as i64)
            }
            Some(number) => serializer.serialize_f64(number),
        }
    }
}

/// A boolean, or `"true"` or `"false"`, or a number, of which 0 is false.
pub fn boolean<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    match Option::<Scalar>::deserialize(deserializer)? {
        None => Ok(false),
        Some(Scalar::Bool(value)) => Ok(value),
        Some(Scalar::Number(number)) => Ok(number != 0.0),
        Some(Scalar::Text(text)) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "1" => Ok(true),
            "false" | "no" | "0" | "" => Ok(false),
            _ => Err(serde::de::Error::custom(format!("expected true or false, not {text:?}"))),
        },
    }
}

/// A text with commas, or a list of texts, as a text with commas.
pub fn joined<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(list(deserializer)?.join(","))
}

/// A list of texts and numbers, or one of them, as texts.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    or_default(deserializer).map(|Texts(texts)| texts)
}

/// A value, or null for its default.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// [Lists](list) by name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Lists(pub BTreeMap<String, Vec<String>>);

impl<'de> Deserialize<'de> for Lists {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let lists = BTreeMap::<String, Texts>::deserialize(deserializer)?;
        Ok(Self(lists.into_iter().map(|(name, Texts(texts))| (name, texts)).collect()))
    }
}

/// A list of texts and numbers, or one of them.
#[derive(Default)]
struct Texts(Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum List {
            One(Scalar),
            Several(Vec<Scalar>),
        }
        Ok(Self(match List::deserialize(deserializer)? {
            List::One(scalar) => vec![scalar.text()],
            List::Several(scalars) => scalars.into_iter().map(Scalar::text).collect(),
        }))
    }
}
