//! The fields of a record, collected by a visitor.

use core::fmt::Write;

use flowmote_decoder::visit::{Field, Kind, Shape, Value, Visitor};

use super::schema::Schema;
use super::shown;
use crate::points::Row;

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
    /// The field's own name; empty for an item of a list.
    pub(super) name: &'static str,
    /// Names and numbers around it, such as `lanes_1_`; empty for a field of the record.
    pub(super) path: Box<str>,
    pub(super) content: Content,
    /// The difference of a counter to the one before, once they have been compared.
    pub(super) difference: Option<u64>,
    /// The same per second.
    pub(super) rate: Option<f64>,
}

/// The content of a field; `None` if it is unknown.
#[derive(Debug)]
pub(super) enum Content {
    Counter { count: Option<u64>, bits: u32 },
    Number(Option<f64>),
    Text(Option<Box<str>>),
}

impl Fields {
    pub(super) fn clear(&mut self) {
        self.list.clear();
        self.open.clear();
    }

    /// The fields of a record of the past.
    pub(super) fn of(schema: &Schema, row: &Row<'_>) -> Self {
        let seconds = row.over.as_secs_f64();
        let leaves = schema.columns.iter().zip(row.numbers).map(|(column, number)| {
            let known = Some(*number).filter(|number| !number.is_nan());
            let (content, rate) = if column.counts() {
                let rate = known.filter(|_| seconds > 0.0).map(|count| count / seconds);
                (Content::Counter { count: None, bits: 64 }, rate)
            } else {
                (Content::Number(known), None)
            };
            let path = Box::default();
            Leaf { name: column.name, path, content, difference: None, rate }
        });
        Self { list: leaves.collect(), open: Vec::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    pub(super) fn iter(&self) -> impl ExactSizeIterator<Item = &Leaf> {
        self.list.iter()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Leaf> {
        self.list.iter_mut()
    }

    /// Puts the value of `field` into the paths: a sample has several records of this format, which it
    /// numbers.
    pub(super) fn number_by(&mut self, field: &str) {
        let Some(number) = self.gauge(field) else { return };
        for leaf in &mut self.list {
            leaf.path = format!("{number}_").into();
        }
    }

    /// The rate of a counter; `None` if it is unknown.
    pub(super) fn rate(&self, name: &str) -> Option<f64> {
        self.list.iter().find(|leaf| leaf.name == name)?.rate
    }

    /// The value of a gauge; `None` if it is unknown.
    pub(super) fn gauge(&self, name: &str) -> Option<f64> {
        match self.list.iter().find(|leaf| leaf.name == name)?.content {
            Content::Number(number) => number,
            Content::Counter { .. } | Content::Text(_) => None,
        }
    }

    /// The sum of the known rates; `None` if none is known.
    pub(super) fn sum(&self, names: &[&str]) -> Option<f64> {
        names.iter().filter_map(|name| self.rate(name)).reduce(|a, b| a + b)
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

    /// Notes one more item if `field` is one of a list.
    fn count_item(&mut self, field: Field) {
        if field.name.is_empty()
            && let Some((_, number)) = self.open.last_mut()
        {
            *number = number.saturating_add(1);
        }
    }
}

impl Visitor for Fields {
    fn value(&mut self, field: Field, value: Value<'_>) {
        if self.list.len() >= MAX_FIELDS {
            return;
        }
        self.count_item(field);
        let path = if self.open.is_empty() { Box::default() } else { self.path() };
        let content = content(field, value);
        self.list.push(Leaf { name: field.name, path, content, difference: None, rate: None });
    }

    fn open(&mut self, field: Field, _: Shape) {
        self.count_item(field);
        self.open.push((field.name, 0));
    }

    fn close(&mut self, _: Shape) {
        self.open.pop();
    }
}

/// All ones are unknown, whatever the kind: agents send them for gauges too.
fn content(field: Field, value: Value<'_>) -> Content {
    let known32 = |value: u32| (value != u32::MAX).then_some(value);
    let known64 = |value: u64| (value != u64::MAX).then_some(value);
    let counter = field.kind == Kind::Counter;
    match value {
        Value::U32(value) if counter => {
            Content::Counter { count: known32(value).map(u64::from), bits: 32 }
        }
        Value::U64(value) if counter => Content::Counter { count: known64(value), bits: 64 },
        Value::U32(value) => Content::Number(known32(value).map(f64::from)),
        // A datapath has all 64 bits, more than a number of JSON.
        Value::U64(value) if field.name == "datapath_id" => {
            Content::Text(known64(value).map(|value| format!("{value:016x}").into()))
        }
        Value::U64(value) => Content::Number(known64(value).map(|value| value as f64)),
        // The two codes of a power factor that is none.
        Value::I32(value) => {
            Content::Number((value.unsigned_abs() != 0x7fff_ffff).then(|| value.into()))
        }
        Value::I64(value) => Content::Number(Some(value as f64)),
        // -1.0 is an unknown load average.
        Value::F32(value) => {
            Content::Number((value.is_finite() && value >= 0.0).then(|| value.into()))
        }
        Value::F64(value) => Content::Number(value.is_finite().then_some(value)),
        // Hundredths.
        Value::Percentage(value) => {
            Content::Number(value.percent().map(|_| f64::from(value.0) / 100.0))
        }
        Value::Bool(value) => Content::Number(Some(value.into())),
        Value::Mac(value) => Content::Number(Some(number(&value.0))),
        // The states of a LACP port.
        Value::Bytes(bytes) => Content::Number((bytes.len() == 4).then(|| number(bytes))),
        Value::Text(value) => text(shown(value)),
        Value::Latin1(value) => text(value.to_string().into()),
        Value::Ipv4(value) => text(value.to_string().into()),
        Value::Ipv6(value) => text(value.to_string().into()),
        Value::Address(value) => text(value.to_string().into()),
        Value::Uuid(value) if value.0 == [0; 16] => Content::Text(None),
        Value::Uuid(value) => text(value.to_string().into()),
        Value::Format(_) => Content::Number(None),
    }
}

/// An empty text is unknown.
fn text(text: Box<str>) -> Content {
    Content::Text(Some(text).filter(|text| !text.is_empty()))
}

/// At most six bytes as a number, which has 53 bits.
fn number(bytes: &[u8]) -> f64 {
    bytes.iter().fold(0.0, |number, byte| number * 256.0 + f64::from(*byte))
}

/// Fields of a record: a list of many items is cut.
const MAX_FIELDS: usize = 256;
