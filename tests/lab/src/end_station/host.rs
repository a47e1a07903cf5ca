//! Actions of the host at the link.

use core::time::Duration;
use std::time::Instant;

use super::received::flow_samples;
use super::{BOARD, PEER};
use crate::deadline::{DEADLINE, wait_until};
use crate::qemu::{Machine, Peer, packet, shown};

/// Returns a host at the link whose address the board has learnt.
pub(super) fn plug_in(machine: &Machine) -> Peer<'_> {
    let mut peer = Peer::new(machine.link(0));
    introduce(&mut peer);
    peer
}

/// Resolves the MAC address of the board, which learns that of the host.
pub(super) fn introduce(peer: &mut Peer<'_>) {
    let question = packet::arp_request(&PEER, BOARD.ip);
    let answer = peer.ask(&question, |frame| packet::arp_reply(frame).is_some());
    assert_eq!(packet::arp_reply(&answer), Some(BOARD.mac));
}

/// Sends a datagram and checks that it is echoed.
pub(super) fn echo(peer: &mut Peer<'_>, number: u16, length: usize) {
    let (payload, port) = (pattern(length), 1024 + number);
    let request = packet::udp(&PEER, &BOARD, (port, ECHO), &payload);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, port).is_some());
    assert_eq!(packet::udp_payload(&reply, port), Some(&payload[..]));
    assert_eq!(reply[..12], [PEER.mac, BOARD.mac].concat());
}

/// Sends `window` pings of this size at once and waits for as many replies.
pub(super) fn burst(peer: &mut Peer<'_>, round: u16, (window, data): (u16, usize)) {
    for number in 0..window {
        peer.send(&packet::ping(&PEER, &BOARD, round * window + number, &pattern(data)));
    }
    let (start, mut answers) = (Instant::now(), 0);
    while answers < window {
        assert!(start.elapsed() < DEADLINE, "{answers} answers to {window} pings");
        let frame = peer.receive(Duration::from_millis(100));
        answers += u16::from(frame.is_some_and(|frame| packet::ping_reply(&frame).is_some()));
    }
}

/// Polls counters until a sample arrives, which shows that the board has resolved its collector.
pub(super) fn be_found(machine: &Machine, peer: &mut Peer<'_>) {
    machine.command("polling 1").unwrap();
    peer.until("the first datagram", |peer| !peer.exported.is_empty());
    machine.command("polling 0").unwrap();
}

/// Turns sampling off and waits until all frames are counted and all samples have arrived; returns
/// the number of frames.
pub(super) fn quiet(machine: &Machine, peer: &mut Peer<'_>) -> u64 {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic, and a pool of as many frames", || {
        pool_in_silence(machine, peer).filter(|pool| *pool == peer.frames() as u64)
    })
}

/// The same after frames in error, of which the controller may have received any number.
pub(super) fn quiet_after_errors(machine: &Machine, peer: &mut Peer<'_>) {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic", || pool_in_silence(machine, peer));
}

/// Returns the pool of an idle link, or `None` while samples are outstanding.
fn pool_in_silence(machine: &Machine, peer: &mut Peer<'_>) -> Option<u64> {
    while peer.receive(Duration::from_millis(150)).is_some() {}
    let lines = machine.command("show").unwrap();
    let arrived = flow_samples(peer).len() as u64 == shown(&lines, "samples", "flow");
    arrived.then(|| shown(&lines, "port 1", "pool"))
}

/// Returns distinguishable bytes.
pub(super) fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8 ^ 0x5a).collect()
}

/// The UDP port of the echo service.
pub(super) const ECHO: u16 = 7;
