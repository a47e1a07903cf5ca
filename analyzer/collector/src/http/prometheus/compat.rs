//! The exports that clients of sFlow-RT scrape: series of the analyzer, of metrics, and of flows.

use core::fmt::Write;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::metrics::{Found, MetricValue};
use flowmote_engine::source::{Source, SourceNames};

use super::Shared;
use super::text::{joined, name, split_keys};
use crate::http::active::{Selection, active_flows};
use crate::http::compat::{filter, wanted};
use crate::http::parts::in_parts;
use crate::http::process;
use crate::http::query::Query;
use crate::http::reply::{Failure, Reply, TEXT, text};
use crate::hub::{Hub, Parts};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/prometheus/analyzer/txt", get(analyzer))
        .route("/app/prometheus/scripts/export.js/analyzer/txt", get(analyzer))
        .route("/prometheus/metrics/{agents}/{metrics}/txt", get(metrics))
        .route("/app/prometheus/scripts/export.js/dump/{agents}/{metrics}/txt", get(metrics))
        .route("/app/prometheus/scripts/export.js/flows/{agents}/txt", get(flows))
}

/// Counts of the analyzer, under both published spellings where there are two.
async fn analyzer(State(hub): Shared) -> Response {
    let counts = hub.counts();
    let series = [
        ("agents", counts.agents),
        ("agent_count", counts.agents),
        ("received_bytes", counts.bytes),
        ("received_datagrams", counts.datagrams),
        ("discarded_datagrams", counts.dropped),
        ("parse_errors", counts.faults),
        ("heap_used_bytes", counts.memory),
        ("events_generated", counts.events),
        ("flows_generated", counts.flows),
        ("flows_lost", counts.flows_lost),
        ("uptime_seconds", hub.uptime().as_secs()),
    ];
    let mut body = String::new();
    for (name, value) in series {
        let _ = writeln!(body, "sflow_analyzer_{name} {value}");
    }
    for (name, load) in
        [("process", process::load(hub.uptime())), ("system", process::system_load())]
    {
        let _ = writeln!(body, "sflow_analyzer_cpu_load_{name} {load}");
    }
    text(body)
}

/// Numeric metrics, each with the labels by which queries join them.
async fn metrics(
    State(hub): Shared,
    Path((agents, metrics)): Path<(String, String)>,
    query: Query,
) -> Response {
    let (agents, filter) = (hub.agents(&agents), filter(&query));
    let parts = wanted(&hub, &metrics).into_iter().flat_map({
        let hub = hub.clone();
        move |request| Parts::new(hub.clone(), agents.clone(), request, filter.clone())
    });
    let mut labels = BTreeMap::new();
    in_parts(TEXT, parts.map(move |part: Vec<Found>| series(&hub, &part, &mut labels).into()))
}

/// The series of numeric metrics. `labels` has those of data sources of earlier parts.
fn series(hub: &Hub, part: &[Found], labels: &mut BTreeMap<Source, String>) -> String {
    let numbers: Vec<(&Found, f64)> =
        part.iter().filter_map(|found| Some((found, found.value.number()?))).collect();
    complete(hub, labels, numbers.iter().map(|(found, _)| found.source));
    let mut body = String::new();
    for (found, value) in numbers {
        if let Some(labels) = labels.get(&found.source) {
            let _ = writeln!(body, "sflow_{}{{{labels}}} {value}", name(&found.name));
        }
    }
    body
}

/// Adds the labels of data sources that are not known yet.
fn complete(
    hub: &Hub,
    known: &mut BTreeMap<Source, String>,
    sources: impl Iterator<Item = Source>,
) {
    let sources: BTreeSet<Source> = sources.filter(|it| !known.contains_key(it)).collect();
    let mut described: Vec<(Source, Described)> =
        sources.into_iter().map(|source| (source, Described::default())).collect();
    // Samples wait for a part of them only.
    for part in described.chunks_mut(SOURCES_AT_ONCE) {
        hub.each(|analyzer| part.iter_mut().for_each(|(source, it)| it.complete(analyzer, source)));
    }
    known
        .extend(described.into_iter().map(|(source, it)| (source, it.labels(&source, &hub.names))));
}

/// What the analyzers hold about a data source.
#[derive(Debug, Default)]
struct Described {
    host: Option<String>,
    ifname: Option<MetricValue>,
    ifspeed: Option<MetricValue>,
    ifoperstatus: Option<MetricValue>,
}

