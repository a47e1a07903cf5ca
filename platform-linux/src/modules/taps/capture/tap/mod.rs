//! A tap on one interface.

use core::num::NonZeroU32;
use core::ops::AddAssign;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use flowmote_core::SampleMeta;

use super::classic::Draw;
use super::filter::Filter;
use super::frame::Cursor;
use super::losses::Losses;
use super::options::{RingShape, TapOptions, check_rate};
use super::packet::Packet;
use super::random::Random;
use super::reader::{Reader, Sampling};
use crate::kernel::sys::packet::PacketSocket;
use crate::kernel::sys::ring::BlockRing;

/// Samples of the packets of one interface, both directions.
///
/// Wait until [`fd`](AsFd::as_fd) is readable (EPOLLIN), then call [`drain`](Self::drain) until it
/// says that there is no more. On EPOLLERR call [`take_fault`](Self::take_fault), which also stops
/// epoll from reporting it again. Dropping the tap ends everything it began.
#[derive(Debug)]
pub struct Tap {
    socket: PacketSocket,
    ring: BlockRing,
    /// Where the block in hand was left.
    cursor: Option<Cursor>,
    reader: Reader,
    options: TapOptions,
    /// PACKET_VNET_HDR is on.
    vnet: bool,
    /// The kernel lost skbs that were not asked for yet.
    losing: bool,
    malformed: u64,
    shortfalls: Vec<String>,
}

/// Who chooses the samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An eBPF socket filter: exact pool, uniform skips with mean N.
    Ebpf,
    /// A classic BPF filter: see [`Tap::shortfalls`].
    Classic,
}

/// What a call of [`Tap::drain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Samples handed out.
    pub samples: usize,
    /// The budget ended before the ring was empty.
    pub more: bool,
}

/// Totals since the tap was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapStats {
    /// Wire packets that could have been sampled: what `sample_pool` shows modulo 2^32. With
    /// [`Method::Classic`] an estimate.
    pub seen: u64,
    /// Packets chosen, delivered or not (some may still be on their way).
    pub chosen: u64,
    /// Samples handed out by [`Tap::drain`].
    pub delivered: u64,
    /// Samples lost: what `drops` shows modulo 2^32.
    pub lost: u64,
    /// Of these, ring entries that could not be read.
    pub malformed: u64,
}

/// Why a tap hears nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// The interface is administratively down. The tap hears it again once it is up.
    Down,
    /// The interface was deleted. This tap never hears anything again: close it.
    Gone,
    /// Another error of the socket (errno).
    Other(i32),
}

impl Tap {
    /// Opens a tap. From the first packet on it is sampled: the filter is in place before the
    /// socket can receive.
    ///
    /// # Errors
    /// Says which step failed for which interface and what would help: EPERM without CAP_NET_RAW,
    /// ENODEV for an interface that is not there, ENOMEM without room for even a small ring,
    /// `InvalidInput` for options out of range. An interface that is down is no error.
    pub fn open(options: &TapOptions) -> io::Result<Self> {
        options.check()?;
        let at = |step: &'static str| move |error| explain(&options.name, step, error);
        let socket = PacketSocket::open().map_err(at("AF_PACKET socket"))?;
        let mut random = Random::from_system();
        let mut shortfalls = Vec::new();
        let sampling =
            sample(&socket, options, &mut random, &mut shortfalls).map_err(at("socket filter"))?;
        let vnet = socket.enable_vnet_header().map_err(|e| shortfalls.push(no_vnet(&e))).is_ok();
        if options.loopback {
            // What is refused here costs truth, not function.
            let _ = socket.ignore_outgoing().map_err(|e| shortfalls.push(seen_twice(&e)));
        }
        let shape = options.ring.unwrap_or(RingShape::for_rate(options.sampling_rate));
        let ring = receive_ring(&socket, shape, &mut shortfalls).map_err(at("receive ring"))?;
        if options.promiscuous {
            socket.join_promiscuous(options.if_index).map_err(at("promiscuous mode"))?;
        }
        socket.bind(options.if_index).map_err(at("bind"))?;
        let reader = Reader {
            sampling,
            losses: Losses::default(),
            meta: SampleMeta {
                sampling_rate: options.sampling_rate.get(),
                ..SampleMeta::default()
            },
            header_bytes: options.header_bytes,
            mtu: options.mtu,
            scratch: vec![0; options.header_bytes as usize].into(),
            random,
        };
        let options = options.clone();
        let (cursor, losing, malformed) = (None, false, 0);
        Ok(Self { socket, ring, cursor, reader, options, vnet, losing, malformed, shortfalls })
    }

