//! Thresholds, and the events of their crossing.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use flowmote_engine::events::{Event, Events};
use serde::Serialize;
use tokio::task::block_in_place;

use super::Shared;
use super::poll::{Parameters, log};
use crate::http::query::Query;
use crate::http::relaxed::Relaxed;
use crate::http::reply::{Failure, Reply, done, json};
use crate::hub::Hub;
use crate::state::ThresholdSetting;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/threshold/json", get(list))
        .route("/threshold/{name}/json", get(read).put(set).post(set).delete(remove))
        .route("/events/json", get(events))
}

async fn list(State(hub): Shared) -> Reply {
    let thresholds: BTreeMap<_, _> = hub.settings(|settings| settings.thresholds.clone());
    json(&thresholds)
}

async fn read(State(hub): Shared, Path(name): Path<String>) -> Reply {
    let threshold = hub.settings(|settings| settings.thresholds.get(&name).cloned());
    json(&threshold.ok_or_else(|| Failure::missing("threshold", &name))?)
}

async fn set(
    State(hub): Shared,
    Path(name): Path<String>,
    Relaxed(setting): Relaxed<ThresholdSetting>,
) -> Reply {
    if setting.value.is_none() || setting.metric.is_empty() {
        return Err(Failure::bad("a threshold needs metric and value"));
    }
    block_in_place(|| {
        hub.change(|hub, settings| {
            let known = settings.thresholds.contains_key(&name);
            if !known && settings.thresholds.len() >= MAX_THRESHOLDS {
                return Err(Failure::bad(format!("there are {MAX_THRESHOLDS} thresholds already")));
            }
            if !known {
                hub.forget_events(&name);
            }
            hub.set_threshold(&name, &setting.threshold());
            settings.thresholds.insert(name, setting);
            Ok(())
        })
    })?;
    done()
}

async fn remove(State(hub): Shared, Path(name): Path<String>) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            hub.each(|analyzer| analyzer.remove_threshold(&name));
            let removed = settings.thresholds.remove(&name);
            removed.map(drop).ok_or_else(|| Failure::missing("threshold", &name))
        })
    })?;
    done()
}

/// An event as a reply has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry {
    #[serde(rename = "eventID")]
    event_id: u64,
    timestamp: u64,
    #[serde(rename = "thresholdID")]
    threshold_id: String,
    metric: String,
    threshold: f64,
    value: f64,
    agent: String,
    data_source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    flow_key: Option<String>,
}

impl Entry {
    pub(crate) fn of(hub: &Hub, event: Event) -> Self {
        Self {
            event_id: event.id,
            timestamp: hub.unix_ms(event.time),
            threshold_id: event.threshold,
            metric: event.metric,
            threshold: event.limit,
            value: event.value,
            agent: event.source.agent.to_string(),
            data_source: hub.names.label(event.source.data_source).to_string(),
            flow_key: event.flow_key,
        }
    }
}

async fn events(State(hub): Shared, query: Query) -> Reply {
    let parameters = Parameters { number: "eventID", limit: "maxEvents", name: "thresholdID" };
    let read = |after: Option<u64>, limit: usize, threshold: Option<&str>| {
        let Events { events, missed } = hub.events(after, limit, threshold);
        (events, missed)
    };
    log(&hub, &query, parameters, read, |event| Entry::of(&hub, event)).await
}

/// Thresholds at the same time.
const MAX_THRESHOLDS: usize = 1000;
