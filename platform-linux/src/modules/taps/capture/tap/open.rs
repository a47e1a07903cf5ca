//! Opening a tap: socket, filter, ring, and last of all the bind.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::Tap;
use crate::config::Direction;
use crate::kernel::refusal;
use crate::kernel::sys::packet::PacketSocket;
use crate::kernel::sys::ring::BlockRing;
use crate::modules::taps::capture::Capture;
use crate::modules::taps::capture::classic::Draw;
use crate::modules::taps::capture::cpus::Cpus;
use crate::modules::taps::capture::filter::{self, Table, TableSize};
use crate::modules::taps::capture::options::{Keep, RingShape, TapOptions};
use crate::modules::taps::capture::reader::{Reader, Sampling};
use crate::modules::taps::capture::shared_losses::SharedLosses;
use crate::modules::taps::capture::shortfalls;

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
            && options.direction != Direction::Out
            && let Err(error) = socket.ignore_outgoing()
        {
            shortfalls::seen_twice(&error, &mut shortfalls);
        }
        let mut tap = Self::with_ring(socket, options.ring_shape(), options.keep(), shortfalls)
            .map_err(at("receive ring"))?;
        tap.readers.insert(options.if_index, Reader::new(sampling, options));
        if options.promiscuous {
            tap.set_promiscuous(options, true)?;
        }
        Ok(tap)
    }

    /// Starts to receive packets, with a tap that was [prepared](Self::prepare) with the same
    /// options.
    ///
    /// # Errors
    /// Those of [`open`](Self::open).
    pub fn start(&mut self, options: &TapOptions) -> io::Result<()> {
        // Last: from here on packets arrive, and everything that they need is in place.
        self.bound = options.if_index;
        let bound = self.socket.bind(options.if_index);
        bound.map_err(|error| explain(&options.name, "bind", error))
    }

    /// Opens a tap that several interfaces can [join](Self::join), with one ring for all of them.
    ///
    /// # Errors
    /// As those of [`open`](Self::open). Without eBPF there is no such tap.
    pub fn open_shared(size: TableSize, keep: Keep, shape: RingShape) -> io::Result<Self> {
        let at = |step: &'static str| move |error| explain(SHARED, step, error);
        let socket = PacketSocket::open().map_err(at("AF_PACKET socket"))?;
        let load = Table::load(size, keep, Cpus::possible());
        let attach = |(table, program): (Table, OwnedFd)| {
            socket.attach_bpf(program.as_fd())?;
            Ok(table)
        };
        let table = load
            .and_then(attach)
            .map_err(|error| io::Error::other(format!("{SHARED}: {}", refusal::explain(&error))))?;
        let mut tap =
            Self::with_ring(socket, shape, keep, Vec::new()).map_err(at("receive ring"))?;
        tap.table = Some(table);
        tap.socket.bind(0).map_err(at("bind"))?;
        Ok(tap)
    }

    /// A tap that is not bound.
    fn with_ring(
        socket: PacketSocket,
        shape: RingShape,
        keep: Keep,
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
            keep,
            vnet: vnet.is_ok(),
            losing: false,
            malformed: 0,
            shortfalls,
        })
    }
}

/// Attaches the eBPF filter, or the classic one if the kernel refuses that.
fn attach_filter(
    socket: &PacketSocket,
    options: &TapOptions,
    shortfalls: &mut Vec<String>,
) -> io::Result<Sampling> {
    let (rate, keep) = (options.sampling_rate, options.keep());
    let filter = filter::load(rate, keep, Cpus::possible());
    let filter = filter.and_then(|(counters, program)| {
        socket.attach_bpf(program.as_fd())?;
        Ok(counters)
    });
    match filter {
        Ok(counters) => Ok(Sampling::Counted(counters)),
        Err(error) => {
            shortfalls::no_ebpf(&error, shortfalls);
            let draw = Draw::new(rate, options.mtu);
            socket.attach_classic(&draw.program(keep))?;
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
pub(super) fn explain(name: &str, step: &str, error: io::Error) -> io::Error {
    let help = match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => ": CAP_NET_RAW is needed",
        Some(libc::ENODEV | libc::ENXIO) => ": there is no such interface",
        Some(libc::EMFILE) => ": the limit of open files (RLIMIT_NOFILE) is reached",
        Some(libc::ENFILE) => ": the limit of open files of the machine (fs.file-max) is reached",
        Some(libc::ENOMEM | libc::ENOBUFS) => ": no memory even for a small ring",
        _ => "",
    };
    io::Error::new(error.kind(), format!("{name}: {step}: {error}{help}"))
}

/// A shared tap, in errors.
const SHARED: &str = "shared tap";
