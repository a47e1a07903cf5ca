//! The definitions and their tables.

use std::sync::Arc;

use foldhash::fast::RandomState;

use super::batch::{Batch, Queue};
use super::budget::Budget;
use super::copy::totals;
use super::counted::Counters;
use super::definition::{Definition, DefinitionError, MAX_DEFINITIONS};
use super::ended::{Ended, EndedFlow};
use super::estimate::{Estimate, Weight};
use super::flow::{Flow, Sample, Shared};
use super::log::{FlowLog, FlowRecord};
use super::observed::Observed;
use super::observer::Observer;
use super::plan::Plan;
use super::sampling::SamplingRate;
use super::slot::Ticks;
use super::snapshot::{Query, Snapshot};
use super::sources::Sources;
use crate::instant::Instant;
use crate::keys::{Context, Packet};
use crate::points::FlowTotal;
use crate::source::Source;

/// Definitions of flows, and the flows that samples belong to.
///
/// All tables together stay within a number of bytes. Times should not decrease; an earlier time counts
/// as the start of the epoch of a table.
#[derive(Debug)]
pub struct FlowCache {
    /// In the order of their names.
    flows: Vec<Flow>,
    sources: Sources,
    shared: Shared,
    queue: Queue,
    finished: Vec<FlowRecord>,
    forgotten: u64,
}

/// What was noted of a sample, for the [history](crate::samples::History).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Noted {
    pub(crate) source: Source,
    /// With the number of the data source, which is that of another once this one is forgotten.
    pub(crate) observer: Observer,
    pub(crate) weight: Weight,
    /// Variance of the sampling rate, relative to its square.
    pub(crate) error: f64,
}

/// Memory and losses of a [`FlowCache`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in use.
    pub bytes: usize,
    /// Bytes that may be in use.
    pub limit: usize,
    /// Flows in all tables.
    pub flows: usize,
    /// Flows that were evicted from full tables so far.
    pub evicted: u64,
    /// Data sources.
    pub sources: usize,
    /// Silent data sources that were forgotten to make room for others so far.
    pub forgotten: u64,
}

impl FlowCache {
    /// A cache without definitions that uses at most about `bytes`.
    pub fn new(bytes: usize) -> Self {
        let shared = Shared {
            budget: Budget::new(bytes),
            hasher: RandomState::default(),
            ended: Ended::default(),
        };
        let sources = Sources::new(bytes / 8 / Sources::bytes_each());
        Self {
            flows: Vec::new(),
            sources,
            shared,
            queue: Queue::new(),
            finished: Vec::new(),
            forgotten: 0,
        }
    }

    /// Adds a definition, or replaces the one of this name. An identical one keeps its flows.
    ///
    /// # Errors
    /// The first error in the definition. The one before stays in use.
    pub fn define(
        &mut self,
        now: Instant,
        name: &str,
        definition: Definition,
    ) -> Result<(), DefinitionError> {
        if name.is_empty() || name.len() > MAX_NAME || name.chars().any(char::is_control) {
            return Err(DefinitionError::Name);
        }
        let definition = definition.in_range();
        let place = self.flows.binary_search_by(|flow| (*flow.name).cmp(name));
        if let Ok(place) = place
            && self.flows.get(place).is_some_and(|flow| *flow.definition == definition)
        {
            return Ok(());
        }
        let plan = Plan::compile(&definition)?;
        if place.is_err() && self.flows.len() >= MAX_DEFINITIONS {
            return Err(DefinitionError::TooManyDefinitions);
        }
        let flow = Flow::new(name, definition, plan, now, &mut self.shared.budget);
        match place {
            Ok(place) => {
                let before = self.flows.get_mut(place).map(|place| core::mem::replace(place, flow));
                before.into_iter().for_each(|flow| self.release(flow));
            }
            Err(place) => self.flows.insert(place, flow),
        }
        Ok(())
    }

    /// Removes a definition. Returns false if there is none of this name.
    pub fn remove(&mut self, name: &str) -> bool {
        let Some(place) = self.place(name) else { return false };
        let flow = self.flows.remove(place);
        self.release(flow);
        true
    }

    fn release(&mut self, mut flow: Flow) {
        flow.end_all(&mut self.shared.ended);
        self.shared.budget.account(flow.bytes(), 0);
    }

    /// The definitions by name, in order.
    pub fn definitions(&self) -> impl ExactSizeIterator<Item = (&str, &Definition)> {
        self.flows.iter().map(|flow| (&*flow.name, &*flow.definition))
    }

    /// The definition of this name.
    pub fn definition(&self, name: &str) -> Option<&Definition> {
        self.find(name).map(|flow| &*flow.definition)
    }

