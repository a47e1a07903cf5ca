//! Sampled packets as a capture file for tcpdump and Wireshark: classic pcap, microseconds, link
//! type Ethernet.
//!
//! A pcap file has a single link type, and libpcap rejects pcapng files with several. Packets that
//! were sampled without a link layer (IPv4, IPv6, MPLS) therefore get an Ethernet header with zero
//! addresses. Packets of other link layers are left out and counted.

use std::time::SystemTime;

use flowmote_decoder::Sample;
use flowmote_decoder::flow::SampledHeader;
use flowmote_engine::{Sink, Tally, walk};

use super::format::{Format, Received};

/// Writes the sampled headers of flow samples.
#[derive(Debug)]
pub(super) struct Pcap {
    out: Vec<u8>,
    /// Arrival of the current datagram, the time of its packets.
    time: SystemTime,
    /// Flow samples without a packet that fits the link type.
    not_written: u64,
}

impl Pcap {
    pub(super) fn new() -> Self {
        let mut pcap = Self { out: Vec::new(), time: SystemTime::UNIX_EPOCH, not_written: 0 };
        // Version 2.4. Time zone and accuracy are 0, as in all pcap files.
        pcap.words([MAGIC, 4 << 16 | 2, 0, 0, SNAPLEN, ETHERNET]);
        pcap
    }

    /// Writes a packet; `None` if its link layer is neither Ethernet nor replaceable.
    fn packet(&mut self, header: &SampledHeader<'_>) -> Option<()> {
        // `header_protocol` 1 is Ethernet, 11 IPv4, 12 IPv6, 13 MPLS (sFlow version 5).
        let link: &[u8] = match header.protocol {
            1 => &[],
            11 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00],
            12 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd],
            13 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x47],
            _ => return None,
        };
        let captured = (link.len() + header.header.len()) as u32;
        let length = header.frame_length.saturating_sub(header.stripped);
        // The original length must not be below the captured one, even if the agent declares it so.
        let length = length.saturating_add(link.len() as u32).max(captured);
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.words([since.as_secs() as u32, since.subsec_micros(), captured, length]);
        self.out.extend_from_slice(link);
        self.out.extend_from_slice(header.header);
        Some(())
    }

    /// Writes words in native byte order, which the magic number declares.
    fn words<const N: usize>(&mut self, words: [u32; N]) {
        words.iter().for_each(|word| self.out.extend_from_slice(&word.to_ne_bytes()));
    }
}

impl Format for Pcap {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        self.time = received.time;
        walk(&received.arrival(), received.payload, tally, self);
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    fn not_written(&self) -> u64 {
        self.not_written
    }
}

impl Sink for Pcap {
    fn sample(&mut self, sample: &Sample<'_>) {
        let Sample::Flow(flow) = sample else { return };
        let mut headers = flow.records().flatten().filter_map(|record| record.read());
        let written = headers.next().and_then(|header| self.packet(&header));
        self.not_written += u64::from(written.is_none());
    }
}

/// Magic number of files with microseconds.
const MAGIC: u32 = 0xa1b2_c3d4;
/// Upper bound on captured bytes, the default of tcpdump.
const SNAPLEN: u32 = 0x0004_0000;
/// LINKTYPE_ETHERNET.
const ETHERNET: u32 = 1;
