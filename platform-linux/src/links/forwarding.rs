//! Lookups in the kernel of the way of a packet: routing table and bridge tables.

use std::io;
use std::net::IpAddr;

use nix::sys::socket::SockProtocol;

use crate::kernel::netlink::attributes::{as_u8, as_u16, as_u32, attributes, find};
use crate::kernel::netlink::{NetlinkSocket, Request};

/// Sends the kernel one request for each lookup. The kernel replies without waiting for packets or
/// neighbours.
#[derive(Debug)]
pub struct Forwarding {
    socket: NetlinkSocket,
}

/// The part of a received IP packet that routing rules can depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Flow {
    /// Source address.
    pub source: IpAddr,
    /// Destination address, of the same family.
    pub destination: IpAddr,
    /// Type of service; 0 for IPv6.
    pub tos: u8,
    /// Protocol, and ports of TCP and UDP.
    pub transport: Option<(u8, u16, u16)>,
}

/// The end of a way within this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The host itself.
    Local,
    /// The interface or bridge port with this ifIndex.
    Through(u32),
}

impl Forwarding {
    /// Opens a socket in the network namespace of the caller.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` if too many files are open.
    pub fn open() -> io::Result<Self> {
        Ok(Self { socket: NetlinkSocket::open(SockProtocol::NetlinkRoute, 0)? })
    }

    /// The way of a packet that interface `if_index` received; `None` if the kernel would drop it
    /// or finds no way.
    ///
    /// The kernel makes the decision that it makes for packets (net/ipv4/route.c,
    /// `inet_rtm_getroute` with `RTA_IIF`), except for marks and address translation.
    pub fn route(&mut self, if_index: u32, flow: &Flow) -> Option<Way> {
        // For IPv6 the kernel checks only as it forwards (net/ipv6/ip6_output.c, ip6_forward).
        if flow.destination.is_ipv6() && !self.forwards_ipv6() {
            return None;
        }
        self.find(&route_request(if_index, flow), libc::RTM_NEWROUTE, parse_route)
    }

    /// The port of a bridge behind which a MAC address is; `None` if it has not learned it.
    /// `vlan` is 0 in a bridge that does not filter VLANs. Linux 5.0 and later.
    pub fn station(&mut self, bridge: u32, vlan: u16, mac: [u8; 6]) -> Option<Way> {
        self.find(&station_request(bridge, vlan, mac), libc::RTM_NEWNEIGH, parse_station)
    }

    fn forwards_ipv6(&mut self) -> bool {
        // struct netconfmsg: the family alone.
        let family = [libc::AF_INET6 as u8, 0, 0, 0];
        let request = Request::new(RTM_GETNETCONF, 0, &family)
            .attribute(NETCONFA_IFINDEX, &NETCONFA_IFINDEX_ALL.to_ne_bytes());
        self.find(&request, RTM_NEWNETCONF, parse_forwarding).unwrap_or(false)
    }

    /// Sends a request and parses the messages of type `kind` in the reply; `None` if the kernel
    /// refuses the request.
    fn find<T>(
        &mut self,
        request: &Request,
        kind: u16,
        parse: impl Fn(&[u8]) -> Option<T>,
    ) -> Option<T> {
        let mut found = None;
        let reply = self.socket.request(request, &mut |message| {
            if message.kind == kind {
                found = parse(message.body);
            }
        });
        reply.ok().and(found)
    }
}

fn route_request(if_index: u32, flow: &Flow) -> Request {
    // struct rtmsg: family, lengths of destination and source in bits, TOS, five fields of routes.
    let (family, bits) = match flow.destination {
        IpAddr::V4(_) => (libc::AF_INET as u8, 32),
        IpAddr::V6(_) => (libc::AF_INET6 as u8, 128),
    };
    let header = [family, bits, bits, flow.tos, 0, 0, 0, 0, 0, 0, 0, 0];
    let request = Request::new(libc::RTM_GETROUTE, 0, &header);
    let request = address(request, libc::RTA_DST, flow.destination);
    let request = address(request, libc::RTA_SRC, flow.source)
        .attribute(libc::RTA_IIF, &if_index.to_ne_bytes());
    let Some((protocol, source, destination)) = flow.transport else { return request };
    request
        .attribute(RTA_IP_PROTO, &[protocol])
        .attribute(RTA_SPORT, &source.to_be_bytes())
        .attribute(RTA_DPORT, &destination.to_be_bytes())
}

