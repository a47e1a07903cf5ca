//! Whose an interface is: its names, and those that a cloud has for it.

use core::net::Ipv4Addr;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use flowmote_decoder::DataSource;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::metrics::MetricValue;
use flowmote_engine::source::{Label, Source};
use foldhash::{HashMap, HashMapExt};

use super::field::addresses;
use crate::hub::Hub;

/// An interface of an agent.
#[derive(Clone, Debug, Default)]
pub(super) struct Interface {
    /// That of the cloud, `eni-…`; else the agent and its data source: `192.0.2.1-5`.
    pub(super) id: String,
    pub(super) agent: String,
    /// The ifIndex.
    pub(super) index: Option<u32>,
    pub(super) name: Option<String>,
    pub(super) host: Option<String>,
    pub(super) account: Option<String>,
    pub(super) vpc: Option<String>,
    pub(super) subnet: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) region: Option<String>,
    /// The id of the availability zone.
    pub(super) zone: Option<String>,
    /// Tags of the instance, by key.
    pub(super) tags: BTreeMap<String, String>,
    /// Private addresses, the primary one first.
    pub(super) addresses: Vec<Ipv4Addr>,
}

/// The interfaces that records were about lately.
#[derive(Debug, Default)]
pub(super) struct Interfaces {
    known: HashMap<Source, (Instant, Arc<Interface>)>,
}

impl Interfaces {
    /// An interface, as it was known at most [`MAX_AGE`] ago.
    pub(super) fn get(&mut self, hub: &Hub, source: Source) -> Arc<Interface> {
        let now = Instant::now();
        if let Some((read, known)) = self.known.get(&source)
            && now.duration_since(*read) < MAX_AGE
        {
            return known.clone();
        }
        if self.known.len() >= MAX {
            self.known = HashMap::new();
        }
        let interface = Arc::new(Interface::read(hub, source));
        self.known.insert(source, (now, interface.clone()));
        interface
    }
}

impl Interface {
    fn read(hub: &Hub, source: Source) -> Self {
        let agent = source.agent.to_string();
        let number = Label::Number(source.data_source);
        // The names of log streams have no colon.
        let id = format!("{agent}-{number}").replace(':', ".");
        let index = (source.data_source.class == 0).then_some(source.data_source.index);
        let mut interface = Self { id, agent, index, ..Self::default() };
        hub.each(|analyzer| interface.add(analyzer, source));
        interface
    }

    /// Adds what an analyzer knows.
    fn add(&mut self, analyzer: &Analyzer, source: Source) {
        let metrics = analyzer.metrics();
        let port = metrics.get(&source, "ifname").map(|name| name.to_string());
        self.name = self.name.take().or(port);
        self.host = self.host.take().or_else(|| metrics.host_name(&source.agent));
        let mut sources: HashMap<DataSource, Vec<(Arc<str>, MetricValue)>> = HashMap::new();
        for found in metrics.of_named(source.agent) {
            if found.name.starts_with("cloud_") {
                let own = sources.entry(found.source.data_source).or_default();
                own.push((found.name, found.value));
            }
        }
        // That of the instance first: an interface may have its own VPC, subnet and owner.
        for texts in sources.values().filter(|texts| index(texts).is_none()) {
            self.add_instance(texts);
        }
        let is_own = |texts: &&Vec<_>| self.index.is_some() && index(texts) == self.index;
        if let Some(texts) = sources.values().find(is_own) {
            self.add_own(texts);
        }
    }

    fn add_instance(&mut self, texts: &[(Arc<str>, MetricValue)]) {
        for (field, name) in [
            (&mut self.account, "cloud_account"),
            (&mut self.vpc, "cloud_vpc"),
            (&mut self.subnet, "cloud_subnet"),
            (&mut self.instance, "cloud_instance_id"),
            (&mut self.region, "cloud_region"),
            (&mut self.zone, "cloud_zone_id"),
        ] {
            *field = text(texts, name).or_else(|| field.take());
        }
        for (name, value) in texts {
            if let Some(key) = name.strip_prefix(TAG) {
                self.tags.insert(key.to_owned(), value.to_string());
            }
        }
    }

    fn add_own(&mut self, texts: &[(Arc<str>, MetricValue)]) {
        for (field, name) in [
            (&mut self.account, "cloud_owner"),
            (&mut self.vpc, "cloud_vpc"),
            (&mut self.subnet, "cloud_subnet"),
            (&mut self.name, "cloud_ifname"),
        ] {
            *field = text(texts, name).or_else(|| field.take());
        }
        if let Some(id) = text(texts, "cloud_interface_id") {
            self.id = id;
        }
        self.addresses = addresses(&text(texts, "cloud_private_ipv4").unwrap_or_default());
    }

    /// A tag of the instance. Agents send keys with `_` for most characters.
    pub(super) fn tag(&self, key: &str) -> Option<&str> {
        let sent = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        let key: String = key.chars().map(sent).collect();
        self.tags.get(&key).map(String::as_str)
    }

    /// True for one that a resource of a flow log is or contains: a VPC, a subnet, an instance, an
    /// interface, or an agent by its address.
    pub(super) fn is_in(&self, resource: &str) -> bool {
        let own = [&self.vpc, &self.subnet, &self.instance].into_iter().flatten();
        resource == super::definition::ALL
            || own.chain([&self.id, &self.agent]).any(|name| name == resource)
    }
}

fn text(texts: &[(Arc<str>, MetricValue)], name: &str) -> Option<String> {
    let found = texts.iter().find(|(own, _)| **own == *name);
    found.map(|(_, value)| value.to_string()).filter(|text| !text.is_empty())
}

/// The ifIndex, which the texts of an interface have.
fn index(texts: &[(Arc<str>, MetricValue)]) -> Option<u32> {
    text(texts, "cloud_ifindex")?.parse().ok()
}

const TAG: &str = "cloud_tag_";
const MAX_AGE: Duration = Duration::from_secs(10);
/// Interfaces that are kept.
const MAX: usize = 8_192;
