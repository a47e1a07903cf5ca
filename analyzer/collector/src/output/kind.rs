//! The list of output formats.

use clap::ValueEnum;

use super::csv::Csv;
use super::flows::Flows;
use super::format::Format;
use super::json::Json;
use super::pcap::Pcap;
use super::sflowtool::Sflowtool;
use super::text::Text;

/// The values of `--format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatKind {
    /// A block of text per datagram
    Text,
    /// One line per datagram with a JSON object
    Json,
    /// One line per flow or counter sample, as printed by `sflowtool -l`
    Csv,
    /// One line per flow sample with a flat JSON object, with the names of goflow2
    Flows,
    /// One line per datagram with a JSON object, as printed by `sflowtool -j`
    SflowtoolJson,
    /// Sampled packet headers, for tcpdump and Wireshark
    Pcap,
}

impl FormatKind {
    /// A formatter. Its buffer contains the file header, if the format has one.
    pub(crate) fn format(self) -> Box<dyn Format> {
        match self {
            Self::Text => Box::<Text>::default(),
            Self::Json => Box::<Json>::default(),
            Self::Csv => Box::<Csv>::default(),
            Self::Flows => Box::<Flows>::default(),
            Self::SflowtoolJson => Box::<Sflowtool>::default(),
            Self::Pcap => Box::new(Pcap::new()),
        }
    }
}
