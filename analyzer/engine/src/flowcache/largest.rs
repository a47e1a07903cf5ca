//! The keys with the largest entries of a table, found in one pass without a copy of the table.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::flow::Flow;
use super::segment::Entry;
use crate::instant::Instant;

/// The keys of the largest entries.
#[derive(Debug)]
pub(crate) struct Largest<'f> {
    pub(crate) keys: HashSet<&'f [u8], RandomState>,
    /// No entry of another key is larger.
    pub(crate) rest: f64,
    /// Ways in which packets passed the data sources of the entries, of three.
    pub(crate) passages: u32,
}

/// The largest of the values offered.
#[derive(Debug)]
struct Best<'f> {
    limit: usize,
    entries: Vec<(f64, &'f [u8])>,
    /// No value that was left out is larger.
    rest: f64,
}

impl<'f> Best<'f> {
    fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), entries: Vec::new(), rest: f64::NEG_INFINITY }
    }

    #[inline]
    fn offer(&mut self, value: f64, key: &'f [u8]) {
        if value > self.rest {
            self.entries.push((value, key));
            if self.entries.len() >= 2 * self.limit {
                self.reduce();
            }
        }
    }

    fn reduce(&mut self) {
        if self.entries.len() <= self.limit {
            return;
        }
        let order = |a: &(f64, &[u8]), b: &(f64, &[u8])| b.0.total_cmp(&a.0);
        let (_, (value, _), _) = self.entries.select_nth_unstable_by(self.limit, order);
        self.rest = self.rest.max(*value);
        self.entries.truncate(self.limit);
    }
}

impl<'f> Largest<'f> {
    /// The keys of at least `count` largest entries for which `wanted` is true; of all, if they have
    /// fewer than `count` keys.
    pub(crate) fn of(
        flow: &'f Flow,
        now: Instant,
        count: usize,
        wanted: impl Fn(&Entry<'_>) -> bool,
    ) -> Self {
        // More than `count`, for keys with entries of several observers.
        let mut limit = count.saturating_mul(4).max(16);
        loop {
            let mut best = Best::new(limit);
            let passages = visit(flow, now, |value, entry| {
                if value > best.rest && wanted(&entry) {
                    best.offer(value, entry.key);
                }
            });
            best.reduce();
            let keys: HashSet<_, _> = best.entries.iter().map(|(_, key)| *key).collect();
            let complete = best.rest == f64::NEG_INFINITY;
            if complete || keys.len() >= count {
                return Self { keys, rest: best.rest.max(0.0), passages };
            }
            // Several data sources see the same key.
            limit = limit.saturating_mul(8);
        }
    }

    /// The keys of the entries above a value.
    pub(crate) fn above(flow: &'f Flow, now: Instant, least: f64) -> Self {
        let mut keys = HashSet::default();
        let passages = visit(flow, now, |value, entry| {
            if value > least {
                keys.insert(entry.key);
            }
        });
        Self { keys, rest: least, passages }
    }

    /// The keys of the `count` largest entries of each data source.
    pub(crate) fn of_sources(flow: &'f Flow, now: Instant, count: usize) -> Self {
        let mut best: Vec<Best<'f>> = Vec::new();
        let passages = visit(flow, now, |value, entry| {
            let source = entry.slot.observer.source() as usize;
            if source >= best.len() {
                best.resize_with(source + 1, || Best::new(count));
            }
            if let Some(best) = best.get_mut(source) {
                best.offer(value, entry.key);
            }
        });
        best.iter_mut().for_each(Best::reduce);
        let rest = best.iter().map(|best| best.rest).fold(0.0, f64::max);
        let keys = best.iter().flat_map(|best| best.entries.iter().map(|(_, key)| *key));
        Self { keys: keys.collect(), rest, passages }
    }
}

/// Visits all entries with their values per second. Returns the number of passages that they have.
fn visit<'f>(flow: &'f Flow, now: Instant, mut visit: impl FnMut(f64, Entry<'f>)) -> u32 {
    let mut passages = 0_u32;
    for segment in flow.table.segments() {
        let factor = flow.decay.per_second(segment.epoch, now);
        for entry in segment.entries() {
            passages |= 1 << entry.slot.observer.passage() as u32;
            visit(entry.slot.sums.total * factor, entry);
        }
    }
    passages.count_ones()
}
