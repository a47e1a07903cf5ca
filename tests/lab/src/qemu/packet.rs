//! Packets, built and parsed byte by byte.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::Station;

/// Builds an Ethernet frame without padding.
#[must_use]
pub fn ethernet(to: [u8; 6], from: [u8; 6], ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [&to[..], &from, &ether_type.to_be_bytes(), payload].concat()
}

/// Builds an ARP request.
#[must_use]
pub fn arp_request(from: &Station, whose: Ipv4Addr) -> Vec<u8> {
    let payload = arp(1, from, ([0; 6], whose));
    ethernet([0xff; 6], from.mac, ARP, &payload)
}

/// Returns the MAC address in an ARP reply.
#[must_use]
pub fn arp_reply(frame: &[u8]) -> Option<[u8; 6]> {
    let packet = frame.strip_prefix(&Station::PEER.mac)?.get(6..)?.strip_prefix(&[8, 6])?;
    packet.strip_prefix(&[0, 1, 8, 0, 6, 4, 0, 2])?.first_chunk().copied()
}

/// Builds a neighbour solicitation with the source address option (RFC 4861).
#[must_use]
pub fn neighbour_solicitation(from: &Station, to: &Station) -> Vec<u8> {
    let message = [&[135, 0, 0, 0, 0, 0, 0, 0], &to.ip6.octets()[..], &[1, 1], &from.mac].concat();
    let message = icmp6(from.ip6, to.ip6, message);
    ethernet(to.mac, from.mac, IPV6, &ipv6(from.ip6, to.ip6, (58, 255), &message))
}

/// Builds a frame with a UDP datagram over IPv4.
#[must_use]
pub fn udp(from: &Station, to: &Station, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let (from_ip, to_ip) = (from.ip.octets(), to.ip.octets());
    let segment = udp_segment(&[&from_ip[..], &to_ip].concat(), ports, payload);
    ethernet(to.mac, from.mac, IPV4, &ipv4(from.ip, to.ip, 17, &segment))
}

/// The same over IPv6.
#[must_use]
pub fn udp6(from: &Station, to: &Station, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let (from_ip, to_ip) = (from.ip6.octets(), to.ip6.octets());
    let segment = udp_segment(&[&from_ip[..], &to_ip].concat(), ports, payload);
    ethernet(to.mac, from.mac, IPV6, &ipv6(from.ip6, to.ip6, (17, 64), &segment))
}

/// Builds an echo request over IPv4.
#[must_use]
pub fn ping(from: &Station, to: &Station, sequence: u16, data: &[u8]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let mut message = [&[8, 0, 0, 0, 0x12, 0x34, high, low], data].concat();
    let sum = checksum(&message);
    message[2..4].copy_from_slice(&sum);
    ethernet(to.mac, from.mac, IPV4, &ipv4(from.ip, to.ip, 1, &message))
}

/// Builds an echo request over IPv6.
#[must_use]
pub fn ping6(from: &Station, to: &Station, sequence: u16, data: &[u8]) -> Vec<u8> {
    let [high, low] = sequence.to_be_bytes();
    let message = [&[128, 0, 0, 0, 0x12, 0x34, high, low], data].concat();
    let message = icmp6(from.ip6, to.ip6, message);
    ethernet(to.mac, from.mac, IPV6, &ipv6(from.ip6, to.ip6, (58, 64), &message))
}

/// Returns identifier, sequence and data of an echo reply over IPv4 whose two checksums are
/// correct.
#[must_use]
pub fn ping_reply(frame: &[u8]) -> Option<&[u8]> {
    let packet = ipv4_payload(frame, 1)?;
    packet.strip_prefix(&[0, 0]).filter(|_| checksum(packet) == [0, 0])?.get(2..)
}

/// The same over IPv6.
#[must_use]
pub fn ping6_reply(frame: &[u8]) -> Option<&[u8]> {
    let packet = frame.get(12..)?.strip_prefix(&[0x86, 0xdd])?;
    let (head, message) = packet.split_first_chunk::<40>()?;
    let right = checksum(&pseudo6(&head[8..], 58, message)) == [0, 0];
    message.strip_prefix(&[129, 0]).filter(|_| right)?.get(2..)
}

/// Returns the payload of a UDP datagram over IPv4 or IPv6 to this port whose checksums are
/// correct.
#[must_use]
pub fn udp_payload(frame: &[u8], port: u16) -> Option<&[u8]> {
    let (addresses, segment) = match frame.get(12..14)? {
        [8, 0] => (frame.get(26..34)?, ipv4_payload(frame, 17)?),
        [0x86, 0xdd] => (frame.get(22..54)?, frame.get(54..).filter(|_| frame[20] == 17)?),
        _ => return None,
    };
    let length = usize::from(u16::from_be_bytes([*segment.get(4)?, *segment.get(5)?]));
    let segment = segment.get(..length)?;
    let pseudo = [addresses, &[0, 17], &segment[4..6], segment].concat();
    let right = segment.get(6..8)? == [0, 0] || checksum(&pseudo) == [0, 0];
    let here = segment.get(2..4)? == port.to_be_bytes();
    segment.get(8..).filter(|_| right && here)
}

