//! JSON, one object a datagram; its names are documented in docs/analyzer.md.

use core::net::IpAddr;
use std::time::SystemTime;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;
use flowmote_decoder::record::{Record, Records, Space};
use flowmote_decoder::{
    Address, CounterRecord, DataSource, Datagram, Error, FlowRecord, Interface, Malformed, Port,
    RtValue, RtValues, Sample, ValueTypes, drop_reason_name,
};

use super::json_text::JsonText;
use super::{Format, Received};
use crate::tally::Tally;

/// Writes datagrams as JSON, one line each.
#[derive(Debug, Default)]
pub(super) struct Json {
    out: JsonText,
    malformed: Vec<Malformed>,
}

impl Format for Json {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        self.malformed.clear();
        self.out.begin("", b'{');
        self.received(received);
        tally.received(received.payload);
        match Datagram::parse(received.payload) {
            Ok(datagram) => self.parsed(&datagram, tally),
            Err(error) => self.refused(error, received.payload, tally),
        }
        self.out.end_line();
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        self.out.buffer()
    }
}

impl Json {
    fn received(&mut self, received: &Received<'_>) {
        let since = received.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.out.key("received");
        self.out.put(format_args!("{}.{:06}", since.as_secs(), since.subsec_micros()));
        if let Some(from) = received.from {
            self.out.shown("from", from);
        }
        self.out.number("length", received.payload.len());
    }

    fn refused(&mut self, error: Error, payload: &[u8], tally: &mut Tally) {
        tally.refuse(error);
        self.out.string("error", error.name());
        self.out.shown("message", error);
        self.out.bytes("bytes", payload);
    }

