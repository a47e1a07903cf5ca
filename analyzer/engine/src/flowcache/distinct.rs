//! Numbers of distinct values.

use super::budget::ALLOCATION;
use super::estimate::{Estimate, Z};

/// A set of hashes: exact while it is small, then a HyperLogLog sketch with a standard error of 3.25 %.
#[derive(Clone, Debug)]
pub(crate) enum Distinct {
    /// In order.
    Exact(Vec<u64>),
    /// For each of the groups of hashes the largest number of leading zeros, plus 1.
    Sketch(Box<[u8; REGISTERS]>),
}

impl Default for Distinct {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Distinct {
    pub(crate) fn insert(&mut self, hash: u64) {
        match self {
            Self::Exact(hashes) => {
                if let Err(place) = hashes.binary_search(&hash) {
                    hashes.insert(place, hash);
                    if hashes.len() > MAX_EXACT {
                        self.sketch();
                    }
                }
            }
            Self::Sketch(registers) => {
                let zeros = (hash << INDEX_BITS | 1 << (INDEX_BITS - 1)).leading_zeros() as u8 + 1;
                if let Some(register) = registers.get_mut((hash >> (64 - INDEX_BITS)) as usize) {
                    *register = zeros.max(*register);
                }
            }
        }
    }

    /// Replaces the exact set.
    fn sketch(&mut self) {
        if let Self::Exact(hashes) = self {
            let hashes = core::mem::take(hashes);
            *self = Self::Sketch(Box::new([0; REGISTERS]));
            hashes.into_iter().for_each(|hash| self.insert(hash));
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        match other {
            Self::Exact(hashes) => hashes.iter().for_each(|hash| self.insert(*hash)),
            Self::Sketch(more) => {
                self.sketch();
                if let Self::Sketch(registers) = self {
                    for (register, other) in registers.iter_mut().zip(more.iter()) {
                        *register = (*register).max(*other);
                    }
                }
            }
        }
    }

    /// The number of distinct values among the samples. It is a lower limit for that of all packets.
    pub(crate) fn estimate(&self) -> Estimate {
        let (value, error) = match self {
            Self::Exact(hashes) => (hashes.len() as f64, 0.0),
            Self::Sketch(registers) => (count(registers), Z * 1.04 / (REGISTERS as f64).sqrt()),
        };
        let (low, high) = (value * (1.0 - error), value * (1.0 + error));
        Estimate { value, samples: value, low, high, ..Estimate::default() }
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Exact(hashes) => hashes.capacity() * size_of::<u64>() + ALLOCATION,
            Self::Sketch(_) => REGISTERS + ALLOCATION,
        }
    }
}

/// The estimate of Flajolet and others (2007): the harmonic mean, and for small numbers the empty
/// registers.
fn count(registers: &[u8; REGISTERS]) -> f64 {
    let m = REGISTERS as f64;
    let sum: f64 = registers.iter().map(|register| (-f64::from(*register)).exp2()).sum();
    let raw = 0.7213 / (1.0 + 1.079 / m) * m * m / sum;
    let empty = registers.iter().filter(|register| **register == 0).count() as f64;
    if raw <= 2.5 * m && empty > 0.0 { m * (m / empty).ln() } else { raw }
}

const INDEX_BITS: u32 = 10;
const REGISTERS: usize = 1 << INDEX_BITS;
/// As large as a sketch.
const MAX_EXACT: usize = REGISTERS / size_of::<u64>();

#[cfg(test)]
mod tests {
    use core::hash::BuildHasher;

    use super::*;

    fn seeded(range: core::ops::Range<u64>, seed: u64) -> Distinct {
        let hasher = foldhash::quality::FixedState::with_seed(seed);
        let mut distinct = Distinct::default();
        for value in range {
            distinct.insert(hasher.hash_one(value));
            distinct.insert(hasher.hash_one(value));
        }
        distinct
    }

    fn of(range: core::ops::Range<u64>) -> Distinct {
        seeded(range, 7)
    }

    #[test]
    fn small_sets_are_exact() {
        assert_eq!(of(0..0).estimate().value, 0.0);
        assert_eq!(of(0..128).estimate().value, 128.0);
    }

    #[test]
    fn large_sets_are_within_their_interval() {
        for count in [129, 500, 2000, 3000, 10_000] {
            let inside = (0..200).filter(|seed| {
                let estimate = seeded(0..count, *seed).estimate();
                let truth = count as f64;
                assert!((estimate.value / truth - 1.0).abs() < 0.15, "{count}: {estimate:?}");
                estimate.low <= truth && truth <= estimate.high
            });
            // Below 2.5 times the registers the error is smaller than stated.
            let inside = inside.count();
            assert!((184..=200).contains(&inside), "{count}: {inside} of 200");
        }
    }

    #[test]
    fn union_of_sketches_is_the_sketch_of_the_union() {
        for (first, second) in [(0..300, 100..900), (0..20, 10..900), (0..900, 5..20)] {
            let mut union = of(first.clone());
            union.merge(&of(second.clone()));
            let all = of(first.start..first.end.max(second.end));
            assert_eq!(union.estimate(), all.estimate());
        }
    }

    #[test]
    fn heap_is_bounded() {
        assert!(of(0..128).heap() <= 2 * REGISTERS + ALLOCATION);
        assert_eq!(of(0..100_000).heap(), REGISTERS + ALLOCATION);
    }
}
