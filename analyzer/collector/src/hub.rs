//! What receiving threads and HTTP share: an analyzer for each receiving thread, the logs, the settings.
//!
//! A request locks one analyzer after the other, copies what it needs, and merges and prints the copies
//! without a lock. So samples wait for a copy at most.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use flowmote_engine::analyzer::{Analyzer, add_top_keys};
use flowmote_engine::events::{EventLog, Events, Threshold};
use flowmote_engine::flowcache::{
    ActiveFlow, Definition, DefinitionError, FlowCache, FlowLog, Query, Records, Snapshot,
};
use flowmote_engine::lookup::{Databases, Lookup, Topology};
use flowmote_engine::metrics::{Found, MetricFilter, MetricRequest, Statistic, TopKey, statistic};
use flowmote_engine::samples::Held;
use flowmote_engine::source::{AgentList, Source};
use flowmote_engine::{Arrival, Instant as EngineTime, Tally};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, watch};

use crate::http::Counters;
use crate::http::apps::mininet::presets;
use crate::receive::{Batch, Drops};
use crate::relay::{Relay, RouteSetting};
use crate::state::{Settings, State};

/// The shared state.
#[derive(Debug)]
pub(crate) struct Hub {
    analyzers: Vec<Mutex<Analyzer>>,
    /// Bytes that the tables of all analyzers may use.
    pub(crate) memory: usize,
    logs: Mutex<Logs>,
    settings: Mutex<Settings>,
    state: State,
    /// Changes with each entry of the logs, for those who wait for one.
    news: watch::Sender<u64>,
    /// A place for each request that waits.
    pub(crate) waiting: Semaphore,
    /// A place for each question about the past that is being answered.
    pub(crate) questions: Arc<Semaphore>,
    /// Bytes that the flows of such a question may take.
    pub(crate) question_memory: usize,
    /// Counts of the HTTP side.
    pub(crate) http: Arc<Counters>,
    /// What the kernel dropped at the socket, or the list of senders refused.
    pub(crate) drops: Drops,
    /// Where received datagrams are sent on.
    pub(crate) relay: Relay,
    temporary: Mutex<Vec<Temporary>>,
    /// Makes names of temporary definitions.
    numbers: AtomicU64,
    start: Instant,
    /// The time of the start since 1970.
    start_unix: Duration,
}

/// A definition that a request has made.
#[derive(Debug)]
struct Temporary {
    name: String,
    definition: Definition,
    /// When it is removed.
    end: Instant,
}

/// The numbered logs.
#[derive(Debug)]
struct Logs {
    flows: FlowLog,
    events: EventLog,
}

