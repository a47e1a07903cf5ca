//! A packet socket that samples one interface.

use core::num::NonZeroU32;
use core::ops::AddAssign;
use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use flowmote_core::{Random, SampleMeta};

use super::classic::Draw;
use super::filter::Filter;
use super::frame::Cursor;
use super::options::{RingShape, TapOptions, check_rate};
use super::packet::Packet;
use super::reader::{Reader, Sampling};
use super::shortfalls;
use crate::kernel::sys::packet::PacketSocket;
use crate::kernel::sys::ring::BlockRing;
use crate::seed::seed;

/// Samples of the packets of one interface, both directions.
///
/// Wait until [`fd`](AsFd::as_fd) is readable (EPOLLIN), then call [`drain`](Self::drain) until
/// [`Drained::more`] is false. On EPOLLERR call [`take_fault`](Self::take_fault), which also stops
/// epoll from reporting it again. Dropping the tap closes the socket, and with it the filter, the
/// ring and promiscuous mode.
#[derive(Debug)]
pub struct Tap {
    socket: PacketSocket,
    ring: BlockRing,
    /// The position in a block that was not read to its end.
    cursor: Option<Cursor>,
    reader: Reader,
    options: TapOptions,
    /// PACKET_VNET_HDR is on.
    vnet: bool,
    /// The kernel has lost skbs whose number was not read yet.
    losing: bool,
    malformed: u64,
    shortfalls: Vec<String>,
}

/// The kind of filter that selects packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An eBPF socket filter: exact pool, uniform skips with mean N.
    Ebpf,
    /// A classic BPF filter: see [`Tap::shortfalls`].
    Classic,
}

/// The outcome of [`Tap::drain`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Samples passed to `visit`.
    pub samples: usize,
    /// The budget was used up before the ring was empty.
    pub more: bool,
}

/// Totals since the tap was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TapStats {
    /// Wire packets that could have been sampled; `sample_pool` is this modulo 2^32. An estimate
    /// with [`Method::Classic`].
    pub seen: u64,
    /// Packets selected by the filter: delivered, lost or still in the ring.
    pub chosen: u64,
    /// Samples passed on by [`Tap::drain`].
    pub delivered: u64,
    /// Samples lost; `drops` is this modulo 2^32.
    pub lost: u64,
    /// Ring entries that could not be read; they are among `lost`.
    pub malformed: u64,
}

/// A state of the interface in which the tap receives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// The interface is administratively down. The tap receives packets again once it is up.
    Down,
    /// The interface was deleted. The tap receives nothing any more and is to be closed.
    Gone,
    /// Another error of the socket (errno).
    Other(i32),
}

impl Tap {
    /// Opens a tap that samples from the first packet on.
    ///
    /// # Errors
    /// Names the interface, the step that failed and what would help: EPERM without CAP_NET_RAW,
    /// ENODEV if there is no such interface, ENOMEM without memory for even the smallest ring,
    /// `InvalidInput` for options out of range. An interface that is down is not an error.
    pub fn open(options: &TapOptions) -> io::Result<Self> {
        options.check()?;
        let at = |step: &'static str| move |error| explain(&options.name, step, error);
        // Protocol 0 receives nothing: packet_create (net/packet/af_packet.c) registers no hook
        // for it. With ETH_P_ALL here, packets of all interfaces would fill the queue unfiltered
        // until the steps below are done.
        let socket = PacketSocket::open().map_err(at("AF_PACKET socket"))?;
        let mut random = Random::new(seed());
        let mut shortfalls = Vec::new();
        // The filter before the bind, so that no unsampled packet ever reaches the ring.
        let sampling = attach_filter(&socket, options, &mut random, &mut shortfalls)
            .map_err(at("socket filter"))?;
        // Before the ring: packet_setsockopt refuses PACKET_VNET_HDR with EBUSY once a ring exists,
        // because the header changes where the frame starts in each entry.
        let vnet = socket.enable_vnet_header();
        if let Err(error) = &vnet {
            shortfalls::no_vnet_header(error, &mut shortfalls);
        }
        // dev_queue_xmit_nit passes every loopback packet to the socket when it is sent, and
        // __netif_receive_skb_core once more when it is received. Not fatal: without the option
        // every loopback packet is counted twice.
        if options.loopback
            && let Err(error) = socket.ignore_outgoing()
        {
            shortfalls::seen_twice(&error, &mut shortfalls);
        }
        let shape = options.ring.unwrap_or(RingShape::for_rate(options.sampling_rate));
        let ring = receive_ring(&socket, shape, &mut shortfalls).map_err(at("receive ring"))?;
        if options.promiscuous {
            socket.join_promiscuous(options.if_index).map_err(at("promiscuous mode"))?;
        }
        // Last: from here on packets arrive, and everything that they need is in place.
        socket.bind(options.if_index).map_err(at("bind"))?;
        let reader = Reader::new(sampling, options, random);
        let (options, vnet) = (options.clone(), vnet.is_ok());
        let (cursor, losing, malformed) = (None, false, 0);
        Ok(Self { socket, ring, cursor, reader, options, vnet, losing, malformed, shortfalls })
    }

