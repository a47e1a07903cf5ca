//! 5-tuples of the same packets, whole and cut at every length, by our packet headers, etherparse
//! and smoltcp.

use core::net::IpAddr;
use std::hint::black_box;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use flowmote_core::Random;
use flowmote_decoder::packet::{FiveTuple, Layers};
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

use crate::{clock, traces};

type Decode = fn(&[u8]) -> Option<FiveTuple>;

const DECODERS: [(&str, Decode); 3] =
    [("flowmote-decoder", ours), ("etherparse (lax)", etherparse), ("smoltcp wire", smoltcp)];

pub(crate) fn compare() {
    println!("5-tuples of packets, M packets/s and packets with ports");
    for (what, ip_length) in [("whole, 128 bytes", 100), ("cut at 128 bytes", 1400)] {
        let mut random = Random::new(6343);
        let packets: Vec<_> = (0..1024).map(|_| traces::packet(&mut random, ip_length)).collect();
        let packets: Vec<&[u8]> = packets.iter().map(<[u8; 128]>::as_slice).collect();
        speed(what, &packets);
        if ip_length > 128 {
            tolerance(&packets[..64]);
        }
    }
    println!();
}

fn speed(what: &str, packets: &[&[u8]]) {
    let seconds = clock::take_turns(DECODERS.len(), |at| {
        for packet in packets {
            black_box(DECODERS[at].1(black_box(packet)));
        }
    });
    for ((name, decode), time) in DECODERS.iter().zip(&seconds) {
        let (speed, found) = (packets.len() as f64 / time / 1e6, with_ports(*decode, packets));
        let ratio = time / seconds[0];
        println!("  {what:<22}{name:<20}{speed:>8.1}{ratio:>8.2}{found:>8.1} %");
    }
}

/// Prints how many ports are found in packets cut at every length.
fn tolerance(packets: &[&[u8]]) {
    let cut: Vec<_> =
        packets.iter().flat_map(|packet| (0..128).map(|len| &packet[..len])).collect();
    for (name, decode) in DECODERS {
        println!("  {:<22}{name:<20}{:>24.1} %", "cut at 0 to 127 bytes", with_ports(decode, &cut));
    }
}

/// Percentage of packets whose ports are found.
fn with_ports(decode: Decode, packets: &[&[u8]]) -> f64 {
    let found = packets.iter().filter_map(|packet| decode(packet));
    100.0 * found.filter(|tuple| tuple.dst_port != 0).count() as f64 / packets.len() as f64
}

fn ours(packet: &[u8]) -> Option<FiveTuple> {
    FiveTuple::from_layers(Layers::ethernet(packet))
}

fn etherparse(packet: &[u8]) -> Option<FiveTuple> {
    let packet = LaxSlicedPacket::from_ethernet(packet).ok()?;
    let (src, dst, protocol): (IpAddr, IpAddr, u8) = match packet.net.as_ref()? {
        LaxNetSlice::Ipv4(ip) => {
            let header = ip.header();
            let (src, dst) = (header.source_addr(), header.destination_addr());
            (src.into(), dst.into(), ip.payload_ip_number().0)
        }
        LaxNetSlice::Ipv6(ip) => {
            let header = ip.header();
            let (src, dst) = (header.source_addr(), header.destination_addr());
            (src.into(), dst.into(), ip.payload().ip_number.0)
        }
        LaxNetSlice::Arp(_) => return None,
    };
    let (src_port, dst_port) = match packet.transport.as_ref() {
        Some(TransportSlice::Tcp(tcp)) => (tcp.source_port(), tcp.destination_port()),
        Some(TransportSlice::Udp(udp)) => (udp.source_port(), udp.destination_port()),
        _ => (0, 0),
    };
    Some(tuple((src, dst), protocol, (src_port, dst_port)))
}

/// smoltcp does not parse VLAN tags; they are skipped by hand.
fn smoltcp(packet: &[u8]) -> Option<FiveTuple> {
    let frame = EthernetFrame::new_checked(packet).ok()?;
    let (mut kind, mut rest) = (frame.ethertype(), frame.payload());
    while u16::from(kind) == 0x8100 {
        kind = u16::from_be_bytes(*rest.get(2..)?.first_chunk()?).into();
        rest = rest.get(4..)?;
    }
    match kind {
        EthernetProtocol::Ipv4 => {
            let ip = Ipv4Packet::new_checked(rest).ok()?;
            let addresses = (ip.src_addr().into(), ip.dst_addr().into());
            Some(tuple(addresses, ip.next_header().into(), ports(ip.next_header(), ip.payload())))
        }
        EthernetProtocol::Ipv6 => {
            let ip = Ipv6Packet::new_checked(rest).ok()?;
            let addresses = (ip.src_addr().into(), ip.dst_addr().into());
            Some(tuple(addresses, ip.next_header().into(), ports(ip.next_header(), ip.payload())))
        }
        _ => None,
    }
}

fn ports(protocol: IpProtocol, payload: &[u8]) -> (u16, u16) {
    match protocol {
        IpProtocol::Tcp => {
            TcpPacket::new_checked(payload).map_or((0, 0), |tcp| (tcp.src_port(), tcp.dst_port()))
        }
        IpProtocol::Udp => {
            UdpPacket::new_checked(payload).map_or((0, 0), |udp| (udp.src_port(), udp.dst_port()))
        }
        _ => (0, 0),
    }
}

fn tuple(
    (src, dst): (IpAddr, IpAddr),
    protocol: u8,
    (src_port, dst_port): (u16, u16),
) -> FiveTuple {
    FiveTuple { src, dst, protocol, src_port, dst_port }
}
