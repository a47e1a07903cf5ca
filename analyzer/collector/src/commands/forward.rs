//! `forward`: copies datagrams to other collectors, unchanged.

use core::fmt;
use core::net::SocketAddr;
use core::time::Duration;
use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use crate::args::ForwardArguments;
use crate::receive::{Batch, Drops, Limit, Receiver, Signals};
use crate::relay::{Copied, Destination, is_sflow};
use crate::stderr::eprintln_lossy;

type Result<T> = core::result::Result<T, Box<dyn core::error::Error>>;

/// Copies datagrams until a signal or a limit ends the run.
pub(crate) fn run(arguments: &ForwardArguments) -> Result<()> {
    let signals = Signals::block()?;
    let receiver = Receiver::bind(&arguments.listen, arguments.senders.allow())?;
    let listening = receiver.socket().local_address()?;
    let destinations = arguments.destinations.iter();
    let destinations = destinations.map(|endpoint| Destination::open(endpoint, listening));
    let mut forwarder = Forwarder {
        limit: Limit::new(arguments.run.count, arguments.run.duration),
        destinations: destinations.collect::<core::result::Result<_, _>>()?,
        listening,
        copied: Copied::new(),
        counts: Counts::default(),
        receiver,
    };
    forwarder.receiver.socket().announce()?;
    let drops = forwarder.receiver.socket().drops()?;
    forwarder.run(&signals, arguments.run.interval, &drops)?;
    eprintln_lossy(format_args!("{forwarder:#}\n{drops}"));
    Ok(())
}

struct Forwarder {
    receiver: Receiver,
    listening: SocketAddr,
    destinations: Vec<Destination>,
    limit: Limit,
    copied: Copied,
    counts: Counts,
}

/// Datagrams received.
#[derive(Debug, Default)]
struct Counts {
    /// All of them.
    datagrams: u64,
    bytes: u64,
    /// Those of other protocols, which are not copied.
    foreign: u64,
    /// Copies that came back, which are not copied again.
    returned: u64,
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
            let wake = signals.wait([Some(self.receiver.as_fd())], timeout)?;
            // Also after a signal: datagrams that arrived before it are still in the socket buffer.
            self.drain(&mut batch)?;
            if wake.ends != 0 || wake.hangup {
                break;
            }
            if wake.report {
                eprintln_lossy(format_args!("flowmote-analyzer: {self:#}\n{drops}"));
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
        let now = Instant::now();
        for destination in &mut self.destinations {
            destination.refresh(now, self.listening);
        }
        for _ in 0..MAX_BATCHES {
            self.receiver.receive(batch, self.limit.room())?;
            if batch.is_empty() {
                break;
            }
            self.limit.note(batch);
            batch.iter().for_each(|(payload, sender)| self.copy(payload, sender));
        }
        Ok(())
    }

    fn copy(&mut self, payload: &[u8], sender: SocketAddr) {
        self.counts.datagrams += 1;
        self.counts.bytes += payload.len() as u64;
        if self.destinations.iter().any(|destination| destination.sent_by(sender)) {
            self.counts.returned += 1;
        } else if !is_sflow(payload) {
            self.counts.foreign += 1;
        } else if self.copied.comes_back(payload, sender) {
            self.counts.returned += 1;
        } else {
            self.destinations.iter_mut().for_each(|destination| destination.send(payload));
        }
    }
}

/// The counts in one line; with `#` a line for each destination.
impl fmt::Display for Forwarder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Counts { datagrams, bytes, foreign, returned } = self.counts;
        write!(f, "{datagrams} datagrams ({bytes} bytes)")?;
        if foreign != 0 {
            write!(f, ", {foreign} not sFlow")?;
        }
        if returned != 0 {
            write!(f, ", {returned} copies returned")?;
        }
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

/// Batches between two checks of signals and clock.
const MAX_BATCHES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::receive::{Allow, Endpoint};

    #[test]
    fn copy_that_returns_is_counted_and_not_copied_again() {
        let collector = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let receiver = Receiver::bind(&"127.0.0.1:0".parse().unwrap(), Allow::default()).unwrap();
        let listening = receiver.socket().local_address().unwrap();
        let endpoint = Endpoint::destination(&collector.local_addr().unwrap().to_string()).unwrap();
        let destinations = vec![Destination::open(&endpoint, listening).unwrap()];
        let mut forwarder = Forwarder {
            receiver,
            listening,
            destinations,
            limit: Limit::new(None, None),
            copied: Copied::new(),
            counts: Counts::default(),
        };
        let mut payload = vec![0; 28];
        (payload[3], payload[7]) = (5, 1);
        forwarder.copy(&payload, "192.0.2.1:6343".parse().unwrap());
        let (_, own) = collector.recv_from(&mut [0; 28]).unwrap();
        forwarder.copy(&payload, own);
        let expected = "2 datagrams (56 bytes), 1 copies returned, to ";
        assert!(forwarder.to_string().starts_with(expected), "{forwarder}");
        assert!(forwarder.to_string().ends_with(": 1 sent, 0 failed"), "{forwarder}");
    }
}
