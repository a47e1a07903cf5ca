//! flow-trend and browse-flows: the largest flows of keys that the request names.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_engine::flowcache::Definition;
use serde_json::{Map, Value};

use super::trend::{EXPIRY, Trends};
use crate::http::SEPARATOR;
use crate::http::active::{Selection, active_flows};
use crate::http::query::Query;
use crate::http::reply::{Failure, Reply, json};
use crate::hub::Hub;

pub(super) fn routes(trends: Arc<Trends>) -> Router<Arc<Hub>> {
    let handler = async move |State(hub), query| flows(&trends, &hub, &query);
    Router::new()
        .route("/app/flow-trend/scripts/top.js/flows/json", get(handler.clone()))
        .route("/app/browse-flows/scripts/top.js/flows/json", get(handler))
}

/// The course of the largest flows, of a definition that lives as long as the trend is read.
fn flows(trends: &Arc<Trends>, hub: &Arc<Hub>, query: &Query) -> Reply {
    let required = |name| {
        let text = query.text(name).filter(|text| !text.is_empty());
        text.ok_or_else(|| Failure::bad(format!("the parameter {name} is missing")))
    };
    let definition = Definition {
        keys: required("keys")?.to_owned(),
        value: required("value")?.to_owned(),
        filter: query.text("filter").map(str::to_owned),
        fs: SEPARATOR.to_owned(),
        dropped: query.text("dropped") == Some("true"),
        ..Definition::default()
    };
    let key = format!("{definition:?}");
    let sample = move |hub: &Hub| {
        let name = hub.temporary(&definition, EXPIRY).map_err(Failure::bad)?;
        Ok(vec![largest(hub, &name, TOP, 1.0)?])
    };
    json(&trends.read(hub, &key, &["topn"], query.get("after"), sample)?)
}

/// The largest flows of a definition, as an object of their keys and scaled values.
pub(super) fn largest(hub: &Hub, name: &str, count: usize, scale: f64) -> Result<Value, Failure> {
    let selection = Selection { max_flows: count, ..Selection::default() };
    let flows = active_flows(hub, "ALL", name, selection)?.into_iter();
    let members = flows.map(|flow| (flow.key, (flow.estimate.value * scale).into()));
    Ok(Value::Object(members.collect::<Map<_, _>>()))
}

/// Flows of a point.
const TOP: usize = 10;
