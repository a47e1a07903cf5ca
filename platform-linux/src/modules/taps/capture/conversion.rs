//! Conversion of a captured skb to samples: segments, VLAN tags and lengths.

use flowmote_core::{Random, SampleMeta};

use super::frame::Frame;
use super::options::TapOptions;
use super::packet::{Packet, VlanTag};
use super::segments::Segments;
use crate::seed::seed;

/// What the conversion needs for an interface.
#[derive(Debug)]
pub(super) struct Conversion {
    pub(super) header_bytes: u32,
    pub(super) mtu: u32,
    pub(super) random: Random,
    /// Buffer for the header of a frame whose VLAN tag is put back.
    scratch: Box<[u8]>,
}

impl Conversion {
    pub(super) fn new(options: &TapOptions) -> Self {
        Self {
            header_bytes: options.header_bytes,
            mtu: options.mtu,
            random: Random::new(seed()),
            scratch: vec![0; options.header_bytes as usize].into(),
        }
    }

    /// Keeps another number of bytes of each packet.
    pub(super) fn set_header_bytes(&mut self, header_bytes: u32) {
        self.header_bytes = header_bytes;
        self.scratch = vec![0; header_bytes as usize].into();
    }

    /// The segments of a frame whose number is not more than estimated.
    pub(super) fn estimated(&self, packets: u32, frame: &Frame<'_>) -> Segments {
        let limit = self.mtu.saturating_add(ETHERNET_HEADER + VlanTag::BYTES);
        Segments::estimated(packets, frame.length, limit)
    }

    /// Passes a sample for each of `choices` of the segments to `visit`.
    pub(super) fn samples(
        &mut self,
        frame: &Frame<'_>,
        (segments, choices): (Segments, u32),
        meta: SampleMeta,
        visit: &mut dyn FnMut(&mut Packet<'_>),
    ) {
        let ethernet = is_ethernet(frame.hardware_type);
        let kept = frame.bytes.get(..self.header_bytes as usize).unwrap_or(frame.bytes);
        let stripped_tag = frame.stripped_tag.filter(|_| ethernet);
        let header = match stripped_tag {
            Some(tag) => tag.put_back(kept, &mut self.scratch),
            None => kept,
        };
        let around = if ethernet { FCS } else { 0 };
        let mut packet = Packet {
            header,
            frame_length: 0,
            stripped: around,
            kind: frame.kind,
            origin: frame.origin,
            vlan: if ethernet { VlanTag::in_frame(header).or(stripped_tag) } else { None },
            timestamp_ns: frame.timestamp_ns,
            if_index: frame.if_index,
            hardware_type: frame.hardware_type,
            meta,
        };
        let around = around + stripped_tag.map_or(0, |_| VlanTag::BYTES);
        for length in segments.choose(choices, &mut self.random) {
            packet.frame_length = length.saturating_add(around);
            // The last packet of a super-packet may be shorter than the bytes kept.
            let whole = packet.frame_length.saturating_sub(packet.stripped) as usize;
            packet.header = header.get(..whole).unwrap_or(header);
            visit(&mut packet);
        }
    }
}

fn is_ethernet(hardware_type: u16) -> bool {
    matches!(hardware_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
}

/// Bytes of the frame check sequence, which no hook of the kernel delivers.
const FCS: u32 = 4;
const ETHERNET_HEADER: u32 = 14;
