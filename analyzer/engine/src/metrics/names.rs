//! Names of metrics, each stored once.

use core::num::NonZeroU32;
use std::sync::Arc;

use foldhash::HashMap;

use crate::instant::Instant;

/// The number of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Metric(NonZeroU32);

impl Metric {
    fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// All names that occurred. At most [`MAX_NAMES`]: the names of `rtmetric` come from the network.
#[derive(Debug, Default)]
pub(super) struct Names {
    numbers: HashMap<Arc<str>, Metric>,
    names: Vec<(Arc<str>, Instant)>,
    bytes: usize,
}

impl Names {
    /// The number of a name that has a new value; `None` if there is no room for a new name.
    pub(super) fn touch(&mut self, name: &str, now: Instant) -> Option<Metric> {
        if let Some(metric) = self.numbers.get(name) {
            if let Some((_, seen)) = self.names.get_mut(metric.index()) {
                *seen = now;
            }
            return Some(*metric);
        }
        if self.names.len() >= MAX_NAMES {
            return None;
        }
        let metric = Metric(NonZeroU32::MIN.saturating_add(self.names.len() as u32));
        let name: Arc<str> = name.into();
        self.bytes += name.len() + 80;
        self.numbers.insert(name.clone(), metric);
        self.names.push((name, now));
        Some(metric)
    }

    /// Notes a new value of a name.
    pub(super) fn seen(&mut self, metric: Metric, now: Instant) {
        if let Some((_, seen)) = self.names.get_mut(metric.index()) {
            *seen = now;
        }
    }

    /// The number of a name that occurred.
    pub(super) fn get(&self, name: &str) -> Option<Metric> {
        self.numbers.get(name).copied()
    }

    /// The name of a number.
    pub(super) fn name(&self, metric: Metric) -> Arc<str> {
        self.names.get(metric.index()).map(|(name, _)| name.clone()).unwrap_or_default()
    }

    /// All names and the times of their last values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Arc<str>, Instant)> {
        self.names.iter().cloned()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }
}

/// Names at the same time.
const MAX_NAMES: usize = 16_384;
