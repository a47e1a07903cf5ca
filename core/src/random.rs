//! The pseudo-random generator: skips of samplers, first polls, and inputs of tests and benches.

/// A small pseudo-random generator: PCG-XSH-RR 64/32 (O'Neill 2014), 64 bits of state, period
/// 2^64.
///
/// Equal seeds give equal sequences on every platform. The caller brings the seed, because this
/// crate has no source of randomness. The numbers pass statistical tests but are predictable to
/// anyone who sees enough of them: not for keys.
///
/// ```
/// use flowmote_core::Random;
///
/// let mut random = Random::new(0x5eed);
/// let die = 1 + random.below(6);
/// assert!((1..=6).contains(&die));
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Random {
    state: u64,
}

impl Random {
    /// Creates a generator; every seed is good, 0 too.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        let mut random = Self { state: seed.wrapping_add(INCREMENT) };
        // The first output depends on few bits of a small seed; the reference discards it too.
        random.next_u32();
        random
    }

    /// Returns a number that is uniform on all 32-bit numbers.
    #[inline]
    pub const fn next_u32(&mut self) -> u32 {
        let state = self.state;
        self.state = state.wrapping_mul(MULTIPLIER).wrapping_add(INCREMENT);
        // The low bits of a congruential state have short periods: the output takes the high ones.
        let xorshifted = (((state >> 18) ^ state) >> 27) as u32;
        xorshifted.rotate_right((state >> 59) as u32)
    }

    /// Returns a number that is uniform on `0..bound`, 0 if `bound` is 0.
    ///
    /// Multiply-shift: each number comes from 2^32 / `bound` outputs, rounded up or down, and the
    /// mean is (`bound` - 1) / 2 less `bound` / 2^33 at most. Neither a division nor a loop.
    #[inline]
    pub const fn below(&mut self, bound: u32) -> u32 {
        ((self.next_u32() as u64).wrapping_mul(bound as u64) >> 32) as u32
    }

    /// Fills `bytes` with random bytes.
    pub fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(4) {
            let random = self.next_u32().to_be_bytes();
            chunk.iter_mut().zip(random).for_each(|(byte, random)| *byte = random);
        }
    }
}

/// The multiplier of Knuth's MMIX, which the reference implementation of PCG uses.
const MULTIPLIER: u64 = 6_364_136_223_846_793_005;
/// Any odd number gives the full period.
const INCREMENT: u64 = 1_442_695_040_888_963_407;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outputs_are_those_of_the_reference_implementation() {
        // The published numbers are those of `pcg32_srandom(42, 54)`, whose increment is 109: the
        // state is stepped here, multiplier and output function are ours.
        let mut state = 0_u64;
        let increment = (54 << 1) | 1;
        let mut step = |add: u64| {
            let old = state.wrapping_add(add);
            state = old.wrapping_mul(MULTIPLIER).wrapping_add(increment);
            let mut random = Random { state: old };
            random.next_u32()
        };
        step(0);
        step(42);
        assert_eq!([step(0), step(0), step(0)], [0xa15c_02b7, 0x7b47_f409, 0xba1d_3330]);
    }

    #[test]
    fn below_reaches_every_number_and_no_other() {
        let mut random = Random::new(1);
        let mut seen = [0; 5];
        for _ in 0..1000 {
            seen[random.below(5) as usize] += 1;
        }
        assert!(seen.iter().all(|&count| count > 150), "{seen:?}");
        assert_eq!([random.below(0), random.below(1)], [0, 0]);
    }

    #[test]
    fn fill_reaches_the_last_byte_of_every_length() {
        for length in 0..10 {
            let mut bytes = [0; 10];
            let mut random = Random::new(3);
            // Enough rounds that no byte stays zero by chance.
            let mut any = [0; 10];
            for _ in 0..8 {
                random.fill(&mut bytes[..length]);
                any.iter_mut().zip(bytes).for_each(|(any, byte)| *any |= byte);
            }
            assert!(any[..length].iter().all(|&byte| byte != 0), "length {length}");
            assert!(any[length..].iter().all(|&byte| byte == 0), "length {length}");
        }
    }

    #[test]
    fn sequences_differ_by_seed_and_are_equal_for_equal_seeds() {
        let first = |seed| Random::new(seed).next_u32();
        assert_eq!(first(7), first(7));
        let seeds: std::collections::BTreeSet<u32> = (0..1000).map(first).collect();
        assert_eq!(seeds.len(), 1000);
    }
}
