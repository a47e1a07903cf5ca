//! Copies of tables: of all entries, or of those of the largest flows.

use foldhash::HashMap;

use super::definition::AggMode;
use super::estimate::{Estimate, Sums};
use super::flow::Flow;
use super::largest::Largest;
use super::observer::Passage;
use super::segment::{Entry, Segment};
use super::snapshot::{Copied, Part, Query, Snapshot};
use super::sources::Sources;
use crate::instant::Instant;
use crate::source::Source;

impl Snapshot {
    /// A copy of all entries.
    pub(crate) fn of(flow: &Flow, sources: &Sources, now: Instant) -> Self {
        let copied = flow.table.segments().iter().map(|segment| {
            let mut copy = Copied::empty(flow, segment, now);
            copy.slots.reserve_exact(segment.used());
            copy.long.clone_from(&segment.long);
            for entry in segment.entries() {
                copy.slots.push(*entry.slot);
                copy.values.extend_from_slice(entry.values);
            }
            copy
        });
        Self::with(flow, sources, now, copied.collect(), 0.0)
    }

    /// A copy of the entries of the largest flows at data sources that are `wanted`.
    pub(crate) fn of_largest(
        flow: &Flow,
        sources: &Sources,
        now: Instant,
        query: &Query<'_>,
        wanted: impl Fn(u32) -> bool,
    ) -> Self {
        let few = query.max_flows < flow.table.len() / 8;
        if !few || flow.plan.value_is_further() {
            return Self::of(flow, sources, now);
        }
        let wanted = |entry: &Entry<'_>| wanted(entry.slot.observer.source());
        let largest = Largest::of(flow, now, query.max_flows, wanted);
        // The observers of a flow that count together.
        let observers = match query.agg_mode.unwrap_or(flow.definition.agg_mode) {
            AggMode::Max => largest.passages as usize,
            _ => largest.passages as usize * flow.totals.len(),
        };
        let rest = largest.rest * observers as f64;
        let entries = entries_of(flow, now, |entry| largest.keys.contains(entry.key));
        Self::with(flow, sources, now, entries, rest)
    }

    /// A copy of the entries of the `n` largest flows of each data source.
    pub(crate) fn of_top_keys(flow: &Flow, sources: &Sources, now: Instant) -> Self {
        let count = flow.definition.n as usize;
        let few = count * flow.totals.len() < flow.table.len() / 8;
        if !few || flow.plan.value_is_further() {
            return Self::of(flow, sources, now);
        }
        let largest = Largest::of_sources(flow, now, count);
        // The entries of several passages are added up, so that a flow may be larger than each of them.
        if largest.passages > 1 {
            return Self::of(flow, sources, now);
        }
        let entries = entries_of(flow, now, |entry| largest.keys.contains(entry.key));
        Self::with(flow, sources, now, entries, largest.rest)
    }

    /// A copy of the entries of the `n` largest flows of one data source.
    pub(crate) fn of_source(flow: &Flow, sources: &Sources, now: Instant, source: u32) -> Self {
        let here = |entry: &Entry<'_>| entry.slot.observer.source() == source;
        let count = flow.definition.n as usize;
        // Of the flows that a data source has on average.
        let few = count < flow.table.len() / flow.totals.len().max(1) / 8;
        let few = few && !flow.plan.value_is_further();
        let largest = few.then(|| Largest::of(flow, now, count, here));
        // Entries of several passages are added up, as in `of_top_keys`.
        let Some(largest) = largest.filter(|largest| largest.passages == 1) else {
            return Self::with(flow, sources, now, entries_of(flow, now, here), 0.0);
        };
        let wanted = |entry: &Entry<'_>| here(entry) && largest.keys.contains(entry.key);
        Self::with(flow, sources, now, entries_of(flow, now, wanted), largest.rest)
    }

    /// A copy of the entries of all flows that can be above `limit` at a data source, without totals.
    pub(crate) fn of_above(flow: &Flow, sources: &Sources, now: Instant, limit: f64) -> Self {
        if flow.plan.value_is_further() {
            return Self::of(flow, sources, now);
        }
        // A data source has an entry for each passage of a packet.
        let largest = Largest::above(flow, now, limit / Passage::COUNT);
        let segments = entries_of(flow, now, |entry| largest.keys.contains(entry.key));
        let numbers = segments.iter().flat_map(|copied| &copied.slots);
        let rates = rates(numbers.map(|slot| slot.observer.source()), sources);
        let part = Part { names: sources.names(), rates, segments, totals: Vec::new() };
        Self::of_part(flow, now, part, limit)
    }

    fn with(
        flow: &Flow,
        sources: &Sources,
        now: Instant,
        segments: Vec<Copied>,
        rest: f64,
    ) -> Self {
        let entries = flow.totals.segments().iter().flat_map(|segment| segment.entries());
        let part = Part {
            names: sources.names(),
            rates: rates(entries.map(|entry| entry.slot.observer.source()), sources),
            segments,
            totals: totals(flow, sources, now),
        };
        Self::of_part(flow, now, part, rest)
    }

    fn of_part(flow: &Flow, now: Instant, part: Part, rest: f64) -> Self {
        Self {
            name: flow.name.clone(),
            definition: flow.definition.clone(),
            plan: flow.plan.clone(),
            period: flow.period(now),
            rest,
            parts: vec![part],
        }
    }
}

impl Copied {
    fn empty(flow: &Flow, segment: &Segment, now: Instant) -> Self {
        Self {
            slots: Vec::new(),
            values: Vec::new(),
            long: Vec::new(),
            factor: flow.decay.per_second(segment.epoch, now),
            floor: segment.floor,
        }
    }
}

/// A copy of the entries for which `wanted` is true.
fn entries_of(flow: &Flow, now: Instant, wanted: impl Fn(&Entry<'_>) -> bool) -> Vec<Copied> {
    let copied = flow.table.segments().iter().map(|segment| {
        let mut copy = Copied::empty(flow, segment, now);
        for entry in segment.entries().filter(&wanted) {
            copy.slots.push(entry.slot.moved(&segment.long, &mut copy.long));
            copy.values.extend_from_slice(entry.values);
        }
        copy
    });
    copied.collect()
}

/// The rates of some data sources.
fn rates(numbers: impl Iterator<Item = u32>, sources: &Sources) -> HashMap<u32, (f64, f64)> {
    let rates = numbers.filter_map(|number| {
        let sampling = &sources.get(number)?.sampling;
        Some((number, (sampling.rate().used, sampling.error())))
    });
    rates.collect()
}

pub(super) fn totals(
    flow: &Flow,
    sources: &Sources,
    now: Instant,
) -> Vec<(Source, Estimate, Sums)> {
    let mut totals = Vec::with_capacity(flow.totals.len());
    for segment in flow.totals.segments() {
        let factor = flow.decay.per_second(segment.epoch, now);
        for entry in segment.entries() {
            let Some(state) = sources.get(entry.slot.observer.source()) else { continue };
            let sampling = &state.sampling;
            let sums = entry.slot.sums.scaled(factor).with_common_error(sampling.error());
            let estimate = match entry.values.first() {
                Some(value) if flow.plan.value_is_further() => {
                    let mut value = value.clone();
                    value.scale(factor);
                    value.estimate(flow.period(now))
                }
                _ => sums.estimate(entry.slot.error * factor),
            };
            totals.push((state.source, estimate.at_rate(sampling.rate().used), sums));
        }
    }
    totals
}
