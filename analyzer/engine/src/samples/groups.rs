//! The entries of all scans, by key.

use core::hash::BuildHasher;
use core::hint::black_box;
use core::ptr;

use hashbrown::HashTable;

use super::query::PastQuery;
use super::scan::Scan;
use super::series::Fates;
use crate::flowcache::{Entry, Group};

/// The entries of all scans. Those of a key are linked: a list for each would take more memory than the
/// entries.
pub(super) struct Groups<'s> {
    query: &'s PastQuery,
    scans: &'s [Scan],
    links: Vec<Link<'s>>,
    /// The first link of each key.
    heads: HashTable<u32>,
}

struct Link<'s> {
    scan: usize,
    entry: Entry<'s>,
    next: Option<u32>,
}

impl<'s> Groups<'s> {
    pub(super) fn new(query: &'s PastQuery, scans: &'s [Scan]) -> Self {
        let mut groups = Self { query, scans, links: Vec::new(), heads: HashTable::new() };
        for (scan, entries) in scans.iter().map(Scan::entries).enumerate() {
            entries.for_each(|entry| groups.add(scan, entry));
        }
        groups
    }

    fn add(&mut self, scan: usize, entry: Entry<'s>) {
        let Self { query, links, heads, .. } = self;
        let key = |link: &u32| links.get(*link as usize).map_or(&[][..], |link| link.entry.key);
        let hash = query.hasher.hash_one(entry.key);
        let new = links.len() as u32;
        let next = match heads.find_mut(hash, |head| key(head) == entry.key) {
            Some(head) => Some(core::mem::replace(head, new)),
            None => {
                heads.insert_unique(hash, new, |head| query.hasher.hash_one(key(head)));
                None
            }
        };
        links.push(Link { scan, entry, next });
    }

    pub(super) fn heads(&self) -> Vec<u32> {
        self.heads.iter().copied().collect()
    }

    /// Begins to load the entries of some keys, which are in no cache.
    pub(super) fn touch(&self, heads: &[u32]) {
        for head in heads {
            black_box(self.links.get(*head as usize).map(|link| link.next));
        }
        for link in heads.iter().flat_map(|head| self.links(*head)) {
            black_box(link.entry.slot.hash);
        }
    }

    /// The entries of a key.
    fn links(&self, head: u32) -> impl Iterator<Item = &Link<'s>> {
        let link = |at: u32| self.links.get(at as usize);
        core::iter::successors(link(head), move |last| link(last.next?))
    }

    fn group(&self, head: u32) -> Group<'s> {
        let items = self.links(head).filter_map(|link| {
            self.scans.get(link.scan)?.item(&link.entry, self.query.per_second())
        });
        Group::of(items.collect())
    }

    /// The entries of a key that count, if there are any.
    pub(super) fn chosen(&self, head: u32) -> Option<Group<'s>> {
        let mut group = self.group(head);
        let (mode, topology) = (self.query.definition.agg_mode, &self.query.lookup.topology);
        group.choose(mode, topology).then_some(group)
    }

    /// Data sources that see a flow.
    pub(super) fn observers(&self, head: u32) -> usize {
        self.group(head).observers()
    }

    /// Notes the fate of the entries that count, for a series.
    pub(super) fn mark(&self, head: u32, chosen: &Group<'_>, fates: &mut Fates, fate: u32) {
        if self.query.edges.is_empty() {
            return;
        }
        for link in self.links(head) {
            if chosen.chosen().iter().any(|item| ptr::eq(item.slot, link.entry.slot)) {
                fates.set(link.scan, link.entry.slot.seen.0, fate);
            }
        }
    }

    /// What the flow may have had before it was in full tables.
    pub(super) fn bound(&self, head: u32, chosen: &Group<'_>) -> f64 {
        if self.scans.iter().all(|scan| scan.floor() <= 0.0) {
            return 0.0;
        }
        let in_scan = |scan| {
            let links = || self.links(head).filter(move |link| link.scan == scan);
            let counts = |link: &&Link<'_>| {
                chosen.chosen().iter().any(|item| ptr::eq(item.slot, link.entry.slot))
            };
            let error = links().filter(counts).map(|link| link.entry.slot.error).sum();
            let known = links().next().is_some();
            if known { error } else { self.scans.get(scan).map_or(0.0, Scan::floor) }
        };
        (0..self.scans.len()).map(in_scan).sum::<f64>() * self.query.per_second()
    }
}
