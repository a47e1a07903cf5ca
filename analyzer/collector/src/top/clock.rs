//! Means over a sliding window.

use core::time::Duration;
use std::time::Instant;

/// Divides time into the slots of which a [`Window`] remembers the last [`SLOTS`].
#[derive(Debug)]
pub(super) struct Clock {
    start: Instant,
    slot: Duration,
}

/// A moment as windows see it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Moment {
    slot: u64,
    /// Seconds that a window covers at this moment, more than 0.
    covered: f64,
}

impl Clock {
    pub(super) fn new(start: Instant, window: Duration) -> Self {
        Self { start, slot: window / (SLOTS as u32 - 1) }
    }

    pub(super) fn moment(&self, now: Instant) -> Moment {
        let elapsed = now.saturating_duration_since(self.start).as_secs_f64();
        let slot_length = self.slot.as_secs_f64();
        let slot = (elapsed / slot_length) as u64;
        let oldest = slot.saturating_sub(SLOTS as u64 - 1) as f64 * slot_length;
        Moment { slot, covered: (elapsed - oldest).max(0.1) }
    }
}

/// Samples of the recent past and what they stand for.
#[derive(Clone, Debug, Default)]
pub(super) struct Window {
    slots: [Sum; SLOTS],
    newest: u64,
}

/// Sums over samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sum {
    pub(super) samples: u64,
    /// Estimated: the sum of the sampling rates.
    pub(super) packets: u64,
    /// Estimated: the sum of rate times length.
    pub(super) bytes: u64,
}

/// Means per second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Rate {
    /// Samples that the means rest on, not per second.
    pub(super) samples: u64,
    pub(super) samples_per_second: f64,
    pub(super) packets: f64,
    pub(super) bits: f64,
}

impl Window {
    pub(super) fn add(&mut self, now: Moment, sum: Sum) {
        self.advance(now);
        if let Some(slot) = self.slots.get_mut((now.slot % SLOTS as u64) as usize) {
            slot.samples = slot.samples.saturating_add(sum.samples);
            slot.packets = slot.packets.saturating_add(sum.packets);
            slot.bytes = slot.bytes.saturating_add(sum.bytes);
        }
    }

    pub(super) fn rate(&self, now: Moment) -> Rate {
        let mut current = self.clone();
        current.advance(now);
        // forged samples can claim anything
        let total =
            |field: fn(&Sum) -> u64| current.slots.iter().map(field).fold(0, u64::saturating_add);
        let per_second = |count: u64| count as f64 / now.covered;
        let samples = total(|sum| sum.samples);
        Rate {
            samples,
            samples_per_second: per_second(samples),
            packets: per_second(total(|sum| sum.packets)),
            bits: per_second(total(|sum| sum.bytes)) * 8.0,
        }
    }

    /// Empties the slots that have passed since the last call.
    fn advance(&mut self, now: Moment) {
        let passed = now.slot.saturating_sub(self.newest).min(SLOTS as u64);
        for slot in now.slot + 1 - passed..=now.slot {
            if let Some(sum) = self.slots.get_mut((slot % SLOTS as u64) as usize) {
                *sum = Sum::default();
            }
        }
        self.newest = self.newest.max(now.slot);
    }
}

impl Rate {
    /// Bound that the relative error of the estimates keeps in 95 % of cases, in percent.
    pub(super) fn error(&self) -> f64 {
        if self.samples == 0 { f64::INFINITY } else { 196.0 / (self.samples as f64).sqrt() }
    }
}

/// One more than the slots that fill the window: the newest is not over yet.
const SLOTS: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        let start = Instant::now();
        Clock::new(start, Duration::from_secs(10)).moment(start + Duration::from_secs_f64(seconds))
    }

    const ONE: Sum = Sum { samples: 1, packets: 100, bytes: 6400 };

    #[test]
    fn means_over_what_has_passed_at_first() {
        let mut window = Window::default();
        window.add(at(0.5), ONE);
        let rate = window.rate(at(2.0));
        assert_eq!((rate.samples, rate.packets, rate.bits), (1, 50.0, 25_600.0));
    }

    #[test]
    fn means_over_the_window_later() {
        let mut window = Window::default();
        for second in 0..100 {
            window.add(at(f64::from(second) + 0.5), ONE);
        }
        let rate = window.rate(at(99.999));
        assert!((rate.packets - 100.0).abs() < 0.1, "{rate:?}");
        assert_eq!(rate.samples, 11);
    }

    #[test]
    fn what_is_older_than_the_window_is_gone() {
        let mut window = Window::default();
        window.add(at(0.5), ONE);
        assert_eq!(window.rate(at(10.9)).samples, 1);
        assert_eq!(window.rate(at(11.1)).samples, 0);
        assert_eq!(window.rate(at(1e9)).samples, 0);
        window.add(at(1e9), ONE);
        assert_eq!(window.rate(at(1e9)).samples, 1);
    }

    #[test]
    fn forged_numbers_saturate() {
        let mut window = Window::default();
        let most = Sum { samples: 1, packets: u64::MAX, bytes: u64::MAX };
        for second in 0..10 {
            window.add(at(f64::from(second)), most);
            window.add(at(f64::from(second)), most);
        }
        assert_eq!(window.rate(at(10.0)).packets, u64::MAX as f64 / 10.0);
    }

    #[test]
    fn error_of_the_rule_of_thumb() {
        assert_eq!(Rate { samples: 100, ..Rate::default() }.error(), 19.6);
        assert_eq!(Rate::default().error(), f64::INFINITY);
    }
}
