//! Names of keys and key functions, for completion.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use flowmote_engine::keys::{catalogue, functions};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::reply::{Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/keys", get(names))
}

/// Names for flow definitions and filters.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Names {
    keys: Vec<&'static str>,
    functions: Vec<&'static str>,
}

/// The names of all keys and key functions.
#[utoipa::path(
    get,
    path = "/api/v1/keys",
    responses((status = 200, description = "The names", body = Names)),
)]
pub(super) async fn names() -> Reply {
    json(&Names {
        keys: catalogue().map(|key| key.name).collect(),
        functions: functions().map(|function| function.name).collect(),
    })
}
