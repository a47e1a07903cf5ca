//! The kernel's drop monitor, as the configuration requests it.

use std::io;

use log::{info, warn};

use crate::config::DropmonRule;
use crate::kernel::netlink::drop_monitor::{DropControl, DropEvents, Origins};

/// A subscription to the drops, and the monitoring if this process has started it.
#[derive(Debug)]
pub(super) struct Monitor {
    pub(super) events: DropEvents,
    control: DropControl,
    /// What this process has started.
    started: Option<Origins>,
}

impl Monitor {
    /// Subscribes.
    ///
    /// # Errors
    /// See [`DropEvents::join`].
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { events: DropEvents::join()?, control: DropControl::open()?, started: None })
    }

    /// Starts and stops what the rule requests. Needs CAP_NET_ADMIN for every change.
    pub(super) fn follow(&mut self, rule: &DropmonRule) {
        let wanted = origins(rule);
        if self.started == wanted {
            return;
        }
        self.stop();
        let Some(wanted) = wanted else { return };
        match self.start(wanted, rule.force) {
            Ok(true) => {
                self.started = Some(wanted);
                info!("dropmon: monitoring started");
            }
            Ok(false) => info!("dropmon: another program monitors drops already; left as it is"),
            Err(error) => {
                let advice = advice(&error);
                warn!("dropmon: the monitoring cannot be started: {error}{advice}");
            }
        }
    }

    /// Stops what this process has started.
    pub(super) fn stop(&mut self) {
        if let Some(started) = self.started.take()
            && let Err(error) = self.control.stop(started)
        {
            warn!("dropmon: the monitoring cannot be stopped: {error}");
        }
    }

    /// Returns true if this process has started the monitoring.
    pub(super) fn has_started(&self) -> bool {
        self.started.is_some()
    }

    /// Number of drops, since the last call, that no message has reported: those without room in the
    /// queues of the kernel or in that of the socket.
    pub(super) fn lost(&mut self) -> u64 {
        self.control.unqueued().saturating_add(self.events.lost().into())
    }

    /// Returns false if another program monitors and `force` is off.
    fn start(&mut self, origins: Origins, force: bool) -> io::Result<bool> {
        match self.control.configure(COPY_BYTES) {
            Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                if !force {
                    return Ok(false);
                }
                // One of the two may not be running (EAGAIN).
                for hardware in [false, true] {
                    let _ = self.control.stop(Origins { software: !hardware, hardware });
                }
                self.control.configure(COPY_BYTES)?;
            }
            configured => configured?,
        }
        self.control.start(origins)?;
        Ok(true)
    }
}

impl Drop for Monitor {
    /// The kernel would continue to copy dropped packets.
    fn drop(&mut self) {
        self.stop();
    }
}

fn origins(rule: &DropmonRule) -> Option<Origins> {
    let (software, hardware) = (rule.software.started, rule.hardware.started);
    (rule.start && (software || hardware)).then_some(Origins { software, hardware })
}

/// A remedy to end a line with.
fn advice(error: &io::Error) -> &'static str {
    match error.raw_os_error() {
        Some(libc::EPERM) => ". CAP_NET_ADMIN is missing: start as root or add it to the unit",
        _ => "",
    }
}

/// The largest `headerBytes` that the configuration accepts. Independent of the configured value,
/// because the kernel takes another one only while it monitors nothing.
const COPY_BYTES: u32 = 256;
