//! A walk over everything in a datagram, which checks the bounds of what the decoder returns.

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::record::{Records, Space};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Datagram, Error, FlowSample, Malformed, RtValues, Sample, ValueTypes};

/// The totals of a walk over one datagram.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Walk {
    /// Samples read.
    pub samples: usize,
    /// Records found in them, read or not.
    pub records: usize,
    /// Records with an unknown number.
    pub unknown: usize,
    /// Values passed to the visitor, those of protocol headers included.
    pub values: usize,
    /// Faults, in the order of the walk.
    pub faults: Vec<Malformed>,
    /// Bytes after the last sample; 0 if there are faults.
    pub trailing: usize,
    /// Bytes in samples after the last record.
    pub surplus: usize,
    /// Bytes in records after the known fields.
    pub tails: usize,
}

/// Reads everything in `payload`.
///
/// # Errors
///
/// The error of [`Datagram::parse`].
///
/// # Panics
///
/// If the decoder returns more than the bytes of `payload` can hold.
pub fn walk(payload: &[u8]) -> Result<Walk, Error> {
    let datagram = Datagram::parse(payload)?;
    let mut walk = Walk::default();
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        match sample {
            Ok(sample) => walk.sample(sample),
            Err(fault) => walk.faults.push(fault),
        }
    }
    // After a fault the rest of the datagram is lost, not left over.
    walk.trailing = if walk.faults.is_empty() { samples.remaining().len() } else { 0 };
    walk.check(payload.len());
    Ok(walk)
}

impl Walk {
    /// The same totals without faults and without bytes left over.
    #[must_use]
    pub fn clean(self) -> Self {
        Self { faults: Vec::new(), trailing: 0, surplus: 0, tails: 0, ..self }
    }

    /// Panics if the totals are more than `len` bytes can hold, whatever their counts and lengths.
    fn check(&self, len: usize) {
        assert!(self.faults.iter().all(|fault| fault.offset <= len), "{:?}", self.faults);
        // Number and length of each sample and record are eight bytes.
        assert!((self.samples + self.records) * 8 <= len, "{self:?}");
        assert!(self.trailing + self.surplus + self.tails <= len, "{self:?}");
        // Protocol headers have fields of single bits, so there are more values than words.
        assert!(self.values <= 2 * len, "{self:?}");
        // At most one fault for each sample and record, and one for the datagram.
        assert!(self.faults.len() * 8 <= len, "{self:?}");
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.samples += 1;
        match sample {
            Sample::Flow(sample) => {
                self.packets(sample);
                self.records(sample.records());
            }
            Sample::Counters(sample) => self.records(sample.records()),
            Sample::Discarded(sample) => self.records(sample.records()),
            Sample::RtMetric(sample) => self.values(sample.values()),
            Sample::RtFlow(sample) => self.values(sample.values()),
            _ => {}
        }
    }

    fn packets(&mut self, sample: FlowSample<'_>) {
        for record in sample.records().flatten() {
            if let Some(header) = record.read::<SampledHeader<'_>>() {
                header.layers().for_each(|layer| layer.visit(self));
                header.five_tuple();
            }
        }
    }

    fn records<S: Space + core::fmt::Debug>(&mut self, mut records: Records<'_, S>) {
        for record in records.by_ref() {
            match record {
                Ok(record) => {
                    self.records += 1;
                    self.unknown += usize::from(record.name().is_none());
                    record.decode();
                    let visited = record.visit(self);
                    assert_eq!(record.check(), visited, "{record:?}");
                    match visited {
                        Ok(tail) => self.tails += tail,
                        Err(fault) => self.faults.push(fault),
                    }
                }
                Err(fault) => return self.faults.push(fault),
            }
        }
        self.surplus += records.remaining().len();
    }

    fn values<T: ValueTypes>(&mut self, mut values: RtValues<'_, T>) {
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
