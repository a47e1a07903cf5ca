//! Messages captured from the kernel, truncated and arbitrary ones.

use super::*;
use crate::kernel::netlink::{Messages, push_attribute};
use flowmote_vectors::unhex;
use proptest::prelude::*;

/// Captured on Linux 6.18: `RTM_GETLINK` of a virtio adapter, of a veth end in a bridge, and a
/// dump of addresses.
const VIRTIO: &str = include_str!("../testdata/newlink-virtio.hex");
const VETH: &str = include_str!("../testdata/newlink-veth-bridge-port.hex");
const ADDRESSES: &str = include_str!("../testdata/newaddr.hex");

fn message(datagram: &[u8]) -> Message<'_> {
    Messages::new(datagram).next().unwrap().unwrap()
}

fn link(datagram: &[u8]) -> LinkMessage<'_> {
    match RouteMessage::parse(message(datagram)) {
        Ok(RouteMessage::Link(link)) => *link,
        other => panic!("{other:?}"),
    }
}

#[test]
#[cfg(target_endian = "little")]
fn captured_virtio_adapter() {
    let datagram = unhex(VIRTIO);
    let link = link(&datagram);
    assert_eq!((link.index, link.name), (4, b"eth0".as_slice()));
    assert_eq!((link.hardware, link.mtu), (1, 1400));
    assert_eq!(link.flags, 0x11043, "UP BROADCAST RUNNING MULTICAST LOWER_UP");
    assert_eq!(link.mac, Some([2, 0xfc, 0, 0, 0, 1]));
    assert_eq!((link.kind, link.device), (None, Some("virtio2")));
    assert_eq!((link.master, link.parent, link.promiscuity), (None, None, 0));
    let stats = link.stats.unwrap();
    assert!(stats.rx_packets > 0 && stats.rx_bytes > 60 * stats.rx_packets);
    assert!(stats.tx_packets > 0 && stats.tx_bytes > 40 * stats.tx_packets);
    assert_eq!((stats.rx_errors, stats.multicast, stats.rx_nohandler), (0, 0, 0));
}

#[test]
#[cfg(target_endian = "little")]
fn captured_bridge_port() {
    let datagram = unhex(VETH);
    let link = link(&datagram);
    assert_eq!((link.index, link.name), (3, b"va".as_slice()));
    assert_eq!((link.kind, link.slave_kind), (Some("veth"), Some("bridge")));
    assert_eq!((link.parent, link.master, link.device), (Some(2), Some(4), None));
    assert_eq!(link.promiscuity, 1);
    assert!(!link.slave_data.is_empty());
}

#[test]
#[cfg(target_endian = "little")]
fn parent_in_another_namespace_is_ignored() {
    let mut datagram = unhex(VETH);
    push_attribute(&mut datagram, IFLA_LINK_NETNSID, &7_u32.to_ne_bytes());
    let length = u32::try_from(datagram.len()).unwrap();
    datagram[..4].copy_from_slice(&length.to_ne_bytes());
    let link = link(&datagram);
    assert_eq!((link.parent, link.elsewhere), (None, Some(7)));
}

#[test]
#[cfg(target_endian = "little")]
fn captured_addresses() {
    let datagram = unhex(ADDRESSES);
    let parsed: Vec<_> = Messages::new(&datagram)
        .map(|message| RouteMessage::parse(message.unwrap()).unwrap())
        .collect();
    let v4 = Address { ip: [198, 51, 100, 1].into(), prefix_len: 24, scope: 0, flags: 0x80 };
    let v6 = Address { ip: "2001:db8::1".parse().unwrap(), prefix_len: 64, ..v4 };
    let [RouteMessage::Address(3, first), RouteMessage::Address(3, second)] = parsed[..] else {
        panic!("{parsed:?}");
    };
    assert_eq!(first, v4);
    assert_eq!((second.ip, second.prefix_len), (v6.ip, v6.prefix_len));
}

#[test]
fn statistics_have_their_kernel_positions() {
    let words: Vec<u8> = (1..=25_u64).flat_map(u64::to_ne_bytes).collect();
    let stats = LinkStats::parse(&words).unwrap();
    let expected = LinkStats {
        rx_packets: 1,
        tx_packets: 2,
        rx_bytes: 3,
        tx_bytes: 4,
        rx_errors: 5,
        tx_errors: 6,
        rx_dropped: 7,
        tx_dropped: 8,
        multicast: 9,
        rx_missed_errors: 16,
        rx_nohandler: 24,
    };
    assert_eq!(stats, expected);
    // Linux 3.10 has 23 words.
    let old = LinkStats::parse(&words[..23 * 8]).unwrap();
    assert_eq!(old, LinkStats { rx_nohandler: 0, ..expected });
    assert_eq!(LinkStats::parse(&words[..15 * 8]), None);
}

#[test]
fn messages_without_link_state_are_other() {
    fn message(kind: u16, body: &[u8]) -> Message<'_> {
        Message { kind, flags: 0, sequence: 0, body }
    }
    let mut body = vec![0; 16];
    body[4..8].copy_from_slice(&7_u32.to_ne_bytes());
    let wireless = RouteMessage::parse(message(libc::RTM_NEWLINK, &body));
    assert_eq!(wireless, Ok(RouteMessage::Other), "no MTU: not a description");
    let gone = RouteMessage::parse(message(libc::RTM_DELLINK, &body));
    assert_eq!(gone, Ok(RouteMessage::LinkGone(7)));
    push_attribute(&mut body, libc::IFLA_MTU, &1500_u32.to_ne_bytes());
    let nameless = RouteMessage::parse(message(libc::RTM_NEWLINK, &body));
    assert_eq!(nameless, Err(Malformed));
    body[0] = libc::AF_BRIDGE as u8;
    let port = RouteMessage::parse(message(libc::RTM_DELLINK, &body));
    assert_eq!(port, Ok(RouteMessage::Other));
    let short = RouteMessage::parse(message(libc::RTM_NEWLINK, &body[..15]));
    assert_eq!(short, Err(Malformed));
    let addressless = RouteMessage::parse(message(libc::RTM_NEWADDR, &[0; 8]));
    assert_eq!(addressless, Err(Malformed));
}

#[test]
fn truncated_messages_do_not_panic() {
    for hex in [VIRTIO, VETH, ADDRESSES] {
        let datagram = unhex(hex);
        let body = message(&datagram).body;
        for end in 0..body.len() {
            for kind in [libc::RTM_NEWLINK, libc::RTM_NEWADDR] {
                let cut = Message { kind, flags: 0, sequence: 0, body: &body[..end] };
                let _ = RouteMessage::parse(cut);
            }
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_bytes_do_not_panic(kind in 16_u16..24, body: Vec<u8>) {
        let _ = RouteMessage::parse(Message { kind, flags: 0, sequence: 0, body: &body });
    }

    #[test]
    fn changed_byte_does_not_panic(position: prop::sample::Index, value: u8) {
        let mut datagram = unhex(VETH);
        let position = position.index(datagram.len());
        datagram[position] = value;
        for message in Messages::new(&datagram).flatten() {
            let _ = RouteMessage::parse(message);
        }
    }
}
