//! Text, one block per datagram.

use core::fmt::Display;
use std::io::Write;

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::packet::Layer;
use flowmote_decoder::record::{Record, Space};
use flowmote_decoder::visit::{Field, Kind, Shape, Value, Visitor};
use flowmote_decoder::{
    CounterRecord, Datagram, Error, FlowRecord, Malformed, RtValue, Sample, drop_reason_name,
};
use flowmote_engine::{Level, Sink, Tally, walk};

use super::format::{Format, Received};
use super::numbers::Put;
use super::time::Utc;

/// Writes datagrams as text, each followed by an empty line.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: Vec<u8>,
    /// Offset of the current line in `out`.
    line: usize,
    /// Indentation of continuation lines.
    indent: usize,
}

impl Format for Text {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        self.line = self.out.len();
        self.indent = 4;
        self.put(Utc(received.time));
        if let Some(from) = received.from {
            self.put(" from ");
            self.put(from);
        }
        self.word("bytes", received.payload.len());
        walk(&received.arrival(), received.payload, tally, self);
        self.out.extend_from_slice(b"\n\n");
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

impl Sink for Text {
    fn refused(&mut self, error: Error, _: &[u8]) {
        self.begin(2, "refused: ");
        self.put(error);
    }

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        if datagram.version != 5 {
            self.word("version", datagram.version);
        }
        self.word("agent", datagram.agent_address);
        self.word("sub-agent", datagram.sub_agent_id);
        self.word("sequence", datagram.sequence_number);
        self.word("uptime", format_args!("{:.3} s", f64::from(datagram.uptime) / 1000.0));
        self.word("samples", datagram.num_samples);
    }

    fn sample(&mut self, sample: &Sample<'_>) {
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
            }
            Sample::Counters(counters) => {
                self.word("sequence", counters.sequence_number);
                self.word("source", counters.source_id);
                if let Some(interval) = counters.sampling_interval() {
                    self.word("interval", format_args!("{interval} s"));
                }
            }
            Sample::Discarded(packet) => {
                self.word("sequence", packet.sequence_number);
                self.word("source", packet.source_id);
                self.word("drops", packet.drops);
                self.word("input", packet.input_if_index);
                self.word("output", packet.output_if_index);
                self.word("reason", packet.reason);
                self.word("that is", drop_reason_name(packet.reason).unwrap_or("unknown"));
            }
            Sample::RtMetric(metric) => {
                self.word("datasource", format_args!("{:?}", metric.datasource.to_string()));
            }
            Sample::RtFlow(flow) => {
                self.word("datasource", format_args!("{:?}", flow.datasource.to_string()));
                self.word("rate", flow.sampling_rate);
                self.word("pool", flow.sample_pool);
            }
            Sample::Unknown(unknown) => self.word("bytes", unknown.bytes().len()),
            _ => {}
        }
    }

    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        let outcome = self.record(record);
        if let Some(header) = record.read() {
            self.packet(&header);
        }
        outcome
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        self.record(record)
    }

    fn value(&mut self, value: &RtValue<'_>) {
        self.begin(4, format_args!("{:?}", value.name.to_string()));
        self.put(" = ");
        self.scalar(Kind::Identity, value.value);
    }

    fn fault(&mut self, level: Level, fault: Malformed) {
        self.malformed(if level == Level::Datagram { 2 } else { 4 }, fault);
    }

    fn end(&mut self, trailing: &[u8]) {
        if !trailing.is_empty() {
            self.begin(2, format_args!("{} bytes after the samples", trailing.len()));
        }
    }
}

impl Text {
    fn record<S: Space>(&mut self, record: &Record<'_, S>) -> Result<usize, Malformed> {
        self.begin(4, record.name().unwrap_or("unknown record"));
        self.put(" ");
        self.put(record.data_format());
        let outcome = record.visit(self);
        if let Err(fault) = outcome {
            self.malformed(6, fault);
        }
        outcome
    }

    /// Writes a line for each protocol header.
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

    fn malformed(&mut self, indent: usize, fault: Malformed) {
        self.begin(indent, "malformed: ");
        self.put(fault);
    }

    /// Begins a line of its own.
    fn begin(&mut self, indent: usize, text: impl Display) {
        self.out.push(b'\n');
        self.line = self.out.len();
        self.indent = indent + 4;
        self.put(format_args!("{:indent$}{text}", ""));
    }

    /// Writes a field as `name value`.
    fn word(&mut self, name: &str, value: impl Display) {
        self.space();
        self.put(format_args!("{name} {value}"));
    }

    /// Writes the name of a field; items of a list have an empty name.
    fn name(&mut self, name: &str) {
        self.space();
        if !name.is_empty() {
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b'=');
        }
    }

    /// Separates fields by a space, or by a new line if the current one is full.
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
        // Writing to memory does not fail.
        let _ = write!(self.out, "{value}");
    }

    fn scalar(&mut self, kind: Kind, value: Value<'_>) {
        match value {
            Value::U32(u32::MAX) | Value::U64(u64::MAX) if kind == Kind::Counter => {
                self.put("unknown");
            }
            Value::U32(value) => self.out.put_decimal(value),
            Value::U64(value) => self.out.put_decimal(value),
            Value::I32(value) => self.out.put_decimal(value),
            Value::I64(value) => self.out.put_decimal(value),
            Value::F32(value) => self.put(value),
            Value::F64(value) => self.put(value),
            Value::Bool(value) => self.put(value),
            Value::Percentage(value) => match value.percent() {
                Some(percent) => self.put(format_args!("{percent:.2}%")),
                None => self.put("unknown"),
            },
            Value::Text(value) => self.put(format_args!("{:?}", value.to_string())),
            Value::Latin1(value) => self.put(format_args!("{:?}", value.to_string())),
            // Longer bytes, such as sampled headers, are only counted; JSON has them all.
            Value::Bytes(value) if value.len() > 16 => {
                self.put(format_args!("({} bytes)", value.len()))
            }
            Value::Bytes(value) => self.out.put_hex(value),
            Value::Mac(value) => self.out.put_mac(value),
            Value::Ipv4(value) => self.out.put_ipv4(value),
            Value::Ipv6(value) => self.put(value),
            Value::Address(value) => self.put(value),
            Value::Uuid(value) => self.put(value),
            Value::Format(value) => self.put(value),
        }
    }
}

impl Visitor for Text {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.name(field.name);
        self.scalar(field.kind, value);
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.name(field.name);
        self.put(if shape == Shape::List { "[" } else { "{" });
    }

    fn close(&mut self, shape: Shape) {
        self.space();
        self.put(if shape == Shape::List { "]" } else { "}" });
    }
}

/// Bytes after which a line is continued on the next one.
const WIDTH: usize = 88;