/// Returns the destination of an IP packet.
#[must_use]
pub fn destination(frame: &[u8]) -> Option<IpAddr> {
    match frame.get(12..14)? {
        [8, 0] => Some(IpAddr::from(*frame.get(30..)?.first_chunk::<4>()?)),
        [0x86, 0xdd] => Some(IpAddr::from(*frame.get(38..)?.first_chunk::<16>()?)),
        _ => None,
    }
}

/// Returns the reply of a host to an ARP request or neighbour solicitation for its address.
#[must_use]
pub fn answer(host: &Station, frame: &[u8]) -> Option<Vec<u8>> {
    let from: [u8; 6] = *frame.get(6..)?.first_chunk()?;
    if let Some(question) = frame.get(12..)?.strip_prefix(&[8, 6, 0, 1, 8, 0, 6, 4, 0, 1]) {
        let asker = Ipv4Addr::from(*question.get(6..)?.first_chunk::<4>()?);
        let whose = question.get(16..20)?;
        let reply = || ethernet(from, host.mac, ARP, &arp(2, host, (from, asker)));
        return (whose == host.ip.octets()).then(reply);
    }
    let packet = frame.get(12..)?.strip_prefix(&[0x86, 0xdd])?;
    let (head, message) = packet.split_first_chunk::<40>()?;
    let asker = Ipv6Addr::from(*head.get(8..)?.first_chunk::<16>()?);
    if !message.starts_with(&[135, 0]) || message.get(8..24)? != host.ip6.octets() {
        return None;
    }
    let mut advertisement = vec![136, 0, 0, 0, 0x60, 0, 0, 0];
    advertisement.extend(host.ip6.octets());
    advertisement.extend([2, 1]);
    advertisement.extend(host.mac);
    let message = icmp6(host.ip6, asker, advertisement);
    Some(ethernet(from, host.mac, IPV6, &ipv6(host.ip6, asker, (58, 255), &message)))
}

fn arp(operation: u8, from: &Station, (mac, ip): ([u8; 6], Ipv4Addr)) -> Vec<u8> {
    let head = [0, 1, 8, 0, 6, 4, 0, operation];
    [&head[..], &from.mac, &from.ip.octets(), &mac, &ip.octets()].concat()
}

fn ipv4(from: Ipv4Addr, to: Ipv4Addr, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = ((payload.len() + 20) as u16).to_be_bytes();
    let head = [0x45, 0, high, low, 0, 0, 0x40, 0, 64, protocol, 0, 0];
    let mut packet = [&head[..], &from.octets(), &to.octets()].concat();
    let sum = checksum(&packet);
    packet[10..12].copy_from_slice(&sum);
    packet.extend(payload);
    packet
}

fn ipv6(from: Ipv6Addr, to: Ipv6Addr, (next, hops): (u8, u8), payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let head = [0x60, 0, 0, 0, high, low, next, hops];
    [&head[..], &from.octets(), &to.octets(), payload].concat()
}

fn udp_segment(addresses: &[u8], (from, to): (u16, u16), payload: &[u8]) -> Vec<u8> {
    let length = ((payload.len() + 8) as u16).to_be_bytes();
    let mut segment =
        [&from.to_be_bytes()[..], &to.to_be_bytes(), &length, &[0, 0], payload].concat();
    let sum = checksum(&[addresses, &[0, 17], &length, &segment].concat());
    segment[6..8].copy_from_slice(if sum == [0, 0] { &[0xff; 2] } else { &sum });
    segment
}

fn icmp6(from: Ipv6Addr, to: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let addresses = [from.octets(), to.octets()].concat();
    let sum = checksum(&pseudo6(&addresses, 58, &message));
    message[2..4].copy_from_slice(&sum);
    message
}

/// Returns the pseudo-header and payload covered by a checksum over IPv6 (RFC 8200, 8.1).
fn pseudo6(addresses: &[u8], next: u8, message: &[u8]) -> Vec<u8> {
    let length = (message.len() as u32).to_be_bytes();
    [addresses, &length, &[0, 0, 0, next], message].concat()
}

/// Returns the payload of an IPv4 packet of this protocol whose header checksum is correct.
fn ipv4_payload(frame: &[u8], protocol: u8) -> Option<&[u8]> {
    let packet = frame.get(12..)?.strip_prefix(&[8, 0])?;
    let length = usize::from(u16::from_be_bytes([*packet.get(2)?, *packet.get(3)?]));
    let head = packet.get(..20).filter(|head| checksum(head) == [0, 0])?;
    packet.get(20..length).filter(|_| head[0] == 0x45 && head[9] == protocol)
}

/// Returns the Internet checksum (RFC 1071).
fn checksum(bytes: &[u8]) -> [u8; 2] {
    let word = |pair: &[u8]| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |low| u32::from(*low));
    let sum: u32 = bytes.chunks(2).map(word).sum();
    let folded = (sum >> 16) + (sum & 0xffff);
    (!((folded >> 16) + folded) as u16).to_be_bytes()
}

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const IPV6: u16 = 0x86dd;
