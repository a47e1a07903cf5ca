//! `forward`: copies datagrams to other collectors, unchanged.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::net::UdpSocket;
use std::os::fd::AsFd;
use std::time::Instant;

use nix::sys::socket::{setsockopt, sockopt::SndBuf};

use crate::args::ForwardArguments;
use crate::receive::{Batch, Drops, Limit, Receiver, Signals};
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Copies datagrams until a signal or a limit ends the run.
pub(crate) fn run(arguments: &ForwardArguments) -> Result<()> {
    let signals = Signals::block()?;
    let receiver = Receiver::bind(arguments.listen)?;
    let destinations = arguments.destinations.iter().map(|address| Destination::open(*address));
    let mut forwarder = Forwarder {
        limit: Limit::new(arguments.run.count, arguments.run.duration),
        destinations: destinations.collect::<core::result::Result<_, _>>()?,
        datagrams: 0,
        bytes: 0,
        receiver,
    };
    forwarder.receiver.announce()?;
    let drops = forwarder.receiver.drops()?;
    forwarder.run(&signals, arguments.run.interval, &drops)?;
    eprintln_lossy(format_args!("{forwarder:#}\n{drops}"));
    Ok(())
}

struct Forwarder {
    receiver: Receiver,
    destinations: Vec<Destination>,
    limit: Limit,
    datagrams: u64,
    bytes: u64,
}

struct Destination {
    address: SocketAddr,
    socket: UdpSocket,
    sent: u64,
    failed: u64,
    /// The last send error.
    error: Option<io::Error>,
}

impl Forwarder {
    fn run(
        &mut self,
        signals: &Signals,
        interval: Option<Duration>,
        drops: &Drops,
    ) -> io::Result<()> {
        let next = || interval.map(|interval| Instant::now() + interval);
        let (mut next_report, mut batch) = (next(), Batch::new());
        while !self.limit.reached() {
            let report = next_report.map(|next| next.saturating_duration_since(Instant::now()));
            let timeout = [report, self.limit.timeout()].into_iter().flatten().min();
            let signal = signals.wait([Some(self.receiver.as_fd())], timeout)?.is_none();
            // Also after a signal: datagrams that arrived before it are still in the socket buffer.
            self.drain(&mut batch)?;
            if signal {
                break;
            }
            if next_report.is_some_and(|next| Instant::now() >= next) {
                eprintln_lossy(format_args!("flowmote-analyzer: {self}, {drops}"));
                next_report = next();
            }
        }
        Ok(())
    }

    /// Copies the datagrams that have arrived, up to [`MAX_BATCHES`], so that signals and the
    /// deadline are checked even if datagrams arrive faster than they can be copied.
    fn drain(&mut self, batch: &mut Batch) -> io::Result<()> {
        for _ in 0..MAX_BATCHES {
            self.receiver.receive(batch, self.limit.room())?;
            if batch.is_empty() {
                break;
            }
            self.limit.note(batch);
            for (payload, _) in batch.iter() {
                self.datagrams += 1;
                self.bytes += payload.len() as u64;
                self.destinations.iter_mut().for_each(|destination| destination.send(payload));
            }
        }
        Ok(())
    }
}

/// The counts in one line; with `#` a line for each destination.
impl fmt::Display for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} datagrams ({} bytes)", self.datagrams, self.bytes)?;
        let separator = if f.alternate() { "\n  " } else { ", " };
        for Destination { address, sent, failed, error, .. } in &self.destinations {
            write!(f, "{separator}to {address}: {sent} sent, {failed} failed")?;
            if let Some(error) = error {
                write!(f, " ({error})")?;
            }
        }
        Ok(())
    }
}

impl Destination {
    /// Opens a connected socket, which reports ICMP errors of its destination.
    fn open(address: SocketAddr) -> core::result::Result<Self, String> {
        let any: SocketAddr = match address {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let connected = UdpSocket::bind(any).and_then(|socket| {
            socket.connect(address)?;
            socket.set_nonblocking(true)?;
            Ok(socket)
        });
        let socket = connected.map_err(|error| format!("cannot send to {address}: {error}"))?;
        // Failure is not an error: a smaller buffer only holds shorter bursts.
        let _ = setsockopt(&socket, SndBuf, &SEND_BUFFER);
        Ok(Self { address, socket, sent: 0, failed: 0, error: None })
    }

    /// Sends a copy. A full send buffer is a failure: waiting would hold up other destinations.
    fn send(&mut self, payload: &[u8]) {
        let sent = match self.socket.send(payload) {
            // ECONNREFUSED reports an ICMP error for the datagram before, which was counted as sent.
            // The current one has not been sent yet.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                self.failed += 1;
                self.sent = self.sent.saturating_sub(1);
                self.error = Some(error);
                self.socket.send(payload)
            }
            sent => sent,
        };
        match sent {
            Ok(_) => self.sent += 1,
            Err(error) => {
                self.failed += 1;
                self.error = Some(error);
            }
        }
    }
}

/// Batches between two checks of signals and clock.
const MAX_BATCHES: usize = 64;
/// Send buffer of each destination, in bytes.
const SEND_BUFFER: usize = 4 << 20;
