//! The sampling rate that gives about a number of samples per second.

use flowmote_core::Instant;

/// N of 1 in N operations, a power of two that follows the number of operations.
///
/// It is doubled as soon as there are more samples than wanted within a second, and halved after a
/// second with less than a third of them. Half would let a constant load change the rate
/// every second.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    rate: u32,
    /// Samples since `since`.
    taken: u32,
    since: Instant,
}

impl Budget {
    /// Begins with every operation.
    pub(super) fn new(now: Instant) -> Self {
        Self { rate: 1, taken: 0, since: now }
    }

    /// N for the next operation.
    pub(super) fn rate(&mut self, now: Instant, per_second: u32) -> u32 {
        let millis = now.since(self.since).as_millis();
        if millis >= SECOND {
            let wanted = u64::from(per_second) * u64::from(millis) / u64::from(SECOND);
            let mut taken = u64::from(self.taken);
            // After a pause more than one step.
            while self.rate > 1 && taken * 3 < wanted {
                self.rate /= 2;
                taken = (taken * 2).max(1);
            }
            self.restart(now);
        }
        self.rate
    }

    /// Counts a sample.
    pub(super) fn took(&mut self, now: Instant, per_second: u32) {
        self.taken = self.taken.saturating_add(1);
        if self.taken > per_second {
            self.rate = self.rate.saturating_mul(2).min(MAX_RATE);
            self.restart(now);
        }
    }

    fn restart(&mut self, now: Instant) {
        (self.taken, self.since) = (0, now);
    }
}

/// Milliseconds.
const SECOND: u32 = 1000;
/// A power of two near the largest N of a configuration.
const MAX_RATE: u32 = 1 << 23;
