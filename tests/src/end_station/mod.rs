//! The end stations on mps2-an385, whatever they are written in: they have the same address,
//! services and console, so the same scenarios say whether they do what they should.
//!
//! A scenario boots the image, is the host at the other end of its link, and panics when something
//! is not as it should be. Everything that the station sends is decoded with flowmote-analyzer.

mod budget;
mod malformed;
mod pending;
mod samples;
mod scenarios;

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;
use std::time::Instant;

use crate::lab::{DEADLINE, wait_until};
use crate::qemu::{Image, Machine, Peer, Station, packet, shown};

pub use self::budget::{Budget, Figure, memory};
pub use self::pending::*;
use self::samples::told;
pub use self::scenarios::*;

/// Boots the image and waits until it is ready.
#[must_use]
pub fn start(image: &Image) -> Machine {
    let machine = image.start(1);
    machine.ready();
    machine
}

/// A host at the link, which the board knows.
#[must_use]
pub fn plug_in(machine: &Machine) -> Peer<'_> {
    let mut peer = Peer::new(machine.link(0));
    introduce(&mut peer);
    peer
}

/// Asks for the board's MAC address and tells its own.
fn introduce(peer: &mut Peer<'_>) {
    let question = packet::arp_request(&PEER, BOARD.ip);
    let answer = peer.ask(&question, |frame| packet::arp_reply(frame).is_some());
    assert_eq!(packet::arp_reply(&answer), Some(BOARD.mac));
}

/// Sends a datagram and checks that it comes back.
fn echo(peer: &mut Peer<'_>, number: u16, length: usize) {
    let (payload, port) = (pattern(length), 1024 + number);
    let request = packet::udp(&PEER, &BOARD, (port, ECHO), &payload);
    let reply = peer.ask(&request, |frame| packet::udp_payload(frame, port).is_some());
    assert_eq!(packet::udp_payload(&reply, port), Some(&payload[..]));
    assert_eq!(reply[..12], [PEER.mac, BOARD.mac].concat());
}

/// The same where an answer to a sender who does not exist may be in the way for seconds.
fn echo_at_last(peer: &mut Peer<'_>) {
    let request = packet::udp(&PEER, &BOARD, (1024, ECHO), b"still there?");
    wait_until("an echo", || {
        peer.send(&request);
        let frame = peer.receive(Duration::from_millis(300))?;
        (packet::udp_payload(&frame, 1024)? == b"still there?").then_some(())
    });
}

/// Sends `window` pings at once and waits for that many answers.
fn burst(peer: &mut Peer<'_>, round: u16, window: u16) {
    for number in 1..window {
        peer.send(&packet::ping(&PEER, &BOARD, round * window + number, &[]));
    }
    let mut answers = 0;
    let request = packet::ping(&PEER, &BOARD, round * window, &[]);
    peer.send(&request);
    let start = Instant::now();
    while answers < window {
        assert!(start.elapsed() < DEADLINE, "{answers} answers to {window} pings");
        let frame = peer.receive(Duration::from_millis(100));
        answers += u16::from(frame.is_some_and(|frame| packet::ping_reply(&frame).is_some()));
    }
}

/// Ends sampling and waits until all that passed is counted, and all that was chosen has arrived;
/// returns the frames that passed.
fn quiet(machine: &Machine, peer: &mut Peer<'_>) -> u64 {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic, and a pool of as many frames", || {
        while peer.receive(Duration::from_millis(150)).is_some() {}
        let lines = machine.command("show").unwrap();
        let arrived = told(peer).len() as u64 == shown(&lines, "samples", "flow");
        let pool = shown(&lines, "port 1", "pool");
        (arrived && pool == peer.frames() as u64).then_some(pool)
    })
}

/// Of frames in error nobody says how many the controller took.
fn quiet_for_ever(machine: &Machine, peer: &mut Peer<'_>) {
    machine.command("sampling 1 0").unwrap();
    wait_until("an end of traffic", || {
        while peer.receive(Duration::from_millis(150)).is_some() {}
        let lines = machine.command("show").unwrap();
        let arrived = told(peer).len() as u64 == shown(&lines, "samples", "flow");
        arrived.then_some(())
    });
}

/// Bytes that are not all alike.
#[must_use]
pub fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| at as u8 ^ 0x5a).collect()
}

/// The host at the link, and the collector until the console names another.
pub const PEER: Station = Station::PEER;
/// The station; its MAC address is what QEMU gives the first card.
pub const BOARD: Station = Station {
    mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56],
    ip: Ipv4Addr::new(192, 0, 2, 85),
    ip6: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85),
};
/// The UDP port that sends back what it gets.
pub const ECHO: u16 = 7;
