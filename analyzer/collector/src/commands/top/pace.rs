//! The number of events per second over the window.

use core::time::Duration;

use flowmote_engine::Instant;

/// Counts in the last [`SLOTS`] slots of time, in a ring.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    slot: Duration,
    counts: [u64; SLOTS],
    /// The newest slot that was counted in.
    newest: u64,
}

impl Pace {
    /// No counts; rates will be averages over `window`.
    pub(super) fn over(window: Duration) -> Self {
        Self { slot: window / (SLOTS as u32 - 1), counts: [0; SLOTS], newest: 0 }
    }

    /// Counts `count` events at `now`.
    pub(super) fn add(&mut self, now: Instant, count: u64) {
        let slot = self.slot_of(now);
        self.advance(slot);
        if let Some(place) = self.counts.get_mut((slot % SLOTS as u64) as usize) {
            *place += count;
        }
    }

    /// Events per second at `now`: those since the beginning of the oldest slot, which is that of the
    /// program before the first window is full.
    pub(super) fn per_second(&self, now: Instant) -> f64 {
        let mut current = self.clone();
        let slot = self.slot_of(now);
        current.advance(slot);
        let oldest = slot.saturating_sub(SLOTS as u64 - 1) as f64 * self.slot.as_secs_f64();
        let seconds = now.since(Instant::default()).as_secs_f64() - oldest;
        // At least 0.1 s, so that the first event does not give an absurd rate.
        current.counts.iter().sum::<u64>() as f64 / seconds.max(0.1)
    }

    fn slot_of(&self, now: Instant) -> u64 {
        (now.since(Instant::default()).as_nanos() / self.slot.as_nanos().max(1)) as u64
    }

    /// Clears the slots that began since the last call.
    fn advance(&mut self, slot: u64) {
        let passed = slot.saturating_sub(self.newest).min(SLOTS as u64);
        for slot in slot + 1 - passed..=slot {
            if let Some(count) = self.counts.get_mut((slot % SLOTS as u64) as usize) {
                *count = 0;
            }
        }
        self.newest = self.newest.max(slot);
    }
}

/// Ten slots for the window, and the newest, which is still incomplete.
const SLOTS: usize = 11;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: f64) -> Instant {
        Instant::after_start(Duration::from_secs_f64(seconds))
    }

    fn pace() -> Pace {
        Pace::over(Duration::from_secs(10))
    }

    #[test]
    fn rate_before_a_full_window_is_over_the_time_elapsed() {
        let mut pace = pace();
        pace.add(at(0.5), 100);
        assert_eq!(pace.per_second(at(2.0)), 50.0);
        assert_eq!(pace.per_second(at(0.01)), 1000.0);
    }

    #[test]
    fn rate_is_over_the_window() {
        let mut pace = pace();
        (0..100).for_each(|second| pace.add(at(f64::from(second) + 0.5), 100));
        assert!((pace.per_second(at(99.999)) - 100.0).abs() < 0.1);
    }

    #[test]
    fn events_older_than_the_window_are_dropped() {
        let mut pace = pace();
        pace.add(at(0.5), 1);
        assert!(pace.per_second(at(10.9)) > 0.0);
        assert_eq!(pace.per_second(at(11.1)), 0.0);
        assert_eq!(pace.per_second(at(1e9)), 0.0);
        pace.add(at(1e9), 1);
        assert!(pace.per_second(at(1e9)) > 0.0);
    }
}
