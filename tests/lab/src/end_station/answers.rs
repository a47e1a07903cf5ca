//! Ping and UDP echo.

use super::host::{ECHO, echo, pattern, plug_in};
use super::{BOARD, PEER, start};
use crate::qemu::{Image, packet};

/// The services whose traffic the other scenarios sample.
pub fn answers_arp_ping_and_udp_echo(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    for (number, length) in [0, 1, 2, 3, 56, 1471, 1472].into_iter().enumerate() {
        echo(&mut peer, number as u16, length);
    }
    for (sequence, length) in [(1, 0), (2, 55), (3, 1472)] {
        let data = pattern(length);
        let request = packet::ping(&PEER, &BOARD, sequence, &data);
        let reply = peer.ask(&request, |frame| packet::ping_reply(frame).is_some());
        assert_eq!(packet::ping_reply(&reply).unwrap()[4..], data);
        assert_eq!(reply[..12], [PEER.mac, BOARD.mac].concat());
    }
}

/// The same over IPv6, for images that support it.
pub fn answers_over_ipv6(image: &Image) {
    let machine = start(image);
    let mut peer = plug_in(&machine);
    let question = packet::neighbour_solicitation(&PEER, &BOARD);
    peer.ask(&question, |frame| frame.get(54) == Some(&136));
    let data = pattern(500);
    let request = packet::ping6(&PEER, &BOARD, 1, &data);
    let reply = peer.ask(&request, |frame| packet::ping6_reply(frame).is_some());
    assert_eq!(packet::ping6_reply(&reply).unwrap()[4..], data);
    let request = packet::udp6(&PEER, &BOARD, (4000, ECHO), &data);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, 4000).is_some());
    assert_eq!(packet::udp_payload(&reply, 4000), Some(&data[..]));
}
