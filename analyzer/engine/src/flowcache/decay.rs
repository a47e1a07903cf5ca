//! Forward decay: sums that decay without being touched.

use core::time::Duration;

use crate::instant::Instant;

/// The time of a table, relative to a landmark.
///
/// A sample is added with a weight that grows with the time since the landmark, e^(elapsed/t). To read
/// a sum is to divide it by the growth of now. So entries keep their order while they decay, and an
/// entry is written only when a sample arrives.
///
/// The landmark moves in steps of an epoch, before the growth leaves the range of a number. Sums are
/// rescaled when they are next used; see [`shrink`](Decay::shrink).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decay {
    /// Seconds in which a sum decays to 1/e.
    constant: f64,
    landmark: Instant,
    epoch: u32,
    /// Length of an epoch.
    length: Duration,
}

impl Decay {
    /// Decay with a time constant in seconds, at least a microsecond.
    pub(crate) fn new(now: Instant, constant: f64) -> Self {
        let length = Duration::from_micros((constant * EPOCH * 1e6) as u64).max(SHORTEST);
        Self { constant, landmark: now, epoch: 0, length }
    }

    /// Moves the landmark to the epoch of `now`. Returns the growth of a sample that arrives now.
    pub(crate) fn advance(&mut self, now: Instant) -> f64 {
        let elapsed = now.since(self.landmark);
        if elapsed >= self.length {
            let epochs = elapsed.as_micros() / self.length.as_micros();
            let epochs = u32::try_from(epochs).unwrap_or(u32::MAX);
            self.landmark = self.landmark + self.length.saturating_mul(epochs);
            self.epoch = self.epoch.saturating_add(epochs);
        }
        self.growth(now)
    }

    fn growth(&self, now: Instant) -> f64 {
        (now.since(self.landmark).as_secs_f64() / self.constant).min(2.0 * EPOCH).exp()
    }

    /// The epoch of the landmark.
    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    /// The factor for sums of an earlier epoch, which makes them sums of this one.
    pub(crate) fn shrink(&self, epoch: u32) -> f64 {
        let epochs = f64::from(self.epoch.saturating_sub(epoch));
        (-epochs * self.length.as_secs_f64() / self.constant).exp()
    }

    /// The factor for sums of an epoch, which makes them rates per second at `now`.
    pub(crate) fn per_second(&self, epoch: u32, now: Instant) -> f64 {
        self.shrink(epoch) / (self.growth(now) * self.constant)
    }
}

/// Length of an epoch in time constants. The square of a weight of 2^48 still fits a number after two.
const EPOCH: f64 = 128.0;
const SHORTEST: Duration = Duration::from_micros(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::after_start(Duration::from_secs_f64(seconds))
    }

    /// The reading at `later` of one sample of 1 at `first`.
    fn read(constant: f64, first: f64, later: f64) -> f64 {
        let mut decay = Decay::new(at(0.0), constant);
        let (sum, epoch) = (decay.advance(at(first)), decay.epoch());
        decay.advance(at(later));
        sum * decay.per_second(epoch, at(later))
    }

    #[test]
    fn sum_decays_to_1_over_e_in_a_time_constant() {
        assert!((read(2.0, 1.0, 1.0) - 0.5).abs() < 1e-12);
        assert!((read(2.0, 1.0, 3.0) - 0.5 * (-1.0_f64).exp()).abs() < 1e-12);
    }

    #[test]
    fn landmark_moves_without_a_step() {
        for constant in [0.1, 0.3, 2.0, 600.0] {
            for epochs in [0.999_999, 1.000_001, 2.5, 1000.2] {
                let first = (epochs * EPOCH - 0.5) * constant;
                let expected = (-1.0_f64).exp() / constant;
                let got = read(constant, first, first + constant);
                assert!((got / expected - 1.0).abs() < 1e-6, "{constant} {epochs}: {got}");
            }
        }
    }

    #[test]
    fn sums_of_a_long_silence_are_zero() {
        assert_eq!(read(0.1, 1.0, 86_400.0), 0.0);
    }

    #[test]
    fn growth_is_finite_at_any_time() {
        let mut decay = Decay::new(at(0.0), 0.1);
        let end = Instant::after_start(Duration::MAX);
        assert!(decay.advance(end).is_finite());
        assert!(decay.per_second(0, end) == 0.0);
    }
}
