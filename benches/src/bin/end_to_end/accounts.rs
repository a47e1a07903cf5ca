//! The kernel's accounts of a process: CPU time, memory, context switches.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;

/// CPU time of all threads so far.
///
/// The total is exact (nanoseconds of the scheduler, `/proc/PID/task/*/schedstat`). The split into
/// user and system time comes from ticks (`/proc/PID/stat`) and is accurate only over seconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Cpu {
    total: Duration,
    user_ticks: u64,
    system_ticks: u64,
}

/// CPU time of an interval, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CpuSpent {
    /// Time outside the kernel.
    pub(crate) user: f64,
    /// Time in the kernel, including softirq work that runs in the context of a system call.
    pub(crate) system: f64,
}

/// Memory in use, in kB.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// `VmRSS`.
    pub(crate) resident: u64,
    /// `RssAnon`: heap, stacks, written data.
    pub(crate) anonymous: u64,
    /// `RssFile`: program and libraries, which are in the page cache in any case.
    pub(crate) file: u64,
    /// `RssShmem`: shared memory, including the touched pages of a packet ring.
    pub(crate) shared: u64,
}

impl Cpu {
    /// Reads the account of the process `pid`.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub(crate) fn of(pid: Pid) -> Result<Self> {
        let mut nanoseconds = 0;
        for task in tasks(pid)? {
            nanoseconds += number(fs::read_to_string(task.join("schedstat"))?.split(' ').next())?;
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name in parentheses may hold anything; state is the first field after it.
        let mut fields = stat.rsplit(')').next().unwrap_or("").split_whitespace().skip(11);
        Ok(Self {
            total: Duration::from_nanos(nanoseconds),
            user_ticks: number(fields.next())?,
            system_ticks: number(fields.next())?,
        })
    }

    /// CPU time spent since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> CpuSpent {
        let total = (self.total - earlier.total).as_nanos() as f64;
        let user = (self.user_ticks - earlier.user_ticks) as f64;
        let system = (self.system_ticks - earlier.system_ticks) as f64;
        let share = if user + system > 0.0 { user / (user + system) } else { 0.5 };
        CpuSpent { user: total * share, system: total * (1.0 - share) }
    }
}

impl CpuSpent {
    /// User and system time.
    pub(crate) fn total(self) -> f64 {
        self.user + self.system
    }
}

impl Memory {
    /// Reads the account of the process `pid`.
    ///
    /// # Errors
    ///
    /// The process has ended.
    pub(crate) fn of(pid: Pid) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
        Ok(Self {
            resident: field(&status, "VmRSS:")?,
            anonymous: field(&status, "RssAnon:")?,
            file: field(&status, "RssFile:")?,
            shared: field(&status, "RssShmem:")?,
        })
    }
}

/// Voluntary and involuntary context switches of all threads of `pid`: each is a wake-up.
///
/// # Errors
///
/// The process has ended.
pub(crate) fn context_switches(pid: Pid) -> Result<u64> {
    let mut sum = 0;
    for task in tasks(pid)? {
        let status = fs::read_to_string(task.join("status"))?;
        sum += field(&status, "voluntary_ctxt_switches:")?;
        sum += field(&status, "nonvoluntary_ctxt_switches:")?;
    }
    Ok(sum)
}

/// CPU time of the calling thread so far, up to now: `schedstat` is late by up to a tick of the kernel.
///
/// # Errors
///
/// As `clock_gettime(2)`.
pub(crate) fn thread_cpu() -> Result<Duration> {
    Ok(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID)?.into())
}

/// A counter of `/proc/net/snmp` of this network namespace, by its group and column.
///
/// # Errors
///
/// The kernel does not have it.
pub(crate) fn snmp(group: &str, column: &str) -> Result<u64> {
    let text = fs::read_to_string("/proc/thread-self/net/snmp")?;
    let mut lines = text.lines().filter(|line| line.split(':').next() == Some(group));
    let (names, values) = (lines.next().unwrap_or(""), lines.next().unwrap_or(""));
    let value = names.split(' ').zip(values.split(' ')).find(|(name, _)| *name == column);
    number(value.map(|(_, value)| value))
        .with_context(|| format!("/proc/net/snmp {group} {column}"))
}

fn tasks(pid: Pid) -> Result<Vec<PathBuf>> {
    let directory = format!("/proc/{pid}/task");
    fs::read_dir(&directory).context(directory)?.map(|entry| Ok(entry?.path())).collect()
}

fn field(status: &str, name: &str) -> Result<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    number(line.and_then(|rest| rest.split_whitespace().next())).with_context(|| name.to_owned())
}

fn number(text: Option<&str>) -> Result<u64> {
    Ok(text.context("no such field")?.trim().parse()?)
}
