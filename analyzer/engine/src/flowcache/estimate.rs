//! Sums over samples, and the estimates made from them.

/// Sums over samples, with what their error follows from.
///
/// A packet is sampled with a probability of 1/N and then stands for N packets. The sum over samples
/// is an estimate of the sum over packets. Its variance is the sum over samples of w²·(1 - 1/N) with
/// w = N·value, which includes the variance of values: packets of equal size give the rule of Phaal
/// and Panchen, and N = 1 has no error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    /// Sum of w.
    pub(crate) total: f64,
    /// Sum of w².
    pub(crate) squares: f64,
    /// Sum of w²·(1 - 1/N).
    pub(crate) variance: f64,
}

/// What one sample adds to sums.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Weight {
    /// Packets that the sample stands for, times its growth since the landmark.
    pub(crate) packets: f64,
    /// 1 - 1/N.
    pub(crate) uncertain: f64,
}

impl Weight {
    /// The weight of one sample in `packets` packets.
    pub(crate) fn one_in(packets: f64) -> Self {
        let packets = packets.max(1.0);
        Self { packets, uncertain: 1.0 - packets.recip() }
    }

    /// The weight with which a sample is added to sums that decay.
    #[inline]
    pub(crate) fn grown(self, growth: f64) -> Self {
        Self { packets: self.packets * growth, ..self }
    }
}

impl Sums {
    /// Adds a sample of `value`.
    #[inline]
    pub(crate) fn add(&mut self, value: f64, weight: Weight) {
        let amount = value * weight.packets;
        let square = amount * amount;
        self.total += amount;
        self.squares += square;
        self.variance += square * weight.uncertain;
    }

    /// The sums over the samples of both.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            total: self.total + other.total,
            squares: self.squares + other.squares,
            variance: self.variance + other.variance,
        }
    }

    /// The sums with each w multiplied by `factor`.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        let square = factor * factor;
        Self {
            total: self.total * factor,
            squares: self.squares * square,
            variance: self.variance * square,
        }
    }

    /// The sums with the variance of a factor that all w contain, relative to the square of the factor.
    pub(crate) fn with_common_error(self, relative: f64) -> Self {
        Self { variance: self.variance + self.total * self.total * relative, ..self }
    }

    /// The number of samples of equal weight that would have the same error.
    pub(crate) fn samples(self) -> f64 {
        if self.squares > 0.0 { self.total * self.total / self.squares } else { 0.0 }
    }

    /// The weight of a typical sample. Three times as much is not exceeded, with a probability of 95 %,
    /// by what was not sampled at all.
    pub(crate) fn typical(self) -> f64 {
        if self.total > 0.0 { self.squares / self.total } else { 0.0 }
    }

    /// The total with its interval. `bound` is what evicted entries may have held of it.
    ///
    /// The interval contains the values from which the total is less than 1.96 standard errors away,
    /// with the error that these values would have (a score interval). For many samples it is
    /// total ± 1.96·√variance; for few it is not symmetric, as the number of samples is not.
    ///
    /// Few samples of different weights show less than their true variance: the heavy ones that are
    /// missing are missing from the variance too. The interval is therefore wider by 1.5/(samples + 3),
    /// which simulation found (`cache/tests/truth.rs`).
    pub(crate) fn estimate(self, bound: f64) -> Estimate {
        let scale = if self.total > 0.0 { self.variance / self.total } else { 0.0 };
        let samples = self.samples();
        let z = Z * (1.0 + 1.5 / (samples + 3.0));
        let middle = self.total + z * z * scale / 2.0;
        let half = z * (self.variance + z * z * scale * scale / 4.0).sqrt();
        Estimate {
            value: self.total,
            samples,
            low: (middle - half).min(self.total),
            high: (middle + half).max(self.total) + bound,
            bound,
            rate: 0.0,
        }
    }
}

/// An estimated value and its error.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Estimate {
    /// The value: per second for values that are multiplied up, else in the unit of the key.
    pub value: f64,
    /// Effective number of samples: that of equal samples with the same error.
    pub samples: f64,
    /// Lower end of the 95 % interval.
    pub low: f64,
    /// Upper end of the 95 % interval, including `bound`. Infinite if unknown.
    pub high: f64,
    /// What the key may have had before it was in a full table; 0 if the value is complete. It is never
    /// more than 2·N/m, with N the total of the table and m its entries.
    pub bound: f64,
    /// Effective sampling rate of the data source: packets that a sample stands for.
    pub rate: f64,
}

impl Estimate {
    /// The estimate of sums over samples, each with w, its value times its sampling rate N: of w, of w² and of
    /// w²·(1 - 1/N).
    pub fn of_sums(total: f64, squares: f64, variance: f64) -> Self {
        Sums { total, squares, variance }.estimate(0.0)
    }

    /// The estimate of what was not seen: 0, and "fewer than" `limit`.
    pub(crate) fn fewer_than(limit: f64, bound: f64) -> Self {
        Self { high: limit + bound, bound, ..Self::default() }
    }

    pub(crate) fn at_rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }
}

/// Standard errors of a 95 % interval.
pub(crate) const Z: f64 = 1.96;

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64], rate: f64) -> Estimate {
        let mut sums = Sums::default();
        for value in values {
            sums.add(*value, Weight::one_in(rate));
        }
        sums.estimate(0.0)
    }

    #[test]
    fn many_equal_samples_have_the_published_error() {
        let estimate = of(&[1.0; 10_000], 1000.0);
        assert_eq!((estimate.value, estimate.samples), (1e7, 1e4));
        assert!((estimate.high / 1e7 - 1.0196).abs() < 3e-4, "{estimate:?}");
        assert!((estimate.low / 1e7 - 0.9804).abs() < 3e-4, "{estimate:?}");
    }

    #[test]
    fn unequal_sizes_widen_the_interval() {
        let (equal, mixed) = (of(&[800.0; 100], 100.0), of(&[[100.0, 1500.0]; 50].concat(), 100.0));
        assert_eq!((equal.value, mixed.value), (8e6, 8e6));
        assert!(mixed.high - mixed.low > 1.3 * (equal.high - equal.low));
        assert!(mixed.samples < 60.0);
    }

    #[test]
    fn every_packet_sampled_has_no_error() {
        let estimate = of(&[64.0, 1500.0, 700.0], 1.0);
        assert_eq!((estimate.low, estimate.value, estimate.high), (2264.0, 2264.0, 2264.0));
    }

    #[test]
    fn few_samples_have_an_interval_above_zero() {
        let estimate = of(&[1.0], 400.0);
        assert!(estimate.low > 0.0 && estimate.low < 100.0, "{estimate:?}");
        assert!(estimate.high > 2000.0 && estimate.high < 4000.0, "{estimate:?}");
    }
}
