//! Sampled packets as a capture file for tcpdump and Wireshark: classic pcap, microseconds, link
//! type Ethernet.
//!
//! A file has one link type, and libpcap reads no pcapng that mixes them. So packets without a
//! link layer (IPv4, IPv6, MPLS) get an Ethernet header of zero addresses, and packets of other
//! link layers are counted and left out.

use std::time::SystemTime;

use flowmote_decoder::Sample;
use flowmote_decoder::flow::SampledHeader;

use super::{Format, Received, count_records};
use crate::tally::Tally;

/// Writes the sampled headers of flow samples.
#[derive(Debug)]
pub(super) struct Pcap {
    out: Vec<u8>,
}

impl Pcap {
    pub(super) fn new() -> Self {
        let mut pcap = Self { out: Vec::new() };
        // version 2.4; no correction of time, no accuracy
        pcap.words([MAGIC, 4 << 16 | 2, 0, 0, SNAPLEN, ETHERNET]);
        pcap
    }

    fn sample(&mut self, sample: &Sample<'_>, time: SystemTime, tally: &mut Tally) {
        tally.samples += 1;
        match sample {
            Sample::Flow(flow) => {
                count_records(flow.records(), tally);
                let mut headers = flow.records().flatten().filter_map(|record| record.read());
                let written = headers.next().and_then(|header| self.packet(time, &header));
                tally.not_written += u64::from(written.is_none());
            }
            Sample::Counters(counters) => count_records(counters.records(), tally),
            Sample::Discarded(packet) => count_records(packet.records(), tally),
            Sample::Unknown(_) => tally.unknown += 1,
            _ => {}
        }
    }

    /// Nothing is written of a link layer that does not fit.
    fn packet(&mut self, time: SystemTime, header: &SampledHeader<'_>) -> Option<()> {
        let link: &[u8] = match header.protocol {
            1 => &[],
            11 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x08, 0x00],
            12 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xdd],
            13 => &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x88, 0x47],
            _ => return None,
        };
        let captured = (link.len() + header.header.len()) as u32;
        let length = header.frame_length.saturating_sub(header.stripped);
        let length = length.saturating_add(link.len() as u32).max(captured);
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.words([since.as_secs() as u32, since.subsec_micros(), captured, length]);
        self.out.extend_from_slice(link);
        self.out.extend_from_slice(header.header);
        Some(())
    }

    fn words<const N: usize>(&mut self, words: [u32; N]) {
        words.iter().for_each(|word| self.out.extend_from_slice(&word.to_ne_bytes()));
    }
}

impl Format for Pcap {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        let Some(datagram) = received.open(tally) else { return };
        for sample in datagram.samples() {
            match sample {
                Ok(sample) => self.sample(&sample, received.time, tally),
                Err(fault) => tally.malformed(fault),
            }
        }
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }
}

/// Microseconds, in the byte order of the machine.
const MAGIC: u32 = 0xa1b2_c3d4;
const SNAPLEN: u32 = 0x0004_0000;
const ETHERNET: u32 = 1;
