//! Metrics: statistics, dumps and tables.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::get;
use flowmote_decoder::{Address, DataSource};
use flowmote_engine::Instant;
use flowmote_engine::metrics::{
    Column, Found, MetricFilter, MetricRequest, MetricValue, Statistic, TopKey, rows,
};
use flowmote_engine::source::Label;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value, json as object};

use super::Shared;
use crate::http::parts::list_of_parts;
use crate::http::query::Query;
use crate::http::reply::{Reply, json, json_text, list_text, shown};
use crate::hub::{Hub, Parts};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/metrics/json", get(names))
        .route("/flowkeys/json", get(flow_keys))
        .route("/metric/{agents}/json", get(of_agent))
        .route("/metric/{agents}/{metrics}/json", get(statistics))
        .route("/dump/{agents}/{metrics}/json", get(dump))
        .route("/table/{agents}/{metrics}/json", get(table))
}

/// All names, each with the age of its last value in milliseconds.
async fn names(State(hub): Shared) -> Reply {
    let now = hub.now();
    let names = hub.each(|analyzer| analyzer.metric_names(now)).concat();
    json(&ages(now, names))
}

/// The keys that packets of the recent past have, each with the age of the last one in milliseconds.
async fn flow_keys(State(hub): Shared) -> Reply {
    let now = hub.now();
    let keys = hub.each(|analyzer| analyzer.flow_keys().collect::<Vec<_>>()).concat();
    json(&ages(now, keys))
}

/// The smallest age of each name, in milliseconds.
fn ages(now: Instant, seen: Vec<(impl ToString, Instant)>) -> BTreeMap<String, u64> {
    let mut ages = BTreeMap::new();
    for (name, seen) in seen {
        let age = age(now, seen);
        let known = ages.entry(name.to_string()).or_insert(age);
        *known = age.min(*known);
    }
    ages
}

/// All metrics as an object. Of several agents, the newest value stands.
async fn of_agent(State(hub): Shared, Path(agents): Path<String>, query: Query) -> Reply {
    let mut newest: BTreeMap<(DataSource, Arc<str>), Found> = BTreeMap::new();
    for found in Parts::new(&*hub, hub.agents(&agents), None, filter(&query)).flatten() {
        match newest.entry((found.source.data_source, found.name.clone())) {
            Entry::Vacant(place) => drop(place.insert(found)),
            Entry::Occupied(mut place) if place.get().updated <= found.updated => {
                place.insert(found);
            }
            Entry::Occupied(_) => {}
        }
    }
    let metrics = newest.into_values().map(|found| {
        let name = format!("{}.{}", hub.names.label(found.source.data_source), found.name);
        (name, value(&found.value))
    });
    json(&metrics.collect::<Map<String, Value>>())
}

async fn statistics(
    State(hub): Shared,
    Path((agents, metrics)): Path<(String, String)>,
    query: Query,
) -> Reply {
    let (agents, filter) = (hub.agents(&agents), filter(&query));
    let statistic = |text| {
        let request = MetricRequest::parse(text, &hub.names);
        statistic_object(&hub, text, hub.statistic(&agents, &request, &filter))
    };
    let statistics: Vec<Value> = list(&metrics).map(statistic).collect();
    json(&statistics)
}

fn statistic_object(hub: &Hub, name: &str, statistic: Statistic) -> Value {
    let mut members = Map::new();
    members.insert("metricName".to_owned(), name.into());
    members.insert("metricN".to_owned(), statistic.count.into());
    if let Some(found) = &statistic.value {
        members.insert("metricValue".to_owned(), value(found));
    }
    if let Some(source) = statistic.source {
        members.insert("agent".to_owned(), source.agent.to_string().into());
        members.insert(
            "dataSource".to_owned(),
            hub.names.label(source.data_source).to_string().into(),
        );
    }
    if let Some((newest, oldest)) = statistic.age {
        let milliseconds = |age: core::time::Duration| Value::from(age.as_millis() as u64);
        if statistic.source.is_some() {
            members.insert("lastUpdate".to_owned(), milliseconds(newest));
        } else {
            members.insert("lastUpdateMin".to_owned(), milliseconds(newest));
            members.insert("lastUpdateMax".to_owned(), milliseconds(oldest));
        }
    }
    if let Some(it) = statistic.quartiles {
        let quartiles = object!({
            "min": it.min, "q1": it.q1, "med": it.median, "q3": it.q3, "max": it.max,
        });
        members.insert("quartiles".to_owned(), quartiles);
    }
    if !statistic.top_keys.is_empty() {
        members.insert("topKeys".to_owned(), object!(top_keys(&statistic.top_keys)));
    }
    Value::Object(members)
}

