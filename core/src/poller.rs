//! The schedule of counter polls.

use crate::time::{Duration, Instant};

/// The poll schedule of one data source. It holds times only and reads no counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Poller {
    interval: Duration,
    due: Instant,
}

impl Poller {
    /// A poller that is never due.
    pub const OFF: Self = Self { interval: Duration::ZERO, due: Instant::ZERO };

    /// Creates a poller that is due at `first` and then every `interval`; a zero interval is off.
    /// Pollers of one agent should start at different times (rule A16).
    #[must_use]
    pub const fn new(interval: Duration, first: Instant) -> Self {
        Self { interval, due: first }
    }

    /// Returns the time between two polls; zero is off.
    #[must_use]
    pub const fn interval(&self) -> Duration {
        self.interval
    }

    /// Returns the time of the next poll; `None` when off. Changes only in [`poll`](Self::poll).
    #[must_use]
    pub const fn due(&self) -> Option<Instant> {
        if self.interval.is_zero() { None } else { Some(self.due) }
    }

    /// Returns true if a poll is due, and schedules the next one at the first multiple of the
    /// interval after `now`. Missed polls are not made up for.
    pub fn poll(&mut self, now: Instant) -> bool {
        if self.interval.is_zero() || now < self.due {
            return false;
        }
        // In 32 bits, because a 64-bit division costs a small processor a kilobyte of flash.
        // `since` saturates: a poll more than 49 days late starts a new phase.
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
    fn poller_is_due_at_first_and_then_every_interval() {
        let mut poller = Poller::new(Duration::from_secs(20), at(5_000));
        assert!(!poller.poll(at(4_999)));
        assert!(poller.poll(at(5_000)));
        assert!(!poller.poll(at(5_001)));
        assert_eq!(poller.due(), Some(at(25_000)));
        assert!(poller.poll(at(25_400)));
        assert_eq!(poller.due(), Some(at(45_000)), "a late poll does not shift the schedule");
    }

    #[test]
    fn missed_polls_are_skipped_and_the_phase_is_kept() {
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
