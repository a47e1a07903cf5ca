//! Time, as measured by the caller.

use core::ops::Add;
use core::time::Duration;

/// A point in time in microseconds since a start that the caller chooses, 0 to 2^64-1.
///
/// All instants of one [`Analyzer`](crate::analyzer::Analyzer) have the same start, such as the start of
/// the program or the boot of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Instant(u64);

impl Instant {
    /// The instant `elapsed` after the start, limited to the largest instant.
    pub fn after_start(elapsed: Duration) -> Self {
        Self(u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX))
    }

    /// Microseconds since the start.
    pub(crate) fn micros(self) -> u64 {
        self.0
    }

    /// Time since `earlier`; zero if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Adds `time`, limited to the largest instant.
    fn add(self, time: Duration) -> Self {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}
