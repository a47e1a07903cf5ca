//! The newest samples, each read once.

use core::time::Duration;
use std::sync::Arc;

use super::block::Block;
use crate::instant::Instant;
use crate::keys::Packet;
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

impl Fresh {
    /// The time of each sample, the packets that it stands for, its data source, and its packet.
    pub(crate) fn samples(&self) -> impl Iterator<Item = (Instant, f64, Source, Packet<'_>)> {
        let places = self
            .blocks
            .iter()
            .flat_map(|(block, first)| (*first..block.len()).map(move |at| (block.as_ref(), at)));
        places.filter_map(|(block, at)| {
            let row = block.row(at)?;
            let (source, packet) = block.restored(at, row)?;
            let time = block.start + Duration::from_millis(row.time().into());
            Some((time, row.weight().packets, source, packet))
        })
    }
}
