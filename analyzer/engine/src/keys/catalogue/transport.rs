//! Keys of TCP, UDP and SCTP, and of DNS in UDP.

use flowmote_decoder::flow::{SampledIpv4, SampledIpv6};

use super::{KeyInfo, Section, header, number, record};
use crate::keys::dns;
use crate::keys::header::{Header, Protocol};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Transport, $($row),*) };
}

macro_rules! port {
    ($name:literal, $doc:literal, $protocol:ident, $number:literal, $at:literal) => {
        number(Section::Transport, $name, $doc, |p, n| match p.header(Protocol::$protocol, n) {
            Some(header) => header.u16($at).map(u64::from),
            None => Some(fields(p, n, $number)?.ports[$at / 2].into()),
        })
    };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("tcp_offset", Kind::Number, "bytes before the TCP header", |p, n| {
        Some(p.header(Protocol::Tcp, n)?.offset.into())
    }),
    port!("tcpsourceport", "source port of TCP", Tcp, 6, 0),
    port!("tcpdestinationport", "destination port of TCP", Tcp, 6, 2),
    key!(
        "tcpflags",
        Kind::Bits(9),
        "NS CWR ECE URG ACK PSH RST SYN FIN: `000000010` is SYN",
        |p, n| {
            let value = match p.header(Protocol::Tcp, n) {
                Some(tcp) => u32::from(tcp.u16(12)? & 0x1ff),
                None => fields(p, n, 6)?.flags & 0xff,
            };
            Some(Value::Bits { value, width: 9 })
        }
    ),
    key!("tcpwindow", Kind::Number, "window, not scaled", |p, n| {
        p.header(Protocol::Tcp, n)?.u16(14).map(Value::from)
    }),
    key!("tcpseqno", Kind::Number, "sequence number", |p, n| {
        p.header(Protocol::Tcp, n)?.u32(4).map(Value::from)
    }),
    key!("tcpackno", Kind::Number, "acknowledgment number", |p, n| {
        p.header(Protocol::Tcp, n)?.u32(8).map(Value::from)
    }),
    key!("udp_offset", Kind::Number, "bytes before the UDP header", |p, n| {
        Some(p.header(Protocol::Udp, n)?.offset.into())
    }),
    port!("udpsourceport", "source port of UDP", Udp, 17, 0),
    port!("udpdestinationport", "destination port of UDP", Udp, 17, 2),
    key!("udpbytes", Kind::Number, "bytes of UDP header and data", |p, n| {
        p.header(Protocol::Udp, n)?.u16(4).map(Value::from)
    }),
    port!("sctpsourceport", "source port of SCTP", Sctp, 132, 0),
    port!("sctpdestinationport", "destination port of SCTP", Sctp, 132, 2),
    record(
        Section::Transport,
        "dnsqname",
        Kind::Text,
        "name in the question, as sent, without the last dot; absent if it was not captured whole",
        |p, _| {
            let name = p.composed.dns_name.get_or_init(|| dns::Message::of(p)?.name());
            name.as_ref().map(|name| name.as_str().into())
        },
    ),
    record(
        Section::Transport,
        "dnsqr",
        Kind::Bool,
        "false for a query, true for a response",
        |p, _| Some(dns::Message::of(p)?.is_response().into()),
    ),
    record(
        Section::Transport,
        "dnsqtype",
        Kind::Number,
        "type of the question: 1 A, 255 ANY",
        |p, _| Some(dns::Message::of(p)?.query_type()?.into()),
    ),
    record(Section::Transport, "dnsqtypename", Kind::Text, "name of `dnsqtype`", |p, _| {
        Some(dns::type_name(dns::Message::of(p)?.query_type()?))
    }),
    record(
        Section::Transport,
        "dnsrcode",
        Kind::Number,
        "result in a response: 0 good, 3 no such name",
        |p, _| Some(dns::Message::of(p)?.response_code()?.into()),
    ),
];

/// Ports and flags in a record.
struct Fields {
    ports: [u32; 2],
    flags: u32,
}

/// Where the agent sent no header bytes.
#[cold]
fn fields(packet: &Packet<'_>, instance: u8, protocol: u32) -> Option<Fields> {
    let (found, fields) = if let Some(ip) = packet.fields::<SampledIpv4>(instance) {
        (ip.protocol, Fields { ports: [ip.src_port, ip.dst_port], flags: ip.tcp_flags })
    } else {
        let ip = packet.fields::<SampledIpv6>(instance)?;
        (ip.protocol, Fields { ports: [ip.src_port, ip.dst_port], flags: ip.tcp_flags })
    };
    (found == protocol).then_some(fields)
}

/// The payload of the outermost UDP header.
pub(in crate::keys) fn udp_payload<'a>(packet: &Packet<'a>) -> Option<(Header<'a>, Header<'a>)> {
    let udp = packet.header(Protocol::Udp, 0)?;
    Some((udp, udp.part(8)?))
}
