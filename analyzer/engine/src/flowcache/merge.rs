//! Observers of the same key, merged.

use foldhash::{HashMap, HashMapExt};

use super::definition::AggMode;
use super::observer::Passage;
use super::snapshot::Item;
use crate::lookup::{Role, Topology};

/// The entries of one key.
#[derive(Clone, Debug)]
pub(crate) struct Group<'s> {
    items: Vec<Item<'s>>,
}

/// The entries by key, in arbitrary order.
pub(crate) fn groups<'s>(items: impl Iterator<Item = Item<'s>>) -> Vec<Group<'s>> {
    let mut places: HashMap<&[u8], usize> = HashMap::new();
    let mut groups: Vec<Group<'s>> = Vec::new();
    for item in items {
        let place = *places.entry(item.key).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.items.push(item),
            None => groups.push(Group { items: vec![item] }),
        }
    }
    groups.into_iter().map(|group| Group::of(group.items)).collect()
}

impl<'s> Group<'s> {
    /// The group of all entries of a key.
    pub(crate) fn of(mut items: Vec<Item<'s>>) -> Self {
        // Observers in order, so that those of one data source, and of one agent, are together.
        items.sort_by_key(|item| item.source);
        Self { items }
    }

    pub(crate) fn key(&self) -> &'s [u8] {
        self.items.first().map_or(&[], |item| item.key)
    }

    /// The entries that count.
    pub(crate) fn chosen(&self) -> &[Item<'s>] {
        &self.items
    }

    /// Number of data sources.
    pub(crate) fn observers(&self) -> usize {
        self.sources().count()
    }

    fn sources(&self) -> impl Iterator<Item = &[Item<'s>]> {
        self.items.chunk_by(|a, b| a.source == b.source)
    }

    /// A group for each data source.
    pub(crate) fn by_source(&self) -> impl Iterator<Item = Self> {
        self.sources().map(|items| Self { items: items.to_vec() })
    }

    /// The entry with the largest value, at the data source with the largest value.
    pub(crate) fn best(&self) -> Option<&Item<'s>> {
        let best = self.sources().max_by(|a, b| total(a).total_cmp(&total(b)))?;
        best.iter().max_by(|a, b| a.sums.total.total_cmp(&b.sums.total))
    }

    /// Keeps the entries that count for a mode. Returns false if there are none.
    pub(crate) fn choose(&mut self, mode: AggMode, topology: &Topology) -> bool {
        match mode {
            AggMode::Max => {
                let largest = self.sources().max_by(|a, b| total(a).total_cmp(&total(b)));
                self.items = largest.unwrap_or_default().to_vec();
            }
            AggMode::Sum => {
                self.items.retain(|item| item.slot.observer.passage() != Passage::Again);
            }
            AggMode::Edge => {
                self.items.retain(|item| role(item, topology) == Some(Role::Edge));
                self.items = larger_direction(&self.items);
            }
            AggMode::Core => {
                self.items.retain(|item| role(item, topology) == Some(Role::Core));
                let agents = self.items.chunk_by(|a, b| a.source.agent == b.source.agent);
                let agents = agents.map(larger_direction);
                let largest = agents.max_by(|a, b| total(a).total_cmp(&total(b)));
                self.items = largest.unwrap_or_default();
            }
        }
        !self.items.is_empty()
    }
}

fn total(items: &[Item<'_>]) -> f64 {
    items.iter().map(|item| item.sums.total).sum()
}

fn role(item: &Item<'_>, topology: &Topology) -> Option<Role> {
    let port = item.source.data_source;
    (port.class == 0).then(|| topology.role(&item.source.agent, port.index))?
}

/// The entries of packets that enter, or those of packets that leave: those with the larger total. A
/// packet that passes two ports is counted at one of them.
fn larger_direction<'s>(items: &[Item<'s>]) -> Vec<Item<'s>> {
    let enters = |item: &&Item<'s>| item.slot.observer.passage() == Passage::In;
    let (entering, leaving): (Vec<Item<'s>>, Vec<Item<'s>>) =
        items.iter().partition(|item| enters(item));
    if total(&entering) >= total(&leaving) { entering } else { leaving }
}
