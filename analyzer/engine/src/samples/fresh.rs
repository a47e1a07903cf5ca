//! The newest samples, each read once.

use core::time::Duration;
use std::sync::Arc;

use super::block::Block;
use crate::instant::Instant;
use crate::keys::{Facts, Packet, Passed};
use crate::source::Source;

/// The samples that came after a place in the sequence of all.
#[derive(Clone, Debug)]
pub struct Fresh {
    /// Blocks, and the first sample in each that is meant.
    pub(super) blocks: Vec<(Arc<Block>, usize)>,
    /// The number of samples that there were until now: the place to read from next.
    pub end: u64,
    /// Samples that were dropped before they were read.
    pub missed: u64,
}

/// A sample that was stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken<'a> {
    pub(crate) time: Instant,
    /// Packets that it stands for.
    pub(crate) packets: f64,
    pub(crate) source: &'a Source,
    /// Variance of the sampling rate, relative to its square.
    pub(crate) rate_error: f64,
    facts: &'a Facts,
    raw: &'a [u8],
}

impl Fresh {
    pub(crate) fn samples(&self) -> impl Iterator<Item = Taken<'_>> {
        let places = self
            .blocks
            .iter()
            .flat_map(|(block, first)| (*first..block.len()).map(move |at| (block.as_ref(), at)));
        places.filter_map(|(block, at)| {
            let row = block.row(at)?;
            let (origin, raw) = block.raw(at, row)?;
            let time = block.start + Duration::from_millis(row.time().into());
            Some(Taken {
                time,
                packets: row.weight().packets,
                source: &origin.source,
                rate_error: origin.error,
                facts: &row.facts,
                raw,
            })
        })
    }
}

impl<'a> Taken<'a> {
    /// What a flow record has of it. `None` if the packet has to be decoded for it.
    #[inline]
    pub(crate) fn passed(&self) -> Option<Passed> {
        self.facts.passed(self.source, self.raw)
    }

    /// Bytes of the frame, if the packet need not be decoded.
    pub(crate) fn frame(&self) -> u64 {
        self.facts.bytes.into()
    }

    pub(crate) fn packet(&self) -> Packet<'a> {
        Packet::restore(self.source, self.facts, self.raw)
    }
}
