//! The analyzer: everything that samples are asked for, behind one value.
//!
//! [`Analyzer::ingest`] takes datagrams, and [`Analyzer::tick`] does what time alone causes: it removes what
//! is old, ends flows, and compares metrics with thresholds. All other methods define something, or
//! return a copy of what is known.
//!
//! Several analyzers share the work if each gets all datagrams of its agents: definitions go to all of
//! them, and their replies are joined.

mod ingest;
mod seen;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::Address;

use crate::agents::{AGENT_BYTES, Agents, Losses};
use crate::arrival::Arrival;
use crate::events::{Candidate, EventLog, Threshold, Watch};
use crate::flowcache::{
    Counters, Definition, DefinitionError, Estimate, FlowCache, FlowLog, Snapshot,
};
use crate::instant::Instant;
use crate::lookup::{AddressNames, Databases, Lookup};
use crate::metrics::{Found, MetricValue, Metrics, Search, TopKey};
use crate::samples::History;
use crate::selfcheck::SelfCheck;
use crate::source::{AgentList, Source, SourceNames};
use crate::tally::Tally;
use crate::walk::walk;
use ingest::{Ingest, Tables};
use seen::SeenKeys;

/// Definitions, tables and counts of a set of agents.
#[derive(Debug)]
pub struct Analyzer {
    tally: Tally,
    agents: Agents,
    metrics: Metrics,
    flows: FlowCache,
    checks: SelfCheck,
    lookup: Lookup,
    names: SourceNames,
    seen: SeenKeys,
    history: History,
    thresholds: BTreeMap<String, Watch>,
    /// The last time at which the names in the topology were looked up.
    resolved: Instant,
    /// The last time at which totals were kept.
    noted: Instant,
}

impl Analyzer {
    /// An analyzer without definitions whose tables use at most about `memory` bytes.
    pub fn new(memory: usize) -> Self {
        // What no table has is for what the allocator adds to them.
        let share = memory / 11 * 2;
        Self {
            tally: Tally::new(share / AGENT_BYTES),
            agents: Agents::new(share),
            metrics: Metrics::new(share).with_points(share / 2),
            flows: FlowCache::new(share),
            checks: SelfCheck::new(share / 2),
            lookup: Lookup::default(),
            names: SourceNames::default(),
            seen: SeenKeys::new(),
            history: History::new(share),
            thresholds: BTreeMap::new(),
            resolved: Instant::default(),
            noted: Instant::default(),
        }
    }

    /// The same with names of data sources that other analyzers share.
    #[must_use]
    pub fn with_names(self, names: SourceNames) -> Self {
        Self { names, ..self }
    }

    /// Keeps samples for at most `age` for queries about the past, instead of an hour.
    pub fn keep_samples(&mut self, age: Duration) {
        self.history.keep(age);
    }

    /// Processes a UDP payload.
    pub fn ingest(&mut self, arrival: &Arrival, payload: &[u8]) {
        let Self { tally, agents, metrics, flows, checks, lookup, names, seen, history, .. } = self;
        let flows = flows.batch(arrival.time);
        let tables = Tables { agents, metrics, flows, checks, names, seen, history };
        let mut sink = Ingest::new(arrival, payload.len(), tables, lookup);
        walk(arrival, payload, tally, &mut sink);
    }

    /// Removes what is old, ends flows, and finds events. To be called several times a second.
    pub fn tick(&mut self, now: Instant, flows: &mut FlowLog, events: &mut EventLog) {
        self.flows.tick(now, flows);
        self.seen.tick();
        self.history.tick(now);
        self.compare(now, events);
        self.metrics.tick(now);
        let over = now.since(self.noted);
        if over >= TOTALS_INTERVAL {
            self.noted = now;
            self.metrics.note_totals(now, over, self.flows.take_recent());
        }
        if now.since(self.resolved) >= COUNTERS_INTERVAL && !self.lookup.topology.is_empty() {
            self.resolved = now;
            self.lookup.topology.resolve(&self.metrics);
        }
    }

