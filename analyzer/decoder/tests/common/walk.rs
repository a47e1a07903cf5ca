//! A walk over everything in a datagram, shared with the fuzz target.

use flowmote_decoder::record::{Records, Space};
use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Datagram, Error, Malformed, Sample};

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

/// Reads everything in `payload`; panics if more is found than its bytes can hold.
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
    walk.check(payload.len());
    Ok(walk)
}

impl Walk {
    /// Whatever counts and lengths say, nothing is found that is not there.
    fn check(&self, len: usize) {
        assert!(self.faults.iter().all(|fault| fault.offset <= len), "{:?}", self.faults);
        assert!((self.samples + self.records) * 8 <= len, "{self:?}");
        assert!(self.trailing + self.surplus + self.tails <= len, "{self:?}");
        // the headers of packets are read bit by bit
        assert!(self.values <= 2 * len, "{self:?}");
        // a sample and a record each have at most one fault, the datagram one
        assert!(self.faults.len() * 8 <= len, "{self:?}");
    }

    fn sample(&mut self, sample: Sample<'_>) {
        self.samples += 1;
        match sample {
            Sample::Flow(sample) => {
                for record in sample.records().flatten() {
                    if let Some(header) = record.read::<flowmote_decoder::flow::SampledHeader>() {
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

    fn values<'a, T: flowmote_decoder::ValueTypes>(
        &mut self,
        mut values: flowmote_decoder::RtValues<'a, T>,
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
