//! Who the agents are: the names that dimensions have.

use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use flowmote_decoder::{Address, DataSource};
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::source::Source;
use foldhash::{HashMap, HashMapExt};
use parking_lot::Mutex;

use super::names::Sources;
use crate::hub::Hub;

/// The agents that have points, in the order of their addresses.
#[derive(Debug, Default)]
pub(super) struct Directory {
    agents: BTreeMap<Address, Agent>,
    by_host: HashMap<Arc<str>, Address>,
    by_instance: HashMap<Arc<str>, Address>,
    /// The analyzers that have totals of flow definitions, by name and value.
    pub(super) flows: BTreeMap<(Arc<str>, Arc<str>), Vec<usize>>,
    /// Those that have reports of TCP connections.
    pub(super) connections: Vec<usize>,
}

/// An agent.
#[derive(Clone, Debug)]
pub(super) struct Agent {
    pub(super) address: Address,
    /// The analyzers that have points of it.
    pub(super) analyzers: Vec<usize>,
    /// The host name; the address if it has none, or shares it with another agent.
    pub(super) host: Arc<str>,
    pub(super) instance: Option<Instance>,
    /// Its data sources in each of them, when they are asked for.
    sources: OnceLock<Vec<(usize, Sources)>>,
}

impl Agent {
    /// True if it sends counters of a host.
    pub(super) fn is_host(&self, hub: &Hub) -> bool {
        let host = Source { agent: self.address, data_source: HOST };
        let has = |number: &usize| {
            hub.at(*number, |analyzer| {
                analyzer.metrics().past_records(&host).any(|it| it.name() == "host_cpu")
            })
        };
        self.analyzers.iter().any(|number| has(number) == Some(true))
    }
}

/// The instance of a cloud that an agent runs on.
#[derive(Clone, Debug)]
pub(super) struct Instance {
    pub(super) id: Arc<str>,
    pub(super) image: Option<Arc<str>>,
    pub(super) kind: Option<Arc<str>>,
}

/// The last directory. It is made again when the data sources or their names have changed, but not before
/// [`MIN_AGE`], because of a large network something changes all the time.
#[derive(Debug, Default)]
pub(in crate::aws) struct Directories(Mutex<Option<Cached>>);

#[derive(Debug)]
struct Cached {
    made: Instant,
    /// What the analyzers had then.
    changes: Vec<u64>,
    directory: Arc<Directory>,
}

impl Directories {
    /// The directory of now.
    pub(super) fn get(&self, hub: &Hub) -> Arc<Directory> {
        let mut cached = self.0.lock();
        if let Some(cached) = &*cached
            && cached.made.elapsed() < MIN_AGE
        {
            return cached.directory.clone();
        }
        let changes = hub.each(|analyzer| analyzer.metrics().points().changes());
        if let Some(cached) = &*cached
            && cached.changes == changes
        {
            return cached.directory.clone();
        }
        let directory = Arc::new(Directory::new(hub));
        *cached = Some(Cached { made: Instant::now(), changes, directory: directory.clone() });
        directory
    }
}

impl Agent {
    /// Its data sources by analyzer.
    pub(super) fn sources(&self, hub: &Hub) -> &[(usize, Sources)] {
        self.sources.get_or_init(|| {
            let read = |number: &usize| {
                let sources = hub.at(*number, |analyzer| Sources::read(analyzer, self.address))?;
                Some((*number, sources.named()))
            };
            self.analyzers.iter().filter_map(read).collect()
        })
    }
}

impl Directory {
    fn new(hub: &Hub) -> Self {
        let mut agents: BTreeMap<Address, Agent> = BTreeMap::new();
        let mut flows: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        let mut connections = Vec::new();
        for (number, (found, own, has_connections)) in
            (0..).zip(hub.each(|analyzer| read(analyzer)))
        {
            own.into_iter().for_each(|flow| flows.entry(flow).or_default().push(number));
            connections.extend(has_connections.then_some(number));
            for agent in found {
                let known = agents.entry(agent.address);
                known.or_insert(agent).analyzers.push(number);
            }
        }
        let (mut by_host, mut by_instance) = (HashMap::new(), HashMap::new());
        for agent in agents.values() {
            by_host.entry(agent.host.clone()).or_insert_with(Vec::new).push(agent.address);
        }
        let shared = by_host.into_values().filter(|addresses| addresses.len() > 1).flatten();
        for address in shared {
            if let Some(agent) = agents.get_mut(&address) {
                agent.host = address.to_string().into();
            }
        }
        // Of several agents on an instance, the first one has its name.
        for agent in agents.values_mut() {
            if let Some(instance) = &agent.instance
                && *by_instance.entry(instance.id.clone()).or_insert(agent.address) != agent.address
            {
                agent.instance = None;
            }
        }
        let by_host = agents.values().map(|it| (it.host.clone(), it.address)).collect();
        Self { agents, by_host, by_instance, flows, connections }
    }

    /// All agents, or those from one on.
    pub(super) fn from(&self, first: Option<Address>) -> impl Iterator<Item = &Agent> {
        let first = first.map_or(core::ops::Bound::Unbounded, core::ops::Bound::Included);
        self.agents.range((first, core::ops::Bound::Unbounded)).map(|(_, agent)| agent)
    }

    /// True if there are points of an agent.
    pub(super) fn has(&self, agent: Address) -> bool {
        self.agents.contains_key(&agent)
    }

    pub(super) fn by_host(&self, name: &str) -> Option<&Agent> {
        self.agents.get(self.by_host.get(name)?)
    }

    pub(super) fn by_instance(&self, id: &str) -> Option<&Agent> {
        self.agents.get(self.by_instance.get(id)?)
    }

    /// The agents on instances.
    pub(super) fn instances(&self) -> impl Iterator<Item = (&Agent, &Instance)> {
        self.agents.values().filter_map(|agent| Some((agent, agent.instance.as_ref()?)))
    }
}

/// The name of a flow definition, and its value.
type Flow = (Arc<str>, Arc<str>);

/// The agents of an analyzer, its flow definitions, and whether it has reports of connections.
fn read(analyzer: &Analyzer) -> (Vec<Agent>, Vec<Flow>, bool) {
    let points = analyzer.metrics().points();
    let agents = points.agents().map(|address| {
        let text = |name| points.text_of_agent(address, name).cloned();
        // Virtual machines have host names too.
        let host = Source { agent: address, data_source: HOST };
        let host = points.text(&host, "host_name").cloned().or_else(|| text("host_name"));
        let instance = text("cloud_instance_id").map(|id| Instance {
            id,
            image: text("cloud_image"),
            kind: text("cloud_instance_type"),
        });
        let host = host.unwrap_or_else(|| address.to_string().into());
        Agent { address, analyzers: Vec::new(), host, instance, sources: OnceLock::new() }
    });
    let flows = points.flows().map(|(name, value)| (name.clone(), value.clone()));
    (agents.collect(), flows.collect(), points.has_connections())
}

const MIN_AGE: Duration = Duration::from_millis(250);
const HOST: DataSource = DataSource { class: 2, index: 1 };
