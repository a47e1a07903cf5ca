//! Comparison of values of the encoder's types with the values decoded from them.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowmote_core::record::counter::{
    IfDirection, IfType, LacpState, MachineType, OsName, VirtState,
};
use flowmote_core::record::flow::{
    AclDirection, AppStatus, AsPathSegment, HeaderProtocol, HttpMethod, PacketDirection,
};
use flowmote_core::{DropReason, FlowValue, MetricValue};
use flowmote_decoder::flow::AsPathSegment as DecodedSegment;
use flowmote_decoder::visit::Value;
use flowmote_decoder::xdr::{List, Wire};
use flowmote_decoder::{Address, MacAddress, Percentage, RtValue, Text, Uuid};

/// An encoded value that the decoder reads as a `D`.
pub(crate) trait Equal<D> {
    /// Panics if `decoded` differs; `field` is the name in the message.
    fn equal(&self, decoded: &D, field: &str);
}

macro_rules! equal {
    ($($sent:ty => $decoded:ty: $equal:expr;)*) => {$(
        impl Equal<$decoded> for $sent {
            fn equal(&self, decoded: &$decoded, field: &str) {
                let equal: fn(&$sent, &$decoded) -> bool = $equal;
                assert!(equal(self, decoded), "{field}: sent {self:?}, decoded {decoded:?}");
            }
        }
    )*};
}

equal! {
    u32 => u32: u32::eq;
    u64 => u64: u64::eq;
    i32 => i32: i32::eq;
    usize => usize: usize::eq;
    bool => bool: bool::eq;
    f32 => f32: |sent, decoded| sent.to_bits() == decoded.to_bits();
    Ipv4Addr => Ipv4Addr: Ipv4Addr::eq;
    Ipv6Addr => Ipv6Addr: Ipv6Addr::eq;
    Option<IpAddr> => Address: |sent, decoded| *sent == decoded.ip();
    [u8; 6] => MacAddress: |sent, decoded| *sent == decoded.0;
    [u8; 16] => Uuid: |sent, decoded| *sent == decoded.0;
    &str => Text<'_>: |sent, decoded| sent.as_bytes() == decoded.0;
    &[u8] => &[u8]: |sent, decoded| sent == decoded;
    i32 => Percentage: |sent, decoded| *sent == decoded.0;
    // A field that only the longer form of a record has.
    u32 => Option<u32>: |sent, decoded| Some(*sent) == *decoded;
    // VLAN and priority: all ones mean unknown.
    Option<u32> => u32: |sent, decoded| sent.unwrap_or(u32::MAX) == *decoded;
    LacpState => [u8; 4]: |sent, decoded| {
        [sent.actor_admin, sent.actor_oper, sent.partner_admin, sent.partner_oper] == *decoded
    };
    AclDirection => u32: |sent, decoded| sent.code() == *decoded;
    AppStatus => u32: |sent, decoded| sent.code() == *decoded;
    DropReason => u32: |sent, decoded| sent.code() == *decoded;
    HeaderProtocol => u32: |sent, decoded| sent.code() == *decoded;
    HttpMethod => u32: |sent, decoded| sent.code() == *decoded;
    IfDirection => u32: |sent, decoded| sent.code() == *decoded;
    IfType => u32: |sent, decoded| sent.code() == *decoded;
    MachineType => u32: |sent, decoded| sent.code() == *decoded;
    OsName => u32: |sent, decoded| sent.code() == *decoded;
    PacketDirection => u32: |sent, decoded| sent.code() == *decoded;
    VirtState => u32: |sent, decoded| sent.code() == *decoded;
}

impl<'d, S: Equal<D> + Debug, D: Wire<'d>> Equal<List<'d, D>> for &[S] {
    fn equal(&self, decoded: &List<'d, D>, field: &str) {
        assert_eq!(self.len(), decoded.len() as usize, "{field}: sent {self:?}");
        assert_eq!(self.len(), decoded.iter().count(), "{field}: sent {self:?}");
        for (sent, decoded) in self.iter().zip(decoded.iter()) {
            sent.equal(&decoded, field);
        }
    }
}

impl Equal<DecodedSegment<'_>> for AsPathSegment<'_> {
    fn equal(&self, decoded: &DecodedSegment<'_>, field: &str) {
        let (kind, as_numbers) = match self {
            Self::Set(as_numbers) => (1, as_numbers),
            Self::Sequence(as_numbers) => (2, as_numbers),
        };
        assert_eq!(kind, decoded.segment_type, "{field}");
        as_numbers.equal(&decoded.as_numbers, field);
    }
}

impl Equal<RtValue<'_>> for (&str, MetricValue<'_>) {
    fn equal(&self, decoded: &RtValue<'_>, field: &str) {
        let (name, value) = self;
        name.equal(&decoded.name, field);
        let (code, expected) = match *value {
            MetricValue::String(text) => (0, Value::Text(Text(text.as_bytes()))),
            MetricValue::Counter32(value) => (1, Value::U32(value)),
            MetricValue::Counter64(value) => (2, Value::U64(value)),
            MetricValue::Gauge32(value) => (3, Value::U32(value)),
            MetricValue::Gauge64(value) => (4, Value::U64(value)),
            MetricValue::GaugeFloat(value) => (5, Value::F32(value)),
            MetricValue::GaugeDouble(value) => (6, Value::F64(value)),
        };
        assert_eq!(code, decoded.type_code, "{field}");
        equal_values(expected, decoded.value, field);
    }
}

impl Equal<RtValue<'_>> for (&str, FlowValue<'_>) {
    fn equal(&self, decoded: &RtValue<'_>, field: &str) {
        let (name, value) = self;
        name.equal(&decoded.name, field);
        let (code, expected) = match *value {
            FlowValue::String(text) => (0, Value::Text(Text(text.as_bytes()))),
            FlowValue::Mac(mac) => (1, Value::Mac(MacAddress(mac))),
            FlowValue::Address(IpAddr::V4(address)) => (2, Value::Ipv4(address)),
            FlowValue::Address(IpAddr::V6(address)) => (3, Value::Ipv6(address)),
            FlowValue::Int32(value) => (4, Value::I32(value)),
            FlowValue::Int64(value) => (5, Value::I64(value)),
            FlowValue::Float(value) => (6, Value::F32(value)),
            FlowValue::Double(value) => (7, Value::F64(value)),
        };
        assert_eq!(code, decoded.type_code, "{field}");
        equal_values(expected, decoded.value, field);
    }
}

/// Compares bit patterns, so that a NaN equals itself.
fn equal_values(sent: Value<'_>, decoded: Value<'_>, field: &str) {
    match (sent, decoded) {
        (Value::F32(sent), Value::F32(decoded)) => sent.equal(&decoded, field),
        (Value::F64(sent), Value::F64(decoded)) => {
            assert_eq!(sent.to_bits(), decoded.to_bits(), "{field}");
        }
        _ => assert_eq!(sent, decoded, "{field}"),
    }
}
