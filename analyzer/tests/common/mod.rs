//! Test vectors, and a walk over everything in a datagram.
#![allow(dead_code, reason = "each test file uses its part")]

use std::path::Path;

use flowmote_analyzer::record::{Records, Space};
use flowmote_analyzer::visit::{Field, Shape, Value, Visitor};
use flowmote_analyzer::{Datagram, Error, Malformed, Sample};

/// Every vector: its name without extension, and its bytes.
pub(crate) fn vectors() -> Vec<(String, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors");
    let mut vectors: Vec<_> = ["published", "synthetic"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(root.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "hex"))
        .map(|path| {
            let name = path.file_stem().unwrap().to_string_lossy().into_owned();
            (name, unhex(&std::fs::read_to_string(path).unwrap()))
        })
        .collect();
    vectors.sort();
    vectors
}

pub(crate) fn vector(name: &str) -> Vec<u8> {
    vectors().into_iter().find(|(known, _)| known == name).expect(name).1
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let digit = |byte: u8| (byte as char).to_digit(16).unwrap() as u8;
    digits.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect()
}

/// What a walk over a datagram met.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Walk {
    pub(crate) samples: usize,
    pub(crate) records: usize,
    /// Records of unknown number.
    pub(crate) unknown: usize,
    /// Values shown.
    pub(crate) values: usize,
    pub(crate) faults: Vec<Malformed>,
    /// Bytes after the last sample.
    pub(crate) trailing: usize,
    /// Bytes in samples after the last record.
    pub(crate) surplus: usize,
    /// Bytes in records after the known fields.
    pub(crate) tails: usize,
}

impl Walk {
    /// The same with nothing wrong and nothing left over.
    pub(crate) fn clean(self) -> Self {
        Self { faults: Vec::new(), trailing: 0, surplus: 0, tails: 0, ..self }
    }
}

/// Reads everything in `payload`.
pub(crate) fn walk(payload: &[u8]) -> Result<Walk, Error> {
    let datagram = Datagram::parse(payload)?;
    let mut walk = Walk::default();
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        match sample {
            Ok(sample) => walk.sample(sample),
            Err(fault) => walk.faults.push(fault),
        }
    }
    walk.trailing = samples.remaining().len();
    if !walk.faults.is_empty() {
        walk.trailing = 0;
    }
    Ok(walk)
}

impl Walk {
    fn sample(&mut self, sample: Sample<'_>) {
        self.samples += 1;
        match sample {
            Sample::Flow(sample) => {
                for record in sample.records().flatten() {
                    if let Some(header) = record.read::<flowmote_analyzer::flow::SampledHeader>() {
                        header.layers().for_each(|layer| layer.visit(self));
                        header.five_tuple();
                    }
                }
                self.records(sample.records());
            }
            Sample::Counters(sample) => self.records(sample.records()),
            Sample::Discarded(sample) => self.records(sample.records()),
            Sample::RtMetric(sample) => self.values(sample.values()),
            Sample::RtFlow(sample) => self.values(sample.values()),
            _ => {}
        }
    }

    fn records<S: Space>(&mut self, mut records: Records<'_, S>) {
        for record in records.by_ref() {
            match record {
                Ok(record) => {
                    self.records += 1;
                    self.unknown += usize::from(record.name().is_none());
                    record.decode();
                    match record.visit(self) {
                        Ok(tail) => self.tails += tail,
                        Err(fault) => self.faults.push(fault),
                    }
                }
                Err(fault) => return self.faults.push(fault),
            }
        }
        self.surplus += records.remaining().len();
    }

    fn values<'a, T: flowmote_analyzer::ValueTypes>(
        &mut self,
        mut values: flowmote_analyzer::RtValues<'a, T>,
    ) {
        for value in values.by_ref() {
            match value {
                Ok(_) => self.values += 1,
                Err(fault) => self.faults.push(fault),
            }
        }
        self.surplus += values.remaining();
    }
}

impl Visitor for Walk {
    fn value(&mut self, _: Field, _: Value<'_>) {
        self.values += 1;
    }

    fn open(&mut self, _: Field, _: Shape) {}

    fn close(&mut self, _: Shape) {}
}
