//! Names of keys and key functions, for completion.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use flowmote_engine::keys::{catalogue, functions};
use serde_json::json as object;

use crate::http::reply::{Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/keys", get(names))
}

async fn names() -> Reply {
    let keys: Vec<_> = catalogue().map(|key| key.name).collect();
    let functions: Vec<_> = functions().map(|function| function.name).collect();
    json(&object!({ "keys": keys, "functions": functions }))
}
