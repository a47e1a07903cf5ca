//! The walk over a datagram: parsed, checked and counted once, for every sink.

use flowmote_decoder::record::{Record, Records, Space};
use flowmote_decoder::{
    CounterRecord, Datagram, Error, FlowRecord, Malformed, RtValue, RtValues, Sample, ValueTypes,
};

use crate::tally::Tally;

/// Receives what [`walk`] finds, in the order of the datagram. Each method does nothing by default.
///
/// A datagram is one [`refused`](Sink::refused), or [`datagram`](Sink::datagram), its samples and
/// [`end`](Sink::end). A sample is [`sample`](Sink::sample), its records or values, and
/// [`end_of_sample`](Sink::end_of_sample).
pub trait Sink {
    /// A datagram that cannot be walked; `payload` is all of it.
    fn refused(&mut self, _error: Error, _payload: &[u8]) {}

    /// The header of a datagram.
    fn datagram(&mut self, _datagram: &Datagram<'_>) {}

    /// A sample begins.
    fn sample(&mut self, _sample: &Sample<'_>) {}

    /// A record of a flow sample or of a discarded packet, as its [`check`](Record::check) or
    /// [`visit`](Record::visit) leaves it.
    ///
    /// Reading all fields of a record finds its fault. A sink that shows the fields does so here,
    /// and returns the outcome, so that no record is read twice.
    ///
    /// # Errors
    /// The fault of the record. The walk counts it.
    #[inline]
    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        record.check()
    }

    /// A record of a counter sample, as for [`flow_record`](Sink::flow_record).
    ///
    /// # Errors
    /// The fault of the record. The walk counts it.
    #[inline]
    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        record.check()
    }

    /// A value of an rtmetric or rtflow sample.
    fn value(&mut self, _value: &RtValue<'_>) {}

    /// A fault outside of records, where it occurs. The walk has counted it.
    fn fault(&mut self, _level: Level, _fault: Malformed) {}

    /// The end of a sample; `surplus` are its bytes that no record covers, empty for samples
    /// without records.
    fn end_of_sample(&mut self, _sample: &Sample<'_>, _surplus: &[u8]) {}

    /// The end of a datagram; `trailing` are its bytes after the last sample that was found.
    fn end(&mut self, _trailing: &[u8]) {}
}

/// What a [fault](Sink::fault) interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The samples of the datagram.
    Datagram,
    /// The records or values of a sample.
    Sample,
}

/// Walks over a UDP payload, counts it in `tally`, and shows it to `sink`.
#[inline]
pub fn walk(payload: &[u8], tally: &mut Tally, sink: &mut impl Sink) {
    tally.received(payload);
    match Datagram::parse(payload) {
        Ok(datagram) => {
            tally.sequences.note(&datagram);
            samples(&datagram, tally, sink);
        }
        Err(error) => {
            tally.refused(error);
            sink.refused(error, payload);
        }
    }
}

fn samples(datagram: &Datagram<'_>, tally: &mut Tally, sink: &mut impl Sink) {
    sink.datagram(datagram);
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        match sample {
            Ok(sample) => {
                tally.samples += 1;
                sink.sample(&sample);
                let surplus = content(&sample, tally, sink);
                sink.end_of_sample(&sample, surplus);
            }
            Err(fault) => {
                tally.malformed(fault);
                sink.fault(Level::Datagram, fault);
            }
        }
    }
    sink.end(samples.remaining());
}

/// Walks over the records or values of a sample; returns its surplus bytes.
fn content<'a, S: Sink>(sample: &Sample<'a>, tally: &mut Tally, sink: &mut S) -> &'a [u8] {
    match sample {
        Sample::Flow(flow) => records(flow.records(), tally, sink, S::flow_record),
        Sample::Discarded(packet) => records(packet.records(), tally, sink, S::flow_record),
        Sample::Counters(counters) => records(counters.records(), tally, sink, S::counter_record),
        Sample::RtMetric(metric) => values(metric.values(), tally, sink),
        Sample::RtFlow(flow) => values(flow.values(), tally, sink),
        Sample::Unknown(_) => {
            tally.unknown += 1;
            &[]
        }
        // The decoder may learn samples of other kinds, without records that this walk knows.
        _ => &[],
    }
}

#[inline]
fn records<'a, N: Space, S: Sink>(
    mut records: Records<'a, N>,
    tally: &mut Tally,
    sink: &mut S,
    show: impl Fn(&mut S, &Record<'a, N>) -> Result<usize, Malformed>,
) -> &'a [u8] {
    for record in records.by_ref() {
        match record {
            Ok(record) => {
                tally.records += 1;
                tally.unknown += u64::from(record.name().is_none());
                if let Err(fault) = show(sink, &record) {
                    tally.malformed(fault);
                }
            }
            Err(fault) => {
                tally.malformed(fault);
                sink.fault(Level::Sample, fault);
            }
        }
    }
    records.remaining()
}

fn values<'a, T: ValueTypes>(
    values: RtValues<'a, T>,
    tally: &mut Tally,
    sink: &mut impl Sink,
) -> &'a [u8] {
    for value in values {
        match value {
            Ok(value) => sink.value(&value),
            Err(fault) => {
                tally.malformed(fault);
                sink.fault(Level::Sample, fault);
            }
        }
    }
    &[]
}
