//! What the program counts, and the counters of flows, as series with the time at which they are read.

use core::mem;
use std::collections::BTreeMap;

use super::series::{Metric, Point, Series, Subject};
use crate::http::prometheus::{Family, Kind, Labels, flow_counters, own_metrics};
use crate::hub::Hub;

/// The series of the last time.
#[derive(Debug)]
pub(super) struct Own {
    subject: Subject,
    /// By their name and labels.
    series: BTreeMap<(String, Labels), Kind>,
    limit: usize,
}

impl Own {
    /// Series of this program, in at most about `memory` bytes.
    pub(super) fn new(memory: usize) -> Self {
        let host = nix::unistd::gethostname().unwrap_or_default().to_string_lossy().into_owned();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let labels = vec![pair("instance", &host), pair("job", NAME)];
        let resource = vec![
            ("service.name", NAME.to_owned()),
            ("service.version", env!("CARGO_PKG_VERSION").to_owned()),
            ("service.instance.id", host.clone()),
            ("host.name", host),
        ];
        let subject = Subject { resource, labels };
        Self { subject, series: BTreeMap::new(), limit: memory / SERIES }
    }

    /// Exports all series, and ends those that have vanished.
    pub(super) fn collect(&mut self, hub: &Hub, emit: &mut dyn FnMut(&Series<'_>)) {
        let families = own_metrics(hub).families.into_iter().chain(flow_counters(hub).families);
        let now = hub.unix_ms(hub.now());
        self.add(families, now, hub.unix_ms(flowmote_engine::Instant::default()), emit);
    }

    fn add(
        &mut self,
        families: impl Iterator<Item = Family>,
        now: u64,
        start: u64,
        emit: &mut dyn FnMut(&Series<'_>),
    ) {
        let (mut before, subject) = (mem::take(&mut self.series), &self.subject);
        for Family { name, kind, help, series } in families {
            let metric = Metric { name, kind, unit: "", help };
            for (labels, value) in series {
                // Those without room would have no end.
                if self.series.len() >= self.limit || !value.is_finite() {
                    continue;
                }
                let points = &[Point { time: now, value: Some(value) }];
                emit(&Series { metric: &metric, subject, labels: &labels, start, points });
                let key = (metric.name.clone(), labels);
                before.remove(&key);
                self.series.insert(key, kind);
            }
        }
        for ((name, labels), kind) in before {
            let metric = Metric { name, kind, unit: "", help: String::new() };
            let points = &[Point { time: now, value: None }];
            emit(&Series { metric: &metric, subject, labels: &labels, start, points });
        }
    }
}

const NAME: &str = "flowmote-analyzer";
/// Bytes of a series: its name, labels and share of a node.
const SERIES: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_that_vanish_end_once() {
        let family = |labels: &[&str]| Family {
            name: "flows_total".to_owned(),
            kind: Kind::Counter,
            help: String::new(),
            series: labels
                .iter()
                .map(|it| (vec![("k".to_owned(), (*it).to_owned())], 1.0))
                .collect(),
        };
        let mut own = Own::new(1 << 20);
        let mut pass = |now, labels: &[&str]| {
            let mut seen = Vec::new();
            own.add([family(labels)].into_iter(), now, 1, &mut |series| {
                let points = series.points.iter().map(|point| (point.time, point.value.is_some()));
                seen.extend(points.map(|point| (series.labels[0].1.clone(), point)));
            });
            seen
        };
        let at = |label: &str, time, value| (label.to_owned(), (time, value));
        assert_eq!(pass(10, &["a", "b"]), [at("a", 10, true), at("b", 10, true)]);
        assert_eq!(pass(20, &["b"]), [at("b", 20, true), at("a", 20, false)]);
        assert_eq!(pass(30, &["b"]), [at("b", 30, true)]);
    }
}
