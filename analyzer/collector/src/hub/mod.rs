//! What receiving threads and HTTP share: an analyzer for each receiving thread, the logs, the settings.
//!
//! A request locks one analyzer after the other, copies what it needs, and merges and prints the copies
//! without a lock. So samples wait for a copy at most.

mod parts;
mod queries;
mod temporary;

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::{Instant, SystemTime};

use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::{EventLog, Threshold};
use flowmote_engine::flowcache::{Definition, DefinitionError, FlowLog};
use flowmote_engine::lookup::{AddressNames, Databases, Lookup, Topology};
use flowmote_engine::metrics::{MetricFilter, MetricRequest};
use flowmote_engine::source::{AgentList, Source, SourceNames};
use flowmote_engine::{Arrival, Instant as EngineTime};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Semaphore, watch};

use crate::aws;
use crate::cost::Prices;
use crate::export::Exports;
use crate::flow_history::FlowHistory;
use crate::flow_logs::{self, FlowLogs};
use crate::http::Counters;
use crate::http::apps::mininet::presets;
use crate::receive::{Batch, Drops};
use crate::relay::{Relay, RouteSetting};
use crate::state::{FLOW_LOG, SETTINGS, Settings, State};
use crate::stderr::eprintln_lossy;
pub(crate) use parts::Parts;
use temporary::Temporary;

/// The shared state.
#[derive(Debug)]
pub(crate) struct Hub {
    analyzers: Vec<Mutex<Analyzer>>,
    /// Names of data sources, the same in all analyzers.
    pub(crate) names: SourceNames,
    /// Bytes that the tables of all analyzers may use.
    pub(crate) memory: usize,
    logs: Mutex<Logs>,
    settings: Mutex<Settings>,
    pub(crate) state: State,
    /// Changes with each entry of the logs, for those who wait for one.
    news: watch::Sender<u64>,
    /// A place for each request that waits.
    pub(crate) waiting: Semaphore,
    /// A place for each query of the past that is worked on.
    pub(crate) queries: Arc<Semaphore>,
    /// Bytes that the flows of such a query may take.
    pub(crate) query_memory: usize,
    /// Bytes that the history of metrics may take.
    pub(crate) history_memory: usize,
    /// Counts of the HTTP side.
    pub(crate) http: Arc<Counters>,
    /// What the kernel dropped at the socket, or the list of senders refused.
    pub(crate) drops: Drops,
    /// What requests of the interface of CloudWatch share.
    pub(crate) aws: aws::Shared,
    /// Prices of CloudWatch; those of this version unless the user names a file.
    prices: OnceLock<Prices>,
    /// Where received datagrams are sent on.
    pub(crate) relay: Relay,
    pub(crate) flow_logs: FlowLogs,
    /// The flows of times before the samples that are held.
    pub(crate) flow_history: Option<FlowHistory>,
    /// Where metrics are sent.
    pub(crate) exports: Exports,
    temporary: Mutex<Vec<Temporary>>,
    /// Makes names of temporary definitions.
    numbers: AtomicU64,
    start: Instant,
    /// The time of the start since 1970.
    start_unix: Duration,
    /// The seconds of the last message about the clock.
    clock: AtomicI64,
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

impl Hub {
    /// Analyzers that use about `memory` bytes together, with the settings that `state` has.
    pub(crate) fn new(
        threads: usize,
        memory: usize,
        state: State,
        drops: Drops,
        relay: Relay,
        flow_logs: flow_logs::Options,
        exports: Exports,
    ) -> Self {
        let threads = threads.max(1);
        let (reported, events, alarms) = (memory / 32, memory / 32 * 3, memory / 64);
        let history = memory / 32;
        // Open records, the interfaces that they are of, and files.
        let files = [&flow_logs.files, &flow_logs.history].into_iter().flatten().count();
        let parts = 2 + files;
        let records = parts * Self::record_memory(memory);
        let own = OVERHEAD + reported + events + 2 * alarms + history + records;
        let tables = memory.saturating_sub(own + exports.memory) / threads;
        let names = SourceNames::default();
        let files = flow_logs.history.as_ref();
        let flow_history = files.map(|files| FlowHistory::new(files.directory.clone()));
        let analyzer = || Mutex::new(Analyzer::new(tables).with_names(names.clone()));
        let unix = system_time();
        // In the unit of the engine, so that its times are read back as they were sent.
        let unix = Duration::from_micros(u64::try_from(unix.as_micros()).unwrap_or_default());
        let hub = Self {
            analyzers: (0..threads).map(|_| analyzer()).collect(),
            names,
            memory,
            logs: Mutex::new(Logs {
                flows: FlowLog::new(MAX_RECORDS),
                events: EventLog::default(),
            }),
            settings: Mutex::default(),
            state,
            news: watch::Sender::new(0),
            waiting: Semaphore::new(MAX_WAITING),
            queries: Arc::new(Semaphore::new(MAX_QUERIES)),
            query_memory: memory / 32,
            history_memory: history,
            http: Arc::default(),
            drops,
            aws: aws::Shared::new(reported, events, alarms, &flow_logs),
            prices: OnceLock::new(),
            relay,
            flow_logs: FlowLogs::new(
                flow_logs,
                u64::try_from(unix.as_millis()).unwrap_or_default(),
            ),
            flow_history,
            exports,
            temporary: Mutex::default(),
            numbers: AtomicU64::new(0),
            start: Instant::now(),
            start_unix: unix,
            clock: AtomicI64::new(0),
        };
        hub.restore();
        hub
    }

