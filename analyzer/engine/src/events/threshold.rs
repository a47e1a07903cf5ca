//! A threshold, and which values are above it.

use core::time::Duration;

use foldhash::HashMap;

use super::Event;
use crate::instant::Instant;
use crate::metrics::MetricFilter;
use crate::source::Source;

/// A limit on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// The metric, or the name of a flow definition.
    pub metric: String,
    /// The limit.
    pub value: f64,
    /// True for an event for each flow, false for one for each data source.
    pub by_flow: bool,
    /// How long a value must stay below the limit until it can cross it again.
    pub timeout: Duration,
    /// The data sources that the threshold is on.
    pub filter: MetricFilter,
    /// True for events as soon as the estimate exceeds the limit. Otherwise the whole 95 % interval of the
    /// estimate must: an event is then no accident of sampling.
    pub plain: bool,
}

/// A value to compare with a threshold.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// Its data source.
    pub source: Source,
    /// Its flow, for a threshold on each flow.
    pub flow_key: Option<String>,
    /// The value, for an estimate the most likely one.
    pub value: f64,
    /// The lower end of the 95 % interval of an estimate, else the value.
    pub low: f64,
}

/// The values that are above a threshold.
#[derive(Debug)]
pub struct Watch {
    threshold: Threshold,
    /// The time of the last comparison.
    compared: Option<Instant>,
    /// Time of the last value above the limit.
    above: HashMap<(Source, Option<String>), Instant>,
    /// Values that were above the limit but could not be kept.
    pub overflow: u64,
}

impl Watch {
    /// Watches a threshold. Nothing is above it.
    pub fn new(threshold: Threshold) -> Self {
        Self { threshold, compared: None, above: HashMap::default(), overflow: 0 }
    }

    /// True if nothing was compared for `interval`.
    pub fn is_due(&self, now: Instant, interval: Duration) -> bool {
        self.compared.is_none_or(|compared| now.since(compared) >= interval)
    }

    /// The threshold watched.
    pub fn threshold(&self) -> &Threshold {
        &self.threshold
    }

    /// Compares the values that may be above the limit; all others are below it. Returns an event for each
    /// that has crossed the limit, with the number 0.
    pub fn evaluate(
        &mut self,
        name: &str,
        now: Instant,
        candidates: impl IntoIterator<Item = Candidate>,
    ) -> Vec<Event> {
        self.compared = Some(now);
        let mut events = Vec::new();
        for candidate in candidates {
            let limit = self.threshold.value;
            let Candidate { source, flow_key, value, low } = candidate;
            // Once above, a value stays so as long as the estimate does.
            if value <= limit {
                continue;
            }
            let key = (source, flow_key);
            if let Some(last) = self.above.get_mut(&key) {
                *last = now;
            } else if !self.threshold.plain && low <= limit {
                continue;
            } else if self.above.len() >= MAX_ABOVE {
                self.overflow += 1;
            } else {
                events.push(self.event(name, now, value, &key));
                self.above.insert(key, now);
            }
        }
        let timeout = self.threshold.timeout;
        self.above.retain(|_, last| *last == now || now.since(*last) < timeout);
        events
    }

    fn event(
        &self,
        name: &str,
        time: Instant,
        value: f64,
        (source, flow_key): &(Source, Option<String>),
    ) -> Event {
        Event {
            id: 0,
            time,
            threshold: name.to_owned(),
            metric: self.threshold.metric.clone(),
            limit: self.threshold.value,
            value,
            source: *source,
            flow_key: flow_key.clone(),
        }
    }
}

/// Values above a threshold at the same time. Flows come from the network.
const MAX_ABOVE: usize = 10_000;