    /// Compares metrics with thresholds. Those of counters change seldom and are many: a few thresholds on
    /// them have their turn in each tick.
    fn compare(&mut self, now: Instant, events: &mut EventLog) {
        let mut thresholds = core::mem::take(&mut self.thresholds);
        let mut turns = thresholds.len() / TICKS + 1;
        for (name, watch) in &mut thresholds {
            let candidates = match self.flows.definition(&watch.threshold().metric) {
                Some(_) => self.flow_candidates(now, watch.threshold()),
                None if turns > 0 && watch.is_due(now, COUNTERS_INTERVAL) => {
                    turns -= 1;
                    self.counter_candidates(watch.threshold())
                }
                None => continue,
            };
            watch.evaluate(name, now, candidates).into_iter().for_each(|event| events.push(event));
        }
        self.thresholds = thresholds;
    }

    /// The flows, or totals of data sources, that are above a threshold.
    fn flow_candidates(&self, now: Instant, threshold: &Threshold) -> Vec<Candidate> {
        let passes = |source: &Source| self.metrics.passes(source, &threshold.filter);
        if !threshold.by_flow {
            let totals = self.flows.totals(now, &threshold.metric).unwrap_or_default();
            let above = totals.into_iter().filter(|(_, total)| total.value > threshold.value);
            let passing = above.filter(|(source, _)| passes(source));
            let candidate = |(source, total): (Source, Estimate)| Candidate {
                source,
                flow_key: None,
                value: total.value,
                low: total.low,
            };
            return passing.map(candidate).collect();
        }
        let above = self.flows.above(now, &threshold.metric, threshold.value);
        let passing = above.into_iter().filter(|(source, ..)| passes(source));
        let candidate = |(source, key, estimate): (Source, String, Estimate)| Candidate {
            source,
            flow_key: Some(key),
            value: estimate.value,
            low: estimate.low,
        };
        passing.map(candidate).collect()
    }

    /// The values of counters that are above a threshold.
    fn counter_candidates(&self, threshold: &Threshold) -> Vec<Candidate> {
        let Threshold { metric, filter, .. } = threshold;
        let search = Search { agents: &AgentList::All, pin: None, name: Some(metric), filter };
        let found = self.metrics.find(&search, &self.lookup.topology);
        let candidate = |found: Found| {
            let value = found.value.number().filter(|value| *value > threshold.value)?;
            Some(Candidate { source: found.source, flow_key: None, value, low: value })
        };
        found.into_iter().filter_map(candidate).collect()
    }

    /// Counts of all datagrams.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The agents and their ledgers.
    pub fn agents(&self) -> &Agents {
        &self.agents
    }

    /// The losses of agents since this was called last.
    pub fn take_losses(&mut self) -> Losses {
        self.agents.take_losses()
    }

    /// The metrics of counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The check of each port by its counters.
    pub fn checks(&self) -> &SelfCheck {
        &self.checks
    }

    /// Flow definitions and their flows.
    pub fn flows(&self) -> &FlowCache {
        &self.flows
    }

    /// The sums of a flow definition that never decrease; see [`FlowCache::counters`].
    pub fn counters(&mut self, name: &str) -> Option<Counters> {
        self.flows.counters(name)
    }

    /// The samples of the last minutes.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The keys that packets of the recent past have, and when one was seen last.
    pub fn flow_keys(&self) -> impl Iterator<Item = (Cow<'static, str>, Instant)> {
        self.seen.iter()
    }

    /// Groups, maps, topology and databases.
    pub fn lookup(&self) -> &Lookup {
        &self.lookup
    }

    /// Replaces groups, maps and topology. The databases and names of addresses stay.
    pub fn set_lookup(&mut self, lookup: Lookup) {
        let Lookup { geo, addresses, .. } = core::mem::take(&mut self.lookup);
        self.lookup = Lookup { geo, addresses, ..lookup };
        self.lookup.topology.resolve(&self.metrics);
    }

    /// Replaces the databases.
    pub fn set_databases(&mut self, databases: Databases) {
        self.lookup.geo = databases;
    }

    /// Replaces the names of addresses.
    pub fn set_addresses(&mut self, names: AddressNames) {
        self.lookup.addresses = names;
    }

