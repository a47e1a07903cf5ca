//! Counters of an application that are reported at intervals.

use std::fs;

use crate::json::Object;

/// Counters that an application adds to those of its operations. Each part is reported if it is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// CPU, memory, files and connections.
    pub resources: Option<Resources>,
    /// Threads or processes that do the work.
    pub workers: Option<Workers>,
}

/// The fields of `app_resources` (0:2203 of counter samples). 0 is unknown, also as a maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resources {
    /// CPU time in user mode, milliseconds.
    pub user_time: u32,
    /// CPU time in the kernel, milliseconds.
    pub system_time: u32,
    /// Memory in use, bytes.
    pub memory_used: u64,
    /// Limit of that, bytes.
    pub memory_max: u64,
    /// Open files.
    pub files_open: u32,
    /// Limit of that.
    pub files_max: u32,
    /// Open connections.
    pub connections_open: u32,
    /// Limit of that.
    pub connections_max: u32,
}

/// The fields of `app_workers` (0:2206 of counter samples).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Workers {
    /// Workers that serve a request.
    pub active: u32,
    /// Workers that wait for one.
    pub idle: u32,
    /// Limit of both together.
    pub max: u32,
    /// Requests so far that had to wait for a worker.
    pub delayed: u32,
    /// Requests so far that were refused because there was no worker.
    pub dropped: u32,
}

impl Counters {
    /// The resources of this process, and no workers.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self { resources: Some(Resources::of_this_process()), workers: None }
    }

    pub(crate) fn write(&self, sample: &mut Object<'_>) {
        if let Some(resources) = &self.resources {
            sample.object("app_resources", |members| resources.write(members));
        }
        if let Some(workers) = &self.workers {
            sample.object("app_workers", |members| workers.write(members));
        }
    }
}

impl Resources {
    /// What Linux has of this process in `/proc/self`: CPU time, resident memory, open files and
    /// their limit.
    #[must_use]
    pub fn of_this_process() -> Self {
        let read =
            |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
        let mut resources = Self::parse(&read("stat"), &read("status"), &read("limits"));
        // The directory is open while it is read.
        let open = fs::read_dir("/proc/self/fd").map_or(0, |files| files.count().saturating_sub(1));
        resources.files_open = u32::try_from(open).unwrap_or(u32::MAX);
        resources
    }

    /// Reads the files of proc_pid_stat(5), proc_pid_status(5) and proc_pid_limits(5). What they
    /// lack is unknown.
    fn parse(stat: &str, status: &str, limits: &str) -> Self {
        // The name of the program before, in parentheses, may have any character.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let time = |number| {
            let ticks = fields.split_whitespace().nth(number)?.parse::<u64>().ok()?;
            // USER_HZ is 100 on all architectures that Rust has, so that a tick has 10 ms. Totals
            // wrap, as counters do.
            Some(ticks.wrapping_mul(10) as u32)
        };
        let field = |text: &str, name: &str| -> Option<u64> {
            let line = text.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()?.parse().ok()
        };
        let files_max = field(limits, "Max open files").unwrap_or_default();
        Self {
            user_time: time(11).unwrap_or_default(),
            system_time: time(12).unwrap_or_default(),
            memory_used: field(status, "VmRSS:").unwrap_or_default().saturating_mul(1024),
            files_max: u32::try_from(files_max).unwrap_or(u32::MAX),
            ..Self::default()
        }
    }

    fn write(&self, members: &mut Object<'_>) {
        members.plain("user_time", self.user_time);
        members.plain("system_time", self.system_time);
        members.plain("mem_used", self.memory_used);
        members.plain("mem_max", self.memory_max);
        members.plain("fd_open", self.files_open);
        members.plain("fd_max", self.files_max);
        members.plain("conn_open", self.connections_open);
        members.plain("conn_max", self.connections_max);
    }
}

impl Workers {
    fn write(&self, members: &mut Object<'_>) {
        members.plain("workers_active", self.active);
        members.plain("workers_idle", self.idle);
        members.plain("workers_max", self.max);
        members.plain("req_delayed", self.delayed);
        members.plain("req_dropped", self.dropped);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_are_those_of_proc() {
        let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 900 0 3 0 150 25 4 5 20 0 3 0 12345 1 2 3";
        let status = "Name:\ta\nVmHWM:\t 9000 kB\nVmRSS:\t    5000000 kB\n";
        let limits =
            "Limit    Soft Limit   Hard Limit   Units\nMax open files    1024    4096  files\n";
        let expected = Resources {
            user_time: 1500,
            system_time: 250,
            memory_used: 5_120_000_000,
            files_max: 1024,
            ..Resources::default()
        };
        assert_eq!(Resources::parse(stat, status, limits), expected);
        assert_eq!(Resources::parse("", "", "Max open files  unlimited"), Resources::default());
    }

    #[test]
    fn resources_of_this_process_are_known() {
        let resources = Resources::of_this_process();
        assert!(resources.memory_used > 100_000 && resources.files_max > 0, "{resources:?}");
        // Standard input, output and error; other tests open more meanwhile.
        assert!(resources.files_open >= 3, "{resources:?}");
    }
}
