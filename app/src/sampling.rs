//! The choice of the operations that are reported.

use core::cell::Cell;
use core::num::NonZeroU32;
use core::time::Duration;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

/// Returns N if this operation is one of 1 in N that are to be reported; with 0 none is.
///
/// Each operation is chosen on its own, with a probability of 1/N to within 2^-32 of it. Each thread
/// has its random numbers, so that no thread waits for another.
#[inline]
pub(crate) fn choose(rate: u32) -> Option<NonZeroU32> {
    thread_local! {
        /// `None` before the first operation of the thread.
        static RANDOM: Cell<Option<Random>> = const { Cell::new(None) };
    }
    let rate = NonZeroU32::new(rate)?;
    let mut random = RANDOM.get().unwrap_or_else(Random::new);
    let chosen = random.is_one_in(rate);
    RANDOM.set(Some(random));
    chosen.then_some(rate)
}

/// Random numbers: SplitMix64 of Steele, Lea, Flood, "Fast splittable pseudorandom number
/// generators" (2014).
#[derive(Clone, Copy, Debug)]
struct Random(u64);

impl Random {
    /// With a seed from the system, so that the processes of a service choose different operations.
    #[cold]
    fn new() -> Self {
        Self(RandomState::new().build_hasher().finish())
    }

    #[inline]
    fn is_one_in(&mut self, rate: NonZeroU32) -> bool {
        // number / 2^64 < 1 / N, without a division.
        u128::from(self.next()) * u128::from(rate.get()) < 1 << 64
    }

    #[inline]
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

/// The N, a power of two, of which about `per_second` of so many operations in this time result. It is
/// at most halved at a time: after a pause a burst may follow.
pub(crate) fn rate_for(per_second: u32, operations: u64, time: Duration, before: u32) -> u32 {
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    let wanted = (u64::from(per_second).saturating_mul(millis) / 1000).max(1);
    let needed = operations.div_ceil(wanted).clamp(1, MAX_RATE.into()).next_power_of_two();
    // At most MAX_RATE, which is a power of two.
    u32::try_from(needed).unwrap_or(MAX_RATE).max(before.min(MAX_RATE).next_power_of_two() / 2)
}

/// A power of two near the largest N of a configuration.
const MAX_RATE: u32 = 1 << 23;

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many operations are chosen.
    fn chosen(seed: u64, rate: u32, operations: u32) -> u32 {
        let (mut random, rate) = (Random(seed), NonZeroU32::new(rate).unwrap());
        (0..operations).map(|_| u32::from(random.is_one_in(rate))).sum()
    }

    #[test]
    fn numbers_are_those_of_other_implementations() {
        let mut random = Random(1_234_567);
        assert_eq!(
            [0; 5].map(|_| random.next()),
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423,
                4_593_380_528_125_082_431,
                16_408_922_859_458_223_821
            ]
        );
    }

    #[test]
    fn every_rate_is_exact_within_its_variance() {
        for rate in [2, 3, 7, 10, 100, 400, 1000] {
            for seed in 0..4 {
                // Binomial: the mean is 2000, five standard deviations are below 224.
                let chosen = chosen(seed, rate, rate * 2000);
                assert!(chosen.abs_diff(2000) < 224, "1 in {rate}, seed {seed}: {chosen}");
            }
        }
        assert_eq!((chosen(3, 1, 1000), chosen(3, u32::MAX, 1000)), (1000, 0));
    }

    /// Chi-square of the gaps between two choices against the geometric distribution.
    #[test]
    fn choices_do_not_depend_on_one_another() {
        const CLASSES: usize = 20;
        let (mut random, ten) = (Random(42), NonZeroU32::new(10).unwrap());
        let mut gaps = [0_u32; CLASSES];
        for _ in 0..100_000 {
            let gap = (0..).find(|_| random.is_one_in(ten)).unwrap_or_default();
            gaps[gap.min(CLASSES - 1)] += 1;
        }
        let expected = |class: usize| {
            let reached = 0.9_f64.powi(i32::try_from(class).unwrap());
            100_000.0 * if class == CLASSES - 1 { reached } else { reached * 0.1 }
        };
        let chi_square: f64 = gaps
            .iter()
            .enumerate()
            .map(|(class, &found)| (f64::from(found) - expected(class)).powi(2) / expected(class))
            .sum();
        // 19 degrees of freedom, probability 0.001.
        assert!(chi_square < 43.8, "{chi_square}: {gaps:?}");
    }

    #[test]
    fn threads_choose_different_operations() {
        let of_thread = || {
            let choices = || [0; 64].map(|_| choose(2).is_some());
            std::thread::spawn(choices).join().unwrap()
        };
        assert_ne!(of_thread(), of_thread());
    }

    #[test]
    fn rate_follows_the_number_of_operations_by_powers_of_two() {
        let rate = |operations, before| rate_for(50, operations, Duration::from_secs(5), before);
        assert_eq!(rate(250, 1), 1);
        assert_eq!(rate(251, 1), 2);
        assert_eq!(rate(1000, 1), 4);
        assert_eq!(rate(u64::MAX, 1), MAX_RATE);
        assert_eq!((rate(0, 400), rate(0, 256), rate(0, 2), rate(0, 1)), (256, 128, 1, 1));
        assert_eq!(rate_for(1, 10, Duration::ZERO, 1), 16);
        assert_eq!(rate_for(1, 0, Duration::ZERO, u32::MAX), MAX_RATE / 2);
    }
}
