//! RPC v2 CBOR: times are numbers with tag 1, and all other numbers that are read or written here are
//! floats. Clients reject whole numbers in lists of values.

use ciborium::Value;

use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};

/// Reads a body. Maps and lists may have a length or an end.
pub(super) fn read(body: &[u8]) -> Result<Document, Fault> {
    if body.is_empty() {
        return Ok(Document::new());
    }
    let mut rest = body;
    let value = ciborium::de::from_reader_with_recursion_limit(&mut rest, MAX_DEPTH);
    let value: Value = value.map_err(|error| fault(&error.to_string()))?;
    if rest.is_empty() { document(value) } else { Err(fault("bytes follow the structure")) }
}

fn document(value: Value) -> Result<Document, Fault> {
    Ok(match value {
        Value::Null => Document::Null,
        Value::Bool(value) => Document::Bool(value),
        Value::Integer(number) => Document::Number(i128::from(number) as f64),
        Value::Float(number) => Document::Number(number),
        Value::Text(text) => Document::Text(text),
        Value::Tag(TIME, value) => match document(*value)? {
            Document::Number(number) => Document::Time(number),
            _ => return Err(fault("a time is no number")),
        },
        Value::Array(list) => {
            Document::List(list.into_iter().map(document).collect::<Result<_, _>>()?)
        }
        Value::Map(members) => {
            let member = |(name, value)| match name {
                Value::Text(name) => Ok((name, document(value)?)),
                _ => Err(fault("the name of a member is no text")),
            };
            Document::Members(members.into_iter().map(member).collect::<Result<_, _>>()?)
        }
        _ => return Err(fault("a value has a type that no parameter has")),
    })
}

fn fault(reason: &str) -> Fault {
    Fault::new(Kind::Serialization, format!("The body is no CBOR of a request: {reason}"))
}

/// Writes a body.
pub(super) fn write(document: &Document) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a vector cannot fail.
    let _ = ciborium::into_writer(&value(document), &mut bytes);
    bytes
}

fn value(document: &Document) -> Value {
    let members = |members: &[(String, Document)]| {
        let pairs = members.iter().map(|(name, it)| (Value::Text(name.clone()), value(it)));
        Value::Map(pairs.collect())
    };
    match document {
        Document::Null => Value::Null,
        Document::Bool(value) => Value::Bool(*value),
        Document::Number(number) => Value::Float(*number),
        Document::Integer(number) => Value::Integer((*number).into()),
        Document::Time(time) if time.fract() == 0.0 => {
            Value::Tag(TIME, Box::new(Value::Integer((*time as i64).into())))
        }
        Document::Time(time) => Value::Tag(TIME, Box::new(Value::Float(*time))),
        Document::Text(text) => Value::Text(text.clone()),
        Document::List(list) => Value::Array(list.iter().map(value).collect()),
        Document::Members(list) | Document::Map(list) => members(list),
        Document::Rows(rows) => value(&rows.plain()),
    }
}

/// The tag of seconds since 1970.
const TIME: u64 = 1;
/// Structures within structures.
const MAX_DEPTH: usize = 16;