impl Described {
    /// Adds what an analyzer holds.
    fn complete(&mut self, analyzer: &Analyzer, source: &Source) {
        let (metrics, topology) = (analyzer.metrics(), &analyzer.lookup().topology);
        let node = || topology.node(&source.agent, Some(source.data_source.index));
        let host = || metrics.host_name(&source.agent).or_else(|| node().map(str::to_owned));
        self.host = self.host.take().or_else(host);
        for (place, name) in [
            (&mut self.ifname, "ifname"),
            (&mut self.ifspeed, "ifspeed"),
            (&mut self.ifoperstatus, "ifoperstatus"),
        ] {
            *place = place.take().or_else(|| metrics.get(source, name));
        }
    }

    /// `agent`, `datasource` and `host`, and for interfaces `ifname`, `ifspeed` and `ifoperstatus`.
    fn labels(self, source: &Source, names: &SourceNames) -> String {
        let agent = source.agent.to_string();
        let speed = self.ifspeed.and_then(|speed| speed.number());
        let pairs = [
            ("agent", Some(agent.clone())),
            ("datasource", Some(names.label(source.data_source).to_string())),
            ("host", self.host.or(Some(agent))),
            ("ifname", self.ifname.map(|name| name.to_string())),
            ("ifspeed", speed.filter(|speed| *speed > 0.0).map(self::speed)),
            ("ifoperstatus", self.ifoperstatus.map(|status| status.to_string())),
        ];
        joined(pairs.into_iter().filter_map(|(name, value)| Some((name, value?))))
    }
}

/// A speed in bit/s as `100G`, `2.5G` or `100M`.
fn speed(bits: f64) -> String {
    match bits {
        bits if bits >= 1e9 => format!("{}G", bits / 1e9),
        bits if bits >= 1e6 => format!("{}M", bits / 1e6),
        bits => format!("{bits}"),
    }
}

/// Flows, of a definition that the parameters make. It is removed five minutes after the last request for
/// it.
async fn flows(State(hub): Shared, Path(agents): Path<String>, query: Query) -> Reply {
    let missing = |name| Failure::bad(format!("the parameter {name} is missing"));
    let several = |name: &str| -> Vec<String> {
        query.all(name).flat_map(split_keys).map(str::to_owned).collect()
    };
    let metric = query.text("metric").ok_or_else(|| missing("metric"))?;
    let keys = several("key");
    if keys.is_empty() {
        return Err(missing("key"));
    }
    query.text("value").ok_or_else(|| missing("value"))?;
    let definition = definition(&query, &keys);
    let name = hub.temporary(&definition, KEEP).map_err(Failure::bad)?;
    let flows = active_flows(&hub, &agents, &name, LIMITS.of(&query));
    let scale: f64 = query.get("scale").unwrap_or(1.0);
    let given = several("label");
    let name_of = |at: usize, key: &String| {
        let label = given.get(at).filter(|label| !label.is_empty()).unwrap_or(key);
        self::name(label)
    };
    let names: Vec<String> = keys.iter().enumerate().map(|(at, key)| name_of(at, key)).collect();
    let mut body = String::new();
    for flow in flows.unwrap_or_default() {
        let values = flow.key.split(SEPARATOR).map(str::to_owned);
        let labels = joined(names.iter().cloned().zip(values));
        let _ =
            writeln!(body, "{}{{{labels}}} {}", self::name(metric), flow.estimate.value * scale);
    }
    Ok(text(body))
}

/// A definition from the parameters of an export.
fn definition(query: &Query, keys: &[String]) -> Definition {
    Definition {
        keys: keys.join(","),
        value: query.text("value").unwrap_or_default().to_owned(),
        filter: query.text("filter").map(str::to_owned),
        n: query.get("n").unwrap_or(10.0) as u32,
        t: query.get("t").unwrap_or(15.0),
        fs: SEPARATOR.to_owned(),
        dropped: query.text("dropped") == Some("true"),
        ..Definition::default()
    }
}

/// Between the fields of a key, where a comma could be part of one.
pub(crate) const SEPARATOR: &str = "_SEP_";
/// Time after the last request for which a definition is kept.
const KEEP: Duration = Duration::from_secs(300);
/// Data sources whose labels are read while samples wait.
const SOURCES_AT_ONCE: usize = 500;
/// Number and smallest value of the flows in a reply, if the request has none.
const LIMITS: Selection = Selection { max_flows: 20, min_value: 0.1, agg_mode: None };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_have_units() {
        for (bits, text) in [(1e11, "100G"), (2.5e9, "2.5G"), (1e8, "100M"), (9600.0, "9600")] {
            assert_eq!(speed(bits), text);
        }
    }
}
