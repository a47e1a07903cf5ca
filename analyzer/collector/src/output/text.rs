//! Text, one block a datagram.

use core::fmt::Display;
use std::io::Write;
use std::time::SystemTime;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;
use flowmote_decoder::record::{Record, Records, Space};
use flowmote_decoder::visit::{Field, Kind, Shape, Value, Visitor};
use flowmote_decoder::{
    Datagram, Malformed, RtValue, RtValues, Sample, ValueTypes, drop_reason_name,
};

use super::json::Packet;
use super::{Format, Received};
use crate::tally::Tally;

/// Writes datagrams as text, one block and an empty line each.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: Vec<u8>,
    /// Where the line being written began.
    line: usize,
    /// Spaces before its continuation.
    indent: usize,
}

impl Format for Text {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        tally.received(received.payload);
        self.line = self.out.len();
        self.indent = 4;
        self.put(time_of_day(received.time));
        if let Some(from) = received.from {
            self.put(" from ");
            self.put(from);
        }
        self.word("bytes", received.payload.len());
        match Datagram::parse(received.payload) {
            Ok(datagram) => self.parsed(&datagram, tally),
            Err(error) => {
                tally.refuse(error);
                self.begin(2, "refused: ");
                self.put(error);
            }
        }
        self.out.extend_from_slice(b"\n\n");
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl Text {
    fn parsed(&mut self, datagram: &Datagram<'_>, tally: &mut Tally) {
        tally.sequences.note(datagram);
        self.word("agent", datagram.agent_address);
        self.word("sub-agent", datagram.sub_agent_id);
        self.word("sequence", datagram.sequence_number);
        self.word("uptime", format_args!("{:.3} s", f64::from(datagram.uptime) / 1000.0));
        self.word("samples", datagram.num_samples);
        let mut samples = datagram.samples();
        for sample in samples.by_ref() {
            match sample {
                Ok(sample) => self.sample(&sample, tally),
                Err(fault) => self.fault(2, fault, tally),
            }
        }
        if !samples.remaining().is_empty() {
            self.begin(2, format_args!("{} bytes after the samples", samples.remaining().len()));
        }
    }

    fn sample(&mut self, sample: &Sample<'_>, tally: &mut Tally) {
        tally.samples += 1;
        self.begin(2, sample.name().unwrap_or("unknown sample"));
        self.put(" ");
        self.put(sample.data_format());
        match sample {
            Sample::Flow(flow) => {
                self.word("sequence", flow.sequence_number);
                self.word("source", flow.source_id);
                self.word("rate", flow.sampling_rate);
                self.word("pool", flow.sample_pool);
                self.word("drops", flow.drops);
                self.word("input", flow.input.port());
                self.word("output", flow.output.port());
                self.records(flow.records(), tally);
            }
            Sample::Counters(counters) => {
                self.word("sequence", counters.sequence_number);
                self.word("source", counters.source_id);
                self.records(counters.records(), tally);
            }
            Sample::Discarded(packet) => {
                self.word("sequence", packet.sequence_number);
                self.word("source", packet.source_id);
                self.word("drops", packet.drops);
                self.word("input", packet.input_if_index);
                self.word("output", packet.output_if_index);
                self.word("reason", packet.reason);
                self.word("that is", drop_reason_name(packet.reason).unwrap_or("unknown"));
                self.records(packet.records(), tally);
            }
            Sample::RtMetric(metric) => {
                self.word("datasource", format_args!("{:?}", metric.datasource.to_string()));
                self.values(metric.values(), tally);
            }
            Sample::RtFlow(flow) => {
                self.word("datasource", format_args!("{:?}", flow.datasource.to_string()));
                self.word("rate", flow.sampling_rate);
                self.word("pool", flow.sample_pool);
                self.values(flow.values(), tally);
            }
            Sample::Unknown(unknown) => {
                tally.unknown += 1;
                self.word("bytes", unknown.bytes().len());
            }
            _ => {}
        }
    }

    fn records<'a, S: Space>(&mut self, records: Records<'a, S>, tally: &mut Tally)
    where
        Record<'a, S>: Packet,
    {
        for record in records {
            match record {
                Ok(record) => self.record(&record, tally),
                Err(fault) => self.fault(4, fault, tally),
            }
        }
    }

