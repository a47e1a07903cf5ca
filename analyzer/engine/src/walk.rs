//! The walk over a datagram, which parses, checks and counts it once for all sinks.

use flowmote_decoder::counter::IfCounters;
use flowmote_decoder::record::{Record, Records, Space};
use flowmote_decoder::{
    CounterRecord, CountersSample, Datagram, Error, FlowRecord, FlowRecords, Malformed, RtValue,
    RtValues, Sample, ValueTypes,
};

use crate::arrival::Arrival;
use crate::interfaces::SampleTime;
use crate::sequence::{Gaps, Noted, StreamId};
use crate::tally::Tally;

/// A receiver of the content of datagrams, called by [`walk`] in the order of the datagram. By default
/// methods do nothing, except that those for records check the record.
///
/// For a datagram, the calls are [`refused`](Sink::refused), or [`datagram`](Sink::datagram), possibly
/// [`irregular`](Sink::irregular), those for its samples, and [`end`](Sink::end). For a sample, they are [`sample`](Sink::sample), those for
/// its records or values, and [`end_of_sample`](Sink::end_of_sample).
pub trait Sink {
    /// Receives a datagram in which no sample can be found; `payload` is the whole datagram.
    fn refused(&mut self, _error: Error, _payload: &[u8]) {}

    /// Receives the header of a datagram.
    fn datagram(&mut self, _datagram: &Datagram<'_>) {}

    /// Receives, after the header of a datagram whose number does not follow the one before, what that
    /// means. The walk has counted it.
    fn irregular(&mut self, _irregular: &Irregular) {}

    /// Receives, before a flow sample, the name of a value of it that no device can mean. An estimate
    /// from the sample would be wrong. The walk has counted it.
    fn implausible(&mut self, _name: &'static str) {}

    /// Receives a sample, before its records or values.
    fn sample(&mut self, _sample: &Sample<'_>) {}

    /// Receives a record of a flow sample or of a discarded packet. Returns the result of
    /// [`check`](Record::check) or [`visit`](Record::visit).
    ///
    /// A fault in a record is found only by reading all its fields. A sink that visits them returns
    /// that result, so that no record is read twice.
    ///
    /// # Errors
    /// The fault in the record, which the walk then counts.
    #[inline]
    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        record.check()
    }

    /// Receives a record of a counter sample; see [`flow_record`](Sink::flow_record).
    ///
    /// # Errors
    /// The fault in the record, which the walk then counts.
    #[inline]
    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        record.check()
    }

    /// Receives a value of an rtmetric or rtflow sample.
    fn value(&mut self, _value: &RtValue<'_>) {}

    /// Receives a fault outside of records, at its place in the datagram. The walk has counted it.
    fn fault(&mut self, _level: Level, _fault: Malformed) {}

    /// Ends a sample. `surplus` contains its bytes after the last record, and is empty for samples
    /// without records.
    fn end_of_sample(&mut self, _sample: &Sample<'_>, _surplus: &[u8]) {}

    /// Ends a datagram. `trailing` contains its bytes after the last sample.
    fn end(&mut self, _trailing: &[u8]) {}
}

/// The list that a [fault](Sink::fault) interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// The samples of the datagram.
    Datagram,
    /// The records or values of a sample.
    Sample,
}

/// What the number of a datagram reveals if it is not that of the next one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Irregular {
    /// The counts of all streams before the datagram.
    pub before: Gaps,
    /// The counts with the datagram. They are lower than before for a late datagram, and for one that
    /// shows that the stream has two sequences.
    pub after: Gaps,
    /// True for a copy of an earlier datagram: its samples have been counted before.
    pub copy: bool,
}

/// Parses a UDP payload, counts its content and faults in `tally`, and passes them to `sink`.
#[inline]
pub fn walk(arrival: &Arrival, payload: &[u8], tally: &mut Tally, sink: &mut impl Sink) {
    tally.received(payload);
    match Datagram::parse(payload) {
        Ok(datagram) => {
            let before = tally.sequences.totals;
            let Noted { stream, copy } = tally.sequences.note(arrival, &datagram);
            sink.datagram(&datagram);
            let after = tally.sequences.totals;
            if after != before {
                sink.irregular(&Irregular { before, after, copy });
            }
            samples(arrival, stream, &datagram, tally, sink);
        }
        Err(error) => {
            tally.refuse(arrival, error);
            sink.refused(error, payload);
        }
    }
}

/// Walks over the samples of a datagram.
fn samples(
    arrival: &Arrival,
    stream: Option<StreamId>,
    datagram: &Datagram<'_>,
    tally: &mut Tally,
    sink: &mut impl Sink,
) {
    // The samples of a stream have one sender.
    let (uptime, sender) = (datagram.uptime, None);
    let time = SampleTime { arrival: arrival.time, uptime, sequence_number: 0, sender };
    let mut samples = datagram.samples();
    for sample in samples.by_ref() {
        match sample {
            Ok(sample) => {
                tally.samples += 1;
                if let Sample::Flow(flow) = &sample
                    && let Some(name) = tally.plausibility.flow(stream, flow)
                {
                    sink.implausible(name);
                }
                sink.sample(&sample);
                let surplus = content(stream, &time, &sample, tally, sink);
                sink.end_of_sample(&sample, surplus);
            }
            Err(fault) => {
                tally.fault(fault);
                sink.fault(Level::Datagram, fault);
            }
        }
    }
    sink.end(samples.remaining());
}

fn flow_records<'a>(list: FlowRecords<'a>, tally: &mut Tally, sink: &mut impl Sink) -> &'a [u8] {
    records(list, tally, sink, |_, sink, record| sink.flow_record(record))
}

