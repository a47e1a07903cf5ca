//! The two clocks of the daemon.

use std::time::{SystemTime, UNIX_EPOCH};

use flowmote_core::Instant;
use nix::time::{ClockId, clock_gettime};

/// Time since the host booted, sleep included: CLOCK_BOOTTIME, which is what `uptime` means.
#[must_use]
pub fn now() -> Instant {
    // The clock exists since kernel 2.6.39 and reading it cannot fail with a valid id.
    let Ok(time) = clock_gettime(ClockId::CLOCK_BOOTTIME) else { return Instant::ZERO };
    let secs = u64::try_from(time.tv_sec()).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or_default();
    Instant::from_millis(secs.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// A seed that differs between hosts, boots and starts: wall clock and process.
#[must_use]
pub fn seed() -> u64 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    wall ^ u64::from(std::process::id()).rotate_left(32)
}
