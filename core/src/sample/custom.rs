//! `rtmetric` (4300:1002) and `rtflow` (4300:1003), metrics and flows that a user defines:
//! section 3.7.

use core::net::IpAddr;

use super::encoding::patch_length;
use crate::record::DataFormat;
use crate::xdr::Encoder;

/// Metrics that a user defines: `rtmetric` (4300:1002). They belong to no [`DataSource`].
///
/// [`DataSource`]: crate::DataSource
#[derive(Clone, Copy, Debug)]
pub struct RtMetric<'a> {
    /// Key of the metrics: 1 to 64 ASCII letters, digits, `-` and `_`, not starting with a digit.
    pub datasource: &'a str,
    /// Names and values; a name may also start with a digit.
    pub metrics: &'a [(&'a str, MetricValue<'a>)],
}

impl RtMetric<'_> {
    /// Returns true if every name obeys the rule that collectors rely on.
    pub(crate) fn is_valid(&self) -> bool {
        is_datasource_name(self.datasource)
            && self.metrics.iter().all(|(name, _)| is_value_name(name))
    }

    /// Writes the sample with its `data_format` and length.
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

/// The value of one metric of an [`RtMetric`], in the order of the type numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum MetricValue<'a> {
    /// Text, cut to 255 bytes.
    String(&'a str),
    /// A counter modulo 2^32.
    Counter32(u32),
    /// A counter modulo 2^64.
    Counter64(u64),
    /// A value that can fall.
    Gauge32(u32),
    /// A value that can fall.
    Gauge64(u64),
    /// A value that can fall, single precision.
    GaugeFloat(f32),
    /// A value that can fall, double precision.
    GaugeDouble(f64),
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

/// A flow with fields that a user defines: `rtflow` (4300:1003). It belongs to no [`DataSource`].
///
/// [`DataSource`]: crate::DataSource
#[derive(Clone, Copy, Debug)]
pub struct RtFlow<'a> {
    /// Key of the flow, with the rule of [`RtMetric::datasource`].
    pub datasource: &'a str,
    /// N of 1-in-N sampling.
    pub sampling_rate: u32,
    /// Candidates counted, modulo 2^32; 0: not used.
    pub sample_pool: u32,
    /// Names and values, with the rule of [`RtMetric::metrics`].
    pub fields: &'a [(&'a str, FlowValue<'a>)],
}

impl RtFlow<'_> {
    /// Returns true if every name obeys the rule that collectors rely on.
    pub(crate) fn is_valid(&self) -> bool {
        is_datasource_name(self.datasource)
            && self.fields.iter().all(|(name, _)| is_value_name(name))
    }

    /// Writes the sample with its `data_format` and length.
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

/// The value of one field of an [`RtFlow`], in the order of the type numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FlowValue<'a> {
    /// Text, cut to 255 bytes.
    String(&'a str),
    /// A MAC address.
    Mac([u8; 6]),
    /// An IPv4 (type 2) or IPv6 (type 3) address.
    Address(IpAddr),
    /// A signed number of 32 bits.
    Int32(i32),
    /// A signed number of 64 bits.
    Int64(i64),
    /// A number in single precision.
    Float(f32),
    /// A number in double precision.
    Double(f64),
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

/// Returns true if a collector accepts `name` as [`RtMetric::datasource`] or
/// [`RtFlow::datasource`]: a name of a value that does not start with a digit, which distinguishes it from
/// the number of a data source (section 3.7).
#[must_use]
pub fn is_datasource_name(name: &str) -> bool {
    is_value_name(name) && name.bytes().next().is_some_and(|first| !first.is_ascii_digit())
}

/// Returns true if a collector accepts `name` for a value of an [`RtMetric`] or an [`RtFlow`]: 1 to
/// 64 ASCII letters, digits, `-` and `_` (section 3.7).
#[must_use]
pub fn is_value_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(plain)
}

const RTMETRIC: DataFormat = DataFormat::new(4300, 1002);
const RTFLOW: DataFormat = DataFormat::new(4300, 1003);
/// Bytes of a name.
const MAX_NAME: usize = 64;
/// Bytes of a text value.
const MAX_TEXT: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of a value, written into a buffer of 0xa5.
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
    fn names_follow_the_rule_of_collectors() {
        let longest = "n".repeat(64);
        for good in ["a", "web-1", "_x", "-", &longest] {
            assert!(is_value_name(good) && is_datasource_name(good), "{good}");
        }
        assert!(is_value_name("1a") && !is_datasource_name("1a"));
        let too_long = "n".repeat(65);
        for bad in ["", "a b", "a.b", "\u{e4}", "a\0", &too_long] {
            assert!(!is_value_name(bad) && !is_datasource_name(bad), "{bad}");
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
