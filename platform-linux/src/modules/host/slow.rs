//! The values whose files may block: each poll reads them in threads.

use std::path::PathBuf;
use std::sync::PoisonError;
use std::time::Duration;

use flowmote_core::Instant;

use super::proc::{Proc, ProcReading};
use super::space::{Current, Sizes, Space};
use super::text::Files;
use crate::aside::Aside;
use crate::throttle::Throttle;

/// Files of `/proc` and `/sys`, and sizes of file systems.
#[derive(Debug)]
pub(super) struct Slow {
    pub(super) proc: Aside<Proc>,
    space: Aside<Space>,
    values: Values,
    /// The mount point that `space` measures at the moment.
    pub(super) current_mount: Current,
    throttle: Throttle,
    /// How long [`start`](Self::start) waits for each of the two.
    pub(super) patience: Duration,
}

/// The results of the last reads that have ended.
#[derive(Clone, Debug)]
pub(super) struct Values {
    pub(super) proc: ProcReading,
    pub(super) sizes: Option<Sizes>,
    /// Failed reads of the list of mounts, and of file systems.
    pub(super) unmeasured: (u64, u64),
}

impl Slow {
    /// Reads below `root`; `files` are those of `/proc` and `/sys` there.
    pub(super) fn new(root: PathBuf, files: Files) -> Self {
        let current_mount = Current::default();
        Self {
            proc: Aside::new(Proc::new(files)),
            space: Aside::new(Space::new(Files::new(root), current_mount.clone())),
            values: Values { proc: ProcReading::UNKNOWN, sizes: None, unmeasured: (0, 0) },
            current_mount,
            throttle: Throttle::default(),
            patience: PATIENCE,
        }
    }

    /// Starts to read all values, and waits a few milliseconds for them. What has not ended since the
    /// call before is not read again, and reported.
    pub(super) fn start(&mut self, now: Instant) {
        // Results that came too late for the call before.
        self.take();
        if !self.proc.start(Proc::read) {
            self.throttle.warn(
                now,
                format_args!("a read of /proc has not ended; sending the values before"),
            );
        }
        if !self.space.start(Space::measure) {
            let mount = self.current_mount.lock().unwrap_or_else(PoisonError::into_inner);
            let mount = mount.escape_debug();
            self.throttle.warn(
                now,
                format_args!("{mount}: statvfs has not ended; sending the sizes before"),
            );
        }
        self.proc.wait(self.patience);
        self.space.wait(self.patience);
    }

    /// Returns true if all reads have ended, except for those that hang since an earlier call.
    pub(super) fn is_settled(&mut self) -> bool {
        // Both, so that each takes its result.
        self.proc.is_settled() & self.space.is_settled()
    }

    /// The values as last read.
    pub(super) fn values(&mut self) -> &Values {
        self.take();
        &self.values
    }

    fn take(&mut self) {
        if let Some(proc) = self.proc.value() {
            self.values.proc = proc.reading();
        }
        if let Some(space) = self.space.value() {
            self.values.sizes = space.sizes;
            self.values.unmeasured = (space.unreadable_files(), space.unreadable);
        }
    }

    /// The counters of failed reads, as of the last results.
    pub(super) fn unreadable(&self) -> (u64, u64) {
        let (mounts, file_systems) = self.values.unmeasured;
        (self.values.proc.unreadable.saturating_add(mounts), file_systems)
    }
}

/// Many times what reading `/proc` takes on an idle host; less than packets wait in a ring anyway.
const PATIENCE: Duration = Duration::from_millis(5);
