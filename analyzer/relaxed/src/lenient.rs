//! Values as clients write them: numbers and booleans also as strings, lists also as text.

use serde::{Deserialize, Deserializer};

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
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        One(Scalar),
        Several(Vec<Scalar>),
    }
    Ok(match Option::<List>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(List::One(scalar)) => vec![scalar.text()],
        Some(List::Several(scalars)) => scalars.into_iter().map(Scalar::text).collect(),
    })
}
