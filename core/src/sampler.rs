//! The part of packet sampling that belongs into the packet path: counting and choosing.

use crate::random::Random;

/// A 1-in-N sampler of the packets of one data source.
///
/// A burst that is shorter than the current skip costs one subtraction and one comparison. Skips
/// are uniform on `1..=2N-1`, the first one on `1..=N` (rules A3 and A4), by multiply-shift from a
/// generator with 64 bits of state. Every value of the range occurs, and the mean is N less
/// (2N-1)/2^33, so within half a packet of N for every N up to [`MAX_SAMPLING_RATE`].
///
/// ```
/// use flowmote_core::Sampler;
///
/// let mut sampler = Sampler::new(400, 0x5eed);
/// let mut samples = 0;
/// let mut burst = 64; // packets received since the last call
/// while let Some(taken) = sampler.advance(burst) {
///     samples += 1; // the packet at position `taken`, counted from 1, is the sample
///     burst -= taken;
/// }
/// assert_eq!(sampler.meta().sample_pool, 64);
/// # assert!(samples < 64);
/// ```
#[derive(Clone, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Sampler {
    /// Packets up to and including the next sample.
    skip: u32,
    /// The pool at the next sample. The pool now is this less `skip`, so that a packet that is not
    /// sampled changes one word only.
    pool_at_sample: u32,
    sampling_rate: u32,
    drops: u32,
    random: Random,
}

/// The fields of a flow sample that come from the sampler: sections 3.1 and 3.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SampleMeta {
    /// N of 1-in-N when the packet was chosen; 0: off.
    pub sampling_rate: u32,
    /// Packets that could have been sampled: skipped and sampled ones, modulo 2^32.
    pub sample_pool: u32,
    /// Samples lost for lack of resources since the agent started, modulo 2^32.
    pub drops: u32,
}

/// The largest N of 1-in-N: 2^31, so that `2N-1` fits 32 bits.
pub const MAX_SAMPLING_RATE: u32 = 1 << 31;

impl Sampler {
    /// Creates a sampler for 1-in-`sampling_rate`: 1 samples every packet, 0 none, and more than
    /// [`MAX_SAMPLING_RATE`] counts as that. Samplers must not share a `seed`, or they choose in
    /// step.
    #[must_use]
    pub const fn new(sampling_rate: u32, seed: u64) -> Self {
        let mut sampler = Self {
            skip: 0,
            pool_at_sample: 0,
            sampling_rate: 0,
            drops: 0,
            random: Random::new(seed),
        };
        sampler.set_sampling_rate(sampling_rate);
        sampler
    }

    /// Counts `packets` more packets.
    ///
    /// `Some(i)`: the i-th of them, counted from 1, is a sample. The rest is not counted yet: call
    /// again with `packets - i`, until it returns `None`.
    #[inline]
    pub fn advance(&mut self, packets: u32) -> Option<u32> {
        // The skip is at least 1, so zero packets never reach it.
        if packets < self.skip {
            self.skip = self.skip.wrapping_sub(packets);
            return None;
        }
        self.choose(packets)
    }

    /// Returns the fields for the sample that [`advance`](Self::advance) has just chosen.
    #[inline]
    #[must_use]
    pub const fn meta(&self) -> SampleMeta {
        SampleMeta {
            sampling_rate: self.sampling_rate,
            sample_pool: self.pool_at_sample.wrapping_sub(self.skip),
            drops: self.drops,
        }
    }

    /// Counts a sample that was lost before it reached the agent, such as for lack of a buffer.
    #[inline]
    pub fn dropped(&mut self) {
        self.drops = self.drops.wrapping_add(1);
    }

    /// Returns the packets up to and including the next sample; without meaning when off.
    ///
    /// A packet path may count down a copy and call [`advance`](Self::advance) later.
    #[inline]
    #[must_use]
    pub const fn until_sample(&self) -> u32 {
        self.skip
    }

    /// Returns N of 1-in-N; 0 is off.
    #[must_use]
    pub const fn sampling_rate(&self) -> u32 {
        self.sampling_rate
    }

    /// Changes N from the next packet on. The pool continues.
    pub const fn set_sampling_rate(&mut self, sampling_rate: u32) {
        let pool = self.meta().sample_pool;
        let in_range = sampling_rate <= MAX_SAMPLING_RATE;
        self.sampling_rate = if in_range { sampling_rate } else { MAX_SAMPLING_RATE };
        self.skip = match self.sampling_rate {
            // The longest skip: `advance` needs no second comparison for a sampler that is off.
            0 => u32::MAX,
            // Not 1..=2N-1: each of the first N packets has the chance 1/N, too (rule A4).
            rate => self.random.below(rate).wrapping_add(1),
        };
        self.pool_at_sample = pool.wrapping_add(self.skip);
    }

