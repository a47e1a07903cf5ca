//! Frames that are none.

use core::time::Duration;

use flowmote_tests::lab::wait_until;
use flowmote_tests::qemu::{Machine, Peer, packet, shown};

use crate::{
    BOARD, ECHO, PEER, arrived, burst, check_sums_of_some, dissect, images, introduce, pattern,
    plug_in, start, told,
};

#[test]
fn malformed_frames_never_stop_it() {
    for image in images() {
        let mut machine = start(&image);
        let mut peer = plug_in(&machine);
        machine.command("sampling 1 3").unwrap();
        let mut random = Random(0x5eed);
        let mut number = 0;
        for frame in malformed(&mut random) {
            peer.send(&frame);
            number += 1;
            // So much fits into the controller at once.
            if number % 4 == 0 {
                // What was malformed may have told another MAC address.
                introduce(&mut peer);
                burst(&mut peer, number, (1, 0));
            }
        }
        assert!(number > 5000, "{number} frames");
        introduce(&mut peer);
        echo_at_last(&mut peer);
        quiet_for_ever(&machine, &mut peer);
        check_sums_of_some(&told(&peer));
        // Sampled headers are as malformed as they came.
        if let Some(rows) = dissect(machine.link(0).pcap()) {
            let all = arrived(&peer);
            assert_eq!(rows.len(), all.len());
            assert!(rows.iter().zip(all).all(|(row, datagram)| row.starts_with(&datagram)));
        }
        assert!(machine.is_running());
    }
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

/// The same where an answer to a sender who does not exist may be in the way for seconds.
fn echo_at_last(peer: &mut Peer<'_>) {
    let request = packet::udp(&PEER, &BOARD, (1024, ECHO), b"still there?");
    wait_until("an echo", || {
        peer.send(&request);
        let frame = peer.receive(Duration::from_millis(300))?;
        (packet::udp_payload(&frame, 1024)? == b"still there?").then_some(())
    });
}

/// What an attacker, a broken switch or a cable might deliver.
fn malformed(random: &mut Random) -> Vec<Vec<u8>> {
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
                let at = random.below(frame.len());
                frame[at] = random.below(256) as u8;
            }
            frames.push(frame);
        }
    }
    for _ in 0..2000 {
        let length = 1 + random.below(2100);
        let mut frame: Vec<u8> = (0..length).map(|_| random.below(256) as u8).collect();
        let start = BOARD.mac.iter().zip(&mut frame);
        start.for_each(|(mac, byte)| *byte = *mac);
        frames.push(frame);
    }
    frames
}

/// Xorshift (Marsaglia 2003): the same frames in each run.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}
