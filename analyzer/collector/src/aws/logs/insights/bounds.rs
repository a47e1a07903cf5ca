//! What a query may take, and how it is stopped.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::time::Instant;

/// Why a query ended early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Overrun {
    /// It needs more memory than a query may have.
    Memory,
    Time,
    Cancelled,
}

/// What bounds a query.
#[derive(Debug)]
pub(super) struct Bounds<'a> {
    /// Bytes of rows and groups.
    pub(super) memory: usize,
    pub(super) time: Duration,
    pub(super) is_cancelled: &'a AtomicBool,
    /// Rows of the result.
    pub(super) limit: usize,
}

/// The work of a query, after each part of which it looks whether it must end.
#[derive(Debug)]
pub(super) struct Clock<'a> {
    bounds: &'a Bounds<'a>,
    begin: Instant,
    work: Cell<u64>,
}

impl<'a> Clock<'a> {
    pub(super) fn start(bounds: &'a Bounds<'a>) -> Self {
        Self { bounds, begin: Instant::now(), work: Cell::new(CHECKED) }
    }

    /// Counts a record or row with texts of so many bytes; a long one as many short ones.
    pub(super) fn step(&self, bytes: usize) -> Result<(), Overrun> {
        let work = self.work.get() + 1 + (bytes / SHORT) as u64;
        if work < CHECKED {
            self.work.set(work);
            return Ok(());
        }
        self.work.set(0);
        if self.bounds.is_cancelled.load(Ordering::Relaxed) {
            return Err(Overrun::Cancelled);
        }
        if self.begin.elapsed() > self.bounds.time {
            return Err(Overrun::Time);
        }
        Ok(())
    }
}

/// Short records between two looks at the clock.
const CHECKED: u64 = 1024;
/// Bytes of a short record.
const SHORT: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_records_are_many_short_ones() {
        let is_cancelled = AtomicBool::new(false);
        let bounds =
            Bounds { memory: 0, time: Duration::MAX, is_cancelled: &is_cancelled, limit: 0 };
        let clock = Clock::start(&bounds);
        assert_eq!(clock.step(0), Ok(()));
        is_cancelled.store(true, Ordering::Relaxed);
        let steps = |bytes| (0..).take_while(|_| clock.step(bytes).is_ok()).count();
        assert_eq!(steps(100), 1023);
        assert_eq!(steps(1 << 20), 0);
        assert_eq!(steps(9 * 1024), 102);
    }
}
