//! Averages over a sliding window.

use core::time::Duration;

use crate::instant::Instant;

/// Divides time into slots; a [`Window`] keeps the last [`SLOTS`] of them.
#[derive(Debug)]
pub(crate) struct Clock {
    start: Instant,
    slot: Duration,
}

/// An instant as a slot number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Moment {
    slot: u64,
    /// Seconds from the start of the oldest slot to this moment, at least 0.1.
    covered: f64,
}

impl Clock {
    pub(crate) fn new(start: Instant, window: Duration) -> Self {
        Self { start, slot: window / (SLOTS as u32 - 1) }
    }

    pub(crate) fn moment(&self, now: Instant) -> Moment {
        let elapsed = now.since(self.start).as_secs_f64();
        let slot_length = self.slot.as_secs_f64();
        let slot = (elapsed / slot_length) as u64;
        // Before the first window is full, it covers only the time since the start.
        let oldest = slot.saturating_sub(SLOTS as u64 - 1) as f64 * slot_length;
        // At least 0.1 s, so that the first sample does not give an absurd rate.
        Moment { slot, covered: (elapsed - oldest).max(0.1) }
    }
}

/// Sums over the last [`SLOTS`] slots, in a ring.
#[derive(Clone, Debug, Default)]
pub(crate) struct Window {
    slots: [Sum; SLOTS],
    /// The newest slot number added to.
    newest: u64,
}

/// Sums over samples, within a slot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum {
    pub(crate) samples: u64,
    /// Estimated packets: the sum of the sampling rates.
    pub(crate) packets: u64,
    /// Estimated bytes: the sum of sampling rate times frame length.
    pub(crate) bytes: u64,
}

/// Averages over the window.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    /// Samples in the window: a count, not a rate.
    pub samples: u64,
    /// Samples per second.
    pub samples_per_second: f64,
    /// Estimated packets per second.
    pub packets: f64,
    /// Estimated bits per second.
    pub bits: f64,
}

impl Window {
    /// Adds `sum` to the slot of `now`.
    pub(crate) fn add(&mut self, now: Moment, sum: Sum) {
        self.advance(now);
        if let Some(slot) = self.slots.get_mut((now.slot % SLOTS as u64) as usize) {
            slot.samples = slot.samples.saturating_add(sum.samples);
            slot.packets = slot.packets.saturating_add(sum.packets);
            slot.bytes = slot.bytes.saturating_add(sum.bytes);
        }
    }

    /// The averages at `now`, without changing the window.
    pub(crate) fn rate(&self, now: Moment) -> Rate {
        let mut current = self.clone();
        current.advance(now);
        // Rates and lengths come from the network and can have any value, so sums saturate.
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

    /// Clears the slots that began since the last call.
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
    /// The sum of two rates over the same window.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            samples: self.samples.saturating_add(other.samples),
            samples_per_second: self.samples_per_second + other.samples_per_second,
            packets: self.packets + other.packets,
            bits: self.bits + other.bits,
        }
    }

    /// The relative error in percent that the estimates do not exceed with a probability of 95 %:
    /// 196·√(1/samples), infinite without samples ("Packet Sampling Basics", sflow.org).
    pub fn error(&self) -> f64 {
        if self.samples == 0 { f64::INFINITY } else { 196.0 / (self.samples as f64).sqrt() }
    }
}

/// Slots of a window: ten for the window, and the newest, which is still incomplete.
const SLOTS: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Moment {
        let clock = Clock::new(Instant::default(), Duration::from_secs(10));
        clock.moment(Instant::after_start(Duration::from_secs_f64(seconds)))
    }

    const ONE: Sum = Sum { samples: 1, packets: 100, bytes: 6400 };

    #[test]
    fn rate_before_a_full_window_is_over_the_time_elapsed() {
        let mut window = Window::default();
        window.add(at(0.5), ONE);
        let rate = window.rate(at(2.0));
        assert_eq!((rate.samples, rate.packets, rate.bits), (1, 50.0, 25_600.0));
    }

    #[test]
    fn rate_is_over_the_window() {
        let mut window = Window::default();
        for second in 0..100 {
            window.add(at(f64::from(second) + 0.5), ONE);
        }
        let rate = window.rate(at(99.999));
        assert!((rate.packets - 100.0).abs() < 0.1, "{rate:?}");
        assert_eq!(rate.samples, 11);
    }

    #[test]
    fn samples_older_than_the_window_are_dropped() {
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
    fn error_is_196_over_the_root_of_the_samples() {
        assert_eq!(Rate { samples: 100, ..Rate::default() }.error(), 19.6);
        assert_eq!(Rate::default().error(), f64::INFINITY);
    }
}
