//! JSON, one object a datagram; its names are documented in docs/analyzer.md.

use core::fmt::Display;
use core::net::IpAddr;
use std::io::Write as _;
use std::time::SystemTime;

use flowmote_analyzer::flow::SampledHeader;
use flowmote_analyzer::packet::Layer;
use flowmote_analyzer::record::{Record, Records, Space};
use flowmote_analyzer::visit::{Field, Shape, Value, Visitor};
use flowmote_analyzer::{
    Address, CounterRecord, DataFormat, DataSource, Datagram, Error, FlowRecord, Interface,
    Malformed, Port, RtValue, RtValues, Sample, Text, ValueTypes, drop_reason_name,
};

use super::numbers::Put;
use super::{Format, Received};
use crate::tally::Tally;

/// Writes datagrams as JSON, one line each.
#[derive(Debug, Default)]
pub(super) struct Json {
    out: Vec<u8>,
    /// Nothing stands yet in the object or list that was begun last.
    first: bool,
    malformed: Vec<Malformed>,
}

impl Format for Json {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        self.malformed.clear();
        self.out.push(b'{');
        self.first = true;
        self.received(received);
        tally.received(received.payload);
        match Datagram::parse(received.payload) {
            Ok(datagram) => self.parsed(&datagram, tally),
            Err(error) => self.refused(error, received.payload, tally),
        }
        self.out.extend_from_slice(b"}\n");
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl Json {
    fn received(&mut self, received: &Received<'_>) {
        let since = received.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.key("received");
        self.put(format_args!("{}.{:06}", since.as_secs(), since.subsec_micros()));
        if let Some(from) = received.from {
            self.shown("from", from);
        }
        self.number("length", received.payload.len());
    }

    fn refused(&mut self, error: Error, payload: &[u8], tally: &mut Tally) {
        tally.refuse(error);
        self.string("error", error.name());
        self.shown("message", error);
        self.bytes("bytes", payload);
    }

    fn parsed(&mut self, datagram: &Datagram<'_>, tally: &mut Tally) {
        tally.sequences.note(datagram);
        self.key("agent_address");
        self.address(datagram.agent_address);
        self.number("sub_agent_id", datagram.sub_agent_id);
        self.number("sequence_number", datagram.sequence_number);
        self.number("uptime", datagram.uptime);
        self.number("num_samples", datagram.num_samples);
        self.begin("samples", b'[');
        let mut samples = datagram.samples();
        for sample in samples.by_ref() {
            match sample {
                Ok(sample) => {
                    tally.samples += 1;
                    self.begin("", b'{');
                    self.sample(&sample, tally);
                    self.end(b'}');
                }
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.end(b']');
        self.leftover("trailing", samples.remaining());
        self.faults(tally);
    }

    fn faults(&mut self, tally: &mut Tally) {
        self.begin("malformed", b'[');
        for fault in core::mem::take(&mut self.malformed) {
            tally.malformed(fault);
            self.begin("", b'{');
            self.string("kind", fault.kind.name());
            self.number("offset", fault.offset);
            self.end(b'}');
        }
        self.end(b']');
    }

    fn sample(&mut self, sample: &Sample<'_>, tally: &mut Tally) {
        self.string("sample", sample.name().unwrap_or("unknown"));
        self.format("data_format", sample.data_format());
        match sample {
            Sample::Flow(flow) => {
                self.number("sequence_number", flow.sequence_number);
                self.source(flow.source_id);
                self.number("sampling_rate", flow.sampling_rate);
                self.number("sample_pool", flow.sample_pool);
                self.number("drops", flow.drops);
                self.interface("input", flow.input);
                self.interface("output", flow.output);
                self.records(flow.num_records, flow.records(), tally);
            }
            Sample::Counters(counters) => {
                self.number("sequence_number", counters.sequence_number);
                self.source(counters.source_id);
                self.records(counters.num_records, counters.records(), tally);
            }
            Sample::Discarded(packet) => {
                self.number("sequence_number", packet.sequence_number);
                self.source(packet.source_id);
                self.number("drops", packet.drops);
                self.number("input_if_index", packet.input_if_index);
                self.number("output_if_index", packet.output_if_index);
                self.number("reason", packet.reason);
                if let Some(name) = drop_reason_name(packet.reason) {
                    self.string("reason_name", name);
                }
                self.records(packet.num_records, packet.records(), tally);
            }
            Sample::RtMetric(metric) => {
                self.text("datasource", metric.datasource);
                self.values(metric.num_values, metric.values());
            }
            Sample::RtFlow(flow) => {
                self.text("datasource", flow.datasource);
                self.number("sampling_rate", flow.sampling_rate);
                self.number("sample_pool", flow.sample_pool);
                self.values(flow.num_values, flow.values());
            }
            Sample::Unknown(unknown) => {
                tally.unknown += 1;
                self.bytes("bytes", unknown.bytes());
            }
            _ => {}
        }
    }

    fn source(&mut self, source: DataSource) {
        self.begin("source_id", b'{');
        self.number("class", source.class);
        self.number("index", source.index);
        self.end(b'}');
    }

    fn interface(&mut self, name: &str, interface: Interface) {
        self.begin(name, b'{');
        self.number("format", interface.format);
        self.number("value", interface.value);
        self.key("port");
        match interface.port() {
            Port::Index(index) => {
                self.out.push(b'"');
                self.out.put_decimal(index);
                self.out.push(b'"');
            }
            other => self.quoted(other),
        }
        self.end(b'}');
    }

    fn records<'a, S: Space>(
        &mut self,
        declared: u32,
        mut records: Records<'a, S>,
        tally: &mut Tally,
    ) where
        Record<'a, S>: Packet,
    {
        self.number("num_records", declared);
        self.begin("records", b'[');
        for record in records.by_ref() {
            match record {
                Ok(record) => self.record(&record, tally),
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.end(b']');
        self.leftover("surplus", records.remaining());
    }

    fn record<'a, S: Space>(&mut self, record: &Record<'a, S>, tally: &mut Tally)
    where
        Record<'a, S>: Packet,
    {
        tally.records += 1;
        let name = record.name();
        tally.unknown += u64::from(name.is_none());
        self.begin("", b'{');
        self.string("record", name.unwrap_or("unknown"));
        self.format("data_format", record.data_format());
        match record.visit(self) {
            Ok(tail) => {
                let known = record.bytes().len().saturating_sub(tail);
                self.leftover("tail", record.bytes().get(known..).unwrap_or_default());
            }
            Err(fault) => self.malformed.push(fault),
        }
        if let Some(header) = record.sampled_header() {
            self.packet(&header);
        }
        self.end(b'}');
    }

    fn packet(&mut self, header: &SampledHeader<'_>) {
        self.begin("packet", b'{');
        if let Some(flow) = header.five_tuple() {
            for (name, address) in [("src", flow.src), ("dst", flow.dst)] {
                self.key(name);
                self.address(match address {
                    IpAddr::V4(address) => Address::V4(address),
                    IpAddr::V6(address) => Address::V6(address),
                });
            }
            self.number("protocol", flow.protocol);
            self.number("src_port", flow.src_port);
            self.number("dst_port", flow.dst_port);
        }
        self.begin("layers", b'[');
        for layer in header.layers() {
            self.begin("", b'{');
            self.string("layer", layer.name());
            match layer {
                Layer::Payload(bytes) => self.number("length", bytes.len()),
                Layer::Truncated(protocol) => self.string("protocol", protocol),
                _ => layer.visit(self),
            }
            self.end(b'}');
        }
        self.end(b']');
        self.end(b'}');
    }

    fn values<K: ValueTypes>(&mut self, declared: u32, values: RtValues<'_, K>) {
        self.number("num_values", declared);
        self.begin("values", b'[');
        for value in values {
            match value {
                Ok(RtValue { name, type_code, value, .. }) => {
                    self.begin("", b'{');
                    self.text("name", name);
                    self.number("type", type_code);
                    self.key("value");
                    self.scalar(value);
                    self.end(b'}');
                }
                Err(fault) => self.malformed.push(fault),
            }
        }
        self.end(b']');
    }

    /// Bytes that belong to nothing known, if there are any.
    fn leftover(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes(name, bytes);
        }
    }

    fn begin(&mut self, name: &str, bracket: u8) {
        self.key(name);
        self.out.push(bracket);
        self.first = true;
    }

    fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.first = false;
    }

    fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.key(name);
        self.out.put_decimal(value);
    }

