//! The vector of each counter record, its counters raised: all names and values, as listed in
//! `vectors.txt`.

use core::fmt::Write;

use flowmote_decoder::visit::{Field, Kind, Shape, Value, Visitor};

use super::*;

/// Names and values of all records. A rate is the place of its counter in the record, from 1.
const LIST: &str = include_str!("vectors.txt");

#[test]
fn vectors_have_the_listed_metrics() {
    let mut list = String::new();
    for (file, payload) in flowmote_vectors::synthetic() {
        if file.starts_with("ctr-") {
            describe(&payload, &mut list);
        }
    }
    for (line, expected) in list.lines().zip(LIST.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(list.lines().count(), LIST.lines().count(), "{list}");
}

/// Adds the metrics of the first record of a datagram.
fn describe(payload: &[u8], list: &mut String) {
    let datagram = Datagram::parse(payload).unwrap();
    let Some(Ok(Sample::Counters(sample))) = datagram.samples().next() else { panic!() };
    let record = sample.records().next().unwrap().unwrap();
    let (format, class) = (record.data_format(), sample.source_id.class);
    assert_eq!(Encoder::encode(&record, 0), record.bytes(), "{format}");
    let mut device = Device::new(class, 77);
    device.send(20, &[(format.0, Encoder::encode(&record, 0))]);
    device.send(20, &[(format.0, Encoder::encode(&record, 20))]);
    let _ = writeln!(list, "{format} {} of class {class}", record.name().unwrap());
    for found in device.find(None, None, &MetricFilter::default()) {
        let _ = match found.value {
            MetricValue::Number(number) => writeln!(list, "  {} {number}", found.name),
            MetricValue::Text(text) => writeln!(list, "  {} \"{text}\"", found.name),
        };
    }
}

/// Encodes the fields of a record again, its counters raised: the first by `step`, the second by twice
/// `step`.
struct Encoder {
    bytes: Vec<u8>,
    step: u64,
    counters: u64,
    /// Where the number of items of each open list is.
    lists: Vec<(usize, u32)>,
}

impl Encoder {
    fn encode(record: &CounterRecord<'_>, step: u64) -> Vec<u8> {
        let mut this = Self { bytes: Vec::new(), step, counters: 0, lists: Vec::new() };
        record.visit(&mut this).unwrap();
        this.bytes
    }

    fn item(&mut self, field: Field) {
        if field.name.is_empty()
            && let Some((_, items)) = self.lists.last_mut()
        {
            *items += 1;
        }
    }

    fn raise(&mut self, field: Field) -> u64 {
        if field.kind != Kind::Counter {
            return 0;
        }
        self.counters += 1;
        self.counters * self.step
    }
}

impl Visitor for Encoder {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.item(field);
        let raise = self.raise(field);
        match value {
            Value::U32(value) => self.bytes.extend((value + raise as u32).to_be_bytes()),
            Value::U64(value) => self.bytes.extend((value + raise).to_be_bytes()),
            Value::I32(value) => self.bytes.extend(value.to_be_bytes()),
            Value::F32(value) => self.bytes.extend(value.to_be_bytes()),
            Value::Percentage(value) => self.bytes.extend(value.0.to_be_bytes()),
            Value::Ipv4(value) => self.bytes.extend(value.octets()),
            Value::Mac(value) => self.bytes.extend([&value.0[..], &[0, 0]].concat()),
            Value::Uuid(value) => self.bytes.extend(value.0),
            Value::Bytes(value) => self.bytes.extend(value),
            Value::Text(value) => self.bytes.extend(text(value.to_str().unwrap())),
            other => panic!("{other:?}"),
        }
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.item(field);
        if shape == Shape::List {
            self.lists.push((self.bytes.len(), 0));
            self.bytes.extend([0; 4]);
        }
    }

    fn close(&mut self, shape: Shape) {
        if shape == Shape::List {
            let (at, items) = self.lists.pop().unwrap();
            self.bytes[at..at + 4].copy_from_slice(&items.to_be_bytes());
        }
    }
}
