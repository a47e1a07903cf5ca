//! A pause under load, so that datagrams arrive in batches.

use core::time::Duration;
use std::thread;
use std::time::Instant;

/// Lets datagrams collect in the socket buffer if they arrive closely one after the other. This saves
/// most wake-ups.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    /// The last time at which nothing was left in the socket buffer.
    drained: Option<Instant>,
}

impl Pause {
    /// Notes that all datagrams that had arrived are received.
    pub(crate) fn drained(&mut self) {
        self.drained = Some(Instant::now());
    }

    /// To be called when the next datagram has arrived: sleeps for a moment if that took a short time.
    pub(crate) fn collect(&self) {
        if self.drained.is_some_and(|drained| drained.elapsed() < BURST_GAP) {
            thread::sleep(COALESCE_DELAY);
        }
    }
}

/// Gap between datagrams below which the receiver collects batches.
const BURST_GAP: Duration = Duration::from_millis(1);
/// Pause during which a batch collects in the socket buffer. The smallest buffer (208 KiB, the
/// long-time default of net.core.rmem_max) holds 0.3 ms of 300,000 datagrams/s.
const COALESCE_DELAY: Duration = Duration::from_micros(250);
