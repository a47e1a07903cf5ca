//! Names of hosts, instances and ports, kept for as long as their agent has rows.

use std::collections::BTreeMap;
use std::sync::Arc;

use flowmote_decoder::{Address, DataSource};

use crate::source::Source;

/// Texts by name and data source.
#[derive(Debug)]
pub(super) struct Texts {
    texts: BTreeMap<(&'static str, Source), Arc<str>>,
    bytes: usize,
    capacity: usize,
}

impl Texts {
    /// No texts; at most about `capacity` bytes will be used.
    pub(super) fn new(capacity: usize) -> Self {
        Self { texts: BTreeMap::new(), bytes: 0, capacity }
    }

    /// Replaces a text, and returns whether it is another one. A further one is ignored if there is no room.
    pub(super) fn set(&mut self, source: Source, name: &'static str, text: &str) -> bool {
        let known = self.texts.get(&(name, source));
        if known.is_some_and(|known| **known == *text) {
            return false;
        }
        let before = known.map_or(0, |text| cost(text));
        let after = self.bytes - before + cost(text);
        let has_room = after <= self.capacity;
        if has_room {
            self.texts.insert((name, source), text.into());
            self.bytes = after;
        }
        has_room
    }

    pub(super) fn get(&self, source: &Source, name: &str) -> Option<&Arc<str>> {
        self.texts.get(&(is_kept(name)?, *source))
    }

    /// The texts of an agent with this name, and their data sources.
    pub(super) fn of_agent(
        &self,
        agent: Address,
        name: &'static str,
    ) -> impl Iterator<Item = (Source, &Arc<str>)> {
        let at = |number| {
            (name, Source { agent, data_source: DataSource { class: number, index: number } })
        };
        let range = self.texts.range(at(0)..=at(u32::MAX));
        range.map(|((_, source), text)| (*source, text))
    }

    /// Removes the texts of agents that `keep` refuses.
    pub(super) fn retain(&mut self, keep: impl Fn(Address) -> bool) {
        // Those of an agent follow one another.
        let mut last = None;
        self.texts.retain(|(_, source), _| match last {
            Some((agent, keeps)) if agent == source.agent => keeps,
            _ => {
                let keeps = keep(source.agent);
                last = Some((source.agent, keeps));
                keeps
            }
        });
        self.bytes = self.texts.values().map(|text| cost(text)).sum();
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The name, if texts of this name are kept.
pub(crate) fn is_kept(name: &str) -> Option<&'static str> {
    KEPT.into_iter().find(|kept| *kept == name)
}

/// Bytes of a text, its key and its share of a node.
fn cost(text: &str) -> usize {
    text.len() + 128
}

const KEPT: [&str; 10] = [
    "host_name",
    "ifname",
    "cloud_instance_id",
    "cloud_instance_type",
    "cloud_image",
    "cloud_provider",
    "cloud_region",
    "cloud_zone",
    "cloud_account",
    "ethtool_driver",
];
