//! Drops of the kernel without its drop monitor: an eBPF program at the tracepoint `skb:kfree_skb`.

mod event;
mod layout;
mod program;

use core::sync::atomic::Ordering;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use crate::aside::Aside;
use crate::clock::monotonic_start_ns;
use crate::config::DropmonRule;
use crate::kernel::btf::Btf;
use crate::kernel::netlink::Malformed;
use crate::kernel::netlink::drop_monitor::DroppedPacket;
use crate::kernel::symbols::Symbols;
use crate::kernel::sys::bpf::{self, SlotMap};
use crate::kernel::sys::event_ring::EventRing;
use crate::modules::dropmon::tracepoint::event::Event;
use crate::modules::dropmon::tracepoint::layout::{Layout, ReasonNames};
use crate::modules::dropmon::tracepoint::program::{Counter, Setting, program};

/// The attached program with its ring and its counters.
#[derive(Debug)]
pub(super) struct Tracepoint {
    ring: EventRing,
    counters: SlotMap,
    names: ReasonNames,
    symbols: Option<Aside<Symbols>>,
    /// The count of lost packets that [`lost`](Self::lost) has returned.
    lost: u64,
    /// The program is called as long as this is open.
    _attachment: OwnedFd,
}

impl Tracepoint {
    /// Attaches the program, for the drops in the network namespace of this process. It reports
    /// nothing before [`follow`](Self::follow).
    ///
    /// # Errors
    /// `EPERM` without `CAP_BPF` and `CAP_PERFMON`, `NotFound` on a kernel without types (BTF),
    /// `EINVAL` before Linux 5.8, `Unsupported` if the types are not as expected.
    pub(super) fn attach() -> io::Result<Self> {
        let btf = Btf::of_kernel()?;
        let (layout, names) = (Layout::of(&btf)?, ReasonNames::of(&btf));
        drop(btf);
        let mut ring = EventRing::new(RING_BYTES)?;
        ring.map()?;
        let (counters, map) = SlotMap::new(Counter::WORDS, 0)?;
        let namespace = std::fs::metadata("/proc/self/ns/net")?.ino();
        let setting = Setting {
            ring: ring.raw_fd(),
            counters: map.as_raw_fd(),
            namespace: u32::try_from(namespace).map_err(io::Error::other)?,
        };
        let attachment = bpf::trace(c"kfree_skb", &program(&layout, setting)?)?;
        // Without the functions the reasons are there.
        let symbols = Symbols::open().ok().map(Aside::new);
        Ok(Self { ring, counters, names, symbols, lost: 0, _attachment: attachment })
    }

    /// Applies the limit of the rule.
    pub(super) fn follow(&mut self, rule: &DropmonRule) {
        self.set_budget(if rule.software.started { budget(rule.limit) } else { 0 });
    }

    /// Has the program do nothing until [`follow`](Self::follow).
    pub(super) fn stop(&mut self) {
        self.set_budget(0);
    }

    /// Passes the next drop to `visit`. Returns false if there is none.
    pub(super) fn receive(
        &mut self,
        visit: &mut dyn FnMut(Result<DroppedPacket<'_>, Malformed>),
    ) -> bool {
        let Self { ring, names, symbols, .. } = self;
        let mut is_new = false;
        let any = ring.read(&mut |bytes| {
            let Some(event) = Event::parse(bytes) else { return visit(Err(Malformed)) };
            // `None` while others are looked up: the drop is reported without its function then.
            let known = symbols.as_mut().and_then(Aside::value_mut);
            let symbol = known.and_then(|symbols| {
                is_new |= symbols.request(event.location);
                symbols.get(event.location)
            });
            visit(Ok(dropped(&event, names, symbol)));
        });
        if let Some(symbols) = symbols.as_mut().filter(|_| is_new) {
            symbols.start(Symbols::look_up);
        }
        any
    }

    /// Number of packets, since the last call, beyond the budget or without room in the ring.
    pub(super) fn lost(&mut self) -> u64 {
        let lost = self.counters.table().get(Counter::Lost as usize);
        let lost = lost.map_or(0, |lost| lost.load(Ordering::Relaxed));
        lost.wrapping_sub(core::mem::replace(&mut self.lost, lost))
    }

    fn set_budget(&mut self, budget: u64) {
        if let Some(word) = self.counters.table().get(Counter::Budget as usize) {
            word.store(budget, Ordering::Relaxed);
        }
    }
}

impl AsFd for Tracepoint {
    /// Readable when [`Tracepoint::receive`] has a drop.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.ring.as_fd()
    }
}

fn dropped<'a>(
    event: &Event<'a>,
    names: &'a ReasonNames,
    symbol: Option<&'a str>,
) -> DroppedPacket<'a> {
    let (input, output) = sides(event);
    DroppedPacket {
        symbol,
        reason: names.get(event.reason),
        input,
        output,
        timestamp_ns: since_1970(event.time_ns),
        protocol: event.protocol,
        length: event.length,
        data: event.header,
        ..DroppedPacket::default()
    }
}

/// Input and output interface. A packet is on the device by which it leaves once its route is known,
/// before that on the one where it arrived.
fn sides(event: &Event<'_>) -> (Option<u32>, Option<u32>) {
    let index = |index: u32| Some(index).filter(|&index| index != 0);
    let output = if event.device == event.input { 0 } else { event.device };
    (index(event.input), index(output))
}

/// Nanoseconds since 1970 at a time of CLOCK_MONOTONIC.
fn since_1970(monotonic_ns: u64) -> Option<u64> {
    monotonic_start_ns().checked_add(monotonic_ns)
}

/// Events in a window of 2^27 ns: about twice the limit per second of the agent, and enough that not
/// only buffers are reported that are freed without a loss.
fn budget(limit: u32) -> u64 {
    u64::from(limit.div_ceil(4)).max(32)
}

/// Room for some two hundred events, while the agent waits for a CPU.
const RING_BYTES: u32 = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::time::{ClockId, clock_gettime};

    fn event(device: u32, input: u32) -> Event<'static> {
        Event {
            time_ns: 0,
            location: 0,
            reason: 0,
            length: 0,
            device,
            input,
            protocol: 0,
            header: &[],
        }
    }

    #[test]
    fn device_is_the_output_of_a_packet_from_elsewhere() {
        assert_eq!(sides(&event(7, 7)), (Some(7), None), "received");
        assert_eq!(sides(&event(7, 0)), (None, Some(7)), "sent by this host");
        assert_eq!(sides(&event(8, 7)), (Some(7), Some(8)), "forwarded");
        assert_eq!(sides(&event(0, 0)), (None, None), "no route yet");
    }

    #[test]
    fn time_of_an_event_is_before_now() {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        let monotonic = clock_gettime(ClockId::CLOCK_MONOTONIC).unwrap();
        let ns = (monotonic.tv_sec() * 1_000_000_000 + monotonic.tv_nsec()) as u64;
        let time = since_1970(ns - 1_000_000_000).unwrap();
        let age = now.as_nanos() as i128 - i128::from(time);
        assert!((0..5_000_000_000).contains(&age), "{age}");
    }

    /// The verifier of this kernel takes the program; the drops themselves are in tests/agent/drops.rs.
    #[test]
    fn program_is_accepted_here() {
        match Tracepoint::attach() {
            Ok(mut tracepoint) => {
                assert!(!tracepoint.receive(&mut |_| {}), "no budget yet");
                assert_eq!(tracepoint.lost(), 0);
            }
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOENT)) => {
                println!("SKIPPED: {error}");
            }
            Err(error) => panic!("{error}"),
        }
    }
}
