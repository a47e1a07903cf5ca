//! Samples of the packets that pass the tc hooks of interfaces: by tcx (Linux 6.6), or by filters of
//! the clsact qdisc.
//!
//! ```text
//! kernel, per packet               shared memory                     our thread
//! program: count, skip, choose ──▶ counters, one line per CPU ─────▶ sample_pool, no system call
//!          └─ event, first bytes ▶ ring of events, for all hooks ──▶ Hooks::drain ─▶ Packet
//! ```
//!
//! The same choice as that of a packet socket's filter. An event also has the interface on which a
//! packet that is sent was received, which a packet socket does not show, and the number of segments
//! of a super-packet. Packets that a qdisc drops later are counted, those that bypass it are not.

mod hooked;
mod pace;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use super::capturing::Capture;
use super::cpus::Cpus;
use super::filter::{Classifiers, Event, Ring, Table, TableSize};
use super::options::TapOptions;
use super::packet::Packet;
use super::tap::{Drained, Method, TapStats};
use crate::clock;
use crate::config::Direction;
use crate::kernel::netlink::clsact::Clsact;
use crate::kernel::refusal;
use crate::kernel::sys::bpf::Hook;
use crate::kernel::sys::event_ring::EventRing;
use crate::kernel::sys::packet::PacketSocket;
use flowmote_core::SampleMeta;
use hooked::Hooked;
pub use pace::Pace;
use std::num::NonZeroU32;

/// The programs at the hooks of any number of interfaces, with one ring.
///
/// Only the loading of the programs takes privileges (CAP_BPF and CAP_NET_ADMIN). Interfaces can
/// [join](Self::join) later without any, except by clsact.
#[derive(Debug)]
pub struct Hooks {
    ring: EventRing,
    table: Table,
    programs: Classifiers,
    interfaces: BTreeMap<u32, Hooked>,
    /// Holds interfaces in promiscuous mode; without a filter, because it receives nothing.
    promiscuous: Option<PacketSocket>,
    /// Filters, where the kernel has no tcx.
    clsact: Option<Clsact>,
    /// Hooks of interfaces that have left, for [`take_left`](Self::take_left).
    left: Vec<OwnedFd>,
    /// Batches of events that were read, by which an interface reads its pool once for each.
    batches: u64,
}

/// How programs are attached to hooks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attachment {
    /// By links of tcx, which end with the process.
    Tcx,
    /// By filters of clsact (Linux 5.8, for the ring), which need CAP_NET_ADMIN to the end, and stay
    /// if the process is killed.
    Clsact,
}

impl Hooks {
    /// Loads the programs. `ring_bytes` is a power of two.
    ///
    /// # Errors
    /// Names what is missing: Linux 6.6, CAP_NET_ADMIN, CAP_BPF; memory.
    pub fn open(size: TableSize, ring_bytes: u32, by: Attachment) -> io::Result<Self> {
        let ring = EventRing::new(ring_bytes).map_err(explain)?;
        let load = Table::load_for_hooks(
            size,
            Ring { fd: ring.raw_fd(), bytes: ring_bytes },
            Cpus::possible(),
        );
        let (table, programs) = load.map_err(explain)?;
        // No interface has this index. A kernel without tcx rejects the hook before it looks for one.
        if by == Attachment::Tcx
            && let Err(error) = programs.attach(Hook::Ingress, 0)
            && error.raw_os_error() != Some(libc::ENODEV)
        {
            return Err(no_tcx(&error));
        }
        let clsact = (by == Attachment::Clsact).then(Clsact::open).transpose()?;
        Ok(Self {
            ring,
            table,
            programs,
            interfaces: BTreeMap::new(),
            promiscuous: None,
            clsact,
            left: Vec::new(),
            batches: 0,
        })
    }

    /// How programs are attached.
    #[must_use]
    pub fn attachment(&self) -> Attachment {
        if self.clsact.is_some() { Attachment::Clsact } else { Attachment::Tcx }
    }

    /// Returns true if the interface can [`join`](Self::join).
    #[must_use]
    pub fn has_room_for(&self, if_index: u32) -> bool {
        self.table.has_room_for(if_index)
    }

