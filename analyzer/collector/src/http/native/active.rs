//! Active flows of a definition that a request makes.

use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use flowmote_engine::flowcache::Definition;
use serde::Deserialize;
use utoipa::IntoParams;

use super::flows::{Flow, Merge};
use super::strict::{Strict, finite};
use crate::http::active::{Selection, active_flows};
use crate::http::reply::{Failure, Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/active", get(active))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Parameters {
    /// Keys, separated by commas. One flow of all packets if absent.
    keys: Option<String>,
    /// What is added up or averaged. `bytes` if absent.
    value: Option<String>,
    /// Packets for which a flow is made. All if absent.
    filter: Option<String>,
    /// Seconds over which a value is smoothed. 2 if absent.
    #[serde(default, deserialize_with = "finite")]
    t: Option<f64>,
    /// Separator of the fields of a key. A comma if absent.
    fs: Option<String>,
    /// True for flows of discarded packets instead of sampled ones.
    dropped: Option<bool>,
    /// `ALL`, a list of addresses or host names, `TOPOLOGY`, `EDGE` or `CORE`. All agents if absent.
    agent: Option<String>,
    /// The number of flows, the largest ones. 100 if absent.
    #[param(maximum = 4_294_967_295_u32)]
    max_flows: Option<u32>,
    /// The smallest value. 0 if absent.
    #[serde(default, deserialize_with = "finite")]
    min_value: Option<f64>,
    /// How several observers of a flow are merged. `max` if absent.
    #[param(inline)]
    agg_mode: Option<Merge>,
}

impl Parameters {
    /// The definition. The mode is no part of it, so that all modes share one.
    fn definition(self) -> Definition {
        let default = Definition::default();
        Definition {
            keys: self.keys.unwrap_or_default(),
            value: self.value.unwrap_or_else(|| "bytes".to_owned()),
            filter: self.filter,
            t: self.t.unwrap_or(default.t),
            fs: self.fs.unwrap_or(default.fs),
            dropped: self.dropped.unwrap_or_default(),
            ..Definition::default()
        }
    }
}

/// The largest flows of a definition that the parameters make, with their error. The definition is not
/// stored, and ends 10 s after the last request for it: a page that is open repeats its request.
#[utoipa::path(
    get,
    path = "/api/v1/active",
    params(Parameters),
    responses(
        (status = 200, description = "The flows, the largest first", body = [Flow]),
        (status = 400, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(super) async fn active(
    State(hub): State<Arc<Hub>>,
    Strict(parameters): Strict<Parameters>,
) -> Reply {
    let agents = parameters.agent.clone().unwrap_or_else(|| "ALL".to_owned());
    let default = Selection::default();
    let selection = Selection {
        max_flows: parameters.max_flows.map_or(default.max_flows, |max| max as usize),
        min_value: parameters.min_value.unwrap_or(default.min_value),
        agg_mode: parameters.agg_mode.map(Merge::mode),
    };
    let name = hub.temporary(&parameters.definition(), KEEP).map_err(Failure::bad)?;
    let flows = active_flows(&hub, &agents, &name, selection)?;
    json(&flows.into_iter().map(Flow::of).collect::<Vec<_>>())
}

/// Time after the last request for which a definition is kept.
const KEEP: Duration = Duration::from_secs(10);
