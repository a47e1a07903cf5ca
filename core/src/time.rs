//! Time as an argument: nothing in this crate reads a clock.

use core::ops::Add;

/// A point in time: milliseconds since the device booted.
///
/// Zero is the boot, not the start of the agent: `uptime` on the wire is this number modulo 2^32
/// (section 2). The caller's clock must not run backwards, and should include the time that the
/// device was suspended (`CLOCK_BOOTTIME` on Linux).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Instant {
    millis: u64,
}

impl Instant {
    /// The boot of the device.
    pub const ZERO: Self = Self { millis: 0 };

    /// Later than every other instant.
    pub(crate) const NEVER: Self = Self { millis: u64::MAX };

    /// Creates an instant from milliseconds since boot.
    ///
    /// Saturates at 2^63 - 1, 292 million years, so that a later instant always exists.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self { millis: if millis > LAST { LAST } else { millis } }
    }

    /// Returns the milliseconds since boot.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.millis
    }

    /// Returns the `uptime` field of a datagram: milliseconds since boot, modulo 2^32 (49 d 17 h).
    #[must_use]
    pub const fn uptime(self) -> u32 {
        self.millis as u32
    }

    /// Returns the instant `duration` later.
    #[must_use]
    pub const fn saturating_add(self, duration: Duration) -> Self {
        Self { millis: self.millis.saturating_add(duration.millis as u64) }
    }

    /// Returns the time from `earlier` to `self`, zero if `earlier` is later, at most 2^32 - 1 ms.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let millis = self.millis.saturating_sub(earlier.millis);
        Duration { millis: if millis > u32::MAX as u64 { u32::MAX } else { millis as u32 } }
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    /// Saturates, so that no sum of times panics.
    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

/// A span of time in milliseconds, at most 2^32 - 1 (49 d 17 h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Duration {
    millis: u32,
}

impl Duration {
    /// Zero milliseconds.
    pub const ZERO: Self = Self { millis: 0 };

    /// Creates a span from milliseconds.
    #[must_use]
    pub const fn from_millis(millis: u32) -> Self {
        Self { millis }
    }

    /// Creates a span from seconds; saturates at 2^32 - 1 ms.
    #[must_use]
    pub const fn from_secs(secs: u32) -> Self {
        Self { millis: secs.saturating_mul(1000) }
    }

    /// Returns the span in milliseconds.
    #[must_use]
    pub const fn as_millis(self) -> u32 {
        self.millis
    }

    /// Returns true if the span is zero.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.millis == 0
    }
}

/// The last instant that a caller can create, in milliseconds.
const LAST: u64 = u64::MAX >> 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uptime_wraps_at_32_bits() {
        let wrap = Instant::from_millis(1 << 32);
        assert_eq!(Instant::from_millis((1 << 32) - 1).uptime(), u32::MAX);
        assert_eq!(wrap.uptime(), 0);
        assert_eq!(wrap.as_millis(), 1 << 32);
    }

    #[test]
    fn arithmetic_saturates() {
        let end = Instant::from_millis(u64::MAX);
        assert_eq!(end.as_millis(), LAST);
        assert!(end + Duration::from_millis(1) > end, "nothing stays due");
        assert_eq!(Duration::from_secs(u32::MAX).as_millis(), u32::MAX);
        assert_eq!(end.since(Instant::ZERO).as_millis(), u32::MAX);
        assert_eq!(Instant::ZERO.since(end), Duration::ZERO);
    }
}
