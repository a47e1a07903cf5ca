//! Active flows, with samples, interval, bound and sampling rate.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use flowmote_engine::flowcache::{ActiveFlow, AggMode, Estimate};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::strict::{Strict, finite};
use crate::http::active::{Selection, active_flows};
use crate::http::reply::{Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/flows/{name}", get(active))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ActiveParameters {
    /// `ALL`, a list of addresses or host names, `TOPOLOGY`, `EDGE` or `CORE`. All agents if absent.
    agent: Option<String>,
    /// The number of flows, the largest ones. 100 if absent.
    #[param(maximum = 4_294_967_295_u32)]
    max_flows: Option<u32>,
    /// The smallest value. 0 if absent.
    #[serde(default, deserialize_with = "finite")]
    min_value: Option<f64>,
    /// How several observers of a flow are merged. That of the definition if absent.
    #[param(inline)]
    agg_mode: Option<Merge>,
}

/// How several observers of a flow are merged.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Merge {
    Max,
    Sum,
    Edge,
    Core,
}

impl Merge {
    pub(super) fn mode(self) -> AggMode {
        match self {
            Self::Max => AggMode::Max,
            Self::Sum => AggMode::Sum,
            Self::Edge => AggMode::Edge,
            Self::Core => AggMode::Core,
        }
    }
}

/// An active flow.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Flow {
    /// The fields of the key, joined by the separator of the definition.
    key: String,
    /// The agent of the data source with the largest part of the value.
    agent: String,
    /// The data source with the largest part of the value.
    data_source: String,
    /// The number of data sources that see the flow.
    flow_n: usize,
    #[serde(flatten)]
    value: Value,
    /// The further values of the definition.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    values: Vec<Value>,
}

/// A value with its error.
#[derive(Debug, PartialEq, Serialize, ToSchema)]
pub(super) struct Value {
    /// The estimate, per second if it is a sum.
    value: f64,
    /// Effective number of samples.
    samples: f64,
    /// Lower end of the 95 % interval.
    low: Option<f64>,
    /// Upper end of the 95 % interval; null if it is unknown.
    high: Option<f64>,
    /// The part of the interval that a full table causes.
    bound: f64,
    /// Packets that a sample stands for.
    rate: f64,
}

impl Value {
    /// An end of the interval that is unknown is infinite in the engine, and null in JSON.
    pub(super) fn of(it: &Estimate) -> Self {
        let end = |end: f64| end.is_finite().then_some(end);
        Self {
            value: it.value,
            samples: it.samples,
            low: end(it.low),
            high: end(it.high),
            bound: it.bound,
            rate: it.rate,
        }
    }
}

impl Flow {
    pub(super) fn of(hub: &Hub, flow: ActiveFlow) -> Self {
        Self {
            key: flow.key,
            agent: flow.source.agent.to_string(),
            data_source: hub.names.label(flow.source.data_source).to_string(),
            flow_n: flow.observers,
            value: Value::of(&flow.estimate),
            values: flow.values.iter().map(Value::of).collect(),
        }
    }
}

/// The largest flows of a definition, with their error.
#[utoipa::path(
    get,
    path = "/api/v1/flows/{name}",
    params(("name" = String, Path, description = "Name of the definition", min_length = 1), ActiveParameters),
    responses(
        (status = 200, description = "The flows, the largest first", body = [Flow]),
        (status = 400, description = "A parameter is invalid", body = Problem),
        (status = 404, description = "There is no definition of this name", body = Problem),
    ),
)]
pub(super) async fn active(
    State(hub): State<Arc<Hub>>,
    Path(name): Path<String>,
    Strict(parameters): Strict<ActiveParameters>,
) -> Reply {
    let agents = parameters.agent.as_deref().unwrap_or("ALL");
    let default = Selection::default();
    let selection = Selection {
        max_flows: parameters.max_flows.map_or(default.max_flows, |max| max as usize),
        min_value: parameters.min_value.unwrap_or(default.min_value),
        agg_mode: parameters.agg_mode.map(Merge::mode),
    };
    let flows = active_flows(&hub, agents, &name, selection)?;
    json(&flows.into_iter().map(|flow| Flow::of(&hub, flow)).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_upper_end_is_null() {
        let it = Estimate {
            value: 5.0,
            samples: 2.0,
            low: 1.0,
            high: f64::INFINITY,
            bound: 3.0,
            rate: 100.0,
        };
        let expected = serde_json::json!({
            "value": 5.0, "samples": 2.0, "low": 1.0, "high": null, "bound": 3.0, "rate": 100.0,
        });
        assert_eq!(serde_json::to_value(Value::of(&it)).unwrap(), expected);
    }
}
