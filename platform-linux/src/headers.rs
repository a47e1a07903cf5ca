//! The headers of a sampled packet, as far as routes and sockets depend on them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use flowmote_core::record::flow::HeaderProtocol;

use crate::links::Flow;

/// The IP packet in a sampled header, behind Ethernet and any VLAN tags; `None` for another protocol.
pub(crate) fn ip_packet(protocol: HeaderProtocol, header: &[u8]) -> Option<&[u8]> {
    match protocol {
        HeaderProtocol::ETHERNET => ethernet_payload(header),
        HeaderProtocol::IPV4 | HeaderProtocol::IPV6 => Some(header),
        _ => None,
    }
}

/// Addresses and ports of an IP packet; `None` if its header is cut off.
///
/// A fragment has no ports, not even the first one: they are not in the others.
pub(crate) fn flow(ip: &[u8]) -> Option<Flow> {
    split(ip).map(|(flow, _)| flow)
}

/// Addresses and ports of the IP packet in the tunnel packet `ip`: in IP, in GRE, or in an Ethernet
/// frame in GRE, VXLAN or Geneve.
pub(crate) fn tunnelled_flow(ip: &[u8]) -> Option<Flow> {
    flow(tunnelled(ip)?)
}

/// The bytes of an Ethernet frame before the payload of TCP or UDP, of the inner packet in a tunnel;
/// `None` if they are cut off.
pub(crate) fn payload_offset(frame: &[u8]) -> Option<usize> {
    let outer = ethernet_payload(frame)?;
    let (_, (protocol, transport)) = split(tunnelled(outer).unwrap_or(outer))?;
    let header = match protocol {
        TCP => usize::from(transport.get(12)? >> 4) * 4,
        UDP => transport.first_chunk::<8>()?.len(),
        _ => return None,
    };
    Some(frame.len() - transport.len() + header)
}

/// The IP packet in the tunnel packet `ip`.
fn tunnelled(ip: &[u8]) -> Option<&[u8]> {
    let (outer, (protocol, payload)) = split(ip)?;
    match protocol {
        IP_IN_IP | IPV6_IN_IP => Some(payload),
        GRE => gre_payload(payload),
        UDP => udp_tunnel_payload(outer.transport?, payload.get(8..)?),
        _ => None,
    }
}

/// The flow, and the number and bytes of the protocol in IP.
fn split(ip: &[u8]) -> Option<(Flow, (u8, &[u8]))> {
    match ip.first()? >> 4 {
        4 => ipv4(ip),
        6 => ipv6(ip),
        _ => None,
    }
}

fn ethernet_payload(frame: &[u8]) -> Option<&[u8]> {
    let mut rest = frame.get(12..)?;
    for _ in 0..=MAX_TAGS {
        let (ether_type, payload) = rest.split_first_chunk()?;
        match u16::from_be_bytes(*ether_type) {
            IPV4 | IPV6 => return Some(payload),
            VLAN | PROVIDER_VLAN => rest = payload.get(2..)?,
            _ => return None,
        }
    }
    None
}

fn ipv4(ip: &[u8]) -> Option<(Flow, (u8, &[u8]))> {
    let header = ip.first_chunk::<20>()?;
    let [first, tos, _, _, _, _, fragment, offset, _, protocol, _, _, addresses @ ..] = *header;
    let [s0, s1, s2, s3, d0, d1, d2, d3] = addresses;
    let payload = ip.get(usize::from(first & 0x0f) * 4..).unwrap_or_default();
    let is_fragment = u16::from_be_bytes([fragment, offset]) & 0x3fff != 0;
    let flow = Flow {
        source: Ipv4Addr::new(s0, s1, s2, s3).into(),
        destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
        // The bits of ECN do not take part in routing.
        tos: tos & 0x1c,
        transport: if is_fragment { None } else { ports(protocol, payload) },
    };
    Some((flow, (protocol, payload)))
}

fn ipv6(ip: &[u8]) -> Option<(Flow, (u8, &[u8]))> {
    let (header, rest) = ip.split_first_chunk::<40>()?;
    let address = |at: usize| -> Option<IpAddr> {
        let octets: [u8; 16] = *header.get(at..)?.first_chunk()?;
        Some(Ipv6Addr::from(octets).into())
    };
    let (protocol, payload) = after_extensions(*header.get(6)?, rest).unwrap_or((NO_NEXT, &[]));
    let transport = ports(protocol, payload);
    let flow = Flow { source: address(8)?, destination: address(24)?, tos: 0, transport };
    Some((flow, (protocol, payload)))
}

