//! Flow definitions, active flows, and the flow log.

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use flowmote_engine::flowcache::{ActiveFlow, FlowRecord, Records};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::task::block_in_place;

use super::Shared;
use super::poll::{Parameters, log};
use crate::http::active::{Selection, active_flows};
use crate::http::query::Query;
use crate::http::relaxed::Relaxed;
use crate::http::reply::{Failure, Reply, done, json};
use crate::hub::Hub;
use crate::state::FlowSetting;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/flow/json", get(list))
        .route("/flow/{name}/json", get(read).put(define).post(define).delete(remove))
        .route("/activeflows/{agents}/{name}/json", get(active))
        .route("/flowlocations/{agents}/{name}/json", get(locations))
        .route("/flows/json", get(records))
}

async fn list(State(hub): Shared) -> Reply {
    let definitions = hub.first(|analyzer| {
        let definitions = analyzer.flows().definitions();
        definitions.map(|(name, it)| (name.to_owned(), FlowSetting::of(it))).collect()
    });
    let definitions: BTreeMap<String, FlowSetting> = definitions.unwrap_or_default();
    json(&definitions)
}

async fn read(State(hub): Shared, Path(name): Path<String>) -> Reply {
    let definition =
        hub.first(|analyzer| analyzer.flows().definition(&name).map(FlowSetting::of)).flatten();
    json(&definition.ok_or_else(|| Failure::missing("flow", &name))?)
}

async fn define(
    State(hub): Shared,
    Path(name): Path<String>,
    Relaxed(setting): Relaxed<FlowSetting>,
) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            hub.define(&name, &setting.definition()).map_err(Failure::bad)?;
            settings.flows.insert(name, setting);
            Ok(())
        })
    })?;
    done()
}

async fn remove(State(hub): Shared, Path(name): Path<String>) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            settings.flows.remove(&name);
            let removed = hub.each(|analyzer| analyzer.undefine(&name));
            let removed = removed.into_iter().any(|removed| removed);
            if removed { Ok(()) } else { Err(Failure::missing("flow", &name)) }
        })
    })?;
    done()
}

/// An active flow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Active {
    key: String,
    value: f64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    values: Vec<f64>,
    agent: String,
    data_source: String,
    flow_n: usize,
}

impl Active {
    fn of(hub: &Hub, flow: ActiveFlow) -> Self {
        Self {
            key: flow.key,
            value: flow.estimate.value,
            values: flow.values.iter().map(|value| value.value).collect(),
            agent: flow.source.agent.to_string(),
            data_source: hub.names.label(flow.source.data_source).to_string(),
            flow_n: flow.observers,
        }
    }
}

async fn active(
    State(hub): Shared,
    Path((agents, name)): Path<(String, String)>,
    query: Query,
) -> Reply {
    let flows = active_flows(&hub, &agents, &name, Selection::default().of(&query))?;
    json(&flows.into_iter().map(|flow| Active::of(&hub, flow)).collect::<Vec<_>>())
}

async fn locations(
    State(hub): Shared,
    Path((agents, name)): Path<(String, String)>,
    query: Query,
) -> Reply {
    let key = query.text("key").ok_or_else(|| Failure::bad("the parameter key is missing"))?;
    let (agents, topology) = (hub.agents(&agents), hub.topology());
    let snapshot = hub.snapshot(&name).ok_or_else(|| Failure::missing("flow", &name))?;
    let flows = snapshot.locations(&agents, &topology, key);
    json(&flows.into_iter().map(|flow| Active::of(&hub, flow)).collect::<Vec<_>>())
}

/// A finished flow.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(rename = "flowID")]
    flow_id: u64,
    name: String,
    agent: String,
    data_source: String,
    flow_keys: String,
    value: f64,
    start: u64,
    end: u64,
}

impl Record {
    fn of(hub: &Hub, record: FlowRecord) -> Self {
        Self {
            flow_id: record.id,
            name: record.name.to_string(),
            agent: record.source.agent.to_string(),
            data_source: hub.names.label(record.source.data_source).to_string(),
            flow_keys: record.keys,
            value: record.value,
            start: hub.unix_ms(record.start),
            end: hub.unix_ms(record.end),
        }
    }
}

async fn records(State(hub): Shared, query: Query) -> Reply {
    let parameters = Parameters { number: "flowID", limit: "maxFlows", name: "name" };
    let read = |after: Option<u64>, limit: usize, name: Option<&str>| {
        let Records { records, missed } = hub.records(after, limit, name);
        (records, missed)
    };
    log(&hub, &query, parameters, read, |record| Record::of(&hub, record)).await
}