    /// Adds a flow definition, or replaces the one of this name. An identical one keeps its flows.
    ///
    /// # Errors
    /// The first error in the definition. The one before stays in use.
    pub fn define(
        &mut self,
        now: Instant,
        name: &str,
        definition: Definition,
    ) -> Result<(), DefinitionError> {
        self.flows.define(now, name, definition)
    }

    /// Removes a flow definition; false if there is none of this name.
    pub fn undefine(&mut self, name: &str) -> bool {
        self.flows.remove(name)
    }

    /// Adds a threshold, or replaces the one of this name. An identical one keeps what is above it.
    pub fn set_threshold(&mut self, name: &str, threshold: Threshold) {
        if self.thresholds.get(name).is_none_or(|watch| *watch.threshold() != threshold) {
            self.thresholds.insert(name.to_owned(), Watch::new(threshold));
        }
    }

    /// Removes a threshold; false if there is none of this name.
    pub fn remove_threshold(&mut self, name: &str) -> bool {
        self.thresholds.remove(name).is_some()
    }

    /// The addresses of the agents with a host name, or that are the node of this name.
    pub fn agents_named(&self, name: &str) -> Vec<Address> {
        use crate::lookup::Names;
        self.lookup.topology.agents_of(name, &self.metrics.hosts())
    }

    /// The names of all metrics, each with the time of its last value. Flows have a value at any time.
    pub fn metric_names(&self, now: Instant) -> Vec<(Arc<str>, Instant)> {
        let flows = self.flows.definitions().map(|(name, _)| (Arc::from(name), now));
        self.metrics.names().chain(flows).collect()
    }

    /// The metrics of counters that are wanted, and the totals of flow definitions. The largest flows are not
    /// among them: see [`add_top_keys`].
    pub fn find(&self, now: Instant, search: &Search<'_>) -> Vec<Found> {
        let mut found = self.metrics.find(search, &self.lookup.topology);
        for (flow, _) in self.flows.definitions() {
            found.extend(self.find_flow(now, search, flow));
        }
        found
    }

    /// The metrics of counters that are wanted, of a part of the data sources: those after one, at most so
    /// many. The last one is returned if there are more.
    pub fn find_part(
        &self,
        search: &Search<'_>,
        after: Option<Source>,
        limit: usize,
    ) -> (Vec<Found>, Option<Source>) {
        self.metrics.find_part(search, &self.lookup.topology, after, limit)
    }

    /// The totals of a flow definition that are wanted.
    pub fn find_flow(&self, now: Instant, search: &Search<'_>, flow: &str) -> Vec<Found> {
        if search.name.is_some_and(|name| name != flow) {
            return Vec::new();
        }
        let name: Arc<str> = flow.into();
        let totals = self.flows.totals(now, flow).unwrap_or_default().into_iter();
        let wanted = totals.filter(|(source, _)| {
            search.is_for(source, &self.lookup.topology)
                && self.metrics.passes(source, search.filter)
        });
        let found = wanted.map(|(source, total)| {
            let (name, value) = (name.clone(), MetricValue::Number(total.value));
            Found { source, name, value, updated: now, top_keys: Vec::new() }
        });
        found.collect()
    }
}

/// Adds the largest flows to the totals of a flow definition.
pub fn add_top_keys(found: &mut [Found], snapshot: &Snapshot, lookup: &Lookup) {
    let flows = snapshot.top_keys(&AgentList::All, &lookup.topology, None);
    let mut by_source: BTreeMap<Source, Vec<TopKey>> = BTreeMap::new();
    for source in flows {
        let keys = source.keys.into_iter();
        let keys = keys.map(|flow| TopKey { key: flow.key, value: flow.estimate.value });
        by_source.insert(source.source, keys.collect());
    }
    for found in found.iter_mut().filter(|found| *found.name == *snapshot.name()) {
        found.top_keys = by_source.remove(&found.source).unwrap_or_default();
    }
}

/// Time that a total is about, if ticks are often enough.
const TOTALS_INTERVAL: Duration = Duration::from_millis(950);
/// Ticks in which all thresholds on metrics of counters have their turn.
const TICKS: usize = 5;
/// Time between two checks of metrics that change with counter samples only.
const COUNTERS_INTERVAL: Duration = Duration::from_millis(500);
