//! CPU time, load and memory of this process.

use core::time::Duration;
use std::{fs, thread};

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::{TimeVal, TimeValLike};

/// CPU time of user and system since the start; 0 if the kernel does not report it.
pub(super) fn cpu_time() -> Duration {
    let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) else { return Duration::ZERO };
    let micros = |time: TimeVal| time.num_microseconds().unsigned_abs();
    Duration::from_micros(micros(usage.user_time()) + micros(usage.system_time()))
}

/// Resident memory; 0 without /proc.
pub(super) fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The load of the system over the last minute as a share of its processors, 0 to 1.
pub(super) fn system_load() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    (load / processors()).min(1.0)
}

fn processors() -> f64 {
    thread::available_parallelism().map_or(1, usize::from) as f64
}

/// The CPU time of this process since its start, as a share of the time of all processors, 0 to 1.
pub(super) fn load(uptime: Duration) -> f64 {
    let used = cpu_time().as_secs_f64();
    (used / uptime.as_secs_f64().max(0.1) / processors()).min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory_and_used_time() {
        assert!(resident_bytes() > 1 << 19);
        let before = cpu_time();
        while cpu_time() == before {
            core::hint::spin_loop();
        }
    }
}
