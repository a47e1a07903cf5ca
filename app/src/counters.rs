//! Counters of an application that are reported at intervals.

use crate::json::Object;

/// What an application knows of itself beside its operations. Each part is reported if it is there.
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
