//! Names of metrics, each stored once.

use core::num::NonZeroU32;
use core::time::Duration;
use std::sync::Arc;

use foldhash::HashMap;

use crate::instant::Instant;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metric(NonZeroU32);

impl Metric {
    fn new(index: usize) -> Self {
        Self(NonZeroU32::MIN.saturating_add(index as u32))
    }

    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// All names that occurred.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Metric>,
    list: Vec<Name>,
    /// Numbers without a name, to be used again.
    free: Vec<Metric>,
    /// Names of `rtmetric` samples, which come from the network: at most [`MAX_CUSTOM`].
    custom: usize,
    bytes: usize,
}

#[derive(Debug)]
struct Name {
    text: Arc<str>,
    /// The time of the last value; `None` if there was none.
    seen: Option<Instant>,
    /// True for a name of a field. Schemas keep its number, so it is never free.
    field: bool,
}

impl Names {
    /// The number of the name of a field.
    pub(super) fn field(&mut self, name: &str) -> Metric {
        if let Some(metric) = self.get(name) {
            if let Some(name) = self.list.get_mut(metric.index())
                && !name.field
            {
                name.field = true;
                self.custom -= 1;
            }
            return metric;
        }
        self.add(Name { text: name.into(), seen: None, field: true })
    }

    /// The number of a name of an `rtmetric` sample; `None` if there are too many.
    pub(super) fn custom(&mut self, name: &str, now: Instant) -> Option<Metric> {
        if let Some(metric) = self.get(name) {
            self.seen(metric, now);
            return Some(metric);
        }
        if self.custom >= MAX_CUSTOM {
            return None;
        }
        self.custom += 1;
        Some(self.add(Name { text: name.into(), seen: Some(now), field: false }))
    }

    fn add(&mut self, name: Name) -> Metric {
        self.bytes += cost(&name.text);
        let metric = self.free.pop().unwrap_or(Metric::new(self.list.len()));
        self.numbers.insert(name.text.clone(), metric);
        match self.list.get_mut(metric.index()) {
            Some(free) => *free = name,
            None => self.list.push(name),
        }
        metric
    }

    /// Notes a new value of a name.
    pub(super) fn seen(&mut self, metric: Metric, now: Instant) {
        if let Some(name) = self.list.get_mut(metric.index()) {
            name.seen = Some(now);
        }
    }

    /// Removes custom names without a value for `age`, which no data source has any more.
    pub(super) fn expire(&mut self, now: Instant, age: Duration) {
        let Self { numbers, list, free, custom, bytes } = self;
        numbers.retain(|text, metric| {
            let name = list.get(metric.index());
            let old = name.is_some_and(|name| {
                !name.field && name.seen.is_none_or(|seen| now.since(seen) > age)
            });
            if old {
                free.push(*metric);
                *custom -= 1;
                *bytes -= cost(text);
            }
            !old
        });
    }

    /// The number of a name that occurred.
    pub(super) fn get(&self, name: &str) -> Option<Metric> {
        self.numbers.get(name).copied()
    }

    /// The shared text of a name.
    pub(super) fn shared(&self, name: &str) -> Arc<str> {
        self.get(name).map_or_else(|| name.into(), |metric| self.name(metric))
    }

    /// The name of a number.
    pub(super) fn name(&self, metric: Metric) -> Arc<str> {
        self.list.get(metric.index()).map(|name| name.text.clone()).unwrap_or_default()
    }

    /// All names that had a value, and the times of the last ones.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Arc<str>, Instant)> {
        self.numbers.values().filter_map(|metric| {
            let name = self.list.get(metric.index())?;
            Some((name.text.clone(), name.seen?))
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Bytes of a name in the list and in the map.
fn cost(name: &str) -> usize {
    name.len() + 96
}

/// Names of `rtmetric` samples at the same time.
const MAX_CUSTOM: usize = 16_384;
