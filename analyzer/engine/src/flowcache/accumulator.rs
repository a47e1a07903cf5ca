//! Values of an entry beside its main sum: sums, averages, extremes, numbers of distinct values.

use super::distinct::Distinct;
use super::estimate::{Estimate, Sums, Weight, Z};

/// One value of an entry. Sums and averages decay like the main sum of the entry. Extremes and distinct
/// values are those of the current and the last period; a period is as long as the time constant.
#[derive(Clone, Debug)]
pub(crate) enum Accumulator {
    Sums(Sums),
    Average(Average),
    Smallest(Periods<f64>),
    Largest(Periods<f64>),
    Distinct(Periods<Distinct>),
    /// The value of an entry without a sample for it.
    Empty,
}

/// What a packet adds to a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Observation {
    /// The packet has no such value.
    Absent,
    /// Added up over all packets.
    Sum(f64),
    Average(f64),
    Smallest(f64),
    Largest(f64),
    /// The hash of a value whose distinct values are counted.
    Distinct(u64),
}

impl Accumulator {
    /// Adds what a packet contains.
    pub(crate) fn add(&mut self, observation: Observation, weight: Weight, period: u32) {
        match (&mut *self, observation) {
            (_, Observation::Absent) => {}
            (Self::Sums(sums), Observation::Sum(value)) => sums.add(value, weight),
            (Self::Average(average), Observation::Average(value)) => average.add(value, weight),
            (Self::Smallest(periods), Observation::Smallest(value)) => {
                let smallest = periods.at(period, || value);
                *smallest = smallest.min(value);
            }
            (Self::Largest(periods), Observation::Largest(value)) => {
                let largest = periods.at(period, || value);
                *largest = largest.max(value);
            }
            (Self::Distinct(periods), Observation::Distinct(hash)) => {
                periods.at(period, Distinct::default).insert(hash);
            }
            (_, first) => {
                *self = Self::of(first, period);
                self.add(first, weight, period);
            }
        }
    }

    fn of(observation: Observation, period: u32) -> Self {
        match observation {
            Observation::Absent => Self::Empty,
            Observation::Sum(_) => Self::Sums(Sums::default()),
            Observation::Average(_) => Self::Average(Average::default()),
            Observation::Smallest(value) => Self::Smallest(Periods::new(period, value)),
            Observation::Largest(value) => Self::Largest(Periods::new(period, value)),
            Observation::Distinct(_) => Self::Distinct(Periods::new(period, Distinct::default())),
        }
    }

    /// Multiplies the growth in all weights by `factor`.
    pub(crate) fn scale(&mut self, factor: f64) {
        match self {
            Self::Sums(sums) => *sums = sums.scaled(factor),
            Self::Average(average) => *average = average.scaled(factor),
            Self::Smallest(_) | Self::Largest(_) | Self::Distinct(_) | Self::Empty => {}
        }
    }

    /// The value of two observers together.
    pub(crate) fn merge(&mut self, other: &Self) {
        match (&mut *self, other) {
            (Self::Sums(sums), Self::Sums(more)) => *sums = sums.plus(*more),
            (Self::Average(average), Self::Average(more)) => *average = average.plus(*more),
            (Self::Smallest(periods), Self::Smallest(more)) => {
                periods.merge(more, |value, other| *value = value.min(*other));
            }
            (Self::Largest(periods), Self::Largest(more)) => {
                periods.merge(more, |value, other| *value = value.max(*other));
            }
            (Self::Distinct(periods), Self::Distinct(more)) => {
                periods.merge(more, Distinct::merge);
            }
            (Self::Empty, other) => *self = other.clone(),
            _ => {}
        }
    }

    /// The value at `period`, of an accumulator whose growth is removed already. `bound` is that of a
    /// sum; other values of a full table lack what was there before, without a known bound.
    pub(crate) fn estimate(&self, period: u32) -> Estimate {
        match self {
            Self::Sums(sums) => sums.estimate(0.0),
            Self::Average(average) => average.estimate(),
            Self::Smallest(periods) => {
                exact(periods.read(period, |a, b| *a = a.min(*b)).unwrap_or_default())
            }
            Self::Largest(periods) => {
                exact(periods.read(period, |a, b| *a = a.max(*b)).unwrap_or_default())
            }
            Self::Distinct(periods) => {
                periods.read(period, Distinct::merge).unwrap_or_default().estimate()
            }
            Self::Empty => Estimate { high: f64::INFINITY, ..Estimate::default() },
        }
    }

    /// Bytes on the heap.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Distinct(periods) => periods.values().map(Distinct::heap).sum(),
            _ => 0,
        }
    }
}

/// A value of the sampled packets, which is not an estimate for all packets.
fn exact(value: f64) -> Estimate {
    Estimate { value, low: value, high: value, ..Estimate::default() }
}

/// Sums for an average over packets, each weighted by the packets that it stands for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Average {
    weights: f64,
    values: f64,
    squared_weights: f64,
    /// Sums of w²·value and w²·value².
    moments: [f64; 2],
}

impl Average {
    fn add(&mut self, value: f64, weight: Weight) {
        let square = weight.packets * weight.packets;
        self.weights += weight.packets;
        self.values += weight.packets * value;
        self.squared_weights += square;
        let [first, second] = &mut self.moments;
        *first += square * value;
        *second += square * value * value;
    }