    /// Passes the samples that are ready to `visit`, about `budget` of them: it stops after the skb
    /// that reaches the budget, and one super-packet may be several samples.
    ///
    /// Makes no system call unless a block carries TP_STATUS_LOSING. Allocates nothing.
    ///
    /// # Errors
    /// Those of getsockopt(PACKET_STATISTICS), after the samples were passed on.
    pub fn drain(
        &mut self,
        budget: usize,
        visit: &mut dyn FnMut(&Packet<'_>),
    ) -> io::Result<Drained> {
        let mut drained = Drained::default();
        while drained.samples < budget {
            match self.read_block(budget - drained.samples, visit) {
                Some(samples) => drained.samples += samples,
                None => return self.update_losses_if_losing().map(|()| drained),
            }
        }
        drained.more = self.ring.ready().map(|block| block.keep()).is_some();
        self.update_losses_if_losing().map(|()| drained)
    }

    /// The numbers of a flow sample: the rate, the pool as of the last block read, the drops as of
    /// the last read of PACKET_STATISTICS.
    #[must_use]
    pub fn meta(&self) -> SampleMeta {
        self.reader.meta
    }

    /// The kind of filter that selects packets.
    #[must_use]
    pub fn method(&self) -> Method {
        match self.reader.sampling {
            Sampling::Counted(_) => Method::Ebpf,
            Sampling::Estimated { .. } => Method::Classic,
        }
    }

    /// What the kernel refused and what is lost by it, one sentence each.
    #[must_use]
    pub fn shortfalls(&self) -> &[String] {
        &self.shortfalls
    }

    /// The ring in use, which is smaller than requested if memory was short.
    #[must_use]
    pub fn ring(&self) -> RingShape {
        let geometry = self.ring.geometry();
        RingShape { block_size: geometry.block_size, blocks: geometry.blocks }
    }

    /// Samples 1 in `rate` from now on. Samples already in the ring were selected at the old rate,
    /// so drain first. The ring keeps its size; see [`RingShape::for_rate`].
    ///
    /// # Errors
    /// `InvalidInput` above 2^31; with [`Method::Classic`] those of SO_ATTACH_FILTER.
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

    /// Totals up to now, at the cost of one system call.
    ///
    /// # Errors
    /// Those of getsockopt(PACKET_STATISTICS).
    pub fn stats(&mut self) -> io::Result<TapStats> {
        self.update_losses()?;
        self.reader.refresh_pool();
        Ok(TapStats {
            seen: self.reader.seen(),
            chosen: self.reader.chosen(),
            delivered: self.reader.losses.delivered,
            lost: self.reader.losses.lost(),
            malformed: self.malformed,
        })
    }

    /// Returns the reason why the tap receives nothing, if there is one, and clears the error for
    /// which epoll reports EPOLLERR. An interface is taken down before it is deleted, so that
    /// `Down` may become `Gone`.
    ///
    /// # Errors
    /// Those of getsockopt(SO_ERROR) and getsockname(2).
    pub fn take_fault(&mut self) -> io::Result<Option<LinkFault>> {
        // packet_notifier (net/packet/af_packet.c) sets ENETDOWN once on NETDEV_DOWN and keeps the
        // binding; on NETDEV_UNREGISTER it sets the ifindex to -1, for good.
        let error = self.socket.take_error()?;
        if self.socket.bound_interface()? != self.options.if_index.cast_signed() {
            return Ok(Some(LinkFault::Gone));
        }
        Ok(error.map(|error| match error.raw_os_error() {
            Some(libc::ENETDOWN) => LinkFault::Down,
            other => LinkFault::Other(other.unwrap_or_default()),
        }))
    }

    /// Reads the next block that is ready, at most until `budget` is reached. Returns the number of
    /// samples, `None` if no block is ready.
    fn read_block(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> Option<usize> {
        let block = self.ring.ready()?;
        let reader = &mut self.reader;
        let mut lose = |reader: &mut Reader, packets: u32| {
            reader.add_malformed(packets);
            self.malformed += u64::from(packets);
        };
        self.losing |= block.losing();
        // Once a block, not once a packet: the samples of a burst carry the pool of their moment as
        // nearly as the ring allows.
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
                // The block stays ours, so that the kernel does not write into it meanwhile.
                self.cursor = Some(cursor);
                block.keep();
                return Some(samples);
            }
            match cursor.next(block.bytes(), self.vnet) {
                Ok(Some(frame)) => samples += reader.read(&frame, visit) as usize,
                // The kernel has counted it as dropped.
                Ok(None) => {}
                Err(malformed) => lose(reader, malformed.packets),
            }
        }
        Some(samples)
    }