    fn record<'a, S: Space>(&mut self, record: &Record<'a, S>, tally: &mut Tally)
    where
        Record<'a, S>: Packet,
    {
        tally.records += 1;
        let name = record.name();
        tally.unknown += u64::from(name.is_none());
        self.begin(4, name.unwrap_or("unknown record"));
        self.put(" ");
        self.put(record.data_format());
        if let Err(fault) = record.visit(self) {
            self.fault(6, fault, tally);
        }
        if let Some(header) = record.sampled_header() {
            self.packet(&header);
        }
    }

    fn packet(&mut self, header: &SampledHeader<'_>) {
        for layer in header.layers() {
            self.begin(6, layer.name());
            match layer {
                Layer::Payload(bytes) => self.word("bytes", bytes.len()),
                Layer::Truncated(protocol) => self.word("in", protocol),
                _ => layer.visit(self),
            }
        }
    }

    fn values<K: ValueTypes>(&mut self, values: RtValues<'_, K>, tally: &mut Tally) {
        for value in values {
            match value {
                Ok(RtValue { name, value, .. }) => {
                    self.begin(4, format_args!("{:?}", name.to_string()));
                    self.put(" = ");
                    self.scalar(Kind::Identity, value);
                }
                Err(fault) => self.fault(4, fault, tally),
            }
        }
    }

    fn fault(&mut self, indent: usize, fault: Malformed, tally: &mut Tally) {
        tally.malformed(fault);
        self.begin(indent, "malformed: ");
        self.put(fault);
    }

    /// Begins a line.
    fn begin(&mut self, indent: usize, text: impl Display) {
        self.out.push(b'\n');
        self.line = self.out.len();
        self.indent = indent + 4;
        self.put(format_args!("{:indent$}{text}", ""));
    }

    fn word(&mut self, name: &str, value: impl Display) {
        self.space();
        self.put(format_args!("{name} {value}"));
    }

    /// Before the next field: a blank, or a new line where this one is full.
    fn space(&mut self) {
        if self.out.len() - self.line < WIDTH {
            return self.out.push(b' ');
        }
        self.out.push(b'\n');
        self.line = self.out.len();
        let indent = self.indent;
        self.put(format_args!("{:indent$}", ""));
    }

    fn put(&mut self, value: impl Display) {
        // writing to memory does not fail
        let _ = write!(self.out, "{value}");
    }

    fn scalar(&mut self, kind: Kind, value: Value<'_>) {
        match value {
            Value::U32(u32::MAX) | Value::U64(u64::MAX) if kind == Kind::Counter => {
                self.put("unknown");
            }
            Value::U32(value) => self.put(value),
            Value::U64(value) => self.put(value),
            Value::I32(value) => self.put(value),
            Value::I64(value) => self.put(value),
            Value::F32(value) => self.put(value),
            Value::F64(value) => self.put(value),
            Value::Bool(value) => self.put(value),
            Value::Percentage(value) => match value.percent() {
                Some(percent) => self.put(format_args!("{percent:.2}%")),
                None => self.put("unknown"),
            },
            Value::Text(value) => self.put(format_args!("{:?}", value.to_string())),
            Value::Bytes(value) if value.len() > 16 => {
                self.put(format_args!("({} bytes)", value.len()))
            }
            Value::Bytes(value) => {
                value.iter().for_each(|byte| self.put(format_args!("{byte:02x}")))
            }
            Value::Mac(value) => self.put(value),
            Value::Ipv4(value) => self.put(value),
            Value::Ipv6(value) => self.put(value),
            Value::Address(value) => self.put(value),
            Value::Uuid(value) => self.put(value),
            Value::Format(value) => self.put(value),
        }
    }
}

impl Visitor for Text {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.space();
        if !field.name.is_empty() {
            self.put(field.name);
            self.put("=");
        }
        self.scalar(field.kind, value);
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.space();
        if !field.name.is_empty() {
            self.put(field.name);
            self.put("=");
        }
        self.put(if shape == Shape::List { "[" } else { "{" });
    }

    fn close(&mut self, shape: Shape) {
        self.space();
        self.put(if shape == Shape::List { "]" } else { "}" });
    }
}

/// Of the day, in UTC.
fn time_of_day(time: SystemTime) -> String {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let (seconds, millis) = (since.as_secs() % 86_400, since.subsec_millis());
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
}

/// A line this long is continued on the next.
const WIDTH: usize = 88;