    /// The place of a name. If no definition has it, one is found without regard to case.
    fn place(&self, name: &str) -> Option<usize> {
        let exact = self.flows.binary_search_by(|flow| (*flow.name).cmp(name)).ok();
        exact.or_else(|| self.flows.iter().position(|flow| flow.name.eq_ignore_ascii_case(name)))
    }

    fn find(&self, name: &str) -> Option<&Flow> {
        self.flows.get(self.place(name)?)
    }

    /// Begins to add samples that arrived now.
    pub fn batch(&mut self, now: Instant) -> Batch<'_> {
        Batch::new(self, now)
    }

    /// Notes a sample and reads what it adds, for the next [`flush`](Self::flush).
    #[inline]
    pub(super) fn add(
        &mut self,
        now: Instant,
        sample: &Observed,
        packet: &Packet<'_>,
        context: &Context<'_>,
    ) -> Option<Noted> {
        let reading = self.observe(now, sample)?;
        let Self { flows, shared, queue, .. } = self;
        for place in 0..flows.len() {
            if queue.is_full() {
                queue.flush(flows, shared);
            }
            let flow = flows.get(place).filter(|it| it.definition.dropped == sample.discarded);
            if let Some(flow) = flow {
                queue.push(place, flow, &reading, packet, context, shared);
            }
        }
        let error = self.sources.get(reading.source)?.sampling.error();
        let Sample { observer, weight, .. } = reading;
        Some(Noted { source: sample.source, observer, weight, error })
    }

    /// Adds all samples to their flows.
    pub(super) fn flush(&mut self) {
        self.queue.flush(&mut self.flows, &mut self.shared);
    }

    /// Notes a sample at its data source. Returns what it stands for.
    #[inline]
    fn observe(&mut self, now: Instant, sample: &Observed) -> Option<Sample> {
        let source = match self.sources.find(&sample.source) {
            Some(source) => source,
            None => self.add_source(sample.source),
        };
        let rate = sample.rate.max(1);
        let passage = self.sources.passage(source, sample.ports, rate);
        let state = self.sources.get_mut(source)?;
        let ticks = Ticks::at(now);
        state.seen = ticks;
        match sample.counters {
            Some(counters) => state.sampling.note(rate, counters),
            None => state.sampling.state(rate),
        }
        let packets = state.sampling.packets(rate);
        let (observer, weight) = (Observer::new(source, passage), Weight::one_in(packets));
        Some(Sample { now, ticks, source, observer, weight })
    }

    #[cold]
    fn add_source(&mut self, source: Source) -> u32 {
        if self.sources.is_full() {
            self.flush();
            // Before the numbers of their data sources are those of others.
            self.finish();
            let free = self.sources.forget();
            self.forgotten += free.iter().filter(|free| **free).count() as u64;
            let kept = |source: u32| free.get(source as usize).is_some_and(|free| !free);
            for flow in &mut self.flows {
                let budget = &mut self.shared.budget;
                flow.table.retain(|slot| kept(slot.observer.source()), budget);
                flow.totals.retain(|slot| kept(slot.observer.source()), budget);
                if let Some(counted) = &mut flow.counted {
                    counted.keep_sources(kept, budget);
                }
            }
        }
        self.sources.add(source, &mut self.shared.budget)
    }

    /// Removes flows without recent samples, and adds flows that ended to the log. To be called several
    /// times a second; a call does a part of the work.
    pub fn tick(&mut self, now: Instant, log: &mut FlowLog) {
        let Shared { budget, ended, .. } = &mut self.shared;
        self.flows.iter_mut().for_each(|flow| flow.sweep(now, budget, ended));
        self.share();
        // Their memory is released: most of the time few flows end.
        core::mem::take(&mut self.finished).into_iter().for_each(|record| log.push(record));
        for flow in self.shared.ended.take() {
            self.record(flow).into_iter().for_each(|record| log.push(record));
        }
        log.add_lost(core::mem::take(&mut self.shared.ended.lost));
    }

    /// Gives the flows that ended the names of their data sources.
    fn finish(&mut self) {
        for flow in self.shared.ended.take() {
            let record = self.record(flow);
            self.finished.extend(record);
        }
    }

    /// The record of a flow that ended; `None` if its data source is forgotten.
    fn record(&self, flow: EndedFlow) -> Option<FlowRecord> {
        let EndedFlow { source, name, keys, value, start, end } = flow;
        let source = self.sources.get(source)?.source;
        Some(FlowRecord { id: 0, name, source, keys, value, start, end })
    }

    /// Reduces the largest tables if another one had to evict with less than its share of the memory.
    fn share(&mut self) {
        let Shared { budget, ended, .. } = &mut self.shared;
        let share = budget.limit() / (self.flows.len() + 1);
        let short = |flow: &mut Flow| flow.table.take_refused() && flow.table.bytes() < share / 2;
        // Each table has to forget that it was refused.
        if self.flows.iter_mut().filter_map(|flow| short(flow).then_some(())).count() == 0 {
            return;
        }
        if let Some(flow) = self.flows.iter_mut().max_by_key(|flow| flow.table.bytes()) {
            flow.reduce(share, budget, ended);
        }
    }

    /// A copy of the flows of a definition, to be read without the cache. `None` without a definition
    /// of this name.
    pub fn snapshot(&self, now: Instant, name: &str) -> Option<Snapshot> {
        self.find(name).map(|flow| Snapshot::of(flow, &self.sources, now))
    }

    /// A copy with all entries of the largest flows, enough of them for the query as a rule: see
    /// [`Snapshot::active_of_largest`]. It is fast, because most entries are only looked at.
    pub fn snapshot_largest(
        &self,
        now: Instant,
        name: &str,
        query: &Query<'_>,
    ) -> Option<Snapshot> {
        let flow = self.find(name)?;
        let wanted = |source: u32| {
            let state = self.sources.get(source);
            state.is_some_and(|it| query.agents.contains(&it.source, query.topology))
        };
        Some(Snapshot::of_largest(flow, &self.sources, now, query, wanted))
    }

    /// A copy with all entries of the `n` largest flows of each data source.
    pub fn snapshot_top_keys(&self, now: Instant, name: &str) -> Option<Snapshot> {
        self.find(name).map(|flow| Snapshot::of_top_keys(flow, &self.sources, now))
    }

    /// A copy with all entries of one data source.
    pub fn snapshot_source(&self, now: Instant, name: &str, source: &Source) -> Option<Snapshot> {
        let (flow, source) = (self.find(name)?, self.sources.find(source)?);
        Some(Snapshot::of_source(flow, &self.sources, now, source))
    }

    /// The flows of a definition whose value at a data source is above `limit`: data source, key and
    /// value, in arbitrary order. Empty without a definition of this name.
    pub fn above(&self, now: Instant, name: &str, limit: f64) -> Vec<(Source, String, Estimate)> {
        let flow = self.find(name);
        let snapshot = flow.map(|flow| Snapshot::of_above(flow, &self.sources, now, limit));
        snapshot.map_or_else(Vec::new, |snapshot| snapshot.above(limit))
    }

    /// The totals of a definition at each data source, in arbitrary order: the value of its metric. All
    /// packets count, also those of flows that were evicted.
    pub fn totals(&self, now: Instant, name: &str) -> Option<Vec<(Source, Estimate)>> {
        let totals = totals(self.find(name)?, &self.sources, now).into_iter();
        Some(totals.map(|(source, total, _)| (source, total)).collect())
    }

    /// The sums of a definition that never decrease: at most 10,000 by data source and key, and one of
    /// all further packets. A sum without samples for 15 minutes is removed. `None` without a definition
    /// of this name that has [`counter`](Definition::counter).
    pub fn counters(&mut self, name: &str) -> Option<Counters> {
        let place = self.place(name)?;
        let counted = self.flows.get_mut(place)?.counted.as_mut()?;
        Some(counted.read(&self.sources))
    }

    /// Names and values of the definitions whose values are sums, and what their samples since the last call
    /// stand for. A packet counts at each data source that sampled it, with [`AggMode::Sum`] once by each agent.
    ///
    /// [`AggMode::Sum`]: super::AggMode::Sum
    pub(crate) fn take_recent(&mut self) -> impl Iterator<Item = (&Arc<str>, &str, FlowTotal)> {
        self.flows.iter_mut().filter_map(|flow| {
            let total = flow.take_recent()?;
            Some((&flow.name, flow.definition.value.as_str(), total))
        })
    }

    /// Names of the definitions, and the number of samples that belonged to their flows so far.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, u64)> {
        self.flows.iter().map(|flow| (&flow.name, flow.samples))
    }

    /// The sampling rates of all data sources, in arbitrary order.
    pub fn rates(&self) -> impl Iterator<Item = (&Source, SamplingRate)> {
        self.sources.iter().map(|(source, state)| (source, state.sampling.rate()))
    }

    /// Memory and losses.
    pub fn usage(&self) -> Usage {
        let tables = self.flows.iter().map(|flow| &flow.table);
        Usage {
            bytes: self.shared.budget.used(),
            limit: self.shared.budget.limit(),
            flows: tables.clone().map(super::table::Table::len).sum(),
            evicted: tables.map(|table| table.evicted).sum(),
            sources: self.sources.len(),
            forgotten: self.forgotten,
        }
    }
}

/// Longest name of a definition, bytes.
const MAX_NAME: usize = 64;

#[cfg(test)]
impl FlowCache {
    /// Bytes in use, measured instead of accounted.
    fn measured(&self) -> usize {
        self.flows.iter().map(Flow::bytes).sum::<usize>() + self.sources.bytes()
    }
}

#[cfg(test)]
mod tests;
