//! JSON, one object per datagram. docs/analyzer.md documents the names.

use std::time::SystemTime;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;
use flowmote_decoder::record::{Record, Space};
use flowmote_decoder::{
    CounterRecord, DataSource, Datagram, Error, FlowRecord, Interface, Malformed, Port, RtValue,
    Sample, drop_reason_name,
};
use flowmote_engine::{Level, Sink};

use super::format::{JsonLines, Received};
use super::json_text::JsonText;

/// Writes datagrams as JSON, one line each.
#[derive(Debug, Default)]
pub(super) struct Json {
    out: JsonText,
    /// Faults of the current datagram. They are written at its end, after the samples.
    malformed: Vec<Malformed>,
}

impl JsonLines for Json {
    fn json(&mut self) -> &mut JsonText {
        &mut self.out
    }

    fn received(&mut self, received: &Received<'_>) {
        let since = received.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.out.key("received");
        self.out.seconds(since);
        if let Some(from) = received.from {
            self.out.key("from");
            self.out.socket_address(from);
        }
        self.out.number("length", received.payload.len());
    }
}

impl Sink for Json {
    fn refused(&mut self, error: Error, payload: &[u8]) {
        self.out.string("error", error.name());
        self.out.shown("message", error);
        self.out.bytes("bytes", payload);
    }

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        if datagram.version != 5 {
            self.out.number("version", datagram.version);
        }
        self.out.key("agent_address");
        self.out.address(datagram.agent_address);
        self.out.number("sub_agent_id", datagram.sub_agent_id);
        self.out.number("sequence_number", datagram.sequence_number);
        self.out.number("uptime", datagram.uptime);
        self.out.number("num_samples", datagram.num_samples);
        self.out.begin("samples", b'[');
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.out.begin("", b'{');
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
                self.list("num_records", flow.num_records, "records");
            }
            Sample::Counters(counters) => {
                self.out.number("sequence_number", counters.sequence_number);
                self.source(counters.source_id);
                if let Some(interval) = counters.sampling_interval() {
                    self.out.number("sampling_interval", interval);
                }
                self.list("num_records", counters.num_records, "records");
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
                self.list("num_records", packet.num_records, "records");
            }
            Sample::RtMetric(metric) => {
                self.out.text("datasource", metric.datasource);
                self.list("num_values", metric.num_values, "values");
            }
            Sample::RtFlow(flow) => {
                self.out.text("datasource", flow.datasource);
                self.out.number("sampling_rate", flow.sampling_rate);
                self.out.number("sample_pool", flow.sample_pool);
                self.list("num_values", flow.num_values, "values");
            }
            Sample::Unknown(unknown) => self.out.bytes("bytes", unknown.bytes()),
            _ => {}
        }
    }

    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        self.record(record, record.read())
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        self.record(record, None)
    }

    fn value(&mut self, value: &RtValue<'_>) {
        self.out.begin("", b'{');
        self.out.text("name", value.name);
        self.out.number("type", value.type_code);
        self.out.key("value");
        self.out.scalar(value.value);
        self.out.end(b'}');
    }

    fn fault(&mut self, _: Level, fault: Malformed) {
        self.malformed.push(fault);
    }

    fn end_of_sample(&mut self, sample: &Sample<'_>, surplus: &[u8]) {
        if !matches!(sample, Sample::Unknown(_)) {
            self.out.end(b']');
            self.out.leftover("surplus", surplus);
        }
        self.out.end(b'}');
    }

    fn end(&mut self, trailing: &[u8]) {
        self.out.end(b']');
        self.out.leftover("trailing", trailing);
        self.out.begin("malformed", b'[');
        for fault in self.malformed.drain(..) {
            self.out.begin("", b'{');
            self.out.string("kind", fault.kind.name());
            self.out.number("offset", fault.offset);
            self.out.end(b'}');
        }
        self.out.end(b']');
    }
}

impl Json {
    /// Writes the declared number of items and begins their list.
    fn list(&mut self, number: &str, declared: u32, items: &str) {
        self.out.number(number, declared);
        self.out.begin(items, b'[');
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

    /// Writes a record, and the protocol headers of a sampled packet.
    fn record<S: Space>(
        &mut self,
        record: &Record<'_, S>,
        packet: Option<SampledHeader<'_>>,
    ) -> Result<usize, Malformed> {
        self.out.begin("", b'{');
        self.out.string("record", record.name().unwrap_or("unknown"));
        self.out.format("data_format", record.data_format());
        let outcome = record.visit(&mut self.out);
        match outcome {
            Ok(tail) => {
                let known = record.bytes().len().saturating_sub(tail);
                self.out.leftover("tail", record.bytes().get(known..).unwrap_or_default());
            }
            Err(fault) => self.malformed.push(fault),
        }
        if let Some(header) = packet {
            self.packet(&header);
        }
        self.out.end(b'}');
        outcome
    }

    /// Writes addresses and ports of the outermost IP packet, and all protocol headers.
    fn packet(&mut self, header: &SampledHeader<'_>) {
        self.out.begin("packet", b'{');
        if let Some(flow) = header.five_tuple() {
            for (name, address) in [("src", flow.src), ("dst", flow.dst)] {
                self.out.key(name);
                self.out.address(address.into());
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
}
