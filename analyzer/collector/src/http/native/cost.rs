//! What the same visibility would cost as CloudWatch and VPC Flow Logs.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use serde::{Deserialize, Deserializer};
use utoipa::IntoParams;

use super::past;
use super::strict::Strict;
use crate::aws;
use crate::cost::{Assumed, Cost, Seen};
use crate::http::reply::{Failure, Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/cost", get(cost))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct CostParameters {
    /// The region of the prices. `us-east-1` if absent.
    region: Option<String>,
    /// Instances. Those that were seen if absent; hosts if none of them has the identity of an instance.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    instances: Option<f64>,
    /// Metrics of detailed monitoring of an instance. 7 if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    detailed: Option<f64>,
    /// Metrics that programs read each minute. Those that requests of `GetMetricData` read here if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    reads: Option<f64>,
    /// Flow records of an instance each second. Those of all flows of the last minute that have a sample
    /// if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    records: Option<f64>,
    /// Bytes of a flow record. 140 if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    record_bytes: Option<f64>,
    /// Months for which flow logs are kept. 1 if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    months: Option<f64>,
    /// The number of times that Logs Insights reads each GB. 1 if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    scans: Option<f64>,
    /// Minutes of Live Tail each day. 60 if absent.
    #[serde(default, deserialize_with = "amount")]
    #[param(minimum = 0, maximum = 1_000_000_000)]
    tail_minutes: Option<f64>,
}

/// What a month of the same visibility would cost.
#[utoipa::path(
    get,
    path = "/api/v1/cost",
    params(CostParameters),
    responses(
        (status = 200, description = "The cost of a month, with its quantities and prices", body = Cost),
        (status = 400, description = "A parameter is invalid", body = Problem),
        (status = 503, description = "Too many requests wait", body = Problem),
    ),
)]
pub(super) async fn cost(
    State(hub): State<Arc<Hub>>,
    Strict(parameters): Strict<CostParameters>,
) -> Reply {
    let records = past::count(&hub, RECORD, WINDOW).await? as f64 / WINDOW_SECONDS;
    let (fleet, reads) = aws::usage(&hub);
    let minutes = (hub.uptime().as_secs_f64() / 60.0).max(1.0);
    let seen = Seen {
        instances: fleet.instances,
        hosts: fleet.hosts,
        of_hosts: fleet.of_hosts,
        of_agents: fleet.of_agents,
        of_programs: fleet.of_programs,
        reads: reads as f64 / minutes,
        records,
    };
    let region = parameters.region.as_deref().unwrap_or(REGION);
    let cost = Cost::of(hub.prices(), region, &seen, &parameters.assumed());
    json(&cost.ok_or_else(|| Failure::bad(format!("region: no price is of {region:?}")))?)
}

impl CostParameters {
    fn assumed(&self) -> Assumed {
        Assumed {
            instances: self.instances,
            detailed: self.detailed,
            reads: self.reads,
            records: self.records,
            record_bytes: self.record_bytes,
            months: self.months,
            scans: self.scans,
            tail_minutes: self.tail_minutes,
        }
    }
}

/// A number from 0 to 1e9.
fn amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f64>, D::Error> {
    let number = f64::deserialize(deserializer)?;
    match (0.0..=1e9).contains(&number) {
        true => Ok(Some(number)),
        false => Err(serde::de::Error::custom("expected a number from 0 to 1000000000")),
    }
}

/// What a record of a VPC flow log is about, in each window.
const RECORD: &str = "agent,src,dst,ipproto,null:sport:0,null:dport:0";
const WINDOW: &str = "-60s";
const WINDOW_SECONDS: f64 = 60.0;
const REGION: &str = "us-east-1";
