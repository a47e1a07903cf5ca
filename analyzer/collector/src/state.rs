//! Settings that survive a restart: flow definitions, thresholds, groups, maps, topology, and routes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use core::time::Duration;
use flowmote_engine::events::Threshold;
use flowmote_engine::flowcache::{AggMode, Definition};
use flowmote_engine::lookup::{Group, Link, Lookup, Map, Node, Topology};
use flowmote_engine::metrics::MetricFilter;
use flowmote_relaxed::lenient;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::flow_logs::FlowLogSetting;
use crate::relay::{ForwardSetting, RouteSetting, TenantSetting};
use crate::stderr::eprintln_lossy;

/// What users have set, in the form in which it is sent and stored.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(crate) struct Settings {
    pub(crate) flows: BTreeMap<String, FlowSetting>,
    pub(crate) thresholds: BTreeMap<String, ThresholdSetting>,
    /// The default group has an empty name.
    pub(crate) groups: BTreeMap<String, Labels>,
    pub(crate) maps: BTreeMap<String, Labels>,
    /// As it was sent, with members of no meaning here.
    pub(crate) topology: Option<Value>,
    pub(crate) forwarding: BTreeMap<String, ForwardSetting>,
    pub(crate) tenants: BTreeMap<String, TenantSetting>,
    /// By id.
    pub(crate) flow_logs: BTreeMap<String, FlowLogSetting>,
}

/// Labels, and the networks or values that have them.
pub(crate) type Labels = lenient::Lists;

/// A flow definition.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct FlowSetting {
    #[serde(default, deserialize_with = "lenient::joined")]
    keys: String,
    #[serde(default)]
    value: String,
    #[serde(default, deserialize_with = "lenient::list", skip_serializing_if = "Vec::is_empty")]
    values: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    filter: Option<String>,
    #[serde(default, with = "lenient::plain_number")]
    n: Option<f64>,
    #[serde(default, with = "lenient::plain_number")]
    t: Option<f64>,
    #[serde(default)]
    fs: Option<String>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    log: bool,
    #[serde(default, deserialize_with = "lenient::boolean", skip_serializing_if = "is_false")]
    counter: bool,
    #[serde(default, deserialize_with = "lenient::boolean", skip_serializing_if = "is_false")]
    flow_start: bool,
    #[serde(default, with = "lenient::plain_number")]
    active_timeout: Option<f64>,
    #[serde(default, deserialize_with = "lenient::boolean", skip_serializing_if = "is_false")]
    dropped: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    agg_mode: Option<String>,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl FlowSetting {
    /// The definition for the engine.
    pub(crate) fn definition(&self) -> Definition {
        let default = Definition::default();
        Definition {
            keys: self.keys.clone(),
            value: self.value.clone(),
            values: self.values.clone(),
            filter: self.filter.clone(),
            n: self.n.map_or(default.n, |n| n as u32),
            t: self.t.unwrap_or(default.t),
            fs: self.fs.clone().unwrap_or(default.fs),
            agg_mode: self.agg_mode.as_deref().map_or(default.agg_mode, AggMode::parse),
            dropped: self.dropped,
            log: self.log,
            counter: self.counter,
            flow_start: self.flow_start,
            active_timeout: self.active_timeout.unwrap_or(default.active_timeout),
        }
    }

    /// The definition as it is in force, with all defaults filled in.
    pub(crate) fn of(definition: &Definition) -> Self {
        let agg_mode = (definition.agg_mode != AggMode::Max).then(|| definition.agg_mode.name());
        Self {
            keys: definition.keys.clone(),
            value: definition.value.clone(),
            values: definition.values.clone(),
            filter: definition.filter.clone(),
            n: Some(definition.n.into()),
            t: Some(definition.t),
            fs: Some(definition.fs.clone()),
            log: definition.log,
            counter: definition.counter,
            flow_start: definition.flow_start,
            active_timeout: Some(definition.active_timeout),
            dropped: definition.dropped,
            agg_mode: agg_mode.map(str::to_owned),
        }
    }
}

