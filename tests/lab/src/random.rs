//! Draws of the agent's generator that tests of frames need.

use flowmote_core::Random;

/// Returns a random number below `length`, which must be below 2^32: an index, or a length.
pub fn index(random: &mut Random, length: usize) -> usize {
    random.below(length as u32) as usize
}

/// Returns that many random bytes.
pub fn bytes(random: &mut Random, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    random.fill(&mut bytes);
    bytes
}
