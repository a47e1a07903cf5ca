//! JSON 1.0: structures are objects, times numbers of seconds.

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde_json::Value;

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};

/// Reads a body, or another text.
pub(in crate::aws) fn read(body: &[u8]) -> Result<Document, Fault> {
    if body.is_empty() {
        return Ok(Document::new());
    }
    if structures(body) > MAX_STRUCTURES {
        let text = format!("The body has more than {MAX_STRUCTURES} structures and lists.");
        return Err(Fault::new(Kind::Serialization, text));
    }
    let value: Value = serde_json::from_slice(body).map_err(|error| {
        Fault::new(Kind::Serialization, format!("The body is no JSON: {error}"))
    })?;
    Ok(document(value))
}

/// Structures and lists, without those in texts, as of log events that are JSON themselves.
fn structures(body: &[u8]) -> usize {
    let (mut count, mut is_text, mut is_escaped) = (0, false, false);
    for byte in body {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            b'{' | b'[' if !is_text => count += 1,
            _ => {}
        }
    }
    count
}

impl From<Value> for Document {
    fn from(value: Value) -> Self {
        document(value)
    }
}

fn document(value: Value) -> Document {
    match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(value),
        Value::Number(number) => Document::Number(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Document::Text(text),
        Value::Array(list) => Document::List(list.into_iter().map(document).collect()),
        Value::Object(members) => {
            Document::Members(members.into_iter().map(|(name, it)| (name, document(it))).collect())
        }
    }
}

/// Writes a body.
pub(in crate::aws) fn write(document: &Document) -> Vec<u8> {
    // Numbers and texts can always be written.
    serde_json::to_vec(document).unwrap_or_default()
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(number) => serializer.serialize_f64(*number),
            Self::Integer(number) => serializer.serialize_i64(*number),
            // A whole second has no fraction, as the service writes it.
            Self::Time(time) if time.fract() == 0.0 => serializer.serialize_i64(*time as i64),
            Self::Time(time) => serializer.serialize_f64(*time),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(list) => {
                let mut items = serializer.serialize_seq(Some(list.len()))?;
                list.iter().try_for_each(|item| items.serialize_element(item))?;
                items.end()
            }
            Self::Rows(rows) => {
                let field = |(field, value)| Field { field, value };
                let row = |row: Vec<_>| row.into_iter().map(field).collect::<Vec<_>>();
                serializer.collect_seq(rows.iter().map(row))
            }
            Self::Members(members) | Self::Map(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                members.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

/// A field of a row.
#[derive(Serialize)]
struct Field<'a> {
    field: &'a str,
    value: &'a str,
}

/// Structures and lists of a request. Each can take half a kilobyte for two bytes of the body.
const MAX_STRUCTURES: usize = 50_000;
