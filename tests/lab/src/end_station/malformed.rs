//! Malformed frames.

use core::time::Duration;

use flowmote_core::Random;

use super::host::{ECHO, burst, introduce, pattern, plug_in, quiet_after_errors};
use super::received::{check_order, datagrams, flow_samples};
use super::{BOARD, PEER, start};
use crate::deadline::wait_until;
use crate::qemu::{Image, Peer, packet};
use crate::random;

/// Sends thousands of truncated, altered or random frames.
pub fn malformed_frames_do_not_stop_the_station(image: &Image) {
    let mut machine = start(image);
    let mut peer = plug_in(&machine);
    machine.command("sampling 1 3").unwrap();
    let frames = malformed(&mut Random::new(0x5eed));
    assert!(frames.len() > 5000, "{} frames", frames.len());
    // As many as fit into the controller.
    for (round, frames) in (0..).zip(frames.chunks(4)) {
        frames.iter().for_each(|frame| peer.send(frame));
        // A malformed frame may have announced another MAC address.
        introduce(&mut peer);
        burst(&mut peer, round, (1, 0));
    }
    echo_at_last(&mut peer);
    quiet_after_errors(&machine, &mut peer);
    check_order(&flow_samples(&peer));
    machine.link(0).check_dissected(datagrams(&peer));
    assert!(machine.is_running());
}

/// Waits for an echo, which a reply to a non-existent sender can delay for seconds.
fn echo_at_last(peer: &mut Peer<'_>) {
    let request = packet::udp(&PEER, &BOARD, (1024, ECHO), b"still there?");
    wait_until("an echo", || {
        peer.send(&request);
        let frame = peer.receive(Duration::from_millis(300))?;
        (packet::udp_payload(&frame, 1024)? == b"still there?").then_some(())
    });
}

/// Returns frames as an attacker, a broken switch or a bad cable might deliver them.
fn malformed(draws: &mut Random) -> Vec<Vec<u8>> {
    let data = pattern(40);
    let sound = [
        packet::arp_request(&PEER, BOARD.ip),
        packet::udp(&PEER, &BOARD, (5, ECHO), &data),
        packet::ping(&PEER, &BOARD, 1, &data),
        packet::udp6(&PEER, &BOARD, (5, ECHO), &data),
        packet::ping6(&PEER, &BOARD, 1, &data),
    ];
    let mut frames = Vec::new();
    for frame in &sound {
        frames.extend((1..frame.len()).map(|length| frame[..length].to_vec()));
        for at in 0..frame.len() {
            for value in [0, 1, 0x7f, 0xff] {
                let mut frame = frame.clone();
                frame[at] = value;
                frames.push(frame);
            }
        }
        for _ in 0..300 {
            let mut frame = frame.clone();
            for _ in 0..4 {
                let at = random::index(draws, frame.len());
                frame[at] = draws.next_u32() as u8;
            }
            frames.push(frame);
        }
    }
    for _ in 0..2000 {
        let length = 1 + random::index(draws, 2100);
        let mut frame = random::bytes(draws, length);
        frame.iter_mut().zip(BOARD.mac).for_each(|(byte, mac)| *byte = mac);
        frames.push(frame);
    }
    frames
}