/// Walks over the records of a counter sample, and compares its interface counters with those before.
/// Returns its surplus bytes.
fn counter_records<'a>(
    stream: Option<StreamId>,
    time: &SampleTime,
    sample: &CountersSample<'a>,
    tally: &mut Tally,
    sink: &mut impl Sink,
) -> &'a [u8] {
    let time = SampleTime { sequence_number: sample.sequence_number, ..*time };
    records(sample.records(), tally, sink, |tally, sink, record| {
        if let Some(counters) = record.read::<IfCounters>() {
            tally.plausibility.counters(stream, time, counters);
        }
        sink.counter_record(record)
    })
}

/// Walks over the records or values of a sample. Returns its surplus bytes.
///
/// `stream` and `time` are those of the datagram.
fn content<'a>(
    stream: Option<StreamId>,
    time: &SampleTime,
    sample: &Sample<'a>,
    tally: &mut Tally,
    sink: &mut impl Sink,
) -> &'a [u8] {
    match sample {
        Sample::Flow(flow) => flow_records(flow.records(), tally, sink),
        Sample::Discarded(packet) => flow_records(packet.records(), tally, sink),
        Sample::Counters(counters) => counter_records(stream, time, counters, tally, sink),
        Sample::RtMetric(metric) => values(metric.values(), tally, sink),
        Sample::RtFlow(flow) => values(flow.values(), tally, sink),
        Sample::Unknown(_) => {
            tally.unknown += 1;
            &[]
        }
        // `Sample` is non-exhaustive. A kind that is new in the decoder is shown without records.
        _ => &[],
    }
}

/// Walks over records. Generic over the sink and inlined: every output format gets its own walk
/// without calls through pointers.
#[inline]
fn records<'a, N: Space, S: Sink>(
    mut records: Records<'a, N>,
    tally: &mut Tally,
    sink: &mut S,
    show: impl Fn(&mut Tally, &mut S, &Record<'a, N>) -> Result<usize, Malformed>,
) -> &'a [u8] {
    for record in records.by_ref() {
        match record {
            Ok(record) => {
                tally.records += 1;
                tally.unknown += u64::from(record.name().is_none());
                if let Err(fault) = show(tally, sink, &record) {
                    tally.fault(fault);
                }
            }
            Err(fault) => {
                tally.fault(fault);
                sink.fault(Level::Sample, fault);
            }
        }
    }
    records.remaining()
}

/// Walks over values. They leave no surplus, because their number ends the sample.
fn values<'a, T: ValueTypes>(
    values: RtValues<'a, T>,
    tally: &mut Tally,
    sink: &mut impl Sink,
) -> &'a [u8] {
    for value in values {
        match value {
            Ok(value) => sink.value(&value),
            Err(fault) => {
                tally.fault(fault);
                sink.fault(Level::Sample, fault);
            }
        }
    }
    &[]
}
