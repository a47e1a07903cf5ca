//! Hosts: processor and memory.

use flowmote_decoder::counter::{HostCpu, HostMemory};

use crate::interfaces::{SampleTime, delta32};

/// Name, processor and memory of a host.
#[derive(Debug, Default)]
pub struct Host {
    /// Name from `host_descr` (2000); characters that are not printable are removed.
    pub name: Option<String>,
    /// The last `host_cpu` (2003) and its time.
    pub cpu: Option<(SampleTime, HostCpu)>,
    /// Share of processor time not idle between the last two samples, in percent; `None` after the
    /// first sample of a sequence.
    pub busy: Option<f64>,
    /// The last `host_memory` (2004).
    pub memory: Option<HostMemory>,
}

impl Host {
    /// Takes new counters. A duplicate sample leaves counters and share unchanged.
    pub(crate) fn update_cpu(&mut self, time: SampleTime, cpu: HostCpu) {
        if let Some((before, old)) = &self.cpu {
            match time.since(before) {
                Some(_) => self.busy = busy(old, &cpu),
                None if time.sequence_number == before.sequence_number => return,
                None => self.busy = None,
            }
        }
        self.cpu = Some((time, cpu));
    }
}

/// Share of processor time not idle, in percent. Guest time is part of user time in Linux
/// (`account_guest_time`), so it is not added.
fn busy(old: &HostCpu, new: &HostCpu) -> Option<f64> {
    let idle = delta32(old.cpu_idle, new.cpu_idle)?;
    let working = [
        (old.cpu_user, new.cpu_user),
        (old.cpu_nice, new.cpu_nice),
        (old.cpu_system, new.cpu_system),
        (old.cpu_wio, new.cpu_wio),
        (old.cpu_intr, new.cpu_intr),
        (old.cpu_sintr, new.cpu_sintr),
        // Absent in the older form of the record, which then counts as unknown.
        (old.cpu_steal.unwrap_or(u32::MAX), new.cpu_steal.unwrap_or(u32::MAX)),
    ];
    let working: u64 = working.into_iter().filter_map(|(old, new)| delta32(old, new)).sum();
    let all = working.checked_add(idle).filter(|all| *all != 0)?;
    Some(100.0 * working as f64 / all as f64)
}
