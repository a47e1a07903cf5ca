//! Prometheus: series of the analyzer, of metrics, and of flows.

use core::fmt::Write;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use flowmote_engine::metrics::{Found, MetricRequest, MetricValue};
use flowmote_engine::source::{Label, Source};

use super::active::{Limits, active_flows};
use super::compat::{filter, list};
use super::query::Query;
use super::reply::{Failure, Reply, text};
use crate::hub::Hub;
use crate::state::FlowSetting;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/prometheus/analyzer/txt", get(analyzer))
        .route("/app/prometheus/scripts/export.js/analyzer/txt", get(analyzer))
        .route("/prometheus/metrics/{agents}/{metrics}/txt", get(metrics))
        .route("/app/prometheus/scripts/export.js/dump/{agents}/{metrics}/txt", get(metrics))
        .route("/app/prometheus/scripts/export.js/flows/{agents}/txt", get(flows))
}

type Shared = State<Arc<Hub>>;

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
    text(body)
}

/// Numeric metrics, each with the labels by which queries join them.
async fn metrics(
    State(hub): Shared,
    Path((agents, metrics)): Path<(String, String)>,
    query: Query,
) -> Response {
    let (agents, filter) = (hub.agents(&agents), filter(&query));
    let found: Vec<Found> = if list(&metrics).any(|name| name == "ALL") {
        hub.find_all(&agents, None, &filter)
    } else {
        let requests = list(&metrics).map(MetricRequest::parse);
        requests.flat_map(|it| hub.find_all(&agents, Some(&it), &filter)).collect()
    };
    let mut labels = BTreeMap::new();
    let mut body = String::new();
    for found in found {
        let MetricValue::Number(value) = found.value else { continue };
        let labels =
            labels.entry(found.source).or_insert_with(|| self::labels(&hub, &found.source));
        let _ = writeln!(body, "sflow_{}{{{labels}}} {value}", series(&found.name));
    }
    text(body)
}

/// `agent`, `datasource` and `host`, and for interfaces `ifname`, `ifspeed` and `ifoperstatus`.
fn labels(hub: &Hub, source: &Source) -> String {
    let agent = source.agent.to_string();
    let known = hub.each(|analyzer| {
        let (metrics, topology) = (analyzer.metrics(), &analyzer.lookup().topology);
        let node = topology.node(&source.agent, Some(source.data_source.index));
        let host = metrics.host_name(&source.agent).or_else(|| node.map(str::to_owned));
        let get = |name| metrics.get(source, name);
        (host, [get("ifname"), get("ifspeed"), get("ifoperstatus")])
    });
    let mut host = None;
    let mut port = [None, None, None];
    for (name, values) in known {
        host = host.or(name);
        for (place, value) in port.iter_mut().zip(values) {
            *place = place.take().or(value);
        }
    }
    let [ifname, ifspeed, ifoperstatus] = port;
    let speed = ifspeed.and_then(|speed| speed.number()).filter(|speed| *speed > 0.0).map(speed);
    let pairs = [
        ("agent", Some(agent.clone())),
        ("datasource", Some(Label(source.data_source).to_string())),
        ("host", host.or(Some(agent))),
        ("ifname", ifname.map(|name| name.to_string())),
        ("ifspeed", speed),
        ("ifoperstatus", ifoperstatus.map(|status| status.to_string())),
    ];
    joined(pairs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))))
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
    let setting = FlowSetting::of_export(&query, &keys);
    let name = hub.temporary(&setting).map_err(Failure::bad)?;
    let flows = active_flows(&hub, &agents, &name, &query, LIMITS);
    let scale: f64 = query.get("scale").unwrap_or(1.0);
    let given = several("label");
    let name_of = |at: usize, key: &String| {
        let label = given.get(at).filter(|label| !label.is_empty()).unwrap_or(key);
        series(label)
    };
    let names: Vec<String> = keys.iter().enumerate().map(|(at, key)| name_of(at, key)).collect();
    let mut body = String::new();
    for flow in flows.unwrap_or_default() {
        let values = flow.key.split(SEPARATOR).map(str::to_owned);
        let labels = joined(names.iter().cloned().zip(values));
        let _ = writeln!(body, "{}{{{labels}}} {}", series(metric), flow.estimate.value * scale);
    }
    Ok(text(body))
}

/// Splits a list of keys at commas outside of brackets.
fn split_keys(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_usize, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(text.get(start..at).unwrap_or_default());
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// A name of a series or label: characters that it may not have become `_`.
fn series(name: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let plain: String = name.chars().map(|c| if allowed(c) { c } else { '_' }).collect();
    match plain.starts_with(|c: char| c.is_ascii_digit()) {
        true => format!("_{plain}"),
        false => plain,
    }
}

/// Labels and their values, escaped.
fn joined(pairs: impl Iterator<Item = (String, String)>) -> String {
    let escaped =
        |value: String| value.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n");
    let labels: Vec<String> =
        pairs.map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    labels.join(",")
}

/// Between the fields of a key, where a comma could be part of one.
pub(crate) const SEPARATOR: &str = "_SEP_";
/// Number and smallest value of the flows in a reply, if the request has none.
const LIMITS: Limits = Limits { max_flows: 20, min_value: 0.1 };

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_allowed_characters_only() {
        assert_eq!(series("if-in.octets"), "if_in_octets");
        assert_eq!(series("null:[country:ipsource]:unknown"), "null__country_ipsource__unknown");
        assert_eq!(series("00"), "_00");
    }

    #[test]
    fn values_are_escaped() {
        let pair = ("a".to_owned(), "x\"y\\z\n".to_owned());
        assert_eq!(joined([pair].into_iter()), r#"a="x\"y\\z\n""#);
    }

    #[test]
    fn speeds_have_units() {
        for (bits, text) in [(1e11, "100G"), (2.5e9, "2.5G"), (1e8, "100M"), (9600.0, "9600")] {
            assert_eq!(speed(bits), text);
        }
    }

    #[test]
    fn commas_in_brackets_do_not_separate() {
        assert_eq!(split_keys("a,or:[b,c]:d,e"), ["a", "or:[b,c]:d", "e"]);
    }
}
