//! Samples that are added together, so that the processor waits for their entries at the same time.

use super::accumulator::Observation;
use super::cache::{FlowCache, Noted};
use super::flow::{Flow, Pending, Sample, Shared};
use super::observed::Observed;
use crate::instant::Instant;
use crate::keys::{Context, KeyBuffer, Packet};

/// Samples that arrived together, as a rule those of a datagram, on their way to a [`FlowCache`]. They are
/// in its flows when the batch is dropped.
#[derive(Debug)]
pub struct Batch<'c> {
    cache: &'c mut FlowCache,
    now: Instant,
}

impl<'c> Batch<'c> {
    pub(super) fn new(cache: &'c mut FlowCache, now: Instant) -> Self {
        Self { cache, now }
    }

    /// Adds a sample to the flows that it belongs to. Samples with
    /// [implausible](crate::Sink::implausible) values must not be passed.
    #[inline]
    pub fn ingest(&mut self, sample: &Observed, packet: &Packet<'_>, context: &Context<'_>) {
        self.add(sample, packet, context);
    }

    /// The same. Returns what was noted of the sample.
    #[inline]
    pub(crate) fn add(
        &mut self,
        sample: &Observed,
        packet: &Packet<'_>,
        context: &Context<'_>,
    ) -> Option<Noted> {
        self.cache.add(self.now, sample, packet, context)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        self.cache.flush();
    }
}

/// Packets whose entries are to be loaded.
#[derive(Debug)]
pub(super) struct Queue {
    pending: Vec<Pending>,
    /// The key of each.
    keys: Vec<KeyBuffer>,
    /// The further values of all of them.
    observations: Vec<Observation>,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            pending: Vec::with_capacity(LENGTH),
            keys: vec![KeyBuffer::new(); LENGTH],
            observations: Vec::new(),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.pending.len() >= LENGTH
    }

    /// Appends a packet, if it belongs to the flow at `place`. Not to be called on a full queue.
    #[inline]
    pub(super) fn push(
        &mut self,
        place: usize,
        flow: &Flow,
        sample: &Sample,
        packet: &Packet<'_>,
        context: &Context<'_>,
        shared: &Shared,
    ) {
        let Some(key) = self.keys.get_mut(self.pending.len()) else { return };
        let Some((amount, hash)) = flow.read(sample, packet, context, shared, key) else { return };
        let further = self.observations.len();
        self.observations.extend(flow.plan.further(packet, context, &shared.hasher));
        self.pending.push(Pending { flow: place, sample: *sample, amount, hash, further });
    }

    /// Adds all packets to their flows. Their entries are loaded first, one directly after the other:
    /// most are in no cache.
    pub(super) fn flush(&mut self, flows: &mut [Flow], shared: &mut Shared) {
        let Self { pending, keys, observations } = self;
        for pending in &*pending {
            if let Some(flow) = flows.get(pending.flow) {
                flow.touch(pending);
            }
        }
        for (pending, key) in pending.iter().zip(keys) {
            if let Some(flow) = flows.get_mut(pending.flow) {
                let further = observations.get(pending.further..).unwrap_or_default();
                flow.add(pending, key, further, shared);
            }
        }
        pending.clear();
        observations.clear();
    }
}

/// Packets in a full queue. A processor waits for about as many cache lines at the same time.
const LENGTH: usize = 32;
