//! Samples of every kind with random content, and their comparison with decoded ones.

use flowmote_core::record::flow::SampledHeader;
use flowmote_core::{
    CounterSample, DataSource, DatagramBuilder, DiscardedPacket, DropReason, Encoding, FlowSample,
    FlowValue, Interface, MetricValue, RtFlow, RtMetric, SampleMeta, SourceClass,
};
use flowmote_decoder::flow::SampledHeader as DecodedHeader;
use flowmote_decoder::{DataSource as DecodedSource, Port, Sample as Decoded};

use crate::draw::{Draw, Source};
use crate::equal::Equal;
use crate::records::{CASES, Case, CounterRecord, FlowRecord, Record};

/// A sample as passed to the core, with its records.
pub(crate) enum Sample<'a> {
    Flow(u32, FlowSample<'a>, &'a [&'a dyn FlowRecord]),
    Counters(u32, DataSource, CounterSample<'a>, &'a [&'a dyn CounterRecord]),
    Discarded([u32; 2], DiscardedPacket<'a>, &'a [&'a dyn FlowRecord]),
    RtMetric(RtMetric<'a>),
    RtFlow(RtFlow<'a>),
}

impl<'a> Draw<'a> for Sample<'a> {
    fn draw(source: &mut Source<'a>) -> Self {
        match u8::draw(source) % 8 {
            0..3 => Self::flow(flow_records(source), source),
            3..5 => Self::counters(counter_records(source), source),
            5 => Self::discarded(flow_records(source), source),
            6 => Self::RtMetric(RtMetric {
                datasource: Draw::draw(source),
                metrics: <&[(&str, MetricValue<'_>)]>::draw(source),
            }),
            _ => Self::RtFlow(RtFlow {
                datasource: Draw::draw(source),
                sampling_rate: Draw::draw(source),
                sample_pool: Draw::draw(source),
                fields: <&[(&str, FlowValue<'_>)]>::draw(source),
            }),
        }
    }
}

impl<'a> Sample<'a> {
    /// A sample with only this record.
    pub(crate) fn of_record(case: &Case, source: &mut Source<'a>) -> Self {
        match (case.draw)(source) {
            Record::Flow(record) => {
                let records = source.arena.alloc([record]);
                if bool::draw(source) {
                    Self::flow(records, source)
                } else {
                    Self::discarded(records, source)
                }
            }
            Record::Counter(record) => Self::counters(source.arena.alloc([record]), source),
        }
    }

    fn flow(records: &'a [&'a dyn FlowRecord], source: &mut Source<'a>) -> Self {
        let [sequence, sampling_rate, sample_pool, drops] = Draw::draw(source);
        let sample = FlowSample {
            source: DataSource::draw(source),
            meta: SampleMeta { sampling_rate, sample_pool, drops },
            input: Interface::draw(source),
            output: Interface::draw(source),
            header: Draw::draw(source),
            records: upcast(records, source),
        };
        Self::Flow(sequence, sample, records)
    }

    fn counters(records: &'a [&'a dyn CounterRecord], source: &mut Source<'a>) -> Self {
        let upcast = records.iter().map(|record| *record as &dyn flowmote_core::CounterRecord);
        let sample = CounterSample { records: source.arena.alloc_slice_fill_iter(upcast) };
        Self::Counters(u32::draw(source), DataSource::draw(source), sample, records)
    }

    fn discarded(records: &'a [&'a dyn FlowRecord], source: &mut Source<'a>) -> Self {
        let packet = DiscardedPacket {
            source: DataSource::draw(source),
            input: Draw::draw(source),
            output: Draw::draw(source),
            reason: Draw::draw(source),
            header: SampledHeader::draw(source),
            records: upcast(records, source),
        };
        Self::Discarded(Draw::draw(source), packet, records)
    }

    /// Encodes the sample; returns false if it did not fit.
    pub(crate) fn encode(&self, builder: &mut DatagramBuilder<'_>) -> bool {
        match self {
            Self::Flow(sequence, sample, _) => builder.flow_sample(*sequence, sample),
            Self::Counters(sequence, source, sample, _) => {
                builder.counter_sample(*source, *sequence, sample)
            }
            Self::Discarded([sequence, drops], packet, _) => {
                builder.discarded_packet(*sequence, *drops, packet)
            }
            Self::RtMetric(metric) => builder.rt_metric(metric),
            Self::RtFlow(flow) => builder.rt_flow(flow),
        }
        .is_ok()
    }

    /// Panics if `decoded` differs from the sample.
    pub(crate) fn check(&self, decoded: Decoded<'_>, encoding: Encoding) {
        match (self, decoded) {
            (Self::Flow(sequence, sent, records), Decoded::Flow(decoded)) => {
                sequence.equal(&decoded.sequence_number, "flow sequence_number");
                check_flow(sent, &decoded, encoding);
                check_flow_records(sent.header, records, decoded.records());
            }
            (Self::Counters(sequence, source, _, records), Decoded::Counters(decoded)) => {
                sequence.equal(&decoded.sequence_number, "counters sequence_number");
                check_source(*source, decoded.source_id);
                (encoding == Encoding::Expanded).equal(&decoded.expanded, "expanded");
                check_counter_records(records, decoded.records());
            }
            (Self::Discarded(numbers, sent, records), Decoded::Discarded(decoded)) => {
                assert_eq!(*numbers, [decoded.sequence_number, decoded.drops]);
                check_source(sent.source, decoded.source_id);
                sent.input.equal(&decoded.input_if_index, "discarded input");
                sent.output.equal(&decoded.output_if_index, "discarded output");
                sent.reason.equal(&decoded.reason, "discarded reason");
                check_flow_records(Some(sent.header), records, decoded.records());
            }
            (Self::RtMetric(sent), Decoded::RtMetric(decoded)) => {
                sent.datasource.equal(&decoded.datasource, "rtmetric datasource");
                check_values(sent.metrics, decoded.values());
            }
            (Self::RtFlow(sent), Decoded::RtFlow(decoded)) => {
                sent.datasource.equal(&decoded.datasource, "rtflow datasource");
                sent.sampling_rate.equal(&decoded.sampling_rate, "rtflow sampling_rate");
                sent.sample_pool.equal(&decoded.sample_pool, "rtflow sample_pool");
                check_values(sent.fields, decoded.values());
            }
            (_, decoded) => panic!("a different kind of sample: {decoded:?}"),
        }
    }
}

fn check_flow(
    sent: &FlowSample<'_>,
    decoded: &flowmote_decoder::FlowSample<'_>,
    encoding: Encoding,
) {
    check_source(sent.source, decoded.source_id);
    sent.meta.sampling_rate.equal(&decoded.sampling_rate, "sampling_rate");
    sent.meta.sample_pool.equal(&decoded.sample_pool, "sample_pool");
    sent.meta.drops.equal(&decoded.drops, "drops");
    assert_eq!(port(sent.input), decoded.input.port(), "input {:?}", sent.input);
    assert_eq!(port(sent.output), decoded.output.port(), "output {:?}", sent.output);
    (encoding == Encoding::Expanded).equal(&decoded.expanded, "expanded");
}

fn check_source(sent: DataSource, decoded: DecodedSource) {
    assert_eq!(decoded, DecodedSource { class: sent.class() as u32, index: sent.index() });
}

fn port(sent: Interface) -> Port {
    match sent {
        Interface::Unknown => Port::Unknown,
        Interface::Index(index) => Port::Index(index),
        Interface::Internal => Port::Internal,
        Interface::Discarded(reason) => Port::Discarded(reason.code()),
        Interface::Multiple(count) => Port::Multiple(count),
    }
}

fn check_flow_records(
    header: Option<SampledHeader<'_>>,
    sent: &[&dyn FlowRecord],
    mut decoded: flowmote_decoder::FlowRecords<'_>,
) {
    if let Some(header) = header {
        let decoded = decoded.next().expect("a header").expect("well-formed");
        header.check(decoded);
        let decoded: DecodedHeader<'_> = decoded.read().expect("a header");
        header.header.equal(&decoded.header, "header");
    }
    for record in sent {
        record.check(decoded.next().expect("every encoded item").expect("well-formed"));
    }
    assert!(decoded.next().is_none(), "more records than were encoded");
    assert_eq!(decoded.remaining(), [0u8; 0], "surplus bytes after the last item");
}

fn check_counter_records(
    sent: &[&dyn CounterRecord],
    mut decoded: flowmote_decoder::CounterRecords<'_>,
) {
    for record in sent {
        record.check(decoded.next().expect("every encoded item").expect("well-formed"));
    }
    assert!(decoded.next().is_none(), "more records than were encoded");
    assert_eq!(decoded.remaining(), [0u8; 0], "surplus bytes after the last item");
}

fn check_values<'d, T, K: flowmote_decoder::ValueTypes>(
    sent: &[T],
    mut decoded: flowmote_decoder::RtValues<'d, K>,
) where
    T: Equal<flowmote_decoder::RtValue<'d>>,
{
    for value in sent {
        let decoded = decoded.next().expect("every encoded item").expect("well-formed");
        value.equal(&decoded, "value");
    }
    assert!(decoded.next().is_none(), "more values than were encoded");
    assert_eq!(decoded.remaining(), 0, "surplus bytes after the last item");
}

/// Up to three flow records of any kind.
fn flow_records<'a>(source: &mut Source<'a>) -> &'a [&'a dyn FlowRecord] {
    let mut records = Vec::new();
    for _ in 0..source.below(4) {
        if let Record::Flow(record) = any_record(source) {
            records.push(record);
        }
    }
    source.arena.alloc_slice_copy(&records)
}

/// Up to three counter records of any kind.
fn counter_records<'a>(source: &mut Source<'a>) -> &'a [&'a dyn CounterRecord] {
    let mut records = Vec::new();
    for _ in 0..source.below(4) {
        if let Record::Counter(record) = any_record(source) {
            records.push(record);
        }
    }
    source.arena.alloc_slice_copy(&records)
}

fn any_record<'a>(source: &mut Source<'a>) -> Record<'a> {
    let case = source.below(CASES.len() as u32) as usize;
    (CASES[case].draw)(source)
}

fn upcast<'a>(
    records: &[&'a dyn FlowRecord],
    source: &Source<'a>,
) -> &'a [&'a dyn flowmote_core::FlowRecord] {
    let upcast = records.iter().map(|record| *record as &dyn flowmote_core::FlowRecord);
    source.arena.alloc_slice_fill_iter(upcast)
}

/// An index that both encodings can hold.
impl<'a> Draw<'a> for DataSource {
    fn draw(source: &mut Source<'a>) -> Self {
        let classes = [
            SourceClass::Interface,
            SourceClass::Vlan,
            SourceClass::PhysicalEntity,
            SourceClass::LogicalEntity,
        ];
        Self::new(classes[source.below(4) as usize], source.below(1 << 24))
    }
}

/// Values that both encodings can hold, without the special ones: 0 is unknown, 0x3fffffff internal.
impl<'a> Draw<'a> for Interface {
    fn draw(source: &mut Source<'a>) -> Self {
        let value = source.below(0x3fff_fffe);
        match u8::draw(source) % 5 {
            0 => Self::Unknown,
            1 => Self::Index(value + 1),
            2 => Self::Internal,
            3 => Self::Discarded(DropReason::new(value)),
            _ => Self::Multiple(value),
        }
    }
}
