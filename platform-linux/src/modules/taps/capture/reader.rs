//! Conversion of ring frames to samples: number of choices, segments, VLAN tags and counters.

use core::num::NonZeroU32;
use std::collections::VecDeque;

use flowmote_core::{Random, SampleMeta};

use super::classic::Draw;
use super::filter::{self, Counters, Totals};
use super::frame::Frame;
use super::losses::Losses;
use super::options::TapOptions;
use super::packet::{Packet, VlanTag};
use super::segments::Segments;
use crate::kernel::sys::ring::Position;
use crate::seed::seed;

/// What a tap has for each of its interfaces.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) sampling: Sampling,
    rate: NonZeroU32,
    /// Earlier rates, each with the position in the ring at which the next one came into force.
    earlier: VecDeque<(Position, NonZeroU32)>,
    /// The block for which `meta` has the pool.
    pool_of_block: Option<u64>,
    pub(super) losses: Losses,
    pub(super) meta: SampleMeta,
    header_bytes: u32,
    pub(super) mtu: u32,
    /// Buffer for the header of a frame whose VLAN tag is put back.
    scratch: Box<[u8]>,
    random: Random,
}

/// The attached filter and the source of the pool.
#[derive(Debug)]
pub(super) enum Sampling {
    /// The eBPF filter, which counts.
    Counted(Counters),
    /// The classic filter, whose pool is an estimate: see [`super::classic`].
    Estimated { draw: Draw, pool: u64, chosen: u64 },
}

impl Reader {
    pub(super) fn new(sampling: Sampling, options: &TapOptions) -> Self {
        let sampling_rate = options.sampling_rate.get();
        Self {
            sampling,
            rate: options.sampling_rate,
            earlier: VecDeque::new(),
            pool_of_block: None,
            losses: Losses::default(),
            meta: SampleMeta { sampling_rate, ..SampleMeta::default() },
            header_bytes: options.header_bytes,
            mtu: options.mtu,
            scratch: vec![0; options.header_bytes as usize].into(),
            random: Random::new(seed()),
        }
    }

    /// Updates the pool of the samples to come.
    pub(super) fn refresh_pool(&mut self) {
        self.meta.sample_pool = self.seen() as u32;
    }

    /// Notes that the filter samples 1 in `rate` from the packet at `position` on.
    pub(super) fn set_rate(&mut self, rate: NonZeroU32, position: Position) {
        self.earlier.push_back((position, self.rate));
        self.rate = rate;
        self.meta.sampling_rate = rate.get();
    }

    /// The rate in force when the packet at `position` was chosen. Positions are read in their
    /// order.
    fn rate_at(&mut self, position: Position) -> NonZeroU32 {
        while self.earlier.front().is_some_and(|(end, _)| *end <= position) {
            self.earlier.pop_front();
        }
        self.earlier.front().map_or(self.rate, |(_, rate)| *rate)
    }

    /// Prepares the metadata of the packet at `position`. The pool is read once a block, not once a
    /// packet: the samples of a burst carry the pool of their moment as nearly as the ring allows.
    fn meta_at(&mut self, position: Position) -> SampleMeta {
        if self.pool_of_block != Some(position.block) {
            self.pool_of_block = Some(position.block);
            self.refresh_pool();
        }
        SampleMeta { sampling_rate: self.rate_at(position).get(), ..self.meta }
    }

    /// Wire packets seen, or their estimate.
    pub(super) fn seen(&self) -> u64 {
        match &self.sampling {
            Sampling::Counted(counters) => counters.seen(),
            Sampling::Estimated { pool, .. } => *pool,
        }
    }

    /// Packets selected by the filter.
    pub(super) fn chosen(&self) -> u64 {
        match &self.sampling {
            Sampling::Counted(counters) => counters.totals().chosen,
            Sampling::Estimated { chosen, .. } => *chosen,
        }
    }

    /// Counts `skbs` that the kernel lost.
    pub(super) fn add_lost_skbs(&mut self, skbs: u32) {
        self.losses.add_lost_skbs(skbs);
        self.add_unseen_choices(skbs);
        self.update_drops();
    }

    /// Counts `skbs` of the ring that could not be read.
    pub(super) fn add_malformed(&mut self, skbs: u32) {
        self.losses.add_malformed(skbs);
        self.add_unseen_choices(skbs);
        self.update_drops();
    }

    /// Passes each sample of `frame`, which is at `position`, to `visit` and returns their number.
    pub(super) fn read(
        &mut self,
        frame: &Frame<'_>,
        position: Position,
        visit: &mut dyn FnMut(&Packet<'_>),
    ) -> u32 {
        let ethernet = is_ethernet(frame.hardware_type);
        let segments = self.segments(frame);
        let meta = self.meta_at(position);
        let choices = self.choices(frame, segments.count(), meta.sampling_rate);
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
            if_index: frame.if_index,
            hardware_type: frame.hardware_type,
            meta,
        };
        let around = around + stripped_tag.map_or(0, |_| VlanTag::BYTES);
        for length in segments.choose(choices, &mut self.random) {
            if let Sampling::Estimated { pool, chosen, .. } = &mut self.sampling {
                *pool += u64::from(meta.sampling_rate);
                *chosen += 1;
                packet.meta.sample_pool = *pool as u32;
            }
            packet.frame_length = length.saturating_add(around);
            // The last packet of a super-packet may be shorter than the bytes kept.
            let whole = packet.frame_length.saturating_sub(packet.stripped) as usize;
            packet.header = header.get(..whole).unwrap_or(header);
            visit(&packet);
        }
        self.losses.delivered_skbs += 1;
        self.losses.delivered += u64::from(choices);
        choices
    }

    /// Replaces the estimated number of lost samples by the exact one, if that is known now.
    pub(super) fn reconcile(&mut self) {
        if let Sampling::Counted(counters) = &self.sampling
            && let Some(totals) = counters.settled_totals()
        {
            self.losses.reconcile(totals.chosen, totals.chosen_skbs);
            self.update_drops();
        }
    }

    /// Totals of the choices, of which the classic filter has none.
    pub(super) fn choices_so_far(&self) -> Totals {
        match &self.sampling {
            Sampling::Counted(counters) => counters.totals(),
            Sampling::Estimated { .. } => Totals::default(),
        }
    }

    /// Counts as lost what was not delivered of the first `chosen` choices.
    pub(super) fn settle(&mut self, chosen: u64) {
        self.losses.settle(chosen);
        self.update_drops();
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

    fn choices(&mut self, frame: &Frame<'_>, packets: u32, rate: u32) -> u32 {
        match &self.sampling {
            Sampling::Counted(_) => filter::choices(frame.bytes.len() as u32, self.header_bytes),
            Sampling::Estimated { draw, .. } => {
                draw.at_rate(rate).choices(frame.length, packets, &mut self.random)
            }
        }
    }

    /// The classic filter counts nothing, so a lost skb counts as one packet selected of N.
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

/// Bytes of the frame check sequence, which AF_PACKET never delivers.
const FCS: u32 = 4;
const ETHERNET_HEADER: u32 = 14;
