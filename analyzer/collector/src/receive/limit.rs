//! Limits of a run: `--count` and `--for`.

use core::time::Duration;
use std::time::Instant;

use super::receiver::Batch;

/// Datagrams and time left until `--count` or `--for` ends the run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    left: u64,
    deadline: Option<Instant>,
}

impl Limit {
    /// A limit that starts now. `None` stands for no limit.
    pub(crate) fn new(count: Option<u64>, duration: Option<Duration>) -> Self {
        let deadline = duration.and_then(|time| Instant::now().checked_add(time));
        Self { left: count.unwrap_or(u64::MAX), deadline }
    }

    /// True if either limit is reached.
    pub(crate) fn reached(&self) -> bool {
        self.left == 0 || self.timeout().is_some_and(|timeout| timeout.is_zero())
    }

    /// Time left; `None` without `--for`.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.deadline.map(|end| end.saturating_duration_since(Instant::now()))
    }

    /// Datagrams that may still be received.
    pub(crate) fn room(&self) -> usize {
        usize::try_from(self.left).unwrap_or(usize::MAX)
    }

    /// Counts the datagrams of a batch.
    pub(crate) fn note(&mut self, batch: &Batch) {
        self.left = self.left.saturating_sub(batch.len() as u64);
    }
}
