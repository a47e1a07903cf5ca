//! The metrics that a request names, read in parts, so that samples and other requests wait for one part
//! only.

use core::ops::Deref;
use std::vec::IntoIter;

use flowmote_engine::analyzer::add_top_keys;
use flowmote_engine::metrics::{Found, MetricFilter, MetricRequest, Search};
use flowmote_engine::source::{AgentList, Source};
use parking_lot::MutexGuard;

use super::Hub;

/// The metrics of all analyzers: those of counters, then those of each flow definition.
#[derive(Debug)]
pub(crate) struct Parts<H> {
    hub: H,
    agents: AgentList,
    /// All metrics if `None`.
    request: Option<MetricRequest>,
    filter: MetricFilter,
    /// The last data source whose counters were read.
    after: Option<Source>,
    /// True if all counters were read.
    are_read: bool,
    /// The flow definitions that are left, once the counters are read.
    flows: Option<IntoIter<String>>,
    top_keys: bool,
}

impl<H: Deref<Target = Hub>> Parts<H> {
    pub(crate) fn new(
        hub: H,
        agents: AgentList,
        request: Option<MetricRequest>,
        filter: MetricFilter,
    ) -> Self {
        let (after, are_read, flows, top_keys) = (None, false, None, false);
        Self { hub, agents, request, filter, after, are_read, flows, top_keys }
    }

    /// The same with the largest flows of each flow definition.
    pub(crate) fn with_top_keys(self) -> Self {
        Self { top_keys: true, ..self }
    }

    fn search(&self) -> Search<'_> {
        let Self { agents, request, filter, .. } = self;
        let (pin, name) = match request {
            Some(request) => (request.pin, Some(request.name.as_str())),
            None => (None, None),
        };
        Search { agents, pin, name, filter }
    }

    /// The next part of the counters, in the order of agents and data sources; `None` after the last one.
    fn counters(&mut self) -> Option<Vec<Found>> {
        if self.are_read {
            return None;
        }
        let (mut found, mut end) = (Vec::new(), None::<Source>);
        for analyzer in &self.hub.analyzers {
            let analyzer = analyzer.lock();
            let (part, last) = analyzer.find_part(&self.search(), self.after, SOURCES);
            // This request locks again directly. Samples that wait have their turn before.
            MutexGuard::unlock_fair(analyzer);
            found.extend(part);
            end = end.into_iter().chain(last).min();
        }
        // What follows the end of another analyzer's part is read again, in its order.
        found.retain(|found: &Found| end.is_none_or(|end| found.source <= end));
        found.sort_by_key(|found| found.source);
        (self.after, self.are_read) = (end, end.is_none());
        Some(found)
    }

    /// The totals of the next flow definition; `None` after the last one.
    fn flow(&mut self) -> Option<Vec<Found>> {
        if self.flows.is_none() {
            let wanted = |name: &str| self.request.as_ref().is_none_or(|it| it.name == name);
            let names = self.hub.first(|analyzer| {
                let names = analyzer.flows().definitions().map(|(name, _)| name);
                names.filter(|name| wanted(name)).map(str::to_owned).collect::<Vec<_>>()
            });
            self.flows = names.map(Vec::into_iter);
        }
        let (flow, now) = (self.flows.as_mut()?.next()?, self.hub.now());
        let search = self.search();
        let mut found = self.hub.each(|analyzer| analyzer.find_flow(now, &search, &flow)).concat();
        found.sort_by_key(|found| found.source);
        if self.top_keys
            && let Some(snapshot) =
                self.hub.joined(|now, flows| flows.snapshot_top_keys(now, &flow))
        {
            add_top_keys(&mut found, &snapshot, &self.hub.lookup());
        }
        Some(found)
    }
}

impl<H: Deref<Target = Hub>> Iterator for Parts<H> {
    type Item = Vec<Found>;

    fn next(&mut self) -> Option<Vec<Found>> {
        self.counters().or_else(|| self.flow())
    }
}

/// Data sources that are read while samples wait.
const SOURCES: usize = 250;