fn address(request: Request, kind: u16, address: IpAddr) -> Request {
    match address {
        IpAddr::V4(address) => request.attribute(kind, &address.octets()),
        IpAddr::V6(address) => request.attribute(kind, &address.octets()),
    }
}

fn parse_route(body: &[u8]) -> Option<Way> {
    let (header, rest) = body.split_first_chunk::<12>()?;
    let [.., kind, _, _, _, _] = *header;
    match kind {
        libc::RTN_LOCAL | libc::RTN_BROADCAST => Some(Way::Local),
        libc::RTN_UNICAST => find(rest, libc::RTA_OIF).and_then(as_u32).map(Way::Through),
        _ => None,
    }
}

fn station_request(bridge: u32, vlan: u16, mac: [u8; 6]) -> Request {
    // struct ndmsg, all zero except for the family.
    let mut header = [0; 12];
    header[0] = libc::AF_BRIDGE as u8;
    let request = Request::new(libc::RTM_GETNEIGH, 0, &header)
        .attribute(NDA_MASTER, &bridge.to_ne_bytes())
        .attribute(NDA_LLADDR, &mac);
    if vlan == 0 { request } else { request.attribute(NDA_VLAN, &vlan.to_ne_bytes()) }
}

fn parse_station(body: &[u8]) -> Option<Way> {
    let (header, _) = body.split_first_chunk::<12>()?;
    let port = header.get(4..).and_then(as_u32)?;
    let state = header.get(8..).and_then(as_u16)?;
    // The addresses of the bridge and of its ports (net/bridge/br_fdb.c, fdb_to_nud).
    let local = state & NUD_PERMANENT != 0;
    Some(if local { Way::Local } else { Way::Through(port) })
}

/// The body is struct netconfmsg, then attributes.
fn parse_forwarding(body: &[u8]) -> Option<bool> {
    let value = find(body.get(4..)?, NETCONFA_FORWARDING).and_then(as_u32)?;
    Some(value != 0)
}

/// The VLAN id of a VLAN sub-interface, from `IFLA_INFO_DATA`.
pub(super) fn vlan_id(kind_data: &[u8]) -> Option<u16> {
    find(kind_data, IFLA_VLAN_ID).and_then(as_u16)
}

/// Returns true for the `IFLA_INFO_DATA` of a bridge that filters VLANs.
pub(super) fn filters_vlans(kind_data: &[u8]) -> bool {
    attributes(kind_data)
        .any(|(kind, value)| kind == IFLA_BR_VLAN_FILTERING && as_u8(value) == Some(1))
}

// linux/rtnetlink.h, linux/netconf.h, linux/neighbour.h, linux/if_link.h
const RTM_NEWNETCONF: u16 = 80;
const RTM_GETNETCONF: u16 = 82;
const RTA_IP_PROTO: u16 = 27;
const RTA_SPORT: u16 = 28;
const RTA_DPORT: u16 = 29;
const NETCONFA_IFINDEX: u16 = 1;
const NETCONFA_IFINDEX_ALL: i32 = -1;
const NETCONFA_FORWARDING: u16 = 2;
const NDA_LLADDR: u16 = 2;
const NDA_VLAN: u16 = 5;
const NDA_MASTER: u16 = 9;
const NUD_PERMANENT: u16 = 0x80;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_BR_VLAN_FILTERING: u16 = 7;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn replies_of_the_kernel() {
        let mut route = vec![2, 32, 0, 0, 254, 0, 0, 1, 0, 0, 0, 0, 8, 0, 4, 0, 9, 0, 0, 0];
        assert_eq!(parse_route(&route), Some(Way::Through(9)));
        route[7] = 2;
        assert_eq!(parse_route(&route), Some(Way::Local));
        route[7] = 7; // unreachable
        assert_eq!(parse_route(&route), None);
        let netconf = [10, 0, 0, 0, 8, 0, 1, 0, 255, 255, 255, 255, 8, 0, 2, 0, 1, 0, 0, 0];
        assert_eq!(parse_forwarding(&netconf), Some(true));
        assert_eq!(parse_forwarding(&netconf[..12]), None);
        let mut station = [7, 0, 0, 0, 5, 0, 0, 0, 2, 0, 2, 0];
        assert_eq!(parse_station(&station), Some(Way::Through(5)));
        station[8] = 0x80;
        assert_eq!(parse_station(&station), Some(Way::Local));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            parse_route(&bytes);
            parse_station(&bytes);
            vlan_id(&bytes);
            parse_forwarding(&bytes);
            filters_vlans(&bytes);
        }
    }
}
