//! Output formats: text, JSON, CSV and pcap, each a sink of the walk over a datagram.

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

/// A UDP payload with the time and source address of its arrival.
pub(crate) struct Received<'a> {
    pub(crate) time: SystemTime,
    /// `None` if the source address is unknown.
    pub(crate) from: Option<SocketAddr>,
    pub(crate) payload: &'a [u8],
}

/// The values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatKind {
    /// A block of text per datagram
    Text,
    /// One line per datagram with a JSON object
    Json,
    /// One line per flow or counter sample, as printed by `sflowtool -l`
    Csv,
    /// Sampled packet headers, for tcpdump and Wireshark
    Pcap,
}

/// A formatter of datagrams. It appends to its own buffer, which the caller writes out and clears.
pub(crate) trait Format: Send {
    /// Appends one datagram and counts its content in `tally`.
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally);

    /// The formatted bytes that were not written out yet.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Flow samples left out because the format cannot represent their packet.
    fn not_written(&self) -> u64 {
        0
    }
}

impl FormatKind {
    /// A formatter. Its buffer contains the file header, if the format has one.
    pub(crate) fn format(self) -> Box<dyn Format> {
        match self {
            Self::Text => Box::<text::Text>::default(),
            Self::Json => Box::<json::Json>::default(),
            Self::Csv => Box::<csv::Csv>::default(),
            Self::Pcap => Box::new(pcap::Pcap::new()),
        }
    }
}
