//! Samples: what a data source has to say at one moment, before it is encoded.

use core::net::IpAddr;

use crate::drop_reason::DropReason;
use crate::record::flow::SampledHeader;
use crate::record::{CounterRecord, DataFormat, FlowRecord};
use crate::sampler::SampleMeta;
use crate::source::{DataSource, Interface};
use crate::xdr::Encoder;

/// A packet, or a completed transaction, that was chosen: flow_sample (0:1 or 0:3).
#[derive(Clone, Copy)]
pub struct FlowSample<'a> {
    /// Where it was seen.
    pub source: DataSource,
    /// What its sampler says.
    pub meta: SampleMeta,
    /// Where the packet came in.
    pub input: Interface,
    /// Where it went out.
    pub output: Interface,
    /// Its first bytes; the agent cuts them to the configured size. `None` for a transaction,
    /// whose records say it all.
    pub header: Option<SampledHeader<'a>>,
    /// What else is known, encoded after the header in this order.
    pub records: &'a [&'a dyn FlowRecord],
}

/// The counters of a data source at one moment: counters_sample (0:2 or 0:4).
#[derive(Clone, Copy)]
pub struct CounterSample<'a> {
    /// The groups of counters, encoded in this order.
    pub records: &'a [&'a dyn CounterRecord],
}

/// A packet that the device discarded: discarded_packet (0:5).
#[derive(Clone, Copy)]
pub struct DiscardedPacket<'a> {
    /// Where it was noticed.
    pub source: DataSource,
    /// ifIndex of the port it came in by, 0 unknown.
    pub input: u32,
    /// ifIndex of the port it was to leave by, for drops at egress; else 0.
    pub output: u32,
    /// Why.
    pub reason: DropReason,
    /// Its first bytes.
    pub header: SampledHeader<'a>,
    /// What else is known, such as the queue, the access list or the function.
    pub records: &'a [&'a dyn FlowRecord],
}

/// Metrics of the user's own choice: rtmetric (4300:1002). They need no data source.
#[derive(Clone, Copy, Debug)]
pub struct RtMetric<'a> {
    /// Whose metrics: 1 to 64 letters, digits, `-`, `_`, not starting with a digit.
    pub datasource: &'a str,
    /// The metrics; their names obey the same rule.
    pub metrics: &'a [(&'a str, MetricValue<'a>)],
}

/// The value of one metric of an [`RtMetric`]; the order is that of the type numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricValue<'a> {
    /// Text, cut at 255 bytes.
    String(&'a str),
    /// A total that only grows, modulo 2^32.
    Counter32(u32),
    /// A total that only grows, modulo 2^64.
    Counter64(u64),
    /// A value that may fall.
    Gauge32(u32),
    /// A value that may fall.
    Gauge64(u64),
    /// A value that may fall.
    GaugeFloat(f32),
    /// A value that may fall.
    GaugeDouble(f64),
}

/// A flow of the user's own making: rtflow (4300:1003).
#[derive(Clone, Copy, Debug)]
pub struct RtFlow<'a> {
    /// Whose flow: the rule is that of [`RtMetric::datasource`].
    pub datasource: &'a str,
    /// N of 1-in-N.
    pub sampling_rate: u32,
    /// Candidates counted, 0: not used.
    pub sample_pool: u32,
    /// The fields; their names obey the same rule.
    pub fields: &'a [(&'a str, FlowValue<'a>)],
}

/// The value of one field of an [`RtFlow`]; the order is that of the type numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowValue<'a> {
    /// Text, cut at 255 bytes.
    String(&'a str),
    /// A MAC address.
    Mac([u8; 6]),
    /// An IPv4 (type 2) or IPv6 (type 3) address.
    Address(IpAddr),
    /// A signed number.
    Int32(i32),
    /// A signed number.
    Int64(i64),
    /// A number.
    Float(f32),
    /// A number.
    Double(f64),
}

/// Which of the two layouts of flow and counter samples an agent uses (rule A19: compact if every
/// index is below 2^24, else expanded, and never both).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Encoding {
    /// flow_sample 0:1 and counters_sample 0:2.
    #[default]
    Compact,
    /// flow_sample_expanded 0:3 and counters_sample_expanded 0:4.
    Expanded,
}

impl FlowSample<'_> {
    /// Writes the whole sample, its data_format and length included, with at most `header_bytes`
    /// of the packet.
    pub(crate) fn encode(
        &self,
        encoding: Encoding,
        sequence: u32,
        header_bytes: usize,
        xdr: &mut Encoder<'_>,
    ) {
        let start = xdr.len();
        let SampleMeta { sampling_rate, sample_pool, drops } = self.meta;
        let count = (self.records.len() as u32).wrapping_add(u32::from(self.header.is_some()));
        match encoding {
            Encoding::Compact => {
                let source = compact(self.source, xdr);
                xdr.words([
                    FLOW_SAMPLE.word(),
                    0,
                    sequence,
                    source,
                    sampling_rate,
                    sample_pool,
                    drops,
                    self.input.compact(),
                    self.output.compact(),
                    count,
                ]);
            }
            Encoding::Expanded => {
                let (input_format, input) = self.input.expanded();
                let (output_format, output) = self.output.expanded();
                xdr.words([
                    FLOW_SAMPLE_EXPANDED.word(),
                    0,
                    sequence,
                    self.source.class() as u32,
                    self.source.index(),
                    sampling_rate,
                    sample_pool,
                    drops,
                    input_format,
                    input,
                    output_format,
                    output,
                    count,
                ]);
            }
        }
        if let Some(header) = &self.header {
            header.cut(header_bytes).encode_record(xdr);
        }
        flow_records(self.records, xdr);
        patch_length(start, xdr);
    }
}

