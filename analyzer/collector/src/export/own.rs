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
    /// Samples that were not exported.
    skipped: u64,
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
        Self { subject, series: BTreeMap::new(), limit: memory / SERIES, skipped: 0 }
    }

    /// Samples that were not exported because there are too many series.
    pub(super) fn skipped(&self) -> u64 {
        self.skipped
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
                if !value.is_finite() {
                    continue;
                }
                let key = (metric.name.clone(), labels);
                // Those without room would have no end. Series of before keep theirs.
                let is_known = before.remove(&key).is_some();
                if !is_known && self.series.len() + before.len() >= self.limit {
                    self.skipped += 1;
                    continue;
                }
                let points = &[Point { time: now, value: Some(value) }];
                emit(&Series { metric: &metric, subject, labels: &key.1, start, points });
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

    /// The points of a pass, in which a family has series with these labels.
    fn pass(own: &mut Own, now: u64, labels: &[&str]) -> Vec<(String, (u64, bool))> {
        let series = |it: &&str| (vec![("k".to_owned(), (*it).to_owned())], 1.0);
        let family = Family {
            name: "flows_total".to_owned(),
            kind: Kind::Counter,
            help: String::new(),
            series: labels.iter().map(series).collect(),
        };
        let mut seen = Vec::new();
        own.add([family].into_iter(), now, 1, &mut |series| {
            let points = series.points.iter().map(|point| (point.time, point.value.is_some()));
            seen.extend(points.map(|point| (series.labels[0].1.clone(), point)));
        });
        seen
    }

    #[test]
    fn series_beyond_the_limit_are_counted_and_those_of_before_stay() {
        let mut own = Own::new(2 * SERIES);
        let labels = |own: &mut Own, now, labels: &[&str]| {
            let values = pass(own, now, labels).into_iter().filter(|(_, (_, is_value))| *is_value);
            values.map(|(label, _)| label).collect::<Vec<_>>()
        };
        assert_eq!(labels(&mut own, 10, &["b", "c"]), ["b", "c"]);
        assert_eq!(labels(&mut own, 20, &["a", "b", "c", "d"]), ["b", "c"]);
        assert_eq!(own.skipped(), 2);
        assert_eq!(labels(&mut own, 30, &["a", "c"]), ["c"]);
        assert_eq!(labels(&mut own, 40, &["a", "c"]), ["a", "c"]);
        assert_eq!(own.skipped(), 3);
    }

    #[test]
    fn series_that_vanish_end_once() {
        let mut own = Own::new(1 << 20);
        let mut pass = |now, labels: &[&str]| pass(&mut own, now, labels);
        let at = |label: &str, time, value| (label.to_owned(), (time, value));
        assert_eq!(pass(10, &["a", "b"]), [at("a", 10, true), at("b", 10, true)]);
        assert_eq!(pass(20, &["b"]), [at("b", 20, true), at("a", 20, false)]);
        assert_eq!(pass(30, &["b"]), [at("b", 30, true)]);
    }
}
