//! From frames of the ring to samples: choices, segments, tags, and what to count of them.

use flowmote_core::SampleMeta;

use super::classic::Draw;
use super::filter::{self, Filter};
use super::frame::Frame;
use super::losses::Losses;
use super::packet::{Packet, VlanTag};
use super::random::Random;
use super::segments::Segments;

/// What turns frames into samples; everything of a tap but its socket and its ring.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) sampling: Sampling,
    pub(super) losses: Losses,
    pub(super) meta: SampleMeta,
    pub(super) header_bytes: u32,
    pub(super) mtu: u32,
    /// Where a frame is put together when a tag goes back into it.
    pub(super) scratch: Box<[u8]>,
    pub(super) random: Random,
}

/// Who samples, and how its pool is known.
#[derive(Debug)]
pub(super) enum Sampling {
    /// The eBPF filter, which counts.
    Counted(Filter),
    /// The classic filter; the pool is an estimate, see [`super::classic`].
    Estimated { draw: Draw, pool: u64, chosen: u64 },
}

impl Reader {
    /// Brings the pool up to date; once a block, so that the samples of a burst carry the pool of
    /// their own moment as nearly as the ring lets us.
    pub(super) fn refresh_pool(&mut self) {
        self.meta.sample_pool = self.seen() as u32;
    }

    /// Wire packets seen, or what stands for that number.
    pub(super) fn seen(&self) -> u64 {
        match &self.sampling {
            Sampling::Counted(filter) => filter.seen(),
            Sampling::Estimated { pool, .. } => *pool,
        }
    }

    /// Packets chosen.
    pub(super) fn chosen(&self) -> u64 {
        match &self.sampling {
            Sampling::Counted(filter) => filter.totals().chosen,
            Sampling::Estimated { chosen, .. } => *chosen,
        }
    }

    /// The kernel says that it lost `skbs` more.
    pub(super) fn add_lost_skbs(&mut self, skbs: u32) {
        self.losses.add_lost_skbs(skbs);
        self.add_unseen_choices(skbs);
        self.update_drops();
    }

    /// The ring held `skbs` that could not be read.
    pub(super) fn add_malformed(&mut self, skbs: u32) {
        self.losses.add_malformed(skbs);
        self.add_unseen_choices(skbs);
        self.update_drops();
    }

    /// Hands each sample of `frame` to `visit`; answers how many there were.
    pub(super) fn read(&mut self, frame: &Frame<'_>, visit: &mut dyn FnMut(&Packet<'_>)) -> u32 {
        let ethernet = is_ethernet(frame.hardware_type);
        let segments = self.segments(frame);
        let choices = self.choices(frame, segments.count());
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
            vlan: if ethernet { VlanTag::in_frame(header).or(stripped_tag) } else { None },
            timestamp_ns: frame.timestamp_ns,
            hardware_type: frame.hardware_type,
            meta: self.meta,
        };
        let around = around + stripped_tag.map_or(0, |_| VlanTag::BYTES);
        let rate = self.meta.sampling_rate;
        for length in segments.choose(choices, &mut self.random) {
            if let Sampling::Estimated { pool, chosen, .. } = &mut self.sampling {
                *pool += u64::from(rate);
                *chosen += 1;
                packet.meta.sample_pool = *pool as u32;
            }
            packet.frame_length = length.saturating_add(around);
            // The last of a super-packet may be shorter than the bytes kept.
            let whole = packet.frame_length.saturating_sub(packet.stripped) as usize;
            packet.header = header.get(..whole).unwrap_or(header);
            visit(&packet);
        }
        self.losses.delivered_skbs += 1;
        self.losses.delivered += u64::from(choices);
        choices
    }

    /// Finds out how many samples the lost skbs stood for, if that can be known now.
    pub(super) fn reconcile(&mut self) {
        if let Sampling::Counted(filter) = &self.sampling {
            let totals = filter.totals();
            self.losses.reconcile(totals.chosen, totals.chosen_skbs);
            self.update_drops();
        }
    }

    fn segments(&self, frame: &Frame<'_>) -> Segments {
        let limit = self.mtu.saturating_add(ETHERNET_HEADER + VlanTag::BYTES);
        match (frame.offload, &self.sampling) {
            (Some(offload), _) => Segments::of(offload, frame.bytes, frame.length),
            (None, Sampling::Estimated { draw, .. }) => {
                Segments::estimated(draw.estimate(frame.length), frame.length, limit)
            }
            (None, Sampling::Counted(_)) => Segments::estimated(1, frame.length, limit),
        }
    }

    fn choices(&mut self, frame: &Frame<'_>, packets: u32) -> u32 {
        match &self.sampling {
            Sampling::Counted(_) => filter::choices(frame.bytes.len() as u32, self.header_bytes),
            Sampling::Estimated { draw, .. } => {
                draw.choices(frame.length, packets, &mut self.random)
            }
        }
    }

    /// Without a count in the kernel, a choice that never reached us is reckoned as one packet
    /// chosen of N.
    fn add_unseen_choices(&mut self, choices: u32) {
        if let Sampling::Estimated { pool, chosen, .. } = &mut self.sampling {
            *pool += u64::from(choices) * u64::from(self.meta.sampling_rate);
            *chosen += u64::from(choices);
        }
    }

    fn update_drops(&mut self) {
        self.meta.drops = self.losses.lost() as u32;
    }
}

fn is_ethernet(hardware_type: u16) -> bool {
    matches!(hardware_type, libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK)
}

const FCS: u32 = 4;
const ETHERNET_HEADER: u32 = 14;
