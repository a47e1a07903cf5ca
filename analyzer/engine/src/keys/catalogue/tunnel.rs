//! Keys of tunnels: in the headers, and in the records of tunnels that the device ends or begins.

use flowmote_decoder::flow::{
    ExtendedIpv4TunnelEgress, ExtendedIpv4TunnelIngress, ExtendedIpv6TunnelEgress,
    ExtendedIpv6TunnelIngress, ExtendedL2TunnelEgress, ExtendedL2TunnelIngress, ExtendedVniEgress,
    ExtendedVniIngress,
};

use super::{KeyInfo, Section, header, record};
use crate::keys::header::Protocol;
use crate::keys::kind::Kind;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::Tunnel, $($row),*) };
}

/// A field of the header in a tunnel record.
macro_rules! outer {
    ($name:literal, $kind:ident, $doc:literal, $record:ident . $field:ident) => {
        record(Section::Tunnel, $name, Kind::$kind, $doc, |p, _| {
            Some(p.record::<$record>()?.header.$field.into())
        })
    };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("vxlanvni", Kind::Number, "virtual network in VXLAN", |p, n| {
        let header = p.header(Protocol::Vxlan, n).or_else(|| p.header(Protocol::VxlanGpe, n));
        header?.u24(4).map(Value::from)
    }),
    key!("genevevni", Kind::Number, "virtual network in GENEVE", |p, n| {
        p.header(Protocol::Geneve, n)?.u24(4).map(Value::from)
    }),
    key!("greprotocol", Kind::Number, "EtherType in GRE", |p, n| {
        p.header(Protocol::Gre, n)?.u16(2).map(Value::from)
    }),
    key!("grekey", Kind::Number, "key in GRE", |p, n| gre_key(p, n).map(Value::from)),
    key!(
        "grevsid",
        Kind::Number,
        "virtual subnet in NVGRE: the upper 24 bits of the key",
        |p, n| { gre_key(p, n).map(|key| (key >> 8).into()) }
    ),
    key!("gtputeid", Kind::Number, "tunnel endpoint in GTP-U", |p, n| {
        p.header(Protocol::GtpU, n)?.u32(4).map(Value::from)
    }),
    record(
        Section::Tunnel,
        "inputvni",
        Kind::Number,
        "virtual network that the packet came from",
        |p, _| Some(p.record::<ExtendedVniIngress>()?.vni.into()),
    ),
    record(
        Section::Tunnel,
        "outputvni",
        Kind::Number,
        "virtual network that it goes to",
        |p, _| Some(p.record::<ExtendedVniEgress>()?.vni.into()),
    ),
    outer!(
        "inputmacsource",
        Mac,
        "source in the Ethernet header that was removed",
        ExtendedL2TunnelIngress.src_mac
    ),
    outer!("inputmacdestination", Mac, "destination in it", ExtendedL2TunnelIngress.dst_mac),
    outer!(
        "inputipsource",
        V4,
        "source in the IPv4 header that was removed",
        ExtendedIpv4TunnelIngress.src_ip
    ),
    outer!("inputipdestination", V4, "destination in it", ExtendedIpv4TunnelIngress.dst_ip),
    outer!("inputipprotocol", Number, "protocol in it", ExtendedIpv4TunnelIngress.protocol),
    outer!(
        "inputip6source",
        V6,
        "source in the IPv6 header that was removed",
        ExtendedIpv6TunnelIngress.src_ip
    ),
    outer!("inputip6destination", V6, "destination in it", ExtendedIpv6TunnelIngress.dst_ip),
    outer!("inputip6nexthdr", Number, "protocol in it", ExtendedIpv6TunnelIngress.protocol),
    outer!(
        "outputmacsource",
        Mac,
        "source in the Ethernet header to be added",
        ExtendedL2TunnelEgress.src_mac
    ),
    outer!("outputmacdestination", Mac, "destination in it", ExtendedL2TunnelEgress.dst_mac),
    outer!(
        "outputipsource",
        V4,
        "source in the IPv4 header to be added",
        ExtendedIpv4TunnelEgress.src_ip
    ),
    outer!("outputipdestination", V4, "destination in it", ExtendedIpv4TunnelEgress.dst_ip),
    outer!("outputipprotocol", Number, "protocol in it", ExtendedIpv4TunnelEgress.protocol),
    outer!(
        "outputip6source",
        V6,
        "source in the IPv6 header to be added",
        ExtendedIpv6TunnelEgress.src_ip
    ),
    outer!("outputip6destination", V6, "destination in it", ExtendedIpv6TunnelEgress.dst_ip),
    outer!("outputip6nexthdr", Number, "protocol in it", ExtendedIpv6TunnelEgress.protocol),
];

/// The key of GRE, which follows the checksum if there is one (RFC 2890).
fn gre_key(packet: &crate::keys::packet::Packet<'_>, instance: u8) -> Option<u32> {
    let gre = packet.header(Protocol::Gre, instance)?;
    let flags = gre.u8(0)?;
    let at = if flags & (CHECKSUM | ROUTING) == 0 { 4 } else { 8 };
    if flags & KEY == 0 { None } else { gre.u32(at) }
}

const CHECKSUM: u8 = 0x80;
const ROUTING: u8 = 0x40;
const KEY: u8 = 0x20;
