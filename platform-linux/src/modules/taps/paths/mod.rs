//! The other interface of a forwarded packet.
//!
//! A tap sees a packet on one interface. Where the packet ends or comes from is answered by the
//! kernel's tables: addresses of the host, routes, stations of bridges. An answer that they do not
//! have is unknown, rather than a guess. They do not cover address translation, marks, redirection by
//! tc or XDP, and dropping by a firewall. The input of a routed packet that is sent is unknown too,
//! because the way back of a packet is not the way it came, unless it was sampled at a tc hook: the skb
//! has it there.

mod cache;
mod headers;

use std::collections::BTreeMap;
use std::net::IpAddr;

use flowmote_core::{Instant, Interface};

use crate::links::{Flow, Link, Links, Way};
use crate::modules::taps::capture::{Origin, Packet, PacketKind};
use cache::{Cache, Request};
use headers::{Headers, Network};

/// Finds input and output of sampled packets.
#[derive(Debug, Default)]
pub struct Paths {
    /// Addresses of interfaces that are up, sorted.
    local: Vec<IpAddr>,
    places: BTreeMap<u32, Place>,
    cache: Cache,
}

/// The surroundings of an interface.
#[derive(Debug)]
struct Place {
    /// The bond or team whose member it is.
    aggregate: Option<u32>,
    /// The bridge whose port it is.
    bridge: Option<u32>,
    /// Another kind of master: Open vSwitch, VRF.
    other_master: bool,
    /// A bridge that keeps stations by VLAN.
    filters_vlans: bool,
    /// VLAN sub-interfaces on it.
    vlans: BTreeMap<u16, u32>,
    mac: Option<[u8; 6]>,
}

impl Place {
    fn new(link: &Link) -> Self {
        let master = |kinds: &[&str]| {
            let kind = link.master_kind.as_deref();
            link.master.filter(|_| kind.is_some_and(|kind| kinds.contains(&kind)))
        };
        let (aggregate, bridge) = (master(&["bond", "team"]), master(&["bridge"]));
        Self {
            aggregate,
            bridge,
            other_master: link.master.is_some() && aggregate.or(bridge).is_none(),
            filters_vlans: link.filters_vlans,
            vlans: BTreeMap::new(),
            mac: link.mac,
        }
    }
}

impl Paths {
    /// Follows changes of interfaces and addresses.
    pub fn update(&mut self, links: &Links) {
        self.places = links.iter().map(|link| (link.index, Place::new(link))).collect();
        for link in links.iter() {
            if let (Some(parent), Some(id)) = (link.parent, link.vlan_id)
                && let Some(place) = self.places.get_mut(&parent)
            {
                place.vlans.insert(id, link.index);
            }
        }
        // The address of an interface that is down is not in the kernel's table of local routes.
        let up = links.iter().filter(|link| link.admin_up);
        self.local = up.flat_map(|link| &link.addresses).map(|address| address.ip).collect();
        self.local.sort_unstable();
        self.cache.clear();
    }

    /// Input and output of a packet that was seen on interface `if_index` (section 3.6 of
    /// docs/sflow-wire.md).
    pub fn sides(
        &mut self,
        now: Instant,
        if_index: u32,
        packet: &Packet<'_>,
    ) -> (Interface, Interface) {
        let (here, headers) = (Interface::Index(if_index), Headers::of(packet));
        let other = match (packet.kind, packet.origin) {
            (PacketKind::Outgoing, Origin::Host) => Some(Way::Local),
            (PacketKind::Outgoing, Origin::Interface(input)) => Some(Way::Through(input)),
            (PacketKind::Outgoing, Origin::Unknown) => self.origin(now, if_index, &headers),
            (kind, _) => self.end(now, if_index, &headers, kind),
        };
        let other = other.map_or(Interface::Unknown, |way| match way {
            Way::Local => Interface::Internal,
            Way::Through(index) => Interface::Index(index),
        });
        if packet.kind == PacketKind::Outgoing { (other, here) } else { (here, other) }
    }

    /// The origin of a packet that is sent.
    fn origin(&mut self, now: Instant, if_index: u32, headers: &Headers) -> Option<Way> {
        let port = self.aggregate_of(if_index);
        let place = self.places.get(&port)?;
        let own_mac = place.mac;
        match place.bridge {
            Some(bridge) => match self.station(now, bridge, headers, headers.macs?.1)? {
                Way::Local => self.own(headers, None),
                Way::Through(from) => (from != port).then_some(Way::Through(from)),
            },
            None => self.own(headers, own_mac),
        }
    }

