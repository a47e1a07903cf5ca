//! `host_cpu` (2003), from `/proc/stat`, `/proc/loadavg`, `/proc/uptime` and `/proc/cpuinfo`.

use flowmote_core::record::counter::HostCpu;
use nix::unistd::{SysconfVar, sysconf};

use super::sums::Ledger;
use super::text::{Files, WHOLE, low, number};

/// Updates the record. What cannot be read stays as it is.
pub(super) fn read(files: &mut Files, ledger: &mut Ledger, cpu: &mut HostCpu) {
    if let Some(text) = files.read("proc/stat", WHOLE) {
        stat(&text, ticks_per_second(), ledger, cpu);
    }
    if let Some(text) = files.read("proc/loadavg", 128) {
        loadavg(&text, cpu);
    }
    if let Some(text) = files.read("proc/uptime", 128) {
        uptime(&text, cpu);
    }
    // 2048 bytes cover the first CPU. On x86 the kernel computes the current frequency of each CPU
    // as it prints it (arch/x86/kernel/cpu/proc.c, show_cpuinfo), so the rest only costs time.
    if let Some(text) = files.read_optional("proc/cpuinfo", 2048) {
        cpu.cpu_speed = cpuinfo_mhz(&text).unwrap_or(0);
    }
    if cpu.cpu_speed == 0
        && let Some(text) = files.read_optional(MAX_FREQUENCY, 32)
    {
        cpu.cpu_speed = number(text.trim()).map_or(0, |kilohertz| low(kilohertz / 1000));
    }
}

/// `USER_HZ`: 100 on every architecture except Alpha (1024).
fn ticks_per_second() -> u64 {
    let ticks = sysconf(SysconfVar::CLK_TCK).ok().flatten();
    ticks.and_then(|ticks| u64::try_from(ticks).ok()).unwrap_or(100)
}

/// Parses `/proc/stat`: times, interrupts, context switches. Times are in ticks (`USER_HZ`). Guest
/// time is included in user time, as in the kernel's own accounting (kernel/sched/cputime.c,
/// `account_guest_time`).
fn stat(text: &str, ticks_per_second: u64, ledger: &mut Ledger, cpu: &mut HostCpu) {
    let mut cpus = 0_u32;
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            // The sums include CPUs that are offline now; the lines of single CPUs do not
            // (fs/proc/stat.c, show_stat).
            Some("cpu") => times(words, ticks_per_second, ledger, cpu),
            Some(name @ "intr") => advance(&mut cpu.interrupts, ledger, name, words.next()),
            Some(name @ "ctxt") => advance(&mut cpu.contexts, ledger, name, words.next()),
            Some(word) if word.starts_with("cpu") => cpus = cpus.saturating_add(1),
            _ => {}
        }
    }
    if cpus > 0 {
        cpu.cpu_num = cpus;
    }
}

fn advance(field: &mut u32, ledger: &mut Ledger, name: &str, word: Option<&str>) {
    if let Some(count) = word.and_then(number) {
        *field = low(ledger.advance(name, count));
    }
}

/// Parses the columns of a `cpu` line. They have no names; kernels have added columns at the end
/// only (proc_stat(5)).
fn times<'a>(
    columns: impl Iterator<Item = &'a str>,
    ticks_per_second: u64,
    ledger: &mut Ledger,
    cpu: &mut HostCpu,
) {
    let fields = [
        ("user", &mut cpu.cpu_user),
        ("nice", &mut cpu.cpu_nice),
        ("system", &mut cpu.cpu_system),
        ("idle", &mut cpu.cpu_idle),
        ("iowait", &mut cpu.cpu_wio),
        ("irq", &mut cpu.cpu_intr),
        ("softirq", &mut cpu.cpu_sintr),
        ("steal", &mut cpu.cpu_steal),
        ("guest", &mut cpu.cpu_guest),
        ("guest_nice", &mut cpu.cpu_guest_nice),
    ];
    for ((name, field), ticks) in fields.into_iter().zip(columns) {
        // The product of an arbitrary u64 overflows 64 bits.
        let milliseconds = number(ticks)
            .map(u128::from)
            .and_then(|ticks| (ticks * 1000).checked_div(u128::from(ticks_per_second)));
        if let Some(milliseconds) = milliseconds {
            *field = low(ledger.advance(name, (milliseconds & u128::from(u64::MAX)) as u64));
        }
    }
}

/// Parses `/proc/loadavg`, such as `0.01 0.04 0.05 2/143 9872`: load averages, running and all
/// threads. The reading thread is always among the running ones and is subtracted.
fn loadavg(text: &str, cpu: &mut HostCpu) {
    let mut words = text.split_ascii_whitespace();
    for field in [&mut cpu.load_one, &mut cpu.load_five, &mut cpu.load_fifteen] {
        let load = words.next().and_then(|word| word.parse::<f32>().ok());
        // -1 is the unknown value; `parse` also accepts "inf" and "nan".
        *field = load.filter(|load| load.is_finite() && *load >= 0.0).unwrap_or(-1.0);
    }
    let Some((running, all)) = words.next().and_then(|word| word.split_once('/')) else { return };
    cpu.proc_run = number(running).map_or(0, |running| low(running.saturating_sub(1)));
    cpu.proc_total = number(all).map_or(0, low);
}