    /// Prepares the sampling of an interface, which begins with [`start_one`](Self::start_one).
    /// Each of its hooks takes the kernel some 20 ms (include/net/tcx.h, tcx_entry_sync).
    ///
    /// # Errors
    /// Those of the hooks and of promiscuous mode. `InvalidInput` for options out of range, and
    /// without [room](Self::has_room_for).
    pub fn join(&mut self, options: &TapOptions) -> io::Result<()> {
        options.check()?;
        let at = |step: &'static str| {
            move |error| io::Error::other(format!("{}: {step}: {error}", options.name))
        };
        // Not before an interface needs it.
        self.ring.map().map_err(at("ring of events"))?;
        let counters = self.table.insert(options.if_index, options.sampling_rate);
        let counters = counters.ok_or(io::ErrorKind::InvalidInput)?;
        self.interfaces.insert(options.if_index, Hooked::new(counters, options));
        let joined = match options.promiscuous {
            true => self.hold_promiscuous(options.if_index, true).map_err(at("promiscuous mode")),
            false => Ok(()),
        };
        let joined = joined.and_then(|()| self.attach(options).map_err(at("tc hook")));
        joined.inspect_err(|_| self.leave(options.if_index))
    }

    /// Attaches the programs to an interface that has joined.
    fn attach(&mut self, options: &TapOptions) -> io::Result<()> {
        let if_index = options.if_index;
        let Some(hooked) = self.interfaces.get_mut(&if_index) else { return Ok(()) };
        for hook in hooks(options) {
            match &mut self.clsact {
                None => hooked.links.push(self.programs.attach(*hook, if_index)?),
                Some(clsact) => {
                    hooked.filters.push(*hook);
                    clsact.attach(self.programs.program(*hook), *hook, if_index)?;
                }
            }
        }
        Ok(())
    }

    /// Starts to sample an interface that has joined.
    pub fn start_one(&self, if_index: u32) {
        self.table.start(if_index);
    }

    /// Ends the sampling of an interface. Its samples in the ring can still be read.
    pub fn stop(&self, if_index: u32) {
        self.table.stop(if_index);
    }

    /// The hooks of interfaces that have left, to be closed apart from the event loop: each takes
    /// the kernel some 20 ms. Their programs do nothing any more.
    pub fn take_left(&mut self) -> Vec<OwnedFd> {
        std::mem::take(&mut self.left)
    }

    /// All hooks.
    pub fn take_all(&mut self) -> Vec<OwnedFd> {
        let interfaces: Vec<u32> = self.interfaces.keys().copied().collect();
        interfaces.into_iter().for_each(|if_index| self.leave(if_index));
        self.take_left()
    }

    fn hold_promiscuous(&mut self, if_index: u32, on: bool) -> io::Result<()> {
        let socket = match self.promiscuous.take() {
            Some(socket) => socket,
            None => PacketSocket::open()?,
        };
        let result = socket.set_promiscuous(if_index, on);
        self.promiscuous = Some(socket);
        result
    }
}

impl Capture for Hooks {
    fn drain(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> io::Result<Drained> {
        let start_ns = clock::monotonic_start_ns();
        let Self { ring, interfaces, batches, .. } = self;
        let mut samples = 0;
        loop {
            // The pool is read anew after this: it contains the packets of all events before `end`.
            let end = ring.end();
            *batches += 1;
            if ring.position() == end {
                return Ok(Drained { samples, more: false });
            }
            while ring.position() != end {
                if samples >= budget {
                    return Ok(Drained { samples, more: true });
                }
                let is_read = ring.read(&mut |bytes| {
                    // An event that is none would count as a sample that was not delivered.
                    let Some(event) = Event::parse(bytes) else { return };
                    // None: the interface has left.
                    if let Some(hooked) = interfaces.get_mut(&event.if_index) {
                        samples += hooked.read(&event, (*batches, start_ns), visit);
                    }
                });
                // The next one is being written. Its program wakes the loop when it has done so.
                if !is_read {
                    return Ok(Drained { samples, more: false });
                }
            }
        }
    }

    fn has(&self, if_index: u32) -> bool {
        self.interfaces.contains_key(&if_index)
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn method(&self) -> Method {
        Method::Hooks
    }

    fn shortfalls(&self) -> &[String] {
        &[]
    }

    fn meta(&mut self, if_index: u32) -> SampleMeta {
        self.interfaces.get_mut(&if_index).map(Hooked::meta).unwrap_or_default()
    }

    fn totals(&mut self, if_index: u32) -> TapStats {
        self.interfaces.get(&if_index).map(Hooked::totals).unwrap_or_default()
    }

    fn update_losses(&mut self) -> io::Result<()> {
        // The programs count them.
        Ok(())
    }

    fn set_sampling_rate(&mut self, if_index: u32, rate: NonZeroU32) -> io::Result<()> {
        self.interfaces.get_mut(&if_index).map_or(Ok(()), |hooked| hooked.set_rate(rate))
    }

    fn set_header_bytes(&mut self, if_index: u32, header_bytes: u32) -> bool {
        let hooked = self.interfaces.get_mut(&if_index);
        hooked.map(|hooked| hooked.set_header_bytes(header_bytes)).is_some()
    }

    fn set_promiscuous(&mut self, options: &TapOptions, on: bool) -> io::Result<()> {
        self.hold_promiscuous(options.if_index, on)
    }

    fn stop_one(&self, if_index: u32) -> io::Result<()> {
        self.stop(if_index);
        Ok(())
    }

    fn leave(&mut self, if_index: u32) {
        self.table.remove(if_index);
        if let Some(Hooked { links, filters, .. }) = self.interfaces.remove(&if_index) {
            self.left.extend(links);
            if let Some(clsact) = &mut self.clsact {
                filters.into_iter().for_each(|hook| clsact.detach(hook, if_index));
            }
        }
        if let Some(socket) = &self.promiscuous {
            // EADDRNOTAVAIL if it was not promiscuous.
            let _ = socket.set_promiscuous(if_index, false);
        }
    }
}

/// Wakes up, edge-triggered, when the first event is in an empty ring, and while the ring is a
/// quarter full.
impl AsFd for Hooks {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

/// The hooks for the direction. On loopback every packet passes both.
fn hooks(options: &TapOptions) -> &'static [Hook] {
    match options.direction {
        Direction::In => &[Hook::Ingress],
        Direction::Out => &[Hook::Egress],
        Direction::Both if options.loopback => &[Hook::Ingress],
        Direction::Both => &[Hook::Ingress, Hook::Egress],
    }
}

fn explain(error: io::Error) -> io::Error {
    let cause = refusal::explain_classifier(&error);
    io::Error::new(error.kind(), cause)
}

fn no_tcx(error: &io::Error) -> io::Error {
    let text = format!("{error}: the kernel has no tcx (Linux 6.6 with CONFIG_NET_XGRESS)");
    io::Error::new(io::ErrorKind::Unsupported, text)
}

#[cfg(test)]
mod tests;
