//! Random numbers for choices in user space: which segment of a super-packet, the first skip.

use core::hash::{BuildHasher, Hasher};
use std::hash::RandomState;

/// SplitMix64 (Steele, Lea, Flood 2014): 64 bits of state, every seed is good.
#[derive(Clone, Debug)]
pub(super) struct Random {
    state: u64,
}

impl Random {
    /// A generator that nobody can foresee from outside: the standard library keys its hash
    /// maps from the kernel's random numbers.
    pub(super) fn from_system() -> Self {
        Self::from_seed(RandomState::new().build_hasher().finish())
    }

    /// A generator with a known sequence.
    pub(super) fn from_seed(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Uniform on all 32-bit numbers.
    pub(super) fn next_u32(&mut self) -> u32 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 32) as u32
    }

    /// Uniform on `0..bound`, by multiply-shift; 0 if `bound` is 0.
    pub(super) fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// `numerator / denominator`, rounded up or down so that the mean is the quotient; 0 if
    /// `denominator` is 0.
    pub(super) fn round(&mut self, numerator: u32, denominator: u32) -> u32 {
        let (Some(quotient), Some(rest)) =
            (numerator.checked_div(denominator), numerator.checked_rem(denominator))
        else {
            return 0;
        };
        let up = rest != 0 && self.below(denominator) < rest;
        quotient + u32::from(up)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_that_of_the_paper() {
        // First outputs of SplitMix64 with seed 1234567, upper halves.
        let mut random = Random::from_seed(1_234_567);
        assert_eq!(random.next_u32(), (6_457_827_717_110_365_317_u64 >> 32) as u32);
        assert_eq!(random.next_u32(), (3_203_168_211_198_807_973_u64 >> 32) as u32);
    }

    #[test]
    fn rounding_keeps_the_mean() {
        let mut random = Random::from_seed(1);
        let sum: u32 = (0..100_000).map(|_| random.round(45, 7)).sum();
        assert!((f64::from(sum) / 100_000.0 - 45.0 / 7.0).abs() < 0.005);
        assert_eq!(random.round(45, 1), 45);
        assert_eq!(random.round(44, 44), 1);
        assert_eq!(random.round(1, 0), 0);
    }

    #[test]
    fn two_generators_of_the_system_differ() {
        assert_ne!(Random::from_system().next_u32(), Random::from_system().next_u32());
    }
}
