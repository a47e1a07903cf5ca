//! When the counters of a data source are due.

use crate::time::{Duration, Instant};

/// The schedule of one data source: it never reads a counter, it only knows whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Poller {
    interval: Duration,
    due: Instant,
}

impl Poller {
    /// A poller that is never due.
    pub const OFF: Self = Self { interval: Duration::ZERO, due: Instant::ZERO };

    /// A poller due every `interval`, at `first` for the first time; an empty interval is off.
    /// Pollers of one agent should start at different times (rule A16).
    #[must_use]
    pub const fn new(interval: Duration, first: Instant) -> Self {
        Self { interval, due: first }
    }

    /// The time between two polls; zero is off.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next poll is due; `None` when off. Changes only in [`poll`](Self::poll).
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        if self.interval.is_zero() { None } else { Some(self.due) }
    }

    /// Whether a poll is due now; if so it is taken as done, and the next one is due at the next
    /// multiple of the interval that lies in the future. Missed turns are not made up for.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.interval.is_zero() || now < self.due {
            return false;
        }
        // In 32 bits, because a division in 64 would cost a small processor a kilobyte of flash: who
        // is more than 49 days late begins a new phase.
        let interval = self.interval.as_millis();
        let late = now.since(self.due).as_millis().checked_rem(interval).unwrap_or_default();
        self.due = now.saturating_add(Duration::from_millis(interval.saturating_sub(late)));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn due_at_first_and_then_every_interval() {
        let mut poller = Poller::new(Duration::from_secs(20), at(5_000));
        assert!(!poller.poll(at(4_999)));
        assert!(poller.poll(at(5_000)));
        assert!(!poller.poll(at(5_001)));
        assert_eq!(poller.due(), Some(at(25_000)));
        assert!(poller.poll(at(25_400)));
        assert_eq!(poller.due(), Some(at(45_000)), "a late poll does not shift the schedule");
    }

    #[test]
    fn missed_turns_are_skipped_and_the_phase_kept() {
        let mut poller = Poller::new(Duration::from_secs(20), at(5_000));
        assert!(poller.poll(at(66_000)));
        assert_eq!(poller.due(), Some(at(85_000)));
        assert!(poller.poll(at(85_000)));
        assert_eq!(poller.due(), Some(at(105_000)));
    }

    #[test]
    fn off_is_never_due() {
        let mut poller = Poller::OFF;
        assert_eq!(poller.due(), None);
        assert!(!poller.poll(at(u64::MAX)));
    }
}
