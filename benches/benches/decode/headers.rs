//! Our decoder of packet headers, etherparse and smoltcp: the 5-tuple of the same packets, whole
//! and cut at every length.

use core::net::IpAddr;
use std::hint::black_box;

use etherparse::{LaxNetSlice, LaxSlicedPacket, TransportSlice};
use flowmote_analyzer::packet::{FiveTuple, Layers};
use smoltcp::wire::{
    EthernetFrame, EthernetProtocol, IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket, UdpPacket,
};

use crate::{clock, traces};

type Decode = fn(&[u8]) -> Option<FiveTuple>;

const DECODERS: [(&str, Decode); 3] =
    [("flowmote-analyzer", ours), ("etherparse (lax)", etherparse), ("smoltcp wire", smoltcp)];

pub(crate) fn compare() {
    let mut random = fastrand::Rng::with_seed(6343);
    let packets: Vec<_> = (0..1024).map(|_| traces::packet(&mut random)).collect();
    let seconds = clock::take_turns(DECODERS.len(), |at| {
        for packet in &packets {
            black_box(DECODERS[at].1(black_box(packet)));
        }
    });
    println!("5-tuples of {} packets cut at 128 bytes, and at every length below", packets.len());
    println!(
        "  {:<20}{:>14}{:>8}{:>16}{:>12}{:>14}",
        "", "M packets/s", "ratio", "with 5-tuple", "of cut ones", "with address"
    );
    for ((name, decode), time) in DECODERS.iter().zip(&seconds) {
        let found = packets.iter().filter(|packet| decode(packet.as_slice()).is_some()).count();
        let cut = || packets[..64].iter().flat_map(|packet| (0..128).map(|len| &packet[..len]));
        let (all, tuples) = (cut().count(), cut().filter_map(decode));
        let (mut with_ports, mut with_address) = (0, 0);
        for tuple in tuples {
            with_address += 1;
            with_ports += usize::from(tuple.dst_port != 0);
        }
        let percent = |part: usize, of: usize| 100.0 * part as f64 / of as f64;
        println!(
            "  {name:<20}{:>14.1}{:>8.2}{:>15.1}%{:>11.1}%{:>13.1}%",
            packets.len() as f64 / time / 1e6,
            time / seconds[0],
            percent(found, packets.len()),
            percent(with_ports, all),
            percent(with_address, all),
        );
    }
    println!();
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

/// smoltcp knows no tags; they are skipped by hand.
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
