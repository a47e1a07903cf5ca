//! The fields of a record, collected by a visitor.

use core::fmt::Write;

use flowmote_decoder::visit::{Field, Kind, Shape, Value, Visitor};

use super::MetricValue;
use super::shown;

/// The fields of the last record, flat.
#[derive(Debug, Default)]
pub(super) struct Fields {
    list: Vec<Leaf>,
    /// Names of the structures and lists around the next field, each with the number of items so far.
    open: Vec<(&'static str, u16)>,
}

/// A field.
#[derive(Debug)]
pub(super) struct Leaf {
    /// The field's own name; that of the list for an item of a list.
    pub(super) name: &'static str,
    /// Names and numbers around it, such as `lanes_1_`; empty for a field of the record.
    pub(super) path: Box<str>,
    pub(super) content: Content,
}

/// The content of a field.
#[derive(Debug)]
pub(super) enum Content {
    /// A counter and the number of its bits; `None` if it is unknown.
    Counter(Option<u64>, u32),
    /// Any other value; `None` if it is unknown.
    Value(Option<MetricValue>),
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.open.clear();
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Leaf> {
        self.list.iter()
    }

    /// The name and number of everything that is open.
    fn path(&self) -> Box<str> {
        let mut path = String::new();
        for (name, number) in &self.open {
            if name.is_empty() {
                continue;
            }
            let _ = write!(path, "{name}_");
            if *number != 0 {
                let _ = write!(path, "{number}_");
            }
        }
        path.into()
    }
}

impl Visitor for Fields {
    fn value(&mut self, field: Field, value: Value<'_>) {
        if self.list.len() >= MAX_FIELDS {
            return;
        }
        if field.name.is_empty()
            && let Some((_, number)) = self.open.last_mut()
        {
            *number += 1;
        }
        let path = if self.open.is_empty() { Box::default() } else { self.path() };
        self.list.push(Leaf { name: field.name, path, content: content(field.kind, value) });
    }

    fn open(&mut self, field: Field, _: Shape) {
        // An item of a list: the list counts it.
        if field.name.is_empty()
            && let Some((_, number)) = self.open.last_mut()
        {
            *number = number.saturating_add(1);
        }
        self.open.push((field.name, 0));
    }

    fn close(&mut self, _: Shape) {
        self.open.pop();
    }
}

fn content(kind: Kind, value: Value<'_>) -> Content {
    if kind == Kind::Counter {
        return match value {
            Value::U32(count) => Content::Counter((count != u32::MAX).then(|| count.into()), 32),
            Value::U64(count) => Content::Counter((count != u64::MAX).then_some(count), 64),
            _ => Content::Value(None),
        };
    }
    let number = |number: f64| Some(MetricValue::Number(number));
    let text = |text: String| Some(MetricValue::Text(text.into()));
    Content::Value(match value {
        Value::U32(value) => number(value.into()),
        Value::U64(value) => number(value as f64),
        Value::I32(value) => number(value.into()),
        Value::I64(value) => number(value as f64),
        // -1.0 is an unknown load average.
        Value::F32(value) => number(value.into()).filter(|_| value.is_finite() && value >= 0.0),
        Value::F64(value) => number(value).filter(|_| value.is_finite()),
        Value::Percentage(value) => value.percent().and_then(|percent| number(percent.into())),
        Value::Bool(value) => number(value.into()),
        Value::Text(value) => Some(MetricValue::Text(shown(value))),
        Value::Latin1(value) => text(value.to_string()),
        Value::Mac(value) => text(value.0.iter().map(|byte| format!("{byte:02X}")).collect()),
        Value::Ipv4(value) => text(value.to_string()),
        Value::Ipv6(value) => text(value.to_string()),
        Value::Address(value) => text(value.to_string()),
        Value::Uuid(value) => text(value.to_string()),
        Value::Bytes(_) | Value::Format(_) => None,
    })
}

/// Fields of a record: a list of many items is cut.
const MAX_FIELDS: usize = 256;
