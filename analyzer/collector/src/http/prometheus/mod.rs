//! Prometheus: series of the program itself, counters of flows, and the exports that clients of
//! sFlow-RT scrape.

mod compat;
mod counters;
mod engine;
mod exported;
mod flow_logs;
mod text;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;

use crate::hub::Hub;
pub(crate) use compat::SEPARATOR;
pub(crate) use counters::all as flow_counters;
pub(crate) use engine::metrics as own_metrics;
pub(crate) use text::{Family, Kind, Labels, joined, name};

/// All resources.
pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().merge(compat::routes()).merge(counters::routes()).merge(engine::routes())
}

/// A shared hub, as handlers get it.
type Shared = State<Arc<Hub>>;
