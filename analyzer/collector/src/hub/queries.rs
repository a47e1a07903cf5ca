//! What requests read: flows, metrics, events and counts of all analyzers together.

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::Events;
use flowmote_engine::flowcache::{ActiveFlow, FlowCache, Query, Records, Snapshot};
use flowmote_engine::lookup::Topology;
use flowmote_engine::metrics::{Found, MetricFilter, MetricRequest, Statistic, TopKey, statistic};
use flowmote_engine::samples::Held;
use flowmote_engine::source::AgentList;
use flowmote_engine::{Instant as EngineTime, Tally};

use super::{Hub, Parts};

/// What the analyzers count since the start, and what they hold now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    pub(crate) agents: u64,
    pub(crate) bytes: u64,
    pub(crate) datagrams: u64,
    pub(crate) faults: u64,
    /// Bytes of all tables.
    pub(crate) memory: u64,
    /// Datagrams that the kernel dropped at the socket.
    pub(crate) dropped: u64,
    pub(crate) events: u64,
    /// Records in the flow log, and those that were lost before they got there.
    pub(crate) flows: u64,
    pub(crate) flows_lost: u64,
}

impl Counts {
    fn add(&mut self, analyzer: &Analyzer) {
        let (tally, usage) = (analyzer.tally(), analyzer.flows().usage());
        let memory = usage.bytes
            + analyzer.metrics().bytes()
            + analyzer.agents().bytes()
            + analyzer.checks().bytes()
            + analyzer.history().bytes();
        self.agents += analyzer.agents().iter().len() as u64;
        self.bytes += tally.bytes;
        self.datagrams += tally.datagrams;
        self.faults += tally.faults();
        self.memory += memory as u64;
    }
}

impl Hub {
    /// The flows of a definition; `None` without one of this name.
    pub(crate) fn snapshot(&self, name: &str) -> Option<Snapshot> {
        self.joined(|now, flows| flows.snapshot(now, name))
    }

    /// The copies that `read` makes of the flows of all analyzers, together.
    pub(super) fn joined(
        &self,
        read: impl Fn(EngineTime, &FlowCache) -> Option<Snapshot>,
    ) -> Option<Snapshot> {
        let now = self.now();
        let snapshots = self.each(|analyzer| read(now, analyzer.flows()));
        snapshots.into_iter().flatten().reduce(|mut all, one| {
            all.join(one);
            all
        })
    }

    /// The active flows of a definition; `None` without one of this name.
    pub(crate) fn active(&self, name: &str, query: &Query<'_>) -> Option<Vec<ActiveFlow>> {
        let largest = self.joined(|now, flows| flows.snapshot_largest(now, name, query))?;
        match largest.active_of_largest(query) {
            Some(flows) => Some(flows),
            None => self.snapshot(name).map(|snapshot| snapshot.active(query)),
        }
    }

    /// The samples of a span of time.
    pub(crate) fn held(&self, from: EngineTime, to: EngineTime) -> Option<Held> {
        let held = self.each(|analyzer| analyzer.history().held(from, to));
        held.into_iter().reduce(|mut all, one| {
            all.join(one);
            all
        })
    }

    /// The metrics that a request names, of all analyzers, with their largest flows.
    pub(crate) fn find(
        &self,
        agents: &AgentList,
        request: &MetricRequest,
        filter: &MetricFilter,
    ) -> Vec<Found> {
        let parts = Parts::new(self, agents.clone(), Some(request.clone()), filter.clone());
        in_order(parts.with_top_keys())
    }

    /// A statistic over the values of a metric, with the largest flows of the data source that it selects.
    pub(crate) fn statistic(
        &self,
        agents: &AgentList,
        request: &MetricRequest,
        filter: &MetricFilter,
    ) -> Statistic {
        let found = self.find_all(agents, Some(request), filter);
        let found = statistic(request.aggregate, self.now(), &found);
        let snapshot = found.source.and_then(|source| {
            self.joined(|now, flows| flows.snapshot_source(now, &request.name, &source))
        });
        let top_keys = snapshot.map_or_else(Vec::new, |snapshot| {
            let sources = snapshot.top_keys(&AgentList::All, &Topology::default(), None);
            let at_source = sources.into_iter().find(|it| Some(it.source) == found.source);
            let keys = at_source.into_iter().flat_map(|it| it.keys);
            keys.map(|flow| TopKey { key: flow.key, value: flow.estimate.value }).collect()
        });
        Statistic { top_keys, ..found }
    }

    /// The metrics of all analyzers: all of them, or those that a request names. In the order of agents
    /// and data sources.
    pub(crate) fn find_all(
        &self,
        agents: &AgentList,
        request: Option<&MetricRequest>,
        filter: &MetricFilter,
    ) -> Vec<Found> {
        in_order(Parts::new(self, agents.clone(), request.cloned(), filter.clone()))
    }

    /// Events after a number.
    pub(crate) fn events(
        &self,
        after: Option<u64>,
        limit: usize,
        threshold: Option<&str>,
    ) -> Events {
        self.logs.lock().events.after(after, limit, threshold)
    }

    /// Forgets the events of a threshold that does not exist any more. A client that defines it again, and
    /// reads from the beginning, would take them for events of its own flows, which have no value yet.
    pub(crate) fn forget_events(&self, threshold: &str) {
        self.logs.lock().events.forget(threshold);
    }

    /// Flow records after a number.
    pub(crate) fn records(&self, after: Option<u64>, limit: usize, name: Option<&str>) -> Records {
        self.logs.lock().flows.after(after, limit, name)
    }

    /// The counts of all analyzers together, as they are printed.
    pub(crate) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        self.each(|analyzer| sum.add(analyzer.tally()));
        sum
    }

    /// The counts of all analyzers together.
    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts { dropped: self.drops.count().unwrap_or(0), ..Counts::default() };
        self.each(|analyzer| counts.add(analyzer));
        let logs = self.logs.lock();
        counts.events = logs.events.total();
        (counts.flows, counts.flows_lost) = (logs.flows.len(), logs.flows.lost());
        counts
    }
}

/// All parts, in the order of agents and data sources.
fn in_order(parts: Parts<&Hub>) -> Vec<Found> {
    let mut found: Vec<Found> = parts.flatten().collect();
    found.sort_by_key(|found| found.source);
    found
}
