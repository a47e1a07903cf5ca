//! Keys of routing, BGP, MPLS paths, NAT and users, from records.

use core::fmt;

use flowmote_decoder::flow::{
    AsPathSegment, ExtendedGateway, ExtendedMplsTunnel, ExtendedMplsVc, ExtendedNat,
    ExtendedNatPort, ExtendedRouter, ExtendedUrl, ExtendedUser, User,
};

use super::{KeyInfo, Section, joined, record, text};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::{Value, address};

macro_rules! key {
    ($($row:expr),* $(,)?) => { record(Section::Forwarding, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("ipnexthoprouter", Kind::Ip, "next-hop router", |p, _| {
        address(p.record::<ExtendedRouter>()?.nexthop)
    }),
    key!("ipsourcemaskbits", Kind::Number, "length of the route to the source", |p, _| {
        Some(p.record::<ExtendedRouter>()?.src_mask_len.into())
    }),
    key!(
        "ipdestinationmaskbits",
        Kind::Number,
        "length of the route to the destination",
        |p, _| { Some(p.record::<ExtendedRouter>()?.dst_mask_len.into()) }
    ),
    key!("bgpnexthop", Kind::Ip, "border router to the destination", |p, _| {
        address(gateway(p)?.nexthop)
    }),
    key!("bgpas", Kind::Number, "AS of the router", |p, _| Some(gateway(p)?.asn.into())),
    key!("bgpsourceas", Kind::Number, "AS of the source", |p, _| Some(gateway(p)?.src_as.into())),
    key!("bgpsourcepeeras", Kind::Number, "neighbour AS to the source", |p, _| {
        Some(gateway(p)?.src_peer_as.into())
    }),
    key!(
        "bgpdestinationas",
        Kind::Number,
        "AS of the destination: the last of the path",
        |p, _| { as_path(p).last().map(Value::from) }
    ),
    key!(
        "bgpdestinationpeeras",
        Kind::Number,
        "neighbour AS to it: the first of the path",
        |p, _| { as_path(p).next().map(Value::from) }
    ),
    key!("bgpdestinationaspath", Kind::Text, "the path: `65001-65002`", |p, _| {
        joined(as_path(p), '-')
    }),
    key!("bgpcommunities", Kind::Text, "communities: `65001:80-65001:90`", |p, _| {
        joined(gateway(p)?.communities.iter().map(Community), '-')
    }),
    key!("bgplocalpref", Kind::Number, "local preference", |p, _| {
        Some(gateway(p)?.localpref.into())
    }),
    key!("natsource", Kind::Ip, "source address after translation", |p, _| {
        address(p.record::<ExtendedNat>()?.src_address)
    }),
    key!("natdestination", Kind::Ip, "destination address after translation", |p, _| {
        address(p.record::<ExtendedNat>()?.dst_address)
    }),
    key!("natsourceport", Kind::Number, "source port after translation", |p, _| {
        Some(p.record::<ExtendedNatPort>()?.src_port.into())
    }),
    key!("natdestinationport", Kind::Number, "destination port after translation", |p, _| {
        Some(p.record::<ExtendedNatPort>()?.dst_port.into())
    }),
    key!("mplstunnel", Kind::Text, "name of the MPLS tunnel", |p, _| {
        text(p.record::<ExtendedMplsTunnel<'_>>()?.tunnel_lsp_name)
    }),
    key!("mplsvc", Kind::Text, "name of the MPLS virtual circuit", |p, _| {
        text(p.record::<ExtendedMplsVc<'_>>()?.vc_instance_name)
    }),
    key!("usersource", Kind::Text, "user at the source", |p, _| {
        user(p.record::<ExtendedUser<'_>>()?.src)
    }),
    key!("userdestination", Kind::Text, "user at the destination", |p, _| {
        user(p.record::<ExtendedUser<'_>>()?.dst)
    }),
    key!("url", Kind::Text, "request line in `extended_url`", |p, _| {
        text(p.record::<ExtendedUrl<'_>>()?.url)
    }),
    key!("urlhost", Kind::Text, "host in `extended_url`", |p, _| {
        text(p.record::<ExtendedUrl<'_>>()?.host)
    }),
];

fn gateway<'a>(packet: &Packet<'a>) -> Option<ExtendedGateway<'a>> {
    packet.record()
}

/// The AS numbers of the path to the destination, of all segments.
fn as_path<'a>(packet: &Packet<'a>) -> impl Iterator<Item = u32> + use<'a> {
    let gateway = gateway(packet);
    let numbers = |segment: AsPathSegment<'a>| segment.as_numbers.iter();
    let segments = gateway.into_iter().flat_map(move |it| it.dst_as_path.iter().flat_map(numbers));
    // Version 2 has no segments.
    gateway.into_iter().flat_map(|it| it.dst_as_sequence.iter()).chain(segments)
}

/// A BGP community, written as RFC 1997 divides it.
struct Community(u32);

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.0 >> 16, self.0 & 0xffff)
    }
}

/// The name of a user, as far as its character set is known.
fn user(user: User<'_>) -> Option<Value<'_>> {
    use flowmote_decoder::visit::Value as Field;
    match user.value() {
        Field::Latin1(name) => Some(name.to_string().into()),
        _ => text(flowmote_decoder::Text(user.name)),
    }
}
