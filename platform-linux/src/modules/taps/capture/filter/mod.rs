//! The eBPF programs that sample in the kernel, at a packet socket or at tc hooks, and their counters.

mod classifier;
mod event;
mod program;
mod table;

use core::num::NonZeroU32;
use core::ops::Range;
use core::sync::atomic::Ordering;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;

use super::cpus::Cpus;
use super::options::Keep;
use crate::kernel::sys::bpf::{self, Hook, Slot, SlotMap};

pub(super) use event::Event;
pub(super) use table::Table;
pub use table::TableSize;

/// The counters that a loaded filter shares with user space, of one interface. The socket that the
/// filter is attached to keeps it alive, and the mapping its map, so that a tap has no descriptor
/// but its socket.
#[derive(Debug)]
pub(super) struct Counters {
    map: Arc<SlotMap>,
    /// A slot for each CPU.
    slots: Range<usize>,
    /// What an earlier interface had counted in these slots.
    before: Totals,
}

/// Totals over all CPUs since the interface was added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Totals {
    /// Wire packets seen.
    pub(super) seen: u64,
    /// Packets chosen.
    pub(super) chosen: u64,
    /// skbs that they were in.
    pub(super) chosen_skbs: u64,
    /// Chosen packets that the programs at tc hooks could not report.
    pub(super) lost: u64,
}

/// Dimensions of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Layout {
    /// Words of the table of interfaces, a power of two from 8; 0 if the filter has one interface.
    entries: usize,
    /// Rows of slots, one for each interface: a power of two.
    rows: usize,
    cpus: Cpus,
}

/// The ring that the programs for the tc hooks write to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ring {
    pub(super) fd: RawFd,
    pub(super) bytes: u32,
}

/// The loaded programs for the tc hooks.
#[derive(Debug)]
pub(super) struct Classifiers {
    ingress: OwnedFd,
    egress: OwnedFd,
}

impl Classifiers {
    /// Attaches the program of a hook to an interface.
    ///
    /// # Errors
    /// See [`bpf::attach`].
    pub(super) fn attach(&self, hook: Hook, if_index: u32) -> io::Result<OwnedFd> {
        bpf::attach(self.program(hook), hook, if_index)
    }

    /// The program of a hook.
    pub(super) fn program(&self, hook: Hook) -> BorrowedFd<'_> {
        match hook {
            Hook::Ingress => self.ingress.as_fd(),
            Hook::Egress => self.egress.as_fd(),
        }
    }
}

/// Loads a filter that selects 1 in `rate` packets, whatever interface they are of. Returns the
/// program with it, to attach to a socket.
///
/// # Errors
/// Those of bpf(2) and mmap(2): EPERM without CAP_BPF, EINVAL before Linux 5.5, which has no
/// `BPF_F_MMAPABLE`, EACCES before Linux 5.7, whose filters cannot read `gso_size`.
pub(super) fn load(rate: NonZeroU32, keep: Keep, cpus: Cpus) -> io::Result<(Counters, OwnedFd)> {
    let layout = Layout { entries: 0, rows: 1, cpus };
    let (map, program) = load_program(layout, keep)?;
    let counters = Counters { map, slots: 0..cpus.slots, before: Totals::default() };
    counters.set_rate(rate);
    Ok((counters, program))
}

fn load_program(layout: Layout, keep: Keep) -> io::Result<(Arc<SlotMap>, OwnedFd)> {
    let (map, map_fd) = new_map(layout)?;
    let program = program::assemble(map_fd.as_raw_fd(), layout, keep)?;
    Ok((map, bpf::load_socket_filter(&program)?))
}

/// The programs for the two hooks, which write their events into `ring`.
fn load_classifiers(layout: Layout, ring: Ring) -> io::Result<(Arc<SlotMap>, Classifiers)> {
    let (map, map_fd) = new_map(layout)?;
    let load = |hook| {
        let program = classifier::assemble(map_fd.as_raw_fd(), ring, layout, hook);
        bpf::load_classifier(&program?)
    };
    let classifiers = Classifiers { ingress: load(Hook::Ingress)?, egress: load(Hook::Egress)? };
    Ok((map, classifiers))
}

fn new_map(layout: Layout) -> io::Result<(Arc<SlotMap>, OwnedFd)> {
    let slots = layout.rows.saturating_mul(layout.cpus.slots);
    let (map, map_fd) = SlotMap::new(layout.entries, slots)?;
    Ok((Arc::new(map), map_fd))
}

impl Counters {
    /// Sets the mean of the skips. On each CPU it applies from the next packet on, as if sampling
    /// began there.
    pub(super) fn set_rate(&self, rate: NonZeroU32) {
        let range = 2 * u64::from(rate.get()) - 1;
        self.slots().iter().for_each(|slot| slot.range.store(range, Ordering::Relaxed));
    }

    /// Wire packets seen. One load per possible CPU, no system call.
    pub(super) fn seen(&self) -> u64 {
        self.sum(|slot| slot.seen.load(Ordering::Relaxed)).wrapping_sub(self.before.seen)
    }

    /// The totals now, which may belong to different moments.
    pub(super) fn totals(&self) -> Totals {
        let chosen_skbs = self.sum(|slot| slot.chosen_skbs.load(Ordering::Acquire));
        let chosen = self.sum(|slot| slot.chosen.load(Ordering::Acquire));
        Totals {
            seen: self.seen(),
            chosen: chosen.wrapping_sub(self.before.chosen),
            chosen_skbs: chosen_skbs.wrapping_sub(self.before.chosen_skbs),
            lost: self.lost(),
        }
    }

    /// Chosen packets for which the ring of the hooks had no room.
    pub(super) fn lost(&self) -> u64 {
        self.sum(|slot| slot.lost.load(Ordering::Relaxed)).wrapping_sub(self.before.lost)
    }

    /// The totals of one moment, or `None` while packets are being chosen. The filter stores
    /// `chosen_skbs` and `chosen` one after the other and plainly, because eBPF has no store-release
    /// before Linux 6.15: one of them alone is visible for a moment, on arm64 either. Two reads agree
    /// only outside of it.
    pub(super) fn settled_totals(&self) -> Option<Totals> {
        let chosen = |totals: Totals| (totals.chosen, totals.chosen_skbs);
        let first = self.totals();
        core::sync::atomic::fence(Ordering::SeqCst);
        (chosen(first) == chosen(self.totals())).then_some(first)
    }

    fn sum(&self, read: impl Fn(&Slot) -> u64) -> u64 {
        self.slots().iter().map(read).fold(0, u64::wrapping_add)
    }

    fn slots(&self) -> &[Slot] {
        self.map.slots().get(self.slots.clone()).unwrap_or_default()
    }
}

/// The number of choices that the number of bytes kept encodes.
pub(super) fn choices(bytes_kept: u32, header_bytes: u32) -> u32 {
    bytes_kept.saturating_sub(header_bytes).saturating_add(1)
}

#[cfg(test)]
mod tests;
