//! The clock of the agent.

use flowmote_core::Instant;
use nix::time::{ClockId, clock_gettime};

/// Returns the time since the host booted, suspend included (CLOCK_BOOTTIME): the `uptime` of
/// section 5 of the sFlow text, which a restart of the daemon does not set back.
#[must_use]
pub fn now() -> Instant {
    // clock_gettime fails only for an unknown clock id, and this one exists since Linux 2.6.39.
    let Ok(time) = clock_gettime(ClockId::CLOCK_BOOTTIME) else { return Instant::ZERO };
    let secs = u64::try_from(time.tv_sec()).unwrap_or_default();
    let nanos = u64::try_from(time.tv_nsec()).unwrap_or_default();
    Instant::from_millis(secs.saturating_mul(1000).saturating_add(nanos / 1_000_000))
}

/// The time at which CLOCK_MONOTONIC was 0, in nanoseconds since 1970, as the clock is set now. Adds up
/// with the time of an event that an eBPF program has noted.
#[must_use]
pub fn monotonic_start_ns() -> u64 {
    let read = |clock| {
        let time = clock_gettime(clock).ok()?;
        let seconds = u64::try_from(time.tv_sec()).ok()?;
        seconds.checked_mul(1_000_000_000)?.checked_add(u64::try_from(time.tv_nsec()).ok()?)
    };
    let since_start = read(ClockId::CLOCK_MONOTONIC).unwrap_or_default();
    read(ClockId::CLOCK_REALTIME).unwrap_or_default().saturating_sub(since_start)
}