/// A threshold.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ThresholdSetting {
    pub(crate) metric: String,
    #[serde(with = "lenient::plain_number")]
    pub(crate) value: Option<f64>,
    #[serde(default, deserialize_with = "lenient::boolean")]
    by_flow: bool,
    #[serde(default, with = "lenient::plain_number", skip_serializing_if = "Option::is_none")]
    timeout: Option<f64>,
    /// Patterns by metric.
    #[serde(default, deserialize_with = "lenient::or_default", skip_serializing_if = "is_empty")]
    filter: lenient::Lists,
    /// True for events as soon as the estimate exceeds the value, without regard to its error.
    #[serde(default, deserialize_with = "lenient::boolean", skip_serializing_if = "is_false")]
    plain: bool,
}

fn is_empty(lists: &lenient::Lists) -> bool {
    lists.0.is_empty()
}

impl ThresholdSetting {
    /// The threshold for the engine.
    pub(crate) fn threshold(&self) -> Threshold {
        let pairs = self.filter.0.iter().flat_map(|(name, patterns)| {
            patterns.iter().map(move |pattern| (name.as_str(), pattern.as_str()))
        });
        let timeout = self.timeout.unwrap_or(0.0).clamp(0.0, 86_400.0);
        Threshold {
            metric: self.metric.clone(),
            value: self.value.unwrap_or(f64::INFINITY),
            by_flow: self.by_flow,
            timeout: Duration::from_secs_f64(timeout),
            filter: MetricFilter::new(pairs),
            plain: self.plain,
        }
    }
}