    /// Hands the samples that are ready to `visit`, about `budget` of them: it stops after the skb
    /// that reaches the budget, and one super-packet may be several samples.
    ///
    /// Makes no system call, unless the kernel says that it lost something. Allocates nothing.
    ///
    /// # Errors
    /// If the kernel refuses to tell how much it lost; the samples were handed out all the same.
    pub fn drain(
        &mut self,
        budget: usize,
        visit: &mut dyn FnMut(&Packet<'_>),
    ) -> io::Result<Drained> {
        let mut drained = Drained::default();
        while drained.samples < budget {
            match self.read_block(budget - drained.samples, visit) {
                Some(samples) => drained.samples += samples,
                None => return self.ask_if_losing().map(|()| drained),
            }
        }
        drained.more = self.ring.ready().map(|block| block.keep()).is_some();
        self.ask_if_losing().map(|()| drained)
    }

    /// What goes into a flow sample now: the rate, the pool as of the last block read, the drops
    /// as of the last time the kernel was asked.
    #[must_use]
    pub fn meta(&self) -> SampleMeta {
        self.reader.meta
    }

    /// Who chooses the samples.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.reader.sampling {
            Sampling::Counted(_) => Method::Ebpf,
            Sampling::Estimated { .. } => Method::Classic,
        }
    }

    /// What the kernel refused and what is lost by it, one sentence each; empty if nothing.
    #[must_use]
    pub fn shortfalls(&self) -> &[String] {
        &self.shortfalls
    }

    /// The ring in use: smaller than asked for if memory was short.
    #[must_use]
    pub fn ring(&self) -> RingShape {
        let geometry = self.ring.geometry();
        RingShape { block_size: geometry.block_size, blocks: geometry.blocks }
    }

    /// Samples 1 in `rate` from now on. Samples that are in the ring already were chosen at the
    /// old rate: drain first. The ring keeps its size; see [`RingShape::for_rate`].
    ///
    /// # Errors
    /// `InvalidInput` above 2^31; with [`Method::Classic`], what attaching the new filter answers.
    pub fn set_sampling_rate(&mut self, rate: NonZeroU32) -> io::Result<()> {
        check_rate(rate)?;
        let (mtu, header_bytes) = (self.reader.mtu, self.options.header_bytes);
        match &mut self.reader.sampling {
            Sampling::Counted(filter) => filter.set_rate(rate),
            Sampling::Estimated { draw, .. } => {
                let new = Draw::new(rate, mtu);
                self.socket
                    .attach_classic(&new.program(header_bytes))
                    .map_err(|error| explain(&self.options.name, "socket filter", error))?;
                *draw = new;
            }
        }
        self.options.sampling_rate = rate;
        self.reader.meta.sampling_rate = rate.get();
        Ok(())
    }

    /// Totals up to now. Asks the kernel what it lost (one system call).
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub fn stats(&mut self) -> io::Result<TapStats> {
        self.ask_losses()?;
        self.reader.refresh_pool();
        Ok(TapStats {
            seen: self.reader.seen(),
            chosen: self.reader.chosen(),
            delivered: self.reader.losses.delivered,
            lost: self.reader.losses.lost(),
            malformed: self.malformed,
        })
    }

    /// Why the tap hears nothing, if it does not; clears the error that makes epoll report
    /// EPOLLERR. An interface is taken down before it is deleted: ask again after RTM_DELLINK.
    ///
    /// # Errors
    /// If the kernel refuses to tell.
    pub fn take_fault(&mut self) -> io::Result<Option<LinkFault>> {
        let error = self.socket.take_error()?;
        if self.socket.bound_interface()? != self.options.if_index.cast_signed() {
            return Ok(Some(LinkFault::Gone));
        }
        Ok(error.map(|error| match error.raw_os_error() {
            Some(libc::ENETDOWN) => LinkFault::Down,
            other => LinkFault::Other(other.unwrap_or_default()),
        }))
    }

    /// Reads from the next block that is ready, at most until `budget` is reached; answers how
    /// many samples there were, `None` if no block is ready.
    fn read_block(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> Option<usize> {
        let block = self.ring.ready()?;
        let reader = &mut self.reader;
        let mut lose = |reader: &mut Reader, packets: u32| {
            reader.add_malformed(packets);
            self.malformed += u64::from(packets);
        };
        self.losing |= block.losing();
        reader.refresh_pool();
        let start = || Cursor::start(block.bytes());
        let mut cursor = match self.cursor.take().map_or_else(start, Ok) {
            Ok(cursor) => cursor,
            Err(malformed) => {
                lose(reader, malformed.packets);
                return Some(0);
            }
        };
        let mut samples = 0;
        while !cursor.is_done() {
            if samples >= budget {
                self.cursor = Some(cursor);
                block.keep();
                return Some(samples);
            }
            match cursor.next(block.bytes(), self.vnet) {
                Ok(frame) => samples += reader.read(&frame, visit) as usize,
                Err(malformed) => lose(reader, malformed.packets),
            }
        }
        Some(samples)
    }

    fn ask_if_losing(&mut self) -> io::Result<()> {
        if core::mem::take(&mut self.losing) { self.ask_losses() } else { Ok(()) }
    }

    fn ask_losses(&mut self) -> io::Result<()> {
        let lost = self.socket.lost_skbs()?;
        if lost > 0 {
            self.reader.add_lost_skbs(lost);
        }
        // Only now read what was chosen: see `Losses::reconcile`.
        self.reader.reconcile();
        Ok(())
    }
}

