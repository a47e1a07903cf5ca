//! Where dropped packets come from: the kernel's drop monitor, else the program at its tracepoint.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use log::info;

use crate::config::DropmonRule;
use crate::kernel::netlink::drop_monitor::{DropControl, DropEvents, DroppedPacket};
use crate::kernel::netlink::{Malformed, ReceiveError};
use crate::modules::dropmon::monitor::Monitor;
use crate::modules::dropmon::tracepoint::Tracepoint;

/// A source of dropped packets.
#[derive(Debug)]
pub(super) enum Source {
    Monitor(Monitor),
    Tracepoint(Box<Tracepoint>),
}

impl Source {
    /// Opens the drop monitor, or where the kernel has none the tracepoint, which only a rule may use
    /// that starts the monitoring.
    ///
    /// # Errors
    /// The reason, with the remedy.
    pub(super) fn open(rule: &DropmonRule) -> Result<Self, String> {
        match Monitor::open() {
            Ok(monitor) => Ok(Self::Monitor(monitor)),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                Self::attach(rule).map(|tracepoint| {
                    info!(
                        "dropmon: no drop monitor here: an eBPF program reports the drops of the \
                         kernel in this network namespace"
                    );
                    Self::Tracepoint(Box::new(tracepoint))
                })
            }
            Err(error) => Err(reason(&error)),
        }
    }

    /// Opens what [`open`](Self::open) would, for a moment, and describes it.
    ///
    /// # Errors
    /// As above.
    pub(super) fn try_out(rule: &DropmonRule) -> Result<&'static str, String> {
        match DropEvents::join() {
            Ok(_) => Ok("by the drop monitor"),
            Err(error) if error.raw_os_error() == Some(libc::ENOENT) => {
                Self::attach(rule).map(|_| "by an eBPF program, in this network namespace")
            }
            Err(error) => Err(reason(&error)),
        }
    }

    /// Returns true where the kernel has a drop monitor.
    pub(super) fn is_monitor() -> bool {
        DropControl::open().is_ok()
    }

    /// Starts and stops what the rule requests.
    pub(super) fn follow(&mut self, rule: &DropmonRule) {
        match self {
            Self::Monitor(monitor) => monitor.follow(rule),
            Self::Tracepoint(tracepoint) => tracepoint.follow(rule),
        }
    }

    /// Stops what this process has started.
    pub(super) fn stop(&mut self) {
        match self {
            Self::Monitor(monitor) => monitor.stop(),
            Self::Tracepoint(tracepoint) => tracepoint.stop(),
        }
    }

    /// Returns true if this process has started the monitoring.
    pub(super) fn has_started(&self) -> bool {
        match self {
            Self::Monitor(monitor) => monitor.has_started(),
            Self::Tracepoint(_) => true,
        }
    }

    /// Returns true if a capability is needed to follow another rule, and to stop.
    pub(super) fn needs_privileges(&self) -> bool {
        matches!(self, Self::Monitor(_))
    }

    /// Passes the next drop to `visit`. Returns false if there is none.
    ///
    /// # Errors
    /// See [`DropEvents::receive`].
    pub(super) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<DroppedPacket<'_>, Malformed>),
    ) -> Result<bool, ReceiveError> {
        match self {
            Self::Monitor(monitor) => monitor.events.receive(visit),
            Self::Tracepoint(tracepoint) => Ok(tracepoint.receive(visit)),
        }
    }

    /// Number of drops, since the last call, that were not reported for want of room or beyond a
    /// limit.
    pub(super) fn lost(&mut self) -> u64 {
        match self {
            Self::Monitor(monitor) => monitor.lost(),
            Self::Tracepoint(tracepoint) => tracepoint.lost(),
        }
    }

    fn attach(rule: &DropmonRule) -> Result<Tracepoint, String> {
        let none = "no drop monitor: this kernel has none (CONFIG_NET_DROP_MONITOR), or this is not \
                    the network namespace of the host";
        if !rule.start || !rule.software.started {
            return Err(format!("{none}; with `start = on` an eBPF program takes its place"));
        }
        Tracepoint::attach().map_err(|error| match error.raw_os_error() {
            Some(libc::EPERM) => format!(
                "{none}; for an eBPF program in its place CAP_BPF and CAP_PERFMON are missing. Start \
                 as root, or add the capabilities to the unit"
            ),
            _ => format!("{none}; an eBPF program cannot take its place: {error}"),
        })
    }
}

impl AsFd for Source {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Monitor(monitor) => monitor.events.as_fd(),
            Self::Tracepoint(tracepoint) => tracepoint.as_fd(),
        }
    }
}

/// The error with its remedy.
fn reason(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM) => {
            "CAP_SYS_ADMIN is missing, which this kernel requires to subscribe to \
             drops. Start as root, which is given up after, or add the capability to the unit"
                .to_owned()
        }
        _ => error.to_string(),
    }
}
