//! A datagram as something to read, or to be read by another program.

mod csv;
mod flow_line;
mod json;
mod json_text;
mod numbers;
mod pcap;
#[cfg(test)]
mod tests;
mod text;
mod writer;

pub(crate) use writer::{Report, Writer};

use core::net::SocketAddr;
use std::time::SystemTime;

use clap::ValueEnum;
use flowmote_engine::Tally;

/// A UDP payload and how it came.
pub(crate) struct Received<'a> {
    pub(crate) time: SystemTime,
    pub(crate) from: Option<SocketAddr>,
    pub(crate) payload: &'a [u8],
}

/// What can be made of a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// One readable block a datagram
    Text,
    /// One JSON object a datagram and line
    Json,
    /// One line a flow or counters sample, as `sflowtool -l`
    Csv,
    /// Packet headers of flow samples, for tcpdump and Wireshark
    Pcap,
}

/// Writes datagrams one after the other into a buffer of its own, which whoever sends it on
/// empties.
pub(crate) trait Format: Send {
    /// Appends one datagram and counts what it holds.
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally);

    /// What was written and not yet sent on.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Flow samples without a packet that the format can hold.
    fn not_written(&self) -> u64 {
        0
    }
}

impl Kind {
    /// A writer; its buffer holds what comes before the first datagram.
    pub(crate) fn format(self) -> Box<dyn Format> {
        match self {
            Self::Text => Box::<text::Text>::default(),
            Self::Json => Box::<json::Json>::default(),
            Self::Csv => Box::<csv::Csv>::default(),
            Self::Pcap => Box::new(pcap::Pcap::new()),
        }
    }
}
