//! Active flows, with samples, interval, bound and sampling rate.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use flowmote_engine::flowcache::{ActiveFlow, Estimate};
use flowmote_engine::source::Label;
use serde_json::{Value, json as object};

use crate::http::active::{Selection, active_flows};
use crate::http::query::Query;
use crate::http::reply::{Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/flows/{name}", get(active))
}

async fn active(State(hub): State<Arc<Hub>>, Path(name): Path<String>, query: Query) -> Reply {
    let agents = query.text("agent").unwrap_or("ALL");
    let flows = active_flows(&hub, agents, &name, Selection::default().of(&query))?;
    json(&flows.iter().map(flow).collect::<Vec<_>>())
}

fn flow(flow: &ActiveFlow) -> Value {
    let mut members = estimate(&flow.estimate);
    members["key"] = flow.key.as_str().into();
    members["agent"] = flow.source.agent.to_string().into();
    members["dataSource"] = Label(flow.source.data_source).to_string().into();
    members["flowN"] = flow.observers.into();
    if !flow.values.is_empty() {
        members["values"] = flow.values.iter().map(estimate).collect();
    }
    members
}

/// An end of the interval that is unknown is infinite in the engine, and null in JSON.
fn estimate(it: &Estimate) -> Value {
    object!({
        "value": it.value,
        "samples": it.samples,
        "low": it.low,
        "high": it.high,
        "bound": it.bound,
        "rate": it.rate,
    })
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
        let expected = object!({
            "value": 5.0, "samples": 2.0, "low": 1.0, "high": null, "bound": 3.0, "rate": 100.0,
        });
        assert_eq!(estimate(&it), expected);
    }
}