impl CounterSample<'_> {
    /// Writes the whole sample, its data_format and length included.
    pub(crate) fn encode(
        &self,
        encoding: Encoding,
        source: DataSource,
        sequence: u32,
        xdr: &mut Encoder<'_>,
    ) {
        let start = xdr.len();
        let count = self.records.len() as u32;
        match encoding {
            Encoding::Compact => {
                let source = compact(source, xdr);
                xdr.words([COUNTERS_SAMPLE.word(), 0, sequence, source, count]);
            }
            Encoding::Expanded => xdr.words([
                COUNTERS_SAMPLE_EXPANDED.word(),
                0,
                sequence,
                source.class() as u32,
                source.index(),
                count,
            ]),
        }
        for record in self.records {
            let start = xdr.len();
            xdr.words([record.format().word(), 0]);
            record.encode(xdr);
            patch_length(start, xdr);
        }
        patch_length(start, xdr);
    }
}

impl DiscardedPacket<'_> {
    /// Writes the whole sample, its data_format and length included; there is one layout only.
    pub(crate) fn encode(&self, sequence: u32, drops: u32, xdr: &mut Encoder<'_>) {
        let start = xdr.len();
        xdr.words([
            DISCARDED_PACKET.word(),
            0,
            sequence,
            self.source.class() as u32,
            self.source.index(),
            drops,
            self.input,
            self.output,
            self.reason.code(),
            (self.records.len() as u32).wrapping_add(1),
        ]);
        self.header.encode_record(xdr);
        flow_records(self.records, xdr);
        patch_length(start, xdr);
    }
}

impl RtMetric<'_> {
    /// Whether every name obeys the rule that collectors rely on.
    pub(crate) fn is_valid(&self) -> bool {
        is_name(self.datasource) && self.metrics.iter().all(|(name, _)| is_name(name))
    }

    /// Writes the whole sample, its data_format and length included.
    pub(crate) fn encode(&self, xdr: &mut Encoder<'_>) {
        let start = xdr.len();
        xdr.words([RTMETRIC.word(), 0]);
        xdr.string(self.datasource, MAX_NAME);
        xdr.u32(self.metrics.len() as u32);
        for (name, value) in self.metrics {
            xdr.string(name, MAX_NAME);
            value.encode(xdr);
        }
        patch_length(start, xdr);
    }
}

impl MetricValue<'_> {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.type_number());
        match *self {
            Self::String(text) => xdr.string(text, MAX_TEXT),
            Self::Counter32(value) | Self::Gauge32(value) => xdr.u32(value),
            Self::Counter64(value) | Self::Gauge64(value) => xdr.u64(value),
            Self::GaugeFloat(value) => xdr.f32(value),
            Self::GaugeDouble(value) => xdr.f64(value),
        }
    }

    fn type_number(&self) -> u32 {
        match self {
            Self::String(_) => 0,
            Self::Counter32(_) => 1,
            Self::Counter64(_) => 2,
            Self::Gauge32(_) => 3,
            Self::Gauge64(_) => 4,
            Self::GaugeFloat(_) => 5,
            Self::GaugeDouble(_) => 6,
        }
    }
}

impl RtFlow<'_> {
    /// Whether every name obeys the rule that collectors rely on.
    pub(crate) fn is_valid(&self) -> bool {
        is_name(self.datasource) && self.fields.iter().all(|(name, _)| is_name(name))
    }

    /// Writes the whole sample, its data_format and length included.
    pub(crate) fn encode(&self, xdr: &mut Encoder<'_>) {
        let start = xdr.len();
        xdr.words([RTFLOW.word(), 0]);
        xdr.string(self.datasource, MAX_NAME);
        xdr.words([self.sampling_rate, self.sample_pool, self.fields.len() as u32]);
        for (name, value) in self.fields {
            xdr.string(name, MAX_NAME);
            value.encode(xdr);
        }
        patch_length(start, xdr);
    }
}

