//! The CPUs that run the filter.

use std::fs;

/// The slots that the filter of a machine needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cpus {
    /// Slots of one interface: a power of two. A CPU uses that of its number modulo this.
    pub(super) slots: usize,
    /// Nothing else counts in a slot while the filter runs on its CPU, so that no atomic instruction
    /// is needed: each CPU has its own, and bottom halves do not interrupt each other.
    pub(super) exclusive: bool,
}

impl Cpus {
    /// Those that this machine can have, hotplug included.
    pub(super) fn possible() -> Self {
        let read = |path| fs::read_to_string(path).unwrap_or_default();
        Self::of(&read("/sys/devices/system/cpu/possible"), &read("/sys/kernel/realtime"))
    }

    /// Without sysfs the number is unknown, and CPUs may share a slot. PREEMPT_RT without its lock
    /// around softirqs (Linux 6.18) lets one bottom half preempt another.
    fn of(possible: &str, realtime: &str) -> Self {
        let highest = highest_cpu(possible);
        let cpus = highest.map_or(DEFAULT, |highest| highest.saturating_add(1));
        Self {
            slots: cpus.min(MAX).next_power_of_two(),
            exclusive: cpus <= MAX && highest.is_some() && realtime.trim() != "1",
        }
    }
}

/// The last number of a CPU list such as `0-1` or `0,2-63`.
fn highest_cpu(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

const DEFAULT: usize = 64;
/// The largest NR_CPUS that x86 and arm64 kernels can be configured with.
const MAX: usize = 8192;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_list_ends_with_the_highest() {
        let highest = ["0-1\n", "0", "0,2-63\n", ""].map(highest_cpu);
        assert_eq!(highest, [Some(1), Some(0), Some(63), None]);
    }

    #[test]
    fn slots_are_exclusive_if_each_cpu_has_its_own_and_nothing_preempts_it() {
        let cpus = |slots, exclusive| Cpus { slots, exclusive };
        assert_eq!(Cpus::of("0\n", ""), cpus(1, true));
        assert_eq!(Cpus::of("0-2\n", "0\n"), cpus(4, true));
        assert_eq!(Cpus::of("0-63\n", ""), cpus(64, true));
        assert_eq!(Cpus::of("0-1\n", "1\n"), cpus(2, false), "PREEMPT_RT");
        assert_eq!(Cpus::of("", ""), cpus(64, false), "no sysfs");
        assert_eq!(Cpus::of("0-9999\n", ""), cpus(8192, false));
    }
}