impl Logs {
    /// Entries since the start.
    fn entries(&self) -> u64 {
        self.flows.len() + self.events.total()
    }
}

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
    /// Analyzers that use about `memory` bytes together, with the settings that `state` has.
    pub(crate) fn new(
        threads: usize,
        memory: usize,
        state: State,
        drops: Drops,
        relay: Relay,
    ) -> Self {
        let threads = threads.max(1);
        let tables = memory.saturating_sub(OVERHEAD) / threads;
        let analyzer = || Mutex::new(Analyzer::new(tables));
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // In the unit of the engine, so that its times are read back as they were sent.
        let unix = Duration::from_micros(u64::try_from(unix.as_micros()).unwrap_or_default());
        let hub = Self {
            analyzers: (0..threads).map(|_| analyzer()).collect(),
            memory,
            logs: Mutex::new(Logs {
                flows: FlowLog::new(MAX_RECORDS),
                events: EventLog::default(),
            }),
            settings: Mutex::default(),
            state,
            news: watch::Sender::new(0),
            waiting: Semaphore::new(MAX_WAITING),
            questions: Arc::new(Semaphore::new(MAX_QUESTIONS)),
            question_memory: memory / 32,
            http: Arc::default(),
            drops,
            relay,
            temporary: Mutex::default(),
            numbers: AtomicU64::new(0),
            start: Instant::now(),
            start_unix: unix,
        };
        hub.restore();
        hub
    }

    /// Puts the settings of the last run into force. Those that this version refuses are reported.
    fn restore(&self) {
        let mut settings = self.state.load();
        settings.retain_valid(|settings| self.apply_all(settings));
        *self.settings.lock() = settings;
    }

    /// Puts all settings into force; the name of the first that cannot be is removed and returned.
    fn apply_all(&self, settings: &Settings) -> Result<(), (String, String)> {
        for (name, flow) in &settings.flows {
            self.define(name, &flow.definition())
                .map_err(|error| (format!("flow {name}"), error.to_string()))?;
        }
        for (name, threshold) in &settings.thresholds {
            self.set_threshold(name, &threshold.threshold());
        }
        self.set_lookup(&settings.lookup()?);
        self.set_routes(&settings.forwarding)?;
        self.set_routes(&settings.tenants)
    }

    fn set_routes<T: RouteSetting>(
        &self,
        routes: &BTreeMap<String, T>,
    ) -> Result<(), (String, String)> {
        routes.iter().try_for_each(|(name, route)| {
            self.set_route(name, route).map_err(|error| (format!("{} {name}", T::WORD), error))
        })
    }

    /// Puts a route into force.
    pub(crate) fn set_route<T: RouteSetting>(&self, name: &str, setting: &T) -> Result<(), String> {
        let (address, choice) = setting.route()?;
        self.relay.set(T::KIND, name, address, choice)
    }

    /// Defines a flow in all analyzers.
    pub(crate) fn define(
        &self,
        name: &str,
        definition: &Definition,
    ) -> Result<(), DefinitionError> {
        let now = self.now();
        let defined = self.each(|analyzer| analyzer.define(now, name, definition.clone()));
        defined.into_iter().collect()
    }

    /// The time of the engine.
    pub(crate) fn now(&self) -> EngineTime {
        EngineTime::after_start(self.start.elapsed())
    }

    /// A time of the engine in milliseconds since 1970.
    pub(crate) fn unix_ms(&self, time: EngineTime) -> u64 {
        let since = self.start_unix + time.since(EngineTime::default());
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// The time of the engine of milliseconds since 1970; its start if they are earlier.
    pub(crate) fn time(&self, unix_ms: u64) -> EngineTime {
        EngineTime::after_start(Duration::from_millis(unix_ms).saturating_sub(self.start_unix))
    }

    /// Time since the start.
    pub(crate) fn uptime(&self) -> Duration {
        self.start.elapsed()
    }

    /// Adds received datagrams to the analyzer of a receiving thread.
    pub(crate) fn ingest(&self, thread: usize, batch: &Batch) {
        let Some(analyzer) = self.analyzers.get(thread) else { return };
        let time = self.now();
        let mut analyzer = analyzer.lock();
        for (payload, from) in batch.iter() {
            let sender = (!from.ip().is_unspecified()).then(|| from.ip());
            analyzer.ingest(&Arrival { time, sender }, payload);
        }
        // This thread locks again at once. Requests that wait have their turn before.
        MutexGuard::unlock_fair(analyzer);
        self.relay.send(batch);
    }

    /// Does what time alone causes, and wakes those who wait for a log entry.
    pub(crate) fn tick(&self) {
        self.remove_temporary();
        let now = self.now();
        for analyzer in &self.analyzers {
            let mut analyzer = analyzer.lock();
            // Locked second: requests for log entries need not wait for the analyzer.
            let Logs { flows, events } = &mut *self.logs.lock();
            analyzer.tick(now, flows, events);
        }
        self.relay.resolve(|| self.port_names());
        let entries = self.logs.lock().entries();
        self.news.send_if_modified(|known| core::mem::replace(known, entries) != entries);
    }

    /// The names of all ports.
    fn port_names(&self) -> Vec<(Source, String)> {
        let request = MetricRequest::parse("ifname");
        let found = self.find_all(&AgentList::All, Some(&request), &MetricFilter::default());
        found.into_iter().map(|found| (found.source, found.value.to_string())).collect()
    }

    /// A receiver that notices each entry of the logs.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// The number of requests that wait.
    pub(crate) fn waiting_requests(&self) -> u64 {
        MAX_WAITING.saturating_sub(self.waiting.available_permits()) as u64
    }

    /// The results of `read` for all analyzers.
    pub(crate) fn each<T>(&self, mut read: impl FnMut(&mut Analyzer) -> T) -> Vec<T> {
        self.analyzers.iter().map(|analyzer| read(&mut analyzer.lock())).collect()
    }

    /// The result of `read` for the first analyzer: for what is the same in all of them.
    pub(crate) fn first<T>(&self, read: impl FnOnce(&Analyzer) -> T) -> Option<T> {
        self.analyzers.first().map(|analyzer| read(&analyzer.lock()))
    }

    /// Groups, maps, topology and databases. The topology has the agents of all analyzers.
    pub(crate) fn lookup(&self) -> Lookup {
        let lookup = self.first(|analyzer| analyzer.lookup().clone()).unwrap_or_default();
        Lookup { topology: self.topology(), ..lookup }
    }

    /// The topology, with the agents of all analyzers.
    pub(crate) fn topology(&self) -> Topology {
        let parts = self.each(|analyzer| analyzer.lookup().topology.clone()).into_iter();
        let joined = parts.reduce(|mut all, one| {
            all.join(&one);
            all
        });
        joined.unwrap_or_default()
    }

    /// The agents that a text names, by address or host name.
    pub(crate) fn agents(&self, text: &str) -> AgentList {
        let mut agents = AgentList::parse(text);
        if agents.has_names() {
            agents.resolve(|name| self.each(|analyzer| analyzer.agents_named(name)).concat());
        }
        agents
    }

    /// The settings.
    pub(crate) fn settings<T>(&self, read: impl FnOnce(&Settings) -> T) -> T {
        read(&self.settings.lock())
    }

    /// Changes the settings: `change` puts them into force, and they are stored if it succeeds.
    pub(crate) fn change<T, E>(
        &self,
        change: impl FnOnce(&Self, &mut Settings) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut settings = self.settings.lock();
        let changed = change(self, &mut settings)?;
        self.state.store(&settings);
        Ok(changed)
    }

    /// The name of a definition that a request makes and that has no other name. It is removed `keep`
    /// after the last request for it.
    pub(crate) fn temporary(
        &self,
        definition: &Definition,
        keep: Duration,
    ) -> Result<String, DefinitionError> {
        let mut temporary = self.temporary.lock();
        let end = Instant::now() + keep;
        if let Some(entry) = temporary.iter_mut().find(|entry| entry.definition == *definition) {
            entry.end = end.max(entry.end);
            return Ok(entry.name.clone());
        }
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let name = format!("{TEMPORARY}{number}");
        self.define(&name, definition)?;
        temporary.push(Temporary { name: name.clone(), definition: definition.clone(), end });
        Ok(name)
    }

    /// Removes definitions that requests made, and that are not requested any more.
    fn remove_temporary(&self) {
        let now = Instant::now();
        self.temporary.lock().retain(|entry| {
            let keep = now < entry.end;
            if !keep {
                self.each(|analyzer| analyzer.undefine(&entry.name));
            }
            keep
        });
    }

    /// Defines the flows that programs read without a definition, unless the user has defined them.
    pub(crate) fn define_presets(&self) -> Result<(), DefinitionError> {
        for (name, definition) in presets() {
            if !self.settings(|settings| settings.flows.contains_key(name)) {
                self.define(name, &definition)?;
            }
        }
        Ok(())
    }

    /// Sets a threshold in all analyzers.
    pub(crate) fn set_threshold(&self, name: &str, threshold: &Threshold) {
        self.each(|analyzer| analyzer.set_threshold(name, threshold.clone()));
    }

    /// Replaces groups, maps and topology in all analyzers.
    pub(crate) fn set_lookup(&self, lookup: &Lookup) {
        self.each(|analyzer| analyzer.set_lookup(lookup.clone()));
    }

    /// Replaces the databases in all analyzers.
    pub(crate) fn set_databases(&self, databases: &Databases) {
        self.each(|analyzer| analyzer.set_databases(databases.clone()));
    }

    /// The flows of a definition; `None` without one of this name.
    pub(crate) fn snapshot(&self, name: &str) -> Option<Snapshot> {
        self.joined(|now, flows| flows.snapshot(now, name))
    }

    /// The copies that `read` makes of the flows of all analyzers, together.
    fn joined(
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
        let mut found = self.find_all(agents, Some(request), filter);
        let snapshot = self.joined(|now, flows| flows.snapshot_top_keys(now, &request.name));
        if let Some(snapshot) = snapshot {
            add_top_keys(&mut found, &snapshot, &self.lookup());
        }
        found
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
        let (now, name) = (self.now(), request.map(|request| request.name.as_str()));
        let pin = request.and_then(|request| request.pin);
        let mut found =
            self.each(|analyzer| analyzer.find(now, agents, pin, name, filter)).concat();
        found.sort_by_key(|found| found.source);
        found
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

/// Names of temporary definitions begin so.
const TEMPORARY: &str = "_export_";
/// Memory of the program itself, its logs and its connections, in bytes.
const OVERHEAD: usize = 8 << 20;
/// Records that the flow log keeps.
const MAX_RECORDS: usize = 10_000;
/// Questions about the past that are answered at the same time. Each uses up to two processors.
const MAX_QUESTIONS: usize = 2;
/// Requests that wait at the same time.
const MAX_WAITING: usize = 256;