/// The sum over several taps, one after the other or side by side.
impl AddAssign for TapStats {
    fn add_assign(&mut self, other: Self) {
        let Self { seen, chosen, delivered, lost, malformed } = other;
        self.seen = self.seen.saturating_add(seen);
        self.chosen = self.chosen.saturating_add(chosen);
        self.delivered = self.delivered.saturating_add(delivered);
        self.lost = self.lost.saturating_add(lost);
        self.malformed = self.malformed.saturating_add(malformed);
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Attaches a filter to the socket: eBPF, or the classic one where the kernel refuses it.
fn sample(
    socket: &PacketSocket,
    options: &TapOptions,
    random: &mut Random,
    shortfalls: &mut Vec<String>,
) -> io::Result<Sampling> {
    let (rate, header_bytes) = (options.sampling_rate, options.header_bytes);
    let filter = Filter::load(rate, header_bytes, possible_cpus(), random).and_then(|filter| {
        socket.attach_bpf(filter.program().as_fd())?;
        Ok(filter)
    });
    match filter {
        Ok(filter) => Ok(Sampling::Counted(filter)),
        Err(error) => {
            shortfalls.push(no_ebpf(&error));
            let draw = Draw::new(rate, options.mtu);
            socket.attach_classic(&draw.program(header_bytes))?;
            Ok(Sampling::Estimated { draw, pool: 0, chosen: 0 })
        }
    }
}

/// A ring of this shape, or the largest smaller one that there is memory for.
fn receive_ring(
    socket: &PacketSocket,
    mut shape: RingShape,
    shortfalls: &mut Vec<String>,
) -> io::Result<BlockRing> {
    let asked = shape.bytes() >> 10;
    loop {
        let error = match socket.receive_ring(shape.geometry()?) {
            Ok(ring) => {
                if shape.bytes() >> 10 < asked {
                    shortfalls.push(format!(
                        "no memory for a ring of {asked} KiB, {} KiB taken: \
                         bursts lose samples earlier (counted in drops)",
                        shape.bytes() >> 10,
                    ));
                }
                return Ok(ring);
            }
            Err(error) => error,
        };
        match shape.half().filter(|_| error.raw_os_error() == Some(libc::ENOMEM)) {
            Some(smaller) => shape = smaller,
            None => return Err(error),
        }
    }
}

/// One more than the highest CPU number that this machine can ever have.
fn possible_cpus() -> usize {
    fs::read_to_string("/sys/devices/system/cpu/possible")
        .ok()
        .and_then(|list| highest_cpu(&list))
        // Without sysfs: a page of slots costs nothing, and CPUs beyond share the last one.
        .map_or(DEFAULT_CPUS, |highest| highest.saturating_add(1).min(MAX_CPUS))
}

/// The last number of a list such as `0-1` or `0,2-63`.
fn highest_cpu(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

fn explain(name: &str, step: &str, error: io::Error) -> io::Error {
    let help = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => ": CAP_NET_RAW is needed",
        Some(libc::ENODEV | libc::ENXIO) => ": there is no such interface",
        Some(libc::ENOMEM | libc::ENOBUFS) => ": no kernel memory, not even for a small ring",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{name}: {step}: {error}{help}"))
}

fn no_ebpf(error: &io::Error) -> String {
    format!(
        "the kernel refuses the eBPF filter ({error}; CAP_BPF and Linux 5.5 are needed), classic \
         BPF samples instead: sample_pool is estimated as sampling rate times samples, drops \
         counts a lost super-packet once, skips are geometric"
    )
}

fn no_vnet(error: &io::Error) -> String {
    format!(
        "the kernel tells no segment sizes (PACKET_VNET_HDR: {error}): frame_length of a packet \
         of a super-packet is taken as a full frame"
    )
}

fn seen_twice(error: &io::Error) -> String {
    format!(
        "PACKET_IGNORE_OUTGOING: {error} (Linux 4.20 is needed): each loopback packet is seen twice"
    )
}

const DEFAULT_CPUS: usize = 64;
/// NR_CPUS of the largest kernels.
const MAX_CPUS: usize = 8192;

#[cfg(test)]
mod tests;
