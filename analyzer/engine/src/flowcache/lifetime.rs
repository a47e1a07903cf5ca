//! The times of a flow, for the flow log.

use crate::instant::Instant;

/// A flow from its first to its last sample.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Lifetime {
    pub(crate) start: Instant,
    pub(crate) last: Instant,
    /// The sum that does not decay.
    pub(crate) total: f64,
    /// False if the flow is recorded already, or never began.
    pub(crate) open: bool,
}

impl Lifetime {
    /// Adds a sample. Returns true if a flow begins with it.
    pub(crate) fn add(&mut self, now: Instant, amount: f64) -> bool {
        let begins = !self.open;
        if begins {
            *self = Self { start: now, last: now, total: 0.0, open: true };
        }
        self.last = self.last.max(now);
        self.total += amount;
        begins
    }
}
