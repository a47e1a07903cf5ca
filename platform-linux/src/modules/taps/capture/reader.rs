//! The samples of ring frames: number of choices, rates and counters.

use core::num::NonZeroU32;
use std::collections::VecDeque;

use flowmote_core::SampleMeta;

use super::classic::Draw;
use super::conversion::Conversion;
use super::filter::{self, Counters, Totals};
use super::frame::Frame;
use super::losses::Losses;
use super::options::TapOptions;
use super::packet::Packet;
use super::segments::Segments;
use crate::kernel::sys::ring::Position;

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
    conversion: Conversion,
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
            conversion: Conversion::new(options),
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
        let segments = self.segments(frame);
        let meta = self.meta_at(position);
        let choices = self.choices(frame, segments.count(), meta.sampling_rate);
        let Self { conversion, sampling, .. } = self;
        conversion.samples(frame, (segments, choices), meta, &mut |packet| {
            if let Sampling::Estimated { pool, chosen, .. } = sampling {
                *pool += u64::from(meta.sampling_rate);
                *chosen += 1;
                packet.meta.sample_pool = *pool as u32;
            }
            visit(packet);
        });
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
        match (frame.offload, &self.sampling) {
            (Some(offload), _) => Segments::of(offload, frame.bytes, frame.length),
            (None, Sampling::Estimated { draw, .. }) => {
                self.conversion.estimated(draw.estimate(frame.length), frame)
            }
            (None, Sampling::Counted(_)) => self.conversion.estimated(1, frame),
        }
    }

    fn choices(&mut self, frame: &Frame<'_>, packets: u32, rate: u32) -> u32 {
        let Conversion { header_bytes, random, .. } = &mut self.conversion;
        match &self.sampling {
            Sampling::Counted(_) => filter::choices(frame.bytes.len() as u32, *header_bytes),
            Sampling::Estimated { draw, .. } => {
                draw.at_rate(rate).choices(frame.length, packets, random)
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