    /// Returns [`Way::Local`] for a packet that the host itself has made. Routers do not forward
    /// packets from an unspecified or link-local address (RFC 4291, section 2.5; RFC 3927).
    fn own(&self, headers: &Headers, mac: Option<[u8; 6]>) -> Option<Way> {
        let own = match headers.network {
            Network::Ip(flow) => {
                let source = flow.source;
                self.is_local(source) || source.is_unspecified() || is_link_local(source)
            }
            Network::Arp => mac.is_some() && headers.macs.map(|(_, source)| source) == mac,
            Network::Other => false,
        };
        own.then_some(Way::Local)
    }

    /// The end of a packet that was received.
    fn end(
        &mut self,
        now: Instant,
        if_index: u32,
        headers: &Headers,
        kind: PacketKind,
    ) -> Option<Way> {
        let port = self.aggregate_of(if_index);
        if let Some(bridge) = self.places.get(&port)?.bridge {
            let (destination, _) = headers.macs?;
            return match self.station(now, bridge, headers, destination)? {
                Way::Local => self.received(now, bridge, headers, PacketKind::Host),
                Way::Through(to) => (to != port).then_some(Way::Through(to)),
            };
        }
        self.received(now, port, headers, kind)
    }

    /// The end of a packet that the host has received on an interface or on a VLAN on top of it.
    fn received(
        &mut self,
        now: Instant,
        device: u32,
        headers: &Headers,
        kind: PacketKind,
    ) -> Option<Way> {
        let device = match headers.vlan {
            Some(vlan) => *self.places.get(&device)?.vlans.get(&vlan)?,
            None => device,
        };
        let place = self.places.get(&device)?;
        let (is_port, in_domain) = (place.bridge.is_some(), place.other_master);
        match (headers.network, kind) {
            // A VLAN as a port of a bridge, whose stations are not looked up.
            _ if is_port => None,
            (Network::Arp, PacketKind::Host | PacketKind::Broadcast) => Some(Way::Local),
            // Routers forward only what is addressed to them (net/ipv4/ip_forward.c).
            (Network::Ip(_), PacketKind::Broadcast) => Some(Way::Local),
            (Network::Ip(flow), PacketKind::Multicast) => {
                is_link_group(flow.destination).then_some(Way::Local)
            }
            (Network::Ip(flow), PacketKind::Host) => self.routed(now, device, flow, in_domain),
            _ => None,
        }
    }

    /// The end of an IP packet. A routing domain can forward what is local in another one.
    fn routed(&mut self, now: Instant, device: u32, flow: Flow, in_domain: bool) -> Option<Way> {
        if !in_domain && self.is_local(flow.destination) {
            return Some(Way::Local);
        }
        let way = self.cache.reply(now, Request::Route { device, flow })?;
        // Back to where it came from: rather the packet of an ipvlan, which shares the address.
        (way != Way::Through(device)).then_some(way)
    }

    fn station(
        &mut self,
        now: Instant,
        bridge: u32,
        headers: &Headers,
        mac: [u8; 6],
    ) -> Option<Way> {
        let [first, ..] = mac;
        let is_group = first & 1 != 0;
        let vlan = match self.places.get(&bridge)?.filters_vlans {
            // The VLAN of untagged frames is a setting of the port.
            true => headers.vlan?,
            false => 0,
        };
        if is_group {
            return None;
        }
        self.cache.reply(now, Request::Station { bridge, vlan, mac })
    }

    /// The interface that passes the packets of a member of a bond or team on.
    fn aggregate_of(&self, if_index: u32) -> u32 {
        self.places.get(&if_index).and_then(|place| place.aggregate).unwrap_or(if_index)
    }

    fn is_local(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.local.binary_search(&address).is_ok()
    }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// Returns true for groups that no router forwards: 224.0.0.0/24 and ff02::/16.
fn is_link_group(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => matches!(address.octets(), [224, 0, 0, _]),
        IpAddr::V6(address) => matches!(address.octets(), [0xff, scope, ..] if scope & 0xf == 2),
    }
}

#[cfg(test)]
mod tests;
