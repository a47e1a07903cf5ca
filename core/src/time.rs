//! Time as the caller tells it: nothing in this crate reads a clock.

use core::ops::Add;

/// A point in time: milliseconds since the device booted.
///
/// The zero is the boot and not the start of the agent, so that `uptime` on the wire is this
/// number modulo 2^32 (section 2 of the sFlow version 5 text). It must not run backwards; a
/// suspended device should count the time that it slept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant {
    millis: u64,
}

impl Instant {
    /// The moment of boot.
    pub const ZERO: Self = Self { millis: 0 };

    /// Later than any other.
    pub(crate) const NEVER: Self = Self { millis: u64::MAX };

    /// Builds an instant from milliseconds since boot; beyond 292 million years it stays there, so
    /// that there is always a later one.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis: if millis > LAST { LAST } else { millis } }
    }

    /// Milliseconds since boot.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// The `uptime` field of a datagram: milliseconds since boot, modulo 2^32 (49 d 17 h).
    #[must_use]
    pub const fn uptime(self) -> u32 {
        self.millis as u32
    }

    /// The point in time `duration` later.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self { millis: self.millis.saturating_add(duration.millis as u64) }
    }

    /// The time from `earlier` to `self`, zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let millis = self.millis.saturating_sub(earlier.millis);
        Duration { millis: if millis > u32::MAX as u64 { u32::MAX } else { millis as u32 } }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates, so no sum of times can panic.
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

/// A span of time in milliseconds, at most 49 days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration {
    millis: u32,
}

impl Duration {
    /// No time.
    pub const ZERO: Self = Self { millis: 0 };

    /// Builds a span from milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Self {
        Self { millis }
    }

    /// Builds a span from seconds; beyond 49 days it stays there.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        Self { millis: secs.saturating_mul(1000) }
    }

    /// The span in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.millis
    }

    /// Whether the span is empty.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }
}

const LAST: u64 = u64::MAX >> 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_wraps_where_the_wire_does() {
        let wrap = Instant::from_millis(1 << 32);
        assert_eq!(Instant::from_millis((1 << 32) - 1).uptime(), u32::MAX);
        assert_eq!(wrap.uptime(), 0);
        assert_eq!(wrap.as_millis(), 1 << 32);
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Instant::from_millis(u64::MAX);
        assert_eq!(end.as_millis(), LAST);
        assert!(end + Duration::from_millis(1) > end, "nothing is due for ever");
        assert_eq!(Duration::from_secs(u32::MAX).as_millis(), u32::MAX);
        assert_eq!(end.since(Instant::ZERO).as_millis(), u32::MAX);
        assert_eq!(Instant::ZERO.since(end), Duration::ZERO);
    }
}