    /// A string that needs no escapes.
    fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        self.out.push(b'"');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'"');
    }

    /// As text that needs no escapes.
    fn shown(&mut self, name: &str, value: impl Display) {
        self.key(name);
        self.quoted(value);
    }

    fn format(&mut self, name: &str, format: DataFormat) {
        self.key(name);
        self.data_format(format);
    }

    fn data_format(&mut self, format: DataFormat) {
        self.out.push(b'"');
        self.out.put_decimal(format.enterprise());
        self.out.push(b':');
        self.out.put_decimal(format.format());
        self.out.push(b'"');
    }

    fn address(&mut self, address: Address) {
        match address {
            Address::V4(address) => {
                self.out.push(b'"');
                self.out.put_ipv4(address);
                self.out.push(b'"');
            }
            other => self.quoted(other),
        }
    }

    fn text(&mut self, name: &str, text: Text<'_>) {
        self.key(name);
        self.escaped(text);
    }

    fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.key(name);
        self.hex(bytes);
    }

    /// Comma and name; an item of a list has no name.
    #[inline]
    fn key(&mut self, name: &str) {
        if !self.first {
            self.out.push(b',');
        }
        self.first = false;
        if !name.is_empty() {
            self.out.push(b'"');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
    }

    fn put(&mut self, value: impl Display) {
        // writing to memory does not fail
        let _ = write!(self.out, "{value}");
    }

    fn quoted(&mut self, value: impl Display) {
        self.out.push(b'"');
        self.put(value);
        self.out.push(b'"');
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        self.out.put_hex(bytes);
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: Text<'_>) {
        self.out.push(b'"');
        for chunk in text.0.utf8_chunks() {
            for byte in chunk.valid().bytes() {
                match byte {
                    b'"' | b'\\' => self.out.extend([b'\\', byte]),
                    0..0x20 => self.put(format_args!("\\u{byte:04x}")),
                    _ => self.out.push(byte),
                }
            }
            if !chunk.invalid().is_empty() {
                self.out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.out.push(b'"');
    }

    fn float(&mut self, value: f64, shown: impl Display) {
        if value.is_finite() { self.put(shown) } else { self.put("null") }
    }

    fn scalar(&mut self, value: Value<'_>) {
        match value {
            Value::U32(value) => self.out.put_decimal(value),
            Value::U64(value) => self.out.put_decimal(value),
            Value::I32(value) => self.out.put_decimal(value),
            Value::I64(value) => self.out.put_decimal(value),
            Value::Percentage(value) => self.out.put_decimal(value.0),
            Value::F32(value) => self.float(value.into(), value),
            Value::F64(value) => self.float(value, value),
            Value::Bool(value) => self.put(value),
            Value::Text(value) => self.escaped(value),
            Value::Bytes(value) => self.hex(value),
            Value::Mac(value) => {
                self.out.push(b'"');
                self.out.put_mac(value);
                self.out.push(b'"');
            }
            Value::Ipv4(value) => self.address(Address::V4(value)),
            Value::Ipv6(value) => self.quoted(value),
            Value::Address(value) => self.address(value),
            Value::Uuid(value) => self.quoted(value),
            Value::Format(value) => self.data_format(value),
        }
    }
}

impl Visitor for Json {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.key(field.name);
        self.scalar(value);
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.begin(field.name, if shape == Shape::List { b'[' } else { b'{' });
    }

    fn close(&mut self, shape: Shape) {
        self.end(if shape == Shape::List { b']' } else { b'}' });
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
