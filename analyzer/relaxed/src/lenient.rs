//! Values as clients write them: numbers and booleans also as strings, lists also as text.

use serde::{Deserialize, Deserializer};

#[derive(Deserialize)]
#[serde(untagged)]
enum Scalar {
    Bool(bool),
    Number(f64),
    Text(String),
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

/// A list of texts, or one text.
pub fn list<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum List {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Option::<List>::deserialize(deserializer)? {
        None => Vec::new(),
        Some(List::One(text)) => vec![text],
        Some(List::Several(texts)) => texts,
    })
}