/// Members of a topology that have a meaning here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct TopologyForm {
    #[serde(deserialize_with = "lenient::or_default")]
    nodes: BTreeMap<String, NodeForm>,
    #[serde(deserialize_with = "lenient::or_default")]
    links: BTreeMap<String, LinkForm>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct NodeForm {
    agent: Option<String>,
    #[serde(deserialize_with = "lenient::or_default")]
    ports: BTreeMap<String, PortForm>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct PortForm {
    #[serde(deserialize_with = "lenient::number")]
    ifindex: Option<f64>,
}

#[derive(Deserialize)]
struct LinkForm {
    node1: String,
    port1: String,
    node2: String,
    port2: String,
}

/// A topology as users send it.
pub(crate) fn topology(value: &Value) -> Result<Topology, String> {
    if !value.is_object() {
        return Err("expected an object with nodes and links".to_owned());
    }
    let form: TopologyForm = serde::Deserialize::deserialize(value)
        .map_err(|error: serde_json::Error| error.to_string())?;
    let node = |(name, form): (String, NodeForm)| {
        let ports = form.ports.into_iter();
        let ports = ports.filter_map(|(port, form)| Some((port, form.ifindex? as u32))).collect();
        let agent = form.agent.as_deref().and_then(address);
        let host_name = form.agent.filter(|name| agent.is_none() && !name.is_empty());
        (name, Node { agent, host_name, ports })
    };
    let link = |(name, form): (String, LinkForm)| {
        let LinkForm { node1, port1, node2, port2 } = form;
        (name, Link { node1, port1, node2, port2 })
    };
    let nodes = form.nodes.into_iter().map(node).collect();
    let links = form.links.into_iter().map(link).collect();
    Topology::new(nodes, links).map_err(|error| error.to_string())
}

fn address(text: &str) -> Option<flowmote_decoder::Address> {
    Some(text.parse::<core::net::IpAddr>().ok()?.into())
}

impl Settings {
    /// Groups, maps and topology for the engine.
    ///
    /// # Errors
    /// The object that cannot be used, and why.
    pub(crate) fn lookup(&self) -> Result<Lookup, (String, String)> {
        let mut lookup = Lookup::default();
        for (name, labels) in &self.groups {
            let set = Group::new(labels.0.clone()).and_then(|group| lookup.groups.set(name, group));
            set.map_err(|error| (format!("group {name}"), error.to_string()))?;
        }
        for (name, labels) in &self.maps {
            let set = lookup.maps.set(name, Map::new(labels.0.clone()));
            set.map_err(|error| (format!("map {name}"), error.to_string()))?;
        }
        if let Some(value) = &self.topology {
            lookup.topology = topology(value).map_err(|error| ("topology".to_owned(), error))?;
        }
        Ok(lookup)
    }

    /// Removes settings that `apply` refuses, with a message each, until it accepts the rest.
    pub(crate) fn retain_valid(
        &mut self,
        mut apply: impl FnMut(&Self) -> Result<(), (String, String)>,
    ) {
        while let Err((object, error)) = apply(self) {
            eprintln_lossy(format_args!("flowmote-analyzer: {object} is not restored: {error}"));
            match object.split_once(' ') {
                Some(("flow", name)) => drop(self.flows.remove(name)),
                Some(("group", name)) => drop(self.groups.remove(name)),
                Some(("map", name)) => drop(self.maps.remove(name)),
                Some((ForwardSetting::WORD, name)) => drop(self.forwarding.remove(name)),
                Some((TenantSetting::WORD, name)) => drop(self.tenants.remove(name)),
                Some((FLOW_LOG, id)) => drop(self.flow_logs.remove(id)),
                _ => self.topology = None,
            }
        }
    }
}

/// The files in a directory that the user names; nothing is stored without one.
#[derive(Debug, Default)]
pub(crate) struct State(Option<PathBuf>);

impl State {
    /// Files are stored in this directory, which is created.
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let Some(directory) = directory else { return Ok(Self(None)) };
        fs::create_dir_all(directory).map_err(|error| {
            io::Error::other(format!("cannot create {}: {error}", directory.display()))
        })?;
        Ok(Self(Some(directory.to_owned())))
    }

    /// True if files are stored.
    pub(crate) fn is_kept(&self) -> bool {
        self.0.is_some()
    }

    /// What a file has. One that is damaged is set aside, with a message.
    pub(crate) fn load<T: DeserializeOwned + Default>(&self, file: &str) -> T {
        let Some(directory) = &self.0 else { return T::default() };
        let path = directory.join(file);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return T::default(),
            Err(error) => return set_aside(&path, &error.to_string()),
        };
        serde_json::from_str(&text).unwrap_or_else(|error| set_aside(&path, &error.to_string()))
    }

    /// Replaces a file. An error is reported: what it would have is in force, but not stored.
    pub(crate) fn store<T: Serialize>(&self, file: &str, content: &T) {
        if let Err(error) = self.try_store(file, content) {
            eprintln_lossy(format_args!("flowmote-analyzer: {error}"));
        }
    }

    /// Replaces a file.
    ///
    /// # Errors
    /// The file, and why it cannot be written.
    pub(crate) fn try_store<T: Serialize>(&self, file: &str, content: &T) -> Result<(), String> {
        let Some(directory) = &self.0 else { return Ok(()) };
        let path = directory.join(file);
        write(&path, content).map_err(|error| format!("cannot write {}: {error}", path.display()))
    }
}

fn set_aside<T: Default>(path: &Path, error: &str) -> T {
    let aside = path.with_extension("json.damaged");
    let moved = match fs::rename(path, &aside) {
        Ok(()) => format!("moved to {}", aside.display()),
        Err(error) => format!("cannot be moved: {error}"),
    };
    eprintln_lossy(format_args!(
        "flowmote-analyzer: {} cannot be used ({error}): {moved}; nothing is restored of it",
        path.display()
    ));
    T::default()
}

/// Replaces a file: after a crash it has the old content or the new one.
fn write<T: Serialize>(path: &Path, content: &T) -> io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = File::create(&new)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

/// The file of the settings.
pub(crate) const SETTINGS: &str = "settings.json";
/// The word for a flow log in messages.
pub(crate) const FLOW_LOG: &str = "flow-log";