    /// The rare half of `advance`: the burst reaches the sample.
    #[cold]
    fn choose(&mut self, packets: u32) -> Option<u32> {
        let taken = self.skip;
        if self.sampling_rate == 0 {
            // Off, and the longest skip ran out: start it again without a sample.
            self.pool_at_sample = self.pool_at_sample.wrapping_add(packets);
            return None;
        }
        let range = self.sampling_rate.wrapping_mul(2).wrapping_sub(1);
        self.skip = self.random.below(range).wrapping_add(1);
        self.pool_at_sample = self.pool_at_sample.wrapping_add(self.skip);
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skips(rate: u32, count: usize) -> impl Iterator<Item = u32> {
        let mut sampler = Sampler::new(rate, 42);
        sampler.advance(sampler.skip);
        (0..count).map(move |_| {
            let skip = sampler.skip;
            assert_eq!(sampler.advance(skip), Some(skip));
            skip
        })
    }

    #[test]
    fn rate_one_samples_every_packet() {
        let mut sampler = Sampler::new(1, 7);
        for pool in 1..=1000 {
            assert_eq!(sampler.advance(1), Some(1));
            assert_eq!(sampler.meta().sample_pool, pool);
        }
    }

    #[test]
    fn rate_zero_never_samples() {
        let mut sampler = Sampler::new(0, 7);
        for _ in 0..5 {
            assert_eq!(sampler.advance(u32::MAX), None);
            assert_eq!(sampler.advance(1 << 31), None);
        }
        let packets = 5 * (u64::from(u32::MAX) + (1 << 31));
        assert_eq!(sampler.meta().sample_pool, packets as u32);
    }

    #[test]
    fn skips_reach_both_ends_of_their_range() {
        let drawn: std::vec::Vec<u32> = skips(3, 10_000).collect();
        for skip in 1..=5 {
            assert!(drawn.contains(&skip), "{skip} never drawn");
        }
        assert!(drawn.iter().all(|skip| (1..=5).contains(skip)));
    }

    #[test]
    fn first_skips_are_uniform_up_to_the_rate() {
        let mut drawn = [0; 4];
        for seed in 0..4_000 {
            let first = Sampler::new(4, seed).until_sample();
            drawn[first as usize - 1] += 1;
        }
        // 1000 each are expected, with a standard deviation of 27.
        assert!(drawn.iter().all(|count| (860..=1140).contains(count)), "{drawn:?}");
    }

    #[test]
    fn first_skip_is_uniform_up_to_n() {
        let mut counts = [0; 5];
        for seed in 0..10_000 {
            let first = Sampler::new(5, seed).until_sample();
            counts[first as usize - 1] += 1;
        }
        // Five standard deviations.
        assert!(counts.iter().all(|count| (1800..2200).contains(count)), "{counts:?}");
    }

    #[test]
    fn largest_rate_keeps_its_mean() {
        let count = 100_000;
        let sum: u64 = skips(MAX_SAMPLING_RATE, count).map(u64::from).sum();
        let mean = sum as f64 / count as f64;
        // Standard deviation of the mean is N / sqrt(3 * count).
        let sigma = f64::from(MAX_SAMPLING_RATE) / (3.0 * count as f64).sqrt();
        assert!((mean - f64::from(MAX_SAMPLING_RATE)).abs() < 4.0 * sigma, "mean {mean}");
        assert_eq!(Sampler::new(u32::MAX, 1).sampling_rate(), MAX_SAMPLING_RATE);
    }

    #[test]
    fn pool_continues_across_a_change_of_rate_and_wraps() {
        let mut sampler = Sampler::new(400, 1);
        let count = |sampler: &mut Sampler, mut packets: u32| {
            while let Some(taken) = sampler.advance(packets) {
                packets -= taken;
            }
        };
        count(&mut sampler, 12_345);
        sampler.set_sampling_rate(1 << 20);
        count(&mut sampler, 55);
        assert_eq!(sampler.meta().sample_pool, 12_400);
        count(&mut sampler, u32::MAX);
        assert_eq!(sampler.meta().sample_pool, 12_399);
    }

    #[test]
    fn drops_are_counted_and_wrap() {
        let mut sampler = Sampler::new(1, 1);
        sampler.dropped();
        assert_eq!(sampler.meta().drops, 1);
        sampler.drops = u32::MAX;
        sampler.dropped();
        assert_eq!(sampler.meta().drops, 0);
    }
}