    fn parsed(&mut self, datagram: &Datagram<'_>, tally: &mut Tally) {
        tally.sequences.note(datagram);
        self.out.key("agent_address");
        self.out.address(datagram.agent_address);
        self.out.number("sub_agent_id", datagram.sub_agent_id);
        self.out.number("sequence_number", datagram.sequence_number);
        self.out.number("uptime", datagram.uptime);
        self.out.number("num_samples", datagram.num_samples);
        self.out.begin("samples", b'[');
        let mut samples = datagram.samples();
        for sample in samples.by_ref() {
            match sample {
                Ok(sample) => {
                    tally.samples += 1;
                    self.out.begin("", b'{');
                    self.sample(&sample, tally);
                    self.out.end(b'}');
                }
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.out.end(b']');
        self.out.leftover("trailing", samples.remaining());
        self.faults(tally);
    }

    fn faults(&mut self, tally: &mut Tally) {
        self.out.begin("malformed", b'[');
        for fault in core::mem::take(&mut self.malformed) {
            tally.malformed(fault);
            self.out.begin("", b'{');
            self.out.string("kind", fault.kind.name());
            self.out.number("offset", fault.offset);
            self.out.end(b'}');
        }
        self.out.end(b']');
    }

    fn sample(&mut self, sample: &Sample<'_>, tally: &mut Tally) {
        self.out.string("sample", sample.name().unwrap_or("unknown"));
        self.out.format("data_format", sample.data_format());
        match sample {
            Sample::Flow(flow) => {
                self.out.number("sequence_number", flow.sequence_number);
                self.source(flow.source_id);
                self.out.number("sampling_rate", flow.sampling_rate);
                self.out.number("sample_pool", flow.sample_pool);
                self.out.number("drops", flow.drops);
                self.interface("input", flow.input);
                self.interface("output", flow.output);
                self.records(flow.num_records, flow.records(), tally);
            }
            Sample::Counters(counters) => {
                self.out.number("sequence_number", counters.sequence_number);
                self.source(counters.source_id);
                self.records(counters.num_records, counters.records(), tally);
            }
            Sample::Discarded(packet) => {
                self.out.number("sequence_number", packet.sequence_number);
                self.source(packet.source_id);
                self.out.number("drops", packet.drops);
                self.out.number("input_if_index", packet.input_if_index);
                self.out.number("output_if_index", packet.output_if_index);
                self.out.number("reason", packet.reason);
                if let Some(name) = drop_reason_name(packet.reason) {
                    self.out.string("reason_name", name);
                }
                self.records(packet.num_records, packet.records(), tally);
            }
            Sample::RtMetric(metric) => {
                self.out.text("datasource", metric.datasource);
                self.values(metric.num_values, metric.values());
            }
            Sample::RtFlow(flow) => {
                self.out.text("datasource", flow.datasource);
                self.out.number("sampling_rate", flow.sampling_rate);
                self.out.number("sample_pool", flow.sample_pool);
                self.values(flow.num_values, flow.values());
            }
            Sample::Unknown(unknown) => {
                tally.unknown += 1;
                self.out.bytes("bytes", unknown.bytes());
            }
            _ => {}
        }
    }

    fn source(&mut self, source: DataSource) {
        self.out.begin("source_id", b'{');
        self.out.number("class", source.class);
        self.out.number("index", source.index);
        self.out.end(b'}');
    }

    fn interface(&mut self, name: &str, interface: Interface) {
        self.out.begin(name, b'{');
        self.out.number("format", interface.format);
        self.out.number("value", interface.value);
        self.out.key("port");
        match interface.port() {
            Port::Index(index) => self.out.quoted_number(index),
            other => self.out.quoted(other),
        }
        self.out.end(b'}');
    }

    fn records<'a, S: Space>(
        &mut self,
        declared: u32,
        mut records: Records<'a, S>,
        tally: &mut Tally,
    ) where
        Record<'a, S>: Packet,
    {
        self.out.number("num_records", declared);
        self.out.begin("records", b'[');
        for record in records.by_ref() {
            match record {
                Ok(record) => self.record(&record, tally),
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.out.end(b']');
        self.out.leftover("surplus", records.remaining());
    }

    fn record<'a, S: Space>(&mut self, record: &Record<'a, S>, tally: &mut Tally)
    where
        Record<'a, S>: Packet,
    {
        tally.records += 1;
        let name = record.name();
        tally.unknown += u64::from(name.is_none());
        self.out.begin("", b'{');
        self.out.string("record", name.unwrap_or("unknown"));
        self.out.format("data_format", record.data_format());
        match record.visit(&mut self.out) {
            Ok(tail) => {
                let known = record.bytes().len().saturating_sub(tail);
                self.out.leftover("tail", record.bytes().get(known..).unwrap_or_default());
            }
            Err(fault) => self.malformed.push(fault),
        }
        if let Some(header) = record.sampled_header() {
            self.packet(&header);
        }
        self.out.end(b'}');
    }

    fn packet(&mut self, header: &SampledHeader<'_>) {
        self.out.begin("packet", b'{');
        if let Some(flow) = header.five_tuple() {
            for (name, address) in [("src", flow.src), ("dst", flow.dst)] {
                self.out.key(name);
                self.out.address(match address {
                    IpAddr::V4(address) => Address::V4(address),
                    IpAddr::V6(address) => Address::V6(address),
                });
            }
            self.out.number("protocol", flow.protocol);
            self.out.number("src_port", flow.src_port);
            self.out.number("dst_port", flow.dst_port);
        }
        self.out.begin("layers", b'[');
        for layer in header.layers() {
            self.out.begin("", b'{');
            self.out.string("layer", layer.name());
            match layer {
                Layer::Payload(bytes) => self.out.number("length", bytes.len()),
                Layer::Truncated(protocol) => self.out.string("protocol", protocol),
                _ => layer.visit(&mut self.out),
            }
            self.out.end(b'}');
        }
        self.out.end(b']');
        self.out.end(b'}');
    }

    fn values<K: ValueTypes>(&mut self, declared: u32, values: RtValues<'_, K>) {
        self.out.number("num_values", declared);
        self.out.begin("values", b'[');
        for value in values {
            match value {
                Ok(RtValue { name, type_code, value, .. }) => {
                    self.out.begin("", b'{');
                    self.out.text("name", name);
                    self.out.number("type", type_code);
                    self.out.key("value");
                    self.out.scalar(value);
                    self.out.end(b'}');
                }
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.out.end(b']');
    }
}

/// The packet in a record, where it holds one.
pub(super) trait Packet {
    fn sampled_header(&self) -> Option<SampledHeader<'_>>;
}

impl Packet for FlowRecord<'_> {
    fn sampled_header(&self) -> Option<SampledHeader<'_>> {
        self.read()
    }
}

impl Packet for CounterRecord<'_> {
    fn sampled_header(&self) -> Option<SampledHeader<'_>> {
        None
    }
}
