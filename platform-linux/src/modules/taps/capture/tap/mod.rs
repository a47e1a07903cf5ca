//! A packet socket that samples one interface, or several.

use core::num::NonZeroU32;
use core::ops::AddAssign;
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use flowmote_core::SampleMeta;

use super::classic::Draw;
use super::cpus::Cpus;
use super::filter::{self, Table, TableSize, Totals};
use super::frame::Cursor;
use super::options::{RingShape, TapOptions, check_rate};
use super::packet::Packet;
use super::reader::{Reader, Sampling};
use super::shared_losses::{Known, SharedLosses};
use super::shortfalls;
use crate::kernel::sys::packet::PacketSocket;
use crate::kernel::sys::ring::{BlockRing, Position};

/// Samples of the packets of one interface or of several, both directions.
///
/// Wait until [`fd`](AsFd::as_fd) is readable (EPOLLIN), then call [`drain`](Self::drain) until
/// [`Drained::more`] is false. On EPOLLERR call [`take_fault`](Self::take_fault), which also stops
/// epoll from reporting it again. Dropping the tap closes the socket, and with it the filter, the
/// ring and promiscuous mode, which takes the kernel some 20 ms (packet_release waits for RCU).
#[derive(Debug)]
pub struct Tap {
    socket: PacketSocket,
    ring: BlockRing,
    /// The position in a block that was not read to its end.
    cursor: Option<Cursor>,
    /// The ifIndex that the socket is bound to; 0 if the table selects the interfaces.
    bound: u32,
    /// The interfaces of a shared tap.
    table: Option<Table>,
    readers: BTreeMap<u32, Reader>,
    shared_losses: SharedLosses,
    header_bytes: u32,
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
        let mut tap = Self::prepare(options)?;
        tap.start(options)?;
        Ok(tap)
    }

    /// Does all of [`open`](Self::open) that takes long. The tap receives nothing before
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn prepare(options: &TapOptions) -> io::Result<Self> {
        options.check()?;
        let at = |step: &'static str| move |error| explain(&options.name, step, error);
        let socket = PacketSocket::open().map_err(at("AF_PACKET socket"))?;
        let mut shortfalls = Vec::new();
        // The filter before the bind, so that no unsampled packet ever reaches the ring.
        let sampling =
            attach_filter(&socket, options, &mut shortfalls).map_err(at("socket filter"))?;
        // dev_queue_xmit_nit passes every loopback packet to the socket when it is sent, and
        // __netif_receive_skb_core once more when it is received. Not fatal: without the option
        // every loopback packet is counted twice.
        if options.loopback
            && let Err(error) = socket.ignore_outgoing()
        {
            shortfalls::seen_twice(&error, &mut shortfalls);
        }
        let shape = options.ring.unwrap_or(RingShape::for_rate(options.sampling_rate));
        let mut tap = Self::with_ring(socket, shape, options.header_bytes, shortfalls)
            .map_err(at("receive ring"))?;
        tap.readers.insert(options.if_index, Reader::new(sampling, options));
        Ok(tap)
    }

    /// Starts to receive packets, with a tap that was prepared with the same options.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn start(&mut self, options: &TapOptions) -> io::Result<()> {
        if options.promiscuous {
            self.set_promiscuous(options, true)?;
        }
        // Last: from here on packets arrive, and everything that they need is in place.
        self.bound = options.if_index;
        let bound = self.socket.bind(options.if_index);
        bound.map_err(|error| explain(&options.name, "bind", error))
    }

    /// Opens a tap that several interfaces can [join](Self::join), with one ring for all of them.
    ///
    /// # Errors
    /// As those of [`open`](Self::open). Without eBPF there is no such tap.
    pub fn open_shared(size: TableSize, header_bytes: u32, shape: RingShape) -> io::Result<Self> {
        let at = |step: &'static str| move |error| explain(SHARED, step, error);
        let socket = PacketSocket::open().map_err(at("AF_PACKET socket"))?;
        let load = Table::load(size, header_bytes, Cpus::possible());
        let attach = |(table, program): (Table, OwnedFd)| {
            socket.attach_bpf(program.as_fd())?;
            Ok(table)
        };
        let table = load.and_then(attach).map_err(|error| {
            io::Error::other(format!("{SHARED}: {}", super::refusal::explain(&error)))
        })?;
        let mut tap =
            Self::with_ring(socket, shape, header_bytes, Vec::new()).map_err(at("receive ring"))?;
        tap.table = Some(table);
        tap.socket.bind(0).map_err(at("bind"))?;
        Ok(tap)
    }

    /// A tap that is not bound.
    fn with_ring(
        socket: PacketSocket,
        shape: RingShape,
        header_bytes: u32,
        mut shortfalls: Vec<String>,
    ) -> io::Result<Self> {
        // Before the ring: packet_setsockopt refuses PACKET_VNET_HDR with EBUSY once a ring exists,
        // because the header changes where the frame starts in each entry.
        let vnet = socket.enable_vnet_header();
        if let Err(error) = &vnet {
            shortfalls::no_vnet_header(error, &mut shortfalls);
        }
        let ring = receive_ring(&socket, shape, &mut shortfalls)?;
        Ok(Self {
            socket,
            ring,
            cursor: None,
            bound: 0,
            table: None,
            readers: BTreeMap::new(),
            shared_losses: SharedLosses::default(),
            header_bytes,
            vnet: vnet.is_ok(),
            losing: false,
            malformed: 0,
            shortfalls,
        })
    }

    /// Returns true if the interface can [`join`](Self::join): the tap is shared, and its table has a
    /// place for it.
    #[must_use]
    pub fn has_room_for(&self, if_index: u32) -> bool {
        self.table.as_ref().is_some_and(|table| table.has_room_for(if_index))
    }

    /// Starts to sample one more interface. Not the loopback: its packets would be seen twice.
    ///
    /// # Errors
    /// Those of promiscuous mode. `InvalidInput` for options out of range, and without
    /// [room](Self::has_room_for).
    pub fn join(&mut self, options: &TapOptions) -> io::Result<()> {
        options.check()?;
        let table = self.table.as_mut();
        let counters =
            table.and_then(|table| table.insert(options.if_index, options.sampling_rate));
        let counters = counters.ok_or(io::ErrorKind::InvalidInput)?;
        let reader = Reader::new(Sampling::Counted(counters), options);
        self.readers.insert(options.if_index, reader);
        if options.promiscuous {
            self.set_promiscuous(options, true)?;
        }
        Ok(())
    }

    /// Ends the sampling of an interface that had joined.
    pub fn leave(&mut self, if_index: u32) {
        if let Some(table) = &mut self.table {
            table.remove(if_index);
        }
        self.readers.remove(&if_index);
        // EADDRNOTAVAIL if it was not promiscuous.
        let _ = self.socket.set_promiscuous(if_index, false);
    }

    /// Ends reception. What is in the ring can still be read: the kernel hands over the last block
    /// within twice the retire time.
    ///
    /// # Errors
    /// Those of SO_ATTACH_FILTER.
    pub fn stop(&self) -> io::Result<()> {
        self.socket.stop()
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
                None => return self.follow_losses().map(|()| drained),
            }
        }
        drained.more = self.ring.ready().map(|block| block.keep()).is_some();
        self.follow_losses().map(|()| drained)
    }

    /// The numbers of a flow sample of an interface now: the rate, the pool, and the drops as of the
    /// last read of PACKET_STATISTICS.
    pub fn meta(&mut self, if_index: u32) -> SampleMeta {
        self.readers.get_mut(&if_index).map_or(SampleMeta::default(), |reader| {
            reader.refresh_pool();
            reader.meta
        })
    }

    /// The kind of filter that selects packets.
    #[must_use]
    pub fn method(&self) -> Method {
        let is_classic = |reader: &Reader| matches!(reader.sampling, Sampling::Estimated { .. });
        if self.readers.values().any(is_classic) { Method::Classic } else { Method::Ebpf }
    }

    /// Returns true if interfaces can join.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.table.is_some()
    }

    /// Returns true if the packets of this interface are sampled.
    #[must_use]
    pub fn has(&self, if_index: u32) -> bool {
        self.readers.contains_key(&if_index)
    }

    /// The interfaces whose packets are sampled.
    pub fn interfaces(&self) -> impl Iterator<Item = u32> {
        self.readers.keys().copied()
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

    /// Samples 1 in `rate` of an interface from now on. Samples of packets that were chosen before
    /// keep their rate. The ring keeps its size; see [`RingShape::for_rate`].
    ///
    /// # Errors
    /// `InvalidInput` above 2^31; with [`Method::Classic`] those of SO_ATTACH_FILTER.
    pub fn set_sampling_rate(&mut self, if_index: u32, rate: NonZeroU32) -> io::Result<()> {
        check_rate(rate)?;
        let Some(reader) = self.readers.get_mut(&if_index) else { return Ok(()) };
        match &mut reader.sampling {
            Sampling::Counted(counters) => counters.set_rate(rate),
            Sampling::Estimated { draw, .. } => {
                let new = draw.at_rate(rate.get());
                self.socket.attach_classic(&new.program(self.header_bytes))?;
                *draw = new;
            }
        }
        reader.set_rate(rate, self.ring.end());
        Ok(())
    }

    /// Holds the interface in promiscuous mode, or ends that.
    ///
    /// # Errors
    /// Those of the socket option; ENODEV.
    pub fn set_promiscuous(&self, options: &TapOptions, on: bool) -> io::Result<()> {
        self.socket
            .set_promiscuous(options.if_index, on)
            .map_err(|error| explain(&options.name, "promiscuous mode", error))
    }

    /// Totals of an interface up to now; zeroes if the tap does not have it.
    ///
    /// # Errors
    /// Those of [`update_losses`](Self::update_losses).
    pub fn stats(&mut self, if_index: u32) -> io::Result<TapStats> {
        self.update_losses()?;
        Ok(self.totals(if_index))
    }

    /// Totals of an interface, with losses as of the last [`update_losses`](Self::update_losses).
    pub fn totals(&mut self, if_index: u32) -> TapStats {
        // Ring entries that cannot be read belong to no interface in particular.
        let malformed = if self.is_shared() { 0 } else { self.malformed };
        let Some(reader) = self.readers.get_mut(&if_index) else { return TapStats::default() };
        reader.refresh_pool();
        TapStats {
            seen: reader.seen(),
            chosen: reader.chosen(),
            delivered: reader.losses.delivered,
            lost: reader.losses.lost(),
            malformed,
        }
    }

    /// Reads the number of lost skbs, at the cost of one system call, and attributes them.
    ///
    /// # Errors
    /// Those of getsockopt(PACKET_STATISTICS).
    pub fn update_losses(&mut self) -> io::Result<()> {
        let lost = self.socket.lost_skbs()?;
        self.shared_losses.lost += u64::from(lost);
        if self.is_shared() {
            self.attribute();
            return Ok(());
        }
        for reader in self.readers.values_mut() {
            if lost > 0 {
                reader.add_lost_skbs(lost);
            }
            // The filter's counters only after that: `Losses::reconcile` relies on this order.
            reader.reconcile();
        }
        Ok(())
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
        if self.socket.bound_interface()? != self.bound.cast_signed() {
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
        let number = self.ring.block();
        let block = self.ring.ready()?;
        self.losing |= block.losing();
        let cursor = self.cursor.take().map_or_else(|| Cursor::start(block.bytes()), Ok);
        // A block too short for its descriptor announces no packets.
        let Ok(mut cursor) = cursor else { return Some(0) };
        let (mut samples, mut malformed) = (0, 0);
        while samples < budget && !cursor.is_done() {
            let position = Position { block: number, packet: cursor.passed() };
            match cursor.next(block.bytes(), self.vnet) {
                Ok(Some(frame)) => {
                    self.shared_losses.read += 1;
                    // None: the interface has left.
                    if let Some(reader) = self.readers.get_mut(&frame.if_index) {
                        samples += reader.read(&frame, position, visit) as usize;
                    }
                }
                // The kernel has counted it as dropped.
                Ok(None) => {}
                Err(error) => malformed += error.packets,
            }
        }
        if cursor.is_done() {
            drop(block);
        } else {
            // The block stays ours, so that the kernel does not write into it meanwhile.
            self.cursor = Some(cursor);
            block.keep();
        }
        self.add_malformed(malformed);
        Some(samples)
    }

    /// Counts skbs that could not be read. Those of a shared ring are lost to an unknown interface,
    /// which [`attribute`](Self::attribute) finds.
    fn add_malformed(&mut self, skbs: u32) {
        self.malformed += u64::from(skbs);
        self.shared_losses.read += u64::from(skbs);
        if !self.is_shared() {
            self.readers.values_mut().for_each(|reader| reader.add_malformed(skbs));
        }
    }

    /// Reads the number of lost skbs if a block has shown that there are some, and attributes them.
    fn follow_losses(&mut self) -> io::Result<()> {
        if core::mem::take(&mut self.losing) {
            return self.update_losses();
        }
        if self.is_shared() && self.shared_losses.is_open() {
            self.attribute();
        }
        Ok(())
    }

    /// Finds the interfaces to which the losses of a shared ring belong.
    fn attribute(&mut self) {
        let Some(table) = &self.table else { return };
        let readers = &self.readers;
        let chosen = || -> Vec<(u32, Totals)> {
            readers.iter().map(|(index, reader)| (*index, reader.choices_so_far())).collect()
        };
        let mut known = self.shared_losses.empty_ring(chosen(), table.chosen_skbs());
        if known == Known::Nothing && self.shared_losses.is_open() {
            let blocks = (self.ring.block(), self.ring.end().block);
            known = self.shared_losses.survey(blocks, chosen);
        }
        let Known::Settled(chosen) = known else { return };
        for (if_index, totals) in chosen {
            if let Some(reader) = self.readers.get_mut(&if_index) {
                reader.settle(totals.chosen);
            }
        }
    }
}

impl TapStats {
    /// What was counted after `before`.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let Self { seen, chosen, delivered, lost, malformed } = before;
        Self {
            seen: self.seen.saturating_sub(seen),
            chosen: self.chosen.saturating_sub(chosen),
            delivered: self.delivered.saturating_sub(delivered),
            lost: self.lost.saturating_sub(lost),
            malformed: self.malformed.saturating_sub(malformed),
        }
    }

    /// `lost` once what is still in the ring is lost, too.
    #[must_use]
    pub fn lost_at_end(self) -> u64 {
        self.lost.max(self.chosen.saturating_sub(self.delivered))
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
    shortfalls: &mut Vec<String>,
) -> io::Result<Sampling> {
    let (rate, header_bytes) = (options.sampling_rate, options.header_bytes);
    let filter = filter::load(rate, header_bytes, Cpus::possible());
    let filter = filter.and_then(|(counters, program)| {
        socket.attach_bpf(program.as_fd())?;
        Ok(counters)
    });
    match filter {
        Ok(counters) => Ok(Sampling::Counted(counters)),
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

/// A shared tap, in errors.
const SHARED: &str = "shared tap";

#[cfg(test)]
mod tests;
