//! The collector: one thread that reads datagrams and counts them.
//!
//! It polls once a millisecond and reads everything that is queued. It never blocks in `recv`, so no
//! sender pays for waking it: agent and bare loop meet the same collector.

use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use flowmote_decoder::flow::{ExtendedTcpInfo, ExtendedTimestamp, SampledHeader};
use flowmote_decoder::{Datagram, FlowSample, Sample};
use nix::sys::socket::{setsockopt, sockopt};

use crate::traffic::{Mark, recognise, unix_nanoseconds};

/// Counts of everything received since [`Collector::take`].
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    /// Datagrams.
    pub(crate) datagrams: u64,
    /// Bytes of UDP payload.
    pub(crate) bytes: u64,
    /// Datagrams missing by sequence number.
    pub(crate) missing: i64,
    /// Datagrams or samples that are malformed.
    pub(crate) malformed: u64,
    /// Flow samples of any packet.
    pub(crate) samples: u64,
    /// Flow samples of frames marked [`Mark::Measure`].
    pub(crate) measured: u64,
    /// Flow samples with the state of a TCP connection (2209).
    pub(crate) annotated: u64,
    /// Sum of sampling rates: the estimate of packets.
    pub(crate) packets: u64,
    /// Sum of sampling rate x frame length: the estimate of bytes.
    pub(crate) octets: u64,
    /// Growth of `sample_pool`.
    pub(crate) pool: u64,
    /// Growth of `drops`.
    pub(crate) drops: u64,
    /// For each measured frame, the nanoseconds from sending to the arrival of its sample.
    pub(crate) delays: Vec<i64>,
    /// For each measured frame, `extended_timestamp` (1043) minus the time of sending, in nanoseconds.
    pub(crate) clock_errors: Vec<i64>,
}

/// The running collector; ends when dropped.
#[derive(Debug)]
pub(crate) struct Collector {
    address: SocketAddr,
    accounts: Arc<Mutex<Accounts>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Collector {
    /// Listens on a free port of loopback.
    ///
    /// # Errors
    ///
    /// As `bind(2)`.
    pub(crate) fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0").context("collector's socket")?;
        // RcvBuf needs no privilege, but net.core.rmem_max limits it.
        if setsockopt(&socket, sockopt::RcvBufForce, &BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &BUFFER)?;
        }
        socket.set_nonblocking(true)?;
        let address = socket.local_addr()?;
        let accounts = Arc::new(Mutex::new(Accounts::new()));
        let stop = Arc::new(AtomicBool::new(false));
        let (shared, ended) = (Arc::clone(&accounts), Arc::clone(&stop));
        let thread = thread::spawn(move || {
            while !ended.load(Ordering::Relaxed) {
                drain(&socket, &shared);
                thread::sleep(POLL_INTERVAL);
            }
        });
        Ok(Self { address, accounts, stop, thread: Some(thread) })
    }

    /// Address of the collector.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Applies `look` to the tally so far.
    pub(crate) fn peek<T>(&self, look: impl FnOnce(&Tally) -> T) -> T {
        self.look(|accounts| look(&accounts.tally))
    }

    /// Returns the tally and starts a new one.
    pub(crate) fn take(&self) -> Tally {
        self.look(|accounts| {
            accounts.since = Instant::now();
            std::mem::take(&mut accounts.tally)
        })
    }

    /// Waits until nothing has arrived for `quiet`, or `enough` returns true. Returns the time from
    /// [`take`](Self::take) to the last datagram.
    pub(crate) fn settle(&self, quiet: Duration, enough: impl Fn(&Tally) -> bool) -> Duration {
        let start = Instant::now();
        loop {
            let (done, last, since) = self.look(|accounts| {
                let last = accounts.last.unwrap_or(start);
                (enough(&accounts.tally), last, accounts.since)
            });
            if done || last.max(start).elapsed() > quiet {
                return last.saturating_duration_since(since);
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    fn look<T>(&self, look: impl FnOnce(&mut Accounts) -> T) -> T {
        look(&mut self.accounts.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // The thread cannot panic: it indexes nothing.
            let _ = thread.join();
        }
    }
}

/// A tally, and the values of the last sample.
#[derive(Debug)]
struct Accounts {
    tally: Tally,
    /// Start of the tally.
    since: Instant,
    /// Arrival of the last datagram.
    last: Option<Instant>,
    sequence: Option<u32>,
    pool: Option<u32>,
    drops: Option<u32>,
}

impl Accounts {
    fn new() -> Self {
        Self {
            tally: Tally::default(),
            since: Instant::now(),
            last: None,
            sequence: None,
            pool: None,
            drops: None,
        }
    }

    fn datagram(&mut self, payload: &[u8]) {
        self.last = Some(Instant::now());
        self.tally.datagrams += 1;
        self.tally.bytes += payload.len() as u64;
        let Ok(datagram) = Datagram::parse(payload) else {
            self.tally.malformed += 1;
            return;
        };
        let step = growth(&mut self.sequence, datagram.sequence_number);
        // Negative for datagrams out of order.
        self.tally.missing += i64::from((step.unwrap_or(1).wrapping_sub(1)).cast_signed());
        let arrival = unix_nanoseconds();
        for sample in datagram.samples() {
            match sample {
                Ok(Sample::Flow(sample)) => self.flow_sample(&sample, arrival),
                Ok(_) => {}
                Err(_) => self.tally.malformed += 1,
            }
        }
    }

    fn flow_sample(&mut self, sample: &FlowSample<'_>, arrival: u64) {
        let tally = &mut self.tally;
        tally.samples += 1;
        tally.pool += u64::from(growth(&mut self.pool, sample.sample_pool).unwrap_or(0));
        tally.drops += u64::from(growth(&mut self.drops, sample.drops).unwrap_or(0));
        tally.packets += u64::from(sample.sampling_rate);
        let (mut stamped, mut sent) = (None, None);
        for record in sample.records() {
            let Ok(record) = record else {
                tally.malformed += 1;
                continue;
            };
            if let Some(header) = record.read::<SampledHeader<'_>>() {
                tally.octets += u64::from(sample.sampling_rate) * u64::from(header.frame_length);
                sent = recognise(header.header).filter(|(mark, _)| *mark == Mark::Measure);
            } else if let Some(time) = record.read::<ExtendedTimestamp>() {
                stamped = Some(time.nanoseconds);
            } else if record.read::<ExtendedTcpInfo>().is_some() {
                tally.annotated += 1;
            }
        }
        let Some((_, sent)) = sent else { return };
        tally.measured += 1;
        if tally.delays.len() < DELAYS {
            tally.delays.push(arrival.wrapping_sub(sent).cast_signed());
            tally.clock_errors.extend(stamped.map(|time| time.wrapping_sub(sent).cast_signed()));
        }
    }
}

/// Growth of a wrapping counter since its last value.
fn growth(last: &mut Option<u32>, now: u32) -> Option<u32> {
    last.replace(now).map(|last| now.wrapping_sub(last))
}

fn drain(socket: &UdpSocket, accounts: &Mutex<Accounts>) {
    let mut buffer = [0; 9000];
    while let Ok(length) = socket.recv(&mut buffer) {
        let mut accounts = accounts.lock().unwrap_or_else(PoisonError::into_inner);
        accounts.datagram(buffer.get(..length).unwrap_or(&[]));
    }
}

/// Receive buffer for datagrams that arrive while the collector is off the CPU.
const BUFFER: usize = 256 << 20;
const POLL_INTERVAL: Duration = Duration::from_millis(1);
/// Limit of stored delays; more do not improve the quantiles.
const DELAYS: usize = 100_000;
