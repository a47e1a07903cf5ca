//! Counts of the packets in captures.

use core::fmt::Write as _;
use std::collections::BTreeSet;

use flowmote_decoder::capture::ReassemblyCounts;

/// Packets of the captures, by kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) packets: u64,
    /// sFlow datagrams that the capture truncated, or of which fragments are missing.
    pub(super) cut: u64,
    /// Packets of links that cannot be read.
    unsupported: u64,
    /// Their link types, in the file being read.
    link_types: BTreeSet<u16>,
    /// All other packets.
    pub(super) others: u64,
}

impl Counts {
    pub(super) fn unsupported(&mut self, link_type: u16) {
        self.unsupported += 1;
        self.link_types.insert(link_type);
    }

    /// The link types that could not be read since the last call.
    pub(super) fn take_unsupported(&mut self) -> BTreeSet<u16> {
        core::mem::take(&mut self.link_types)
    }

    /// All counts in a line. Rare ones appear only if there are any.
    pub(super) fn line(&self, fragments: &ReassemblyCounts) -> String {
        let Self { packets, others, unsupported, cut, .. } = self;
        let mut line = format!("{packets} packets, of which {others} are not sFlow");
        let ReassemblyCounts { fragments, whole, incomplete, discarded } = *fragments;
        for (count, what) in [
            (*unsupported, "packets of links that cannot be read"),
            (fragments, "IP fragments"),
            (whole, "packets put together from them"),
            (incomplete, "packets of which fragments are missing"),
            (discarded, "packets discarded because their fragments contradict one another"),
            (*cut, "datagrams truncated by the capture (see tcpdump -s0)"),
        ] {
            if count != 0 {
                // Writing to memory does not fail.
                let _ = write!(line, ", {count} {what}");
            }
        }
        line
    }
}
