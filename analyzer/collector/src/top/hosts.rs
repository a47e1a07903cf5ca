//! Hosts: processor, memory, load.

use flowmote_decoder::counter::{HostCpu, HostMemory};

use super::interfaces::{Taken, delta32};

/// One host.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) name: Option<String>,
    pub(super) cpu: Option<(Taken, HostCpu)>,
    /// Share of time not idle between the last two samples, in percent.
    pub(super) busy: Option<f64>,
    pub(super) memory: Option<HostMemory>,
}

impl Host {
    pub(super) fn update_cpu(&mut self, taken: Taken, cpu: HostCpu) {
        if let Some((before, old)) = &self.cpu {
            match taken.since(before) {
                Some(_) => self.busy = busy(old, &cpu),
                None if taken.sequence_number == before.sequence_number => return,
                None => self.busy = None,
            }
        }
        self.cpu = Some((taken, cpu));
    }
}

/// Time in guests is part of user time and not counted again.
fn busy(old: &HostCpu, new: &HostCpu) -> Option<f64> {
    let idle = delta32(old.cpu_idle, new.cpu_idle)?;
    let working = [
        (old.cpu_user, new.cpu_user),
        (old.cpu_nice, new.cpu_nice),
        (old.cpu_system, new.cpu_system),
        (old.cpu_wio, new.cpu_wio),
        (old.cpu_intr, new.cpu_intr),
        (old.cpu_sintr, new.cpu_sintr),
        (old.cpu_steal.unwrap_or(u32::MAX), new.cpu_steal.unwrap_or(u32::MAX)),
    ];
    let working: u64 = working.into_iter().filter_map(|(old, new)| delta32(old, new)).sum();
    let all = working.checked_add(idle).filter(|all| *all != 0)?;
    Some(100.0 * working as f64 / all as f64)
}