/// Parses `/proc/uptime`, such as `932.05 1820.92`: seconds since boot, idle seconds.
fn uptime(text: &str, cpu: &mut HostCpu) {
    if let Some(seconds) = text.split(['.', ' ', '\n']).next().and_then(number) {
        cpu.uptime = low(seconds);
    }
}

/// The frequency of the first CPU in `/proc/cpuinfo`. Few architectures besides x86 print it.
fn cpuinfo_mhz(text: &str) -> Option<u32> {
    let value = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim_end() == "cpu MHz").then_some(value)
    })?;
    number(value.trim().split('.').next()?).map(low)
}

const MAX_FREQUENCY: &str = "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Linux 6.18, two CPUs.
    const STAT_6_18: &str = "\
cpu  1408 0 1927 182092 422 0 39 9 0 0
cpu0 422 0 621 91903 13 0 7 3 0 0
cpu1 986 0 1305 90188 408 0 31 6 0 0
intr 168790 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 1 13
ctxt 352291
btime 1795335326
processes 5330
procs_running 2
procs_blocked 0
softirq 139817 0 13215 4 3780 74930 0 76 26647 0 21165
";

    #[test]
    fn stat_of_6_18() {
        let mut cpu = HostCpu::UNKNOWN;
        stat(STAT_6_18, 100, &mut Ledger::default(), &mut cpu);
        assert_eq!((cpu.cpu_num, cpu.interrupts, cpu.contexts), (2, 168_790, 352_291));
        assert_eq!((cpu.cpu_user, cpu.cpu_nice, cpu.cpu_system), (14_080, 0, 19_270));
        assert_eq!((cpu.cpu_idle, cpu.cpu_wio), (1_820_920, 4_220));
        assert_eq!((cpu.cpu_intr, cpu.cpu_sintr, cpu.cpu_steal), (0, 390, 90));
        assert_eq!((cpu.cpu_guest, cpu.cpu_guest_nice), (0, 0));
    }

    #[test]
    fn columns_missing_on_old_kernels_are_unknown() {
        let mut cpu = HostCpu::UNKNOWN;
        stat("cpu 1 2 3 4 5 6 7 8 9\n", 1024, &mut Ledger::default(), &mut cpu);
        assert_eq!((cpu.cpu_idle, cpu.cpu_guest, cpu.cpu_guest_nice), (3, 8, u32::MAX));
        assert_eq!((cpu.interrupts, cpu.contexts), (u32::MAX, u32::MAX));
    }

    /// `iowait` and `idle` step back (proc_stat(5)); /proc of a container restarts with it.
    #[test]
    fn counters_that_step_back_do_not_decrease() {
        let (mut cpu, mut ledger) = (HostCpu::UNKNOWN, Ledger::default());
        stat("cpu 100 0 0 0 50\nintr 9000\n", 100, &mut ledger, &mut cpu);
        stat("cpu 101 0 0 0 49\nintr 10\n", 100, &mut ledger, &mut cpu);
        assert_eq!((cpu.cpu_user, cpu.cpu_wio, cpu.interrupts), (1010, 500, 9010));
        stat("", 100, &mut ledger, &mut cpu);
        assert_eq!((cpu.cpu_user, cpu.cpu_wio, cpu.interrupts), (1010, 500, 9010), "empty");
    }

    #[test]
    fn milliseconds_wrap_at_32_bits() {
        let mut cpu = HostCpu::UNKNOWN;
        let text = "cpu 429496730 18446744073709551615\n";
        stat(text, 100, &mut Ledger::default(), &mut cpu);
        assert_eq!(cpu.cpu_user, 4);
        assert_eq!(cpu.cpu_nice, (((1_u128 << 64) - 1) * 10 % (1 << 32)) as u32);
    }

    #[test]
    fn load_averages_and_threads() {
        let mut cpu = HostCpu::UNKNOWN;
        loadavg("0.01 12.50 0.05 2/143 9872\n", &mut cpu);
        assert_eq!((cpu.load_one, cpu.load_five, cpu.load_fifteen), (0.01, 12.5, 0.05));
        assert_eq!((cpu.proc_run, cpu.proc_total), (1, 143));
        loadavg("nan -3 x", &mut cpu);
        assert_eq!((cpu.load_one, cpu.load_five, cpu.load_fifteen), (-1.0, -1.0, -1.0));
    }

    #[test]
    fn uptime_and_frequency() {
        let mut cpu = HostCpu::UNKNOWN;
        uptime("932.05 1820.92\n", &mut cpu);
        assert_eq!(cpu.uptime, 932);
        uptime("", &mut cpu);
        assert_eq!(cpu.uptime, 932, "as last read");
        assert_eq!(cpuinfo_mhz("processor\t: 0\ncpu MHz\t\t: 2596.122\n"), Some(2596));
        assert_eq!(cpuinfo_mhz("processor\t: 0\nBogoMIPS\t: 243.75\n"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String, ticks: u64) {
            let mut cpu = HostCpu::UNKNOWN;
            let mut ledger = Ledger::default();
            stat(&text, ticks, &mut ledger, &mut cpu);
            stat(&format!("cpu {text}"), ticks, &mut ledger, &mut cpu);
            loadavg(&text, &mut cpu);
            uptime(&text, &mut cpu);
            cpuinfo_mhz(&text);
        }
    }
}
