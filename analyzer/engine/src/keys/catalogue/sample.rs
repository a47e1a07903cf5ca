//! Keys of the sample itself.

use flowmote_decoder::flow::{
    AppOperation, HttpRequest, MemcacheOperation, SampledEthernet, SampledIpv4, SampledIpv6,
};
use flowmote_decoder::{DataSource, Port};

use super::{KeyInfo, Section, number, record, text};
use crate::keys::header::name;
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::text::ShortText;
use crate::keys::traffic::{Direction, way};
use crate::keys::value::{Value, address};

macro_rules! key {
    ($($row:expr),* $(,)?) => { record(Section::Sample, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("agent", Kind::Ip, "address of the agent", |p, _| address(p.agent)),
    key!(
        "datasource",
        Kind::Any,
        "data source of the sample: an ifIndex, `class.index`, or the name in an rtflow sample",
        |p, _| match p.source {
            Some(DataSource { class: 0, index }) => Some(index.into()),
            Some(DataSource { class, index }) => Some(format!("{class}.{index}").into()),
            None => text(p.rtflow?.datasource),
        }
    ),
    key!(
        "inputifindex",
        Kind::Port,
        "ifIndex of the port that received the packet, or `internal`, `unknown`, `multiple`",
        |p, _| p.ports().map(|(input, _)| port(input))
    ),
    key!(
        "outputifindex",
        Kind::Port,
        "ifIndex of the port that sent it, or `discard`, `multiple`, `internal`, `unknown`",
        |p, _| p.ports().map(|(_, output)| port(output))
    ),
    key!(
        "direction",
        Kind::Text,
        "`ingress` or `egress`: the way in which the packet passed the port that sampled it",
        |p, _| direction(p).map(Value::from)
    ),
    KeyInfo {
        layered: false,
        ..number(
            Section::Sample,
            "bytes",
            "bytes of the frame with its FCS; of a transaction, those of request and response",
            |p, _| frame_bytes(p).or_else(|| transaction_bytes(p)),
        )
    },
    KeyInfo {
        layered: false,
        ..number(Section::Sample, "frames", "1 for each packet", |p, _| is_packet(p).then_some(1))
    },
    key!(
        "stripped",
        Kind::Number,
        "bytes that were removed before the header was taken",
        |p, _| Some(p.sampled?.stripped.into())
    ),
    key!("stack", Kind::Text, "protocols of the headers, outermost first: `eth.ip.tcp`", |p, _| {
        let names = p.composed.stack.get_or_init(|| stack(p)).as_str();
        (!names.is_empty()).then(|| names.into())
    }),
];

/// The value of a port.
pub(in crate::keys) fn port<'p>(port: Port) -> Value<'p> {
    match port {
        Port::Index(index) => index.into(),
        Port::Internal => "internal".into(),
        Port::Multiple(_) => "multiple".into(),
        Port::Discarded(_) => "discard".into(),
        Port::Unknown | Port::Undefined { .. } => "unknown".into(),
    }
}

/// Ingress if the data source is the input port, egress if it is the output port only.
pub(in crate::keys) fn passes(packet: &Packet<'_>) -> Direction {
    packet.source.map_or(Direction::Unknown, |source| way(source, packet.ports()))
}

pub(super) fn direction(packet: &Packet<'_>) -> Option<&'static str> {
    match passes(packet) {
        Direction::Ingress => Some("ingress"),
        Direction::Egress => Some("egress"),
        Direction::Unknown => None,
    }
}

/// Bytes of a frame, or of an IP packet if the agent sent no more.
pub(in crate::keys) fn frame_bytes(packet: &Packet<'_>) -> Option<u64> {
    let length = match packet.sampled {
        Some(header) => header.frame_length,
        None => fields_length(packet)?,
    };
    Some(length.into())
}

#[cold]
fn fields_length(packet: &Packet<'_>) -> Option<u32> {
    let ethernet = packet.record::<SampledEthernet>().map(|fields| fields.length);
    let ipv4 = || packet.record::<SampledIpv4>().map(|fields| fields.length);
    let ipv6 = || packet.record::<SampledIpv6>().map(|fields| fields.length);
    ethernet.or_else(ipv4).or_else(ipv6)
}

#[cold]
fn transaction_bytes(packet: &Packet<'_>) -> Option<u64> {
    if let Some(http) = packet.record::<HttpRequest<'_>>() {
        return Some(http.req_bytes.saturating_add(http.resp_bytes));
    }
    if let Some(operation) = packet.record::<AppOperation<'_>>() {
        return Some(operation.req_bytes.saturating_add(operation.resp_bytes));
    }
    packet.record::<MemcacheOperation<'_>>().map(|operation| operation.value_bytes.into())
}

fn is_packet(packet: &Packet<'_>) -> bool {
    packet.sampled.is_some() || fields_length(packet).is_some()
}

fn stack(packet: &Packet<'_>) -> ShortText<128> {
    let mut stack = ShortText::new();
    let roce = (super::infiniband::bth(packet, 0).is_some()).then_some("ibbt");
    for name in packet.headers.protocols().filter_map(name).chain(roce) {
        let whole = (stack.as_str().is_empty() || stack.push(".")) && stack.push(name);
        if !whole {
            break;
        }
    }
    stack
}