    /// The average of packets that have the same value, of which these are the sums.
    pub(super) fn of(value: f64, packets: Sums) -> Self {
        let Sums { total, squares, .. } = packets;
        Self {
            weights: total,
            values: total * value,
            squared_weights: squares,
            moments: [squares * value, squares * value * value],
        }
    }

    fn scaled(self, factor: f64) -> Self {
        let square = factor * factor;
        Self {
            weights: self.weights * factor,
            values: self.values * factor,
            squared_weights: self.squared_weights * square,
            moments: self.moments.map(|moment| moment * square),
        }
    }

    fn plus(self, other: Self) -> Self {
        let ([a, b], [c, d]) = (self.moments, other.moments);
        Self {
            weights: self.weights + other.weights,
            values: self.values + other.values,
            squared_weights: self.squared_weights + other.squared_weights,
            moments: [a + c, b + d],
        }
    }

    fn estimate(self) -> Estimate {
        if self.weights <= 0.0 || self.squared_weights <= 0.0 {
            return Estimate { high: f64::INFINITY, ..Estimate::default() };
        }
        let value = self.values / self.weights;
        let samples = self.weights * self.weights / self.squared_weights;
        let [first, second] = self.moments;
        let spread = second - 2.0 * value * first + value * value * self.squared_weights;
        let variance = spread.max(0.0) / (self.weights * self.weights);
        // The average of the samples is nearer to them than the average of all packets. With one sample
        // the spread is unknown.
        let half = match samples > 1.001 {
            true => Z * (variance * samples / (samples - 1.0)).sqrt(),
            false => f64::INFINITY,
        };
        Estimate { value, samples, low: value - half, high: value + half, ..Estimate::default() }
    }
}

/// A value for the current period and one for the period before.
#[derive(Clone, Debug)]
pub(crate) struct Periods<T> {
    period: u32,
    current: T,
    last: Option<T>,
}

impl<T: Clone> Periods<T> {
    fn new(period: u32, current: T) -> Self {
        Self { period, current, last: None }
    }

    /// The value of `period`, begun with `first`.
    fn at(&mut self, period: u32, first: impl FnOnce() -> T) -> &mut T {
        if period > self.period {
            let ended = core::mem::replace(&mut self.current, first());
            self.last = (period == self.period + 1).then_some(ended);
            self.period = period;
        }
        &mut self.current
    }

    /// The values of `period` and of the one before, together.
    fn read(&self, period: u32, merge: impl Fn(&mut T, &T)) -> Option<T> {
        match period.saturating_sub(self.period) {
            0 => {
                let mut value = self.current.clone();
                self.last.iter().for_each(|last| merge(&mut value, last));
                Some(value)
            }
            1 => Some(self.current.clone()),
            _ => None,
        }
    }

    fn merge(&mut self, other: &Self, merge: impl Fn(&mut T, &T)) {
        let period = self.period.max(other.period);
        match (self.read(period, &merge), other.read(period, &merge)) {
            (Some(mut value), Some(more)) => {
                merge(&mut value, &more);
                *self = Self::new(period, value);
            }
            (Some(value), None) | (None, Some(value)) => *self = Self::new(period, value),
            (None, None) => {}
        }
    }

    fn values(&self) -> impl Iterator<Item = &T> {
        core::iter::once(&self.current).chain(&self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(observations: &[(Observation, u32)]) -> Accumulator {
        let mut accumulator = Accumulator::Empty;
        for (observation, period) in observations {
            accumulator.add(*observation, Weight::one_in(10.0), *period);
        }
        accumulator
    }

    #[test]
    fn average_is_not_multiplied_up() {
        let average = filled(&[10.0, 20.0, 30.0].map(|value| (Observation::Average(value), 0)));
        let estimate = average.estimate(0);
        assert_eq!((estimate.value, estimate.samples), (20.0, 3.0));
        // Standard deviation 10, by the root of 3 samples.
        assert!((estimate.high - 20.0 - 1.96 * 10.0 / 3.0_f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn error_of_an_average_of_one_sample_is_unknown() {
        let estimate = filled(&[(Observation::Average(7.0), 0)]).estimate(0);
        assert_eq!((estimate.value, estimate.high), (7.0, f64::INFINITY));
    }

    #[test]
    fn extremes_are_those_of_two_periods() {
        let smallest =
            filled(&[(5.0, 1), (3.0, 1), (9.0, 2)].map(|(x, at)| (Observation::Smallest(x), at)));
        let at = |period| smallest.estimate(period).value;
        assert_eq!((at(2), at(3), at(4)), (3.0, 9.0, 0.0));
        let largest =
            filled(&[(5.0, 1), (8.0, 1), (2.0, 2)].map(|(x, at)| (Observation::Largest(x), at)));
        assert_eq!((largest.estimate(2).value, largest.estimate(3).value), (8.0, 2.0));
    }

    #[test]
    fn distinct_values_of_two_observers_are_united() {
        let mut first = filled(&[1, 2, 3].map(|hash| (Observation::Distinct(hash), 0)));
        first.merge(&filled(&[3, 4, 3].map(|hash| (Observation::Distinct(hash), 0))));
        assert_eq!(first.estimate(0).value, 4.0);
    }

    #[test]
    fn absent_value_changes_nothing() {
        let accumulator = filled(&[(Observation::Largest(3.0), 0), (Observation::Absent, 5)]);
        assert_eq!(accumulator.estimate(0).value, 3.0);
    }
}
