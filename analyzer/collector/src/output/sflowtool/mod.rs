//! JSON with the names and the structure of `sflowtool -j`, one object per datagram.

mod element;
mod header;
mod names;
mod records;

use std::time::SystemTime;

use flowmote_decoder::record::{Record, Space};
use flowmote_decoder::{
    CounterRecord, DataSource, Datagram, Error, FlowRecord, Interface, Malformed, RtValue, Sample,
    drop_reason_name,
};
use flowmote_engine::Sink;

use super::format::{JsonLines, Received};
use super::json_text::JsonText;
use super::time::Utc;
use element::Element;

/// Writes datagrams as JSON, one line each.
#[derive(Debug, Default)]
pub(super) struct Sflowtool {
    out: JsonText,
    /// `discarded_` in the elements of a discarded packet.
    prefix: &'static str,
    /// `rtmetric` or `rtflow`, the sample whose values follow.
    custom: &'static str,
}

impl JsonLines for Sflowtool {
    fn json(&mut self) -> &mut JsonText {
        &mut self.out
    }

    fn received(&mut self, received: &Received<'_>) {
        let since = received.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut head = self.element();
        match received.from {
            Some(from) => head.ip("datagramSourceIP", from.ip().to_canonical()),
            None => head.put("datagramSourceIP", "-"),
        }
        head.put("datagramSize", received.payload.len());
        head.put("unixSecondsUTC", since.as_secs());
        head.number("unixSecondsUTC_uS", since.subsec_micros());
        head.put("localtime", format_args!("{}+0000", Utc(received.time).seconds()));
        if let Some(version) = received.payload.first_chunk() {
            head.number("datagramVersion", u32::from_be_bytes(*version));
        }
    }
}

impl Sink for Sflowtool {
    fn refused(&mut self, _: Error, _: &[u8]) {}

    fn datagram(&mut self, datagram: &Datagram<'_>) {
        let mut head = self.element();
        if datagram.version == 5 {
            head.number("agentSubId", datagram.sub_agent_id);
        }
        head.address("agent", datagram.agent_address);
        head.number("packetSequenceNo", datagram.sequence_number);
        head.number("sysUpTime", datagram.uptime);
        head.number("samplesInPacket", datagram.num_samples);
        self.out.begin("samples", b'[');
    }

    fn sample(&mut self, sample: &Sample<'_>) {
        self.out.begin("", b'{');
        self.element().tag("sampleType_tag", sample.data_format());
        match sample {
            Sample::Flow(flow) => {
                self.sample_head("FLOWSAMPLE", flow.sequence_number, flow.source_id);
                let mut fields = self.element();
                fields.number("meanSkipCount", flow.sampling_rate);
                fields.number("samplePool", flow.sample_pool);
                fields.number("dropEvents", flow.drops);
                fields.port("inputPort", flow.input);
                fields.port("outputPort", flow.output);
            }
            Sample::Counters(counters) => {
                self.sample_head("COUNTERSSAMPLE", counters.sequence_number, counters.source_id);
            }
            Sample::Discarded(packet) => {
                self.sample_head("DISCARD", packet.sequence_number, packet.source_id);
                let mut fields = self.element();
                fields.number("dropEvents", packet.drops);
                fields.number("inputPort", packet.input_if_index);
                fields.number("outputPort", packet.output_if_index);
                fields.number("discardCode", packet.reason);
                fields.put("discardReason", drop_reason_name(packet.reason).unwrap_or("NotFound"));
                self.prefix = "discarded_";
            }
            Sample::RtMetric(metric) => {
                self.custom = "rtmetric";
                self.element().put("sampleType", "RTMETRIC");
                self.element().text("rtmetric_datasource_name", metric.datasource);
            }
            Sample::RtFlow(flow) => {
                self.custom = "rtflow";
                let mut fields = self.element();
                fields.put("sampleType", "RTFLOW");
                fields.text("rtflow_datasource_name", flow.datasource);
                fields.number("rtflow_sampling_rate", flow.sampling_rate);
                fields.number("rtflow_sample_pool", flow.sample_pool);
            }
            _ => {}
        }
        if has_elements(sample) {
            self.out.begin("elements", b'[');
        }
    }

    fn flow_record(&mut self, record: &FlowRecord<'_>) -> Result<usize, Malformed> {
        self.record("flowBlock_tag", record, |element, record| element.flow_record(record))
    }

    fn counter_record(&mut self, record: &CounterRecord<'_>) -> Result<usize, Malformed> {
        self.record("counterBlock_tag", record, |element, record| element.counter_record(record))
    }

    fn value(&mut self, value: &RtValue<'_>) {
        let kind = kind(self.custom, value.type_code);
        let name = format!("{}{kind}{}", self.custom, JsonText::escape(value.name));
        self.element().plain(&name, value.value);
    }

    fn end_of_sample(&mut self, sample: &Sample<'_>, _: &[u8]) {
        self.prefix = "";
        if has_elements(sample) {
            self.out.end(b']');
        }
        self.out.end(b'}');
    }

    fn end(&mut self, _: &[u8]) {
        self.out.end(b']');
    }
}

impl Sflowtool {
    fn element(&mut self) -> Element<'_> {
        Element { out: &mut self.out, prefix: "" }
    }

    fn sample_head(&mut self, name: &str, sequence_number: u32, source: DataSource) {
        let mut fields = self.element();
        fields.put("sampleType", name);
        fields.number("sampleSequenceNo", sequence_number);
        fields.put("sourceId", format_args!("{}:{}", source.class, source.index));
    }

    fn record<S: Space>(
        &mut self,
        tag: &str,
        record: &Record<'_, S>,
        write: impl Fn(&mut Element<'_>, &Record<'_, S>) -> Result<usize, Malformed>,
    ) -> Result<usize, Malformed> {
        self.out.begin("", b'{');
        let mut element = Element { out: &mut self.out, prefix: self.prefix };
        element.tag(tag, record.data_format());
        let outcome = write(&mut element, record);
        self.out.end(b'}');
        outcome
    }
}

impl Element<'_> {
    fn port(&mut self, name: &str, port: Interface) {
        let value = port.value;
        match port.format {
            0 => self.number(name, value),
            1 => self.put(name, format_args!("dropCode {value}")),
            2 => self.put(name, format_args!("multiple {value}")),
            format => self.put(name, format_args!("format=={format} {value}")),
        }
    }
}

/// True for the samples that consist of records.
fn has_elements(sample: &Sample<'_>) -> bool {
    matches!(sample, Sample::Flow(_) | Sample::Counters(_) | Sample::Discarded(_))
}

/// The type of a value in rtmetric and rtflow samples, as part of its name.
fn kind(custom: &str, code: u32) -> &'static str {
    match (custom, code) {
        (_, 0) => "_string_",
        ("rtmetric", 1) => "_counter32_",
        ("rtmetric", 2) => "_counter64_",
        ("rtmetric", 3) => "_gauge32_",
        ("rtmetric", 4) => "_gauge64_",
        ("rtmetric", 5) => "_gaugeFloat_",
        ("rtmetric", _) => "_gaugeDouble_",
        (_, 1) => "_mac_",
        (_, 2) => "_ip_",
        (_, 3) => "_ip6_",
        (_, 4) => "_int32_",
        (_, 5) => "_int64_",
        (_, 6) => "_float_",
        _ => "_double_",
    }
}
