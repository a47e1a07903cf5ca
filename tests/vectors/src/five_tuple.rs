//! The 5-tuple of a packet, found without the decoder's shortcut.

use std::net::IpAddr;

use flowmote_decoder::packet::{FiveTuple, Layer, Layers};

/// Finds the 5-tuple by iterating over all layers.
///
/// [`FiveTuple::from_layers`] skips most of that work and must return the same.
#[must_use]
pub fn five_tuple(layers: Layers<'_>) -> Option<FiveTuple> {
    let mut found: Option<FiveTuple> = None;
    for layer in layers {
        let (src_port, dst_port) = match (layer, &mut found) {
            (Layer::Ipv4(ip), None) => {
                found = Some(without_ports(ip.src.into(), ip.dst.into(), ip.protocol));
                continue;
            }
            (Layer::Ipv6(ip), None) => {
                found = Some(without_ports(ip.src.into(), ip.dst.into(), ip.next_header));
                continue;
            }
            (_, None) => continue,
            (Layer::Ipv6Extension(extension), Some(found)) => {
                found.protocol = extension.next_header;
                continue;
            }
            (Layer::Tcp(tcp), _) => (tcp.src_port, tcp.dst_port),
            (Layer::Udp(udp), _) => (udp.src_port, udp.dst_port),
            (Layer::Sctp(sctp), _) => (sctp.src_port, sctp.dst_port),
            _ => break,
        };
        return found.map(|found| FiveTuple { src_port, dst_port, ..found });
    }
    found
}

fn without_ports(src: IpAddr, dst: IpAddr, protocol: u8) -> FiveTuple {
    FiveTuple { src, dst, protocol, src_port: 0, dst_port: 0 }
}