async fn dump(
    State(hub): Shared,
    Path((agents, metrics)): Path<(String, String)>,
    query: Query,
) -> Response {
    let (agents, filter, now) = (hub.agents(&agents), filter(&query), hub.now());
    let parts = wanted(&hub, &metrics).into_iter().flat_map({
        let hub = hub.clone();
        move |request| {
            let is_named = request.is_some();
            let parts = Parts::new(hub.clone(), agents.clone(), request, filter.clone());
            if is_named { parts.with_top_keys() } else { parts }
        }
    });
    list_of_parts(parts.map(move |part: Vec<Found>| {
        list_text(part.iter().map(|found| Cell::of(&hub, now, found)))
    }))
}

/// The metrics of a list; one `None` if it contains `ALL`.
pub(crate) fn wanted(hub: &Hub, metrics: &str) -> Vec<Option<MetricRequest>> {
    match list(metrics).any(|name| name == "ALL") {
        true => vec![None],
        false => list(metrics).map(|it| Some(MetricRequest::parse(it, &hub.names))).collect(),
    }
}

async fn table(
    State(hub): Shared,
    Path((agents, metrics)): Path<(String, String)>,
    query: Query,
) -> Reply {
    let (agents, filter, now) = (hub.agents(&agents), filter(&query), hub.now());
    let columns: Vec<Column> = list(&metrics).map(|text| Column::parse(text, &hub.names)).collect();
    let found: Vec<Vec<Found>> = columns
        .iter()
        .map(|column| {
            let request =
                MetricRequest { pin: column.pin, ..MetricRequest::parse(&column.name, &hub.names) };
            hub.find(&agents, &request, &filter)
        })
        .collect();
    let cells = |row: Vec<Option<Found>>| {
        let named = row.into_iter().zip(&columns);
        let cells = named.map(|(found, column)| match found {
            Some(found) => object!(Cell::of(&hub, now, &found)),
            None => object!({ "metricName": column.name }),
        });
        cells.collect::<Vec<_>>()
    };
    Ok(json_text(list_text(rows(&columns, &found).into_iter().map(cells))))
}

/// A metric of a data source.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Cell<'f> {
    #[serde(serialize_with = "shown")]
    agent: Address,
    #[serde(serialize_with = "shown")]
    data_source: Label,
    metric_name: &'f str,
    #[serde(serialize_with = "plain")]
    metric_value: &'f MetricValue,
    last_update: u64,
    #[serde(skip_serializing_if = "<[Top<'_>]>::is_empty")]
    top_keys: Vec<Top<'f>>,
}

/// A flow of a data source.
#[derive(Serialize)]
struct Top<'f> {
    key: &'f str,
    value: f64,
}

impl<'f> Cell<'f> {
    fn of(hub: &Hub, now: Instant, found: &'f Found) -> Self {
        Self {
            agent: found.source.agent,
            data_source: hub.names.label(found.source.data_source),
            metric_name: &found.name,
            metric_value: &found.value,
            last_update: age(now, found.updated),
            top_keys: top_keys(&found.top_keys),
        }
    }
}

fn top_keys(keys: &[TopKey]) -> Vec<Top<'_>> {
    keys.iter().map(|top| Top { key: &top.key, value: top.value }).collect()
}

/// Writes a number or a text.
fn plain<S: Serializer>(value: &MetricValue, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        MetricValue::Number(number) => serializer.serialize_f64(*number),
        MetricValue::Text(text) => serializer.serialize_str(text),
    }
}

fn value(value: &MetricValue) -> Value {
    plain(value, serde_json::value::Serializer).unwrap_or_default()
}

/// The filter that the query is: each name is a metric.
pub(crate) fn filter(query: &Query) -> MetricFilter {
    MetricFilter::new(query.iter().filter(|(name, _)| !name.is_empty()))
}

/// The parts of a list, which `,` and `;` separate.
pub(crate) fn list(text: &str) -> impl Iterator<Item = &str> {
    text.split([',', ';']).map(str::trim).filter(|part| !part.is_empty())
}

fn age(now: Instant, time: Instant) -> u64 {
    u64::try_from(now.since(time).as_millis()).unwrap_or(u64::MAX)
}