    /// Bytes for the open records of flow logs.
    pub(crate) fn record_memory(memory: usize) -> usize {
        memory / 32
    }

    /// Puts the settings of the last run into force. Those that this version refuses are reported.
    fn restore(&self) {
        let mut settings: Settings = self.state.load(SETTINGS);
        settings.retain_valid(|settings| self.apply_all(settings));
        *self.settings.lock() = settings;
        self.aws.restore(&self.state, self.unix_ms(self.now()));
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
        let of_log = |(id, error)| (format!("{FLOW_LOG} {id}"), error);
        self.flow_logs.set(&settings.flow_logs).map_err(of_log)?;
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

    /// The start of the engine's time since 1970.
    pub(crate) fn start_unix(&self) -> Duration {
        self.start_unix
    }

    /// The time of the engine of milliseconds since 1970; its start if they are earlier.
    pub(crate) fn time(&self, unix_ms: u64) -> EngineTime {
        EngineTime::after_start(Duration::from_millis(unix_ms).saturating_sub(self.start_unix))
    }

    /// Prices instead of those of this version, once.
    pub(crate) fn set_prices(&self, prices: Prices) {
        let _ = self.prices.set(prices);
    }

    /// Prices of CloudWatch.
    pub(crate) fn prices(&self) -> &Prices {
        self.prices.get_or_init(Prices::own)
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
        self.compare_clocks(now);
        aws::logs::add_events(self);
        self.relay.resolve(|| self.port_names());
        let entries = self.logs.lock().entries();
        self.news.send_if_modified(|known| core::mem::replace(known, entries) != entries);
    }

    /// Reports that the times of this run, which are those of its start, are not those of the system.
    fn compare_clocks(&self, now: EngineTime) {
        let unix = system_time();
        let ahead = |time: Duration| i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        let own = ahead(Duration::from_millis(self.unix_ms(now)));
        let Some(off) = drift(own - ahead(unix), self.clock.load(Ordering::Relaxed)) else {
            return;
        };
        self.clock.store(off, Ordering::Relaxed);
        if off.abs() <= SAME {
            return;
        }
        let word = if off > 0 { "later" } else { "earlier" };
        eprintln_lossy(format_args!(
            "flowmote-analyzer: all times are {} s {word} than the clock, which was set after the start, \
             or the machine slept: start again for times as of the clock",
            off.abs()
        ));
    }

    /// The names of all ports.
    pub(crate) fn port_names(&self) -> Vec<(Source, String)> {
        let request = MetricRequest::parse("ifname", &self.names);
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

    /// The number of analyzers.
    pub(crate) fn threads(&self) -> usize {
        self.analyzers.len()
    }

    /// The result of `read` for the analyzer with a number.
    pub(crate) fn at<T>(&self, number: usize, read: impl FnOnce(&Analyzer) -> T) -> Option<T> {
        self.analyzers.get(number).map(|analyzer| read(&analyzer.lock()))
    }

    /// The same, of what changes.
    pub(crate) fn at_mut<T>(
        &self,
        number: usize,
        read: impl FnOnce(&mut Analyzer) -> T,
    ) -> Option<T> {
        self.analyzers.get(number).map(|analyzer| read(&mut analyzer.lock()))
    }

    /// The results of `read` for items in the analyzer with a number, one after the other. `read` returns how
    /// many rows it read too: after a few of them samples have their turn.
    pub(crate) fn in_turns<T, R>(
        &self,
        number: usize,
        items: impl IntoIterator<Item = T>,
        mut read: impl FnMut(&Analyzer, T) -> (usize, R),
    ) -> impl Iterator<Item = R> {
        let mut items = items.into_iter().peekable();
        let turn = move || {
            items.peek()?;
            let analyzer = self.analyzers.get(number)?.lock();
            let (mut rows, mut results) = (0, Vec::new());
            while rows < ROWS
                && let Some(item) = items.next()
            {
                let (more, result) = read(&analyzer, item);
                rows += more;
                results.push(result);
            }
            // This thread locks again at once.
            MutexGuard::unlock_fair(analyzer);
            Some(results)
        };
        core::iter::from_fn(turn).flatten()
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
        self.state.store(SETTINGS, &*settings);
        Ok(changed)
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

    /// Replaces the names of addresses in all analyzers.
    pub(crate) fn set_addresses(&self, names: &AddressNames) {
        self.each(|analyzer| analyzer.set_addresses(names.clone()));
    }
}

/// The clock of the system, since 1970. [`Hub::now`] does not follow it when it is set.
pub(crate) fn system_time() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// The seconds between two clocks, if they are not those of the last message.
fn drift(off: i64, before: i64) -> Option<i64> {
    ((off - before).abs() > SAME).then_some(off)
}

/// Seconds between two clocks that are the same.
const SAME: i64 = 2;
/// Memory of the program itself, its logs, its connections and their replies, in bytes.
const OVERHEAD: usize = 18 << 20;
/// Records that the flow log keeps.
const MAX_RECORDS: usize = 10_000;
/// Queries of the past that are worked on at the same time. Each uses up to two processors.
const MAX_QUERIES: usize = 2;
/// Rows that a request reads while samples wait.
const ROWS: usize = 2048;
/// Requests that wait at the same time.
const MAX_WAITING: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_that_is_set_is_reported_once() {
        assert_eq!([0, 2, -2].map(|off| drift(off, 0)), [None; 3]);
        assert_eq!((drift(3, 0), drift(3, 3), drift(5, 3)), (Some(3), None, None));
        assert_eq!((drift(0, 3), drift(-86_400, 0)), (Some(0), Some(-86_400)));
    }
}