/// The protocol after the extension headers of IPv6 (RFC 8200, section 4) and its bytes; `None` in a
/// fragment, and where the headers are cut off or too many.
fn after_extensions(mut protocol: u8, mut bytes: &[u8]) -> Option<(u8, &[u8])> {
    for _ in 0..MAX_EXTENSIONS {
        let length = match protocol {
            HOP_BY_HOP | ROUTING | DESTINATION => usize::from(*bytes.get(1)?) * 8 + 8,
            // RFC 4302, section 2.2: in units of 4 bytes.
            AUTHENTICATION => usize::from(*bytes.get(1)?) * 4 + 8,
            FRAGMENT => return None,
            _ => return Some((protocol, bytes)),
        };
        protocol = *bytes.first()?;
        bytes = bytes.get(length..)?;
    }
    None
}

/// Protocol and ports of TCP and UDP.
fn ports(protocol: u8, bytes: &[u8]) -> Option<(u8, u16, u16)> {
    let [s0, s1, d0, d1] = *bytes.first_chunk()?;
    matches!(protocol, TCP | UDP).then_some((
        protocol,
        u16::from_be_bytes([s0, s1]),
        u16::from_be_bytes([d0, d1]),
    ))
}

/// RFC 2890: flags, protocol, then checksum, key and sequence number as the flags announce them.
fn gre_payload(gre: &[u8]) -> Option<&[u8]> {
    let ([flags, version, p0, p1], _) = gre.split_first_chunk()?;
    let options = [0x80, 0x20, 0x10].into_iter().filter(|bit| flags & bit != 0).count();
    let payload = gre.get(4 + 4 * options..)?;
    match u16::from_be_bytes([*p0, *p1]) {
        _ if version & 7 != 0 => None,
        IPV4 | IPV6 => Some(payload),
        TRANSPARENT_ETHERNET => ethernet_payload(payload),
        _ => None,
    }
}