    fn update_losses_if_losing(&mut self) -> io::Result<()> {
        if core::mem::take(&mut self.losing) { self.update_losses() } else { Ok(()) }
    }

    fn update_losses(&mut self) -> io::Result<()> {
        let lost = self.socket.lost_skbs()?;
        if lost > 0 {
            self.reader.add_lost_skbs(lost);
        }
        // The filter's counters only after that: `Losses::reconcile` relies on this order.
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

/// Attaches the eBPF filter, or the classic one if the kernel refuses that.
fn attach_filter(
    socket: &PacketSocket,
    options: &TapOptions,
    random: &mut Random,
    shortfalls: &mut Vec<String>,
) -> io::Result<Sampling> {
    let (rate, header_bytes) = (options.sampling_rate, options.header_bytes);
    let load = Filter::load(rate, header_bytes, possible_cpus(), random);
    let filter = load.and_then(|(filter, program)| {
        socket.attach_bpf(program.as_fd())?;
        Ok(filter)
    });
    match filter {
        Ok(filter) => Ok(Sampling::Counted(filter)),
        Err(error) => {
            shortfalls::no_ebpf(&error, shortfalls);
            let draw = Draw::new(rate, options.mtu);
            socket.attach_classic(&draw.program(header_bytes))?;
            Ok(Sampling::Estimated { draw, pool: 0, chosen: 0 })
        }
    }
}

/// Creates a ring of this shape, or the largest smaller one for which there is memory.
fn receive_ring(
    socket: &PacketSocket,
    mut shape: RingShape,
    shortfalls: &mut Vec<String>,
) -> io::Result<BlockRing> {
    let requested = shape.bytes() >> 10;
    loop {
        let error = match socket.receive_ring(shape.geometry()?) {
            Ok(ring) => {
                let obtained = shape.bytes() >> 10;
                if obtained < requested {
                    shortfalls::small_ring(requested, obtained, shortfalls);
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

/// One more than the highest CPU number that this machine can have, hotplug included.
fn possible_cpus() -> usize {
    fs::read_to_string("/sys/devices/system/cpu/possible")
        .ok()
        .and_then(|list| highest_cpu(&list))
        // Without sysfs: a page of slots is enough for most, and CPUs beyond share the last one.
        .map_or(DEFAULT_CPUS, |highest| highest.saturating_add(1).min(MAX_CPUS))
}

/// The last number of a CPU list such as `0-1` or `0,2-63`.
fn highest_cpu(list: &str) -> Option<usize> {
    list.trim().rsplit([',', '-']).next()?.parse().ok()
}

/// Adds the interface, the step and a remedy to an error.
fn explain(name: &str, step: &str, error: io::Error) -> io::Error {
    let help = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => ": CAP_NET_RAW is needed",
        Some(libc::ENODEV | libc::ENXIO) => ": there is no such interface",
        Some(libc::EMFILE) => ": the limit of open files (RLIMIT_NOFILE) is reached",
        Some(libc::ENFILE) => ": the limit of open files of the machine (fs.file-max) is reached",
        Some(libc::ENOMEM | libc::ENOBUFS) => ": no kernel memory even for a small ring",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{name}: {step}: {error}{help}"))
}

const DEFAULT_CPUS: usize = 64;
/// The largest NR_CPUS that x86 and arm64 kernels can be configured with.
const MAX_CPUS: usize = 8192;

#[cfg(test)]
mod tests;