impl FlowValue<'_> {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.type_number());
        match *self {
            Self::String(text) => xdr.string(text, MAX_TEXT),
            Self::Mac(mac) => xdr.mac(mac),
            Self::Address(IpAddr::V4(address)) => xdr.opaque_fixed(&address.octets()),
            Self::Address(IpAddr::V6(address)) => xdr.opaque_fixed(&address.octets()),
            Self::Int32(value) => xdr.i32(value),
            Self::Int64(value) => xdr.u64(value.cast_unsigned()),
            Self::Float(value) => xdr.f32(value),
            Self::Double(value) => xdr.f64(value),
        }
    }

    fn type_number(&self) -> u32 {
        match self {
            Self::String(_) => 0,
            Self::Mac(_) => 1,
            Self::Address(IpAddr::V4(_)) => 2,
            Self::Address(IpAddr::V6(_)) => 3,
            Self::Int32(_) => 4,
            Self::Int64(_) => 5,
            Self::Float(_) => 6,
            Self::Double(_) => 7,
        }
    }
}

/// A data source in compact encoding; one whose index needs more than 24 bits fits no datagram.
/// The agent admits none.
fn compact(source: DataSource, xdr: &mut Encoder<'_>) -> u32 {
    source.compact().unwrap_or_else(|| {
        xdr.overflow();
        0
    })
}

fn flow_records(records: &[&dyn FlowRecord], xdr: &mut Encoder<'_>) {
    for record in records {
        let start = xdr.len();
        xdr.words([record.format().word(), 0]);
        record.encode(xdr);
        patch_length(start, xdr);
    }
}

/// Writes the length of the structure that began at `start`, behind its data_format.
fn patch_length(start: usize, xdr: &mut Encoder<'_>) {
    let length = xdr.len().wrapping_sub(start).wrapping_sub(8);
    xdr.patch(start.wrapping_add(4), length as u32);
}

/// The rule for names of section 3.7.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= MAX_NAME
        && name.bytes().all(plain)
        && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

const FLOW_SAMPLE: DataFormat = DataFormat::standard(1);
const COUNTERS_SAMPLE: DataFormat = DataFormat::standard(2);
const FLOW_SAMPLE_EXPANDED: DataFormat = DataFormat::standard(3);
const COUNTERS_SAMPLE_EXPANDED: DataFormat = DataFormat::standard(4);
const DISCARDED_PACKET: DataFormat = DataFormat::standard(5);
const RTMETRIC: DataFormat = DataFormat::new(4300, 1002);
const RTFLOW: DataFormat = DataFormat::new(4300, 1003);
const MAX_NAME: usize = 64;
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// What a value adds to a metric or a field, in a buffer that held something else.
    fn bytes(encode: impl FnOnce(&mut Encoder<'_>)) -> std::vec::Vec<u8> {
        let mut buffer = [0xa5; 512];
        let mut xdr = Encoder::new(&mut buffer);
        encode(&mut xdr);
        assert!(!xdr.overflowed());
        xdr.written().to_vec()
    }

    #[test]
    fn values_carry_their_type_number() {
        let metric = |value: MetricValue<'_>| bytes(|xdr| value.encode(xdr));
        assert_eq!(metric(MetricValue::String("ab")), [0, 0, 0, 0, 0, 0, 0, 2, b'a', b'b', 0, 0]);
        assert_eq!(metric(MetricValue::Counter32(1)), [0, 0, 0, 1, 0, 0, 0, 1]);
        assert_eq!(metric(MetricValue::Gauge64(1)), [0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1]);
        let field = |value: FlowValue<'_>| bytes(|xdr| value.encode(xdr));
        assert_eq!(field(FlowValue::Int32(-2)), [0, 0, 0, 4, 0xff, 0xff, 0xff, 0xfe]);
        let minus_two = [0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe];
        assert_eq!(field(FlowValue::Int64(-2)), minus_two);
        let mac = [0, 0, 0, 1, 2, 0, 0, 0, 0, 1, 0, 0];
        assert_eq!(field(FlowValue::Mac([2, 0, 0, 0, 0, 1])), mac);
    }

    #[test]
    fn text_is_cut_at_255_bytes() {
        let long = "x".repeat(300);
        let cut = bytes(|xdr| MetricValue::String(&long).encode(xdr));
        assert_eq!(cut[4..8], [0, 0, 0, 255]);
        assert_eq!(cut.len(), 8 + 256);
        assert_eq!(cut.last(), Some(&0), "padding");
        assert_eq!(cut[4..], bytes(|xdr| FlowValue::String(&long).encode(xdr))[4..]);
    }

    #[test]
    fn names_that_collectors_take() {
        let longest = "n".repeat(64);
        for good in ["a", "web-1", "_x", "-", &longest] {
            assert!(is_name(good), "{good}");
        }
        let too_long = "n".repeat(65);
        for bad in ["", "1a", "a b", "a.b", "\u{e4}", "a\0", &too_long] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(RtMetric { datasource: "a", metrics: &[] }.is_valid());
        assert!(
            !RtMetric { datasource: "a", metrics: &[("", MetricValue::Gauge32(1))] }.is_valid()
        );
        let flow = RtFlow { datasource: "a", sampling_rate: 1, sample_pool: 0, fields: &[] };
        assert!(flow.is_valid());
        assert!(!RtFlow { datasource: "1", ..flow }.is_valid());
        assert!(!RtFlow { fields: &[("a b", FlowValue::Int32(1))], ..flow }.is_valid());
    }
}