/// VXLAN (RFC 7348) has 8 bytes before the frame, Geneve (RFC 8926) also its options.
fn udp_tunnel_payload((_, _, port): (u8, u16, u16), bytes: &[u8]) -> Option<&[u8]> {
    let [first, _, p0, p1, ..] = *bytes.first_chunk::<8>()?;
    match port {
        VXLAN_PORT | LINUX_VXLAN_PORT => ethernet_payload(bytes.get(8..)?),
        GENEVE_PORT => {
            let payload = bytes.get(8 + usize::from(first & 0x3f) * 4..)?;
            match u16::from_be_bytes([p0, p1]) {
                IPV4 | IPV6 => Some(payload),
                TRANSPARENT_ETHERNET => ethernet_payload(payload),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Number of TCP in IP.
pub(crate) const TCP: u8 = 6;
/// Number of UDP in IP.
pub(crate) const UDP: u8 = 17;
const IP_IN_IP: u8 = 4;
const IPV6_IN_IP: u8 = 41;
const GRE: u8 = 47;
const HOP_BY_HOP: u8 = 0;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const NO_NEXT: u8 = 59;
const DESTINATION: u8 = 60;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN: u16 = 0x8100;
const PROVIDER_VLAN: u16 = 0x88a8;
const TRANSPARENT_ETHERNET: u16 = 0x6558;
const VXLAN_PORT: u16 = 4789;
/// That of a device without `dstport` (drivers/net/vxlan/vxlan_core.c, `vxlan_port`), as flannel's is.
const LINUX_VXLAN_PORT: u16 = 8472;
const GENEVE_PORT: u16 = 6081;
/// Tags of a frame: those of a provider and of its customer, and one more.
const MAX_TAGS: usize = 3;
/// RFC 8200, section 4.1 recommends an order in which no more than seven occur.
const MAX_EXTENSIONS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MACS: [u8; 12] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    const PORTS: [u8; 4] = [0xd4, 0x31, 0x01, 0xbb];

    /// An IPv4 packet from 10.0.0.1 to 10.0.0.2.
    fn v4(protocol: u8, fragment: u16, payload: &[u8]) -> Vec<u8> {
        let [f0, f1] = fragment.to_be_bytes();
        let fixed = [0x45, 0x10, 0, 0, 0, 0, f0, f1, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [fixed.as_slice(), payload].concat()
    }

    /// An IPv6 packet from ::1 to ::2.
    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let (mut fixed, [source, destination]) = ([0; 40], [23, 39]);
        (fixed[0], fixed[6], fixed[source], fixed[destination]) = (0x60, next, 1, 2);
        [fixed.as_slice(), payload].concat()
    }

    fn framed(between: &[u8], ip: &[u8]) -> Vec<u8> {
        [MACS.as_slice(), between, ip].concat()
    }

    fn transport(ip: &[u8]) -> Option<(u8, u16, u16)> {
        flow(ip).unwrap().transport
    }

    #[test]
    fn ports_are_found_behind_tags_options_and_extension_headers() {
        let expected = Some((6, 54321, 443));
        let ip = v4(6, 0x4000, &PORTS);
        let found = flow(&ip).unwrap();
        assert_eq!((found.transport, found.tos), (expected, 0x10));
        assert_eq!(
            [found.source, found.destination].map(|ip| ip.to_string()),
            ["10.0.0.1", "10.0.0.2"]
        );
        for between in [
            [8, 0].as_slice(),
            &[0x81, 0, 0, 7, 8, 0],
            &[0x88, 0xa8, 0, 7, 0x81, 0, 0, 9, 0x81, 0, 0, 9, 8, 0],
        ] {
            let frame = framed(between, &ip);
            assert_eq!(ip_packet(HeaderProtocol::ETHERNET, &frame), Some(&ip[..]), "{between:?}");
        }
        assert_eq!(ip_packet(HeaderProtocol::IPV4, &ip), Some(&ip[..]));
        let mut options = v4(6, 0, &[&[1; 8], &PORTS[..]].concat());
        options[0] = 0x47;
        assert_eq!(transport(&options), expected);
        assert_eq!(transport(&v6(6, &PORTS)), expected);
        let hops = [&[60, 1], &[0; 14][..], &[51, 0], &[0; 6], &[6, 4], &[0; 22], &PORTS].concat();
        assert_eq!(transport(&v6(0, &hops)), expected, "hop-by-hop, destination, authentication");
    }

    #[test]
    fn fragments_other_protocols_and_cut_headers_have_no_ports() {
        for (ip, what) in [
            (v4(6, 0x2000, &PORTS), "first fragment"),
            (v4(6, 5, &PORTS), "later fragment"),
            (v4(1, 0, &PORTS), "ICMP"),
            (v4(6, 0, &PORTS[..3]), "cut in the ports"),
            (v6(44, &[&[6], &[0; 7][..], &PORTS].concat()), "fragment header"),
            (v6(0, &[6]), "cut in an extension header"),
            (v6(60, &[60, 0, 0, 0, 0, 0, 0, 0].repeat(MAX_EXTENSIONS)), "too many headers"),
        ] {
            assert_eq!(transport(&ip), None, "{what}");
        }
        assert_eq!(flow(&v4(6, 0, &[])[..19]), None);
        assert_eq!(flow(&v6(6, &[])[..39]), None);
        assert_eq!(ip_packet(HeaderProtocol::ETHERNET, &framed(&[8, 6], &[0; 28])), None, "ARP");
        let tags = [0x81, 0, 0, 7].repeat(MAX_TAGS + 1);
        let frame = framed(&[&tags[..], &[8, 0]].concat(), &v4(6, 0, &PORTS));
        assert_eq!(ip_packet(HeaderProtocol::ETHERNET, &frame), None, "too many tags");
    }

    #[test]
    fn inner_packet_of_a_tunnel() {
        let expected = Some((6, 54321, 443));
        let inner = v4(6, 0, &PORTS);
        let udp = |port: u16, rest: &[u8]| {
            let [p0, p1] = port.to_be_bytes();
            v4(17, 0, &[&[0, 9, p0, p1, 0, 0, 0, 0], rest].concat())
        };
        let frame = framed(&[8, 0], &inner);
        for (packet, what) in [
            (v4(4, 0, &inner), "IP in IP"),
            (v6(4, &inner), "IPv4 in IPv6"),
            (v4(41, 0, &v6(6, &PORTS)), "IPv6 in IPv4"),
            (v4(47, 0, &[&[0, 0, 8, 0], &inner[..]].concat()), "GRE"),
            (v4(47, 0, &[&[0xb0, 0, 8, 0][..], &[0; 12], &inner].concat()), "GRE, all options"),
            (v4(47, 0, &[&[0, 0, 0x65, 0x58], &frame[..]].concat()), "Ethernet in GRE"),
            (udp(4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &frame[..]].concat()), "VXLAN"),
            (udp(8472, &[&[8, 0, 0, 0, 0, 0, 1, 0], &frame[..]].concat()), "VXLAN of Linux"),
            (udp(6081, &[&[1, 0, 0x65, 0x58, 0, 0, 1, 0][..], &[0; 4], &frame].concat()), "Geneve"),
        ] {
            assert_eq!(tunnelled_flow(&packet).unwrap().transport, expected, "{what}");
        }
        assert_eq!(tunnelled_flow(&inner), None, "no tunnel");
        assert_eq!(tunnelled_flow(&udp(4790, &frame)), None);
        assert_eq!(tunnelled_flow(&v4(47, 0, &[&[0, 1, 8, 0], &inner[..]].concat())), None, "PPTP");
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_parsed(bytes: Vec<u8>) {
            let _ = ip_packet(HeaderProtocol::ETHERNET, &bytes).and_then(flow);
            let _ = tunnelled_flow(&bytes);
            let _ = payload_offset(&bytes);
        }
    }
}
