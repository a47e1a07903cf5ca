//! Frames that are not as they should be.

use super::{BOARD, ECHO, PEER, pattern};
use crate::qemu::packet;

/// What an attacker, a broken switch or a cable might deliver.
pub(super) fn malformed(random: &mut Random) -> Vec<Vec<u8>> {
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
pub(super) struct Random(pub(super) u32);

impl Random {
    pub(super) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 17;
        self.0 ^= self.0 << 5;
        self.0 as usize % limit
    }
}
