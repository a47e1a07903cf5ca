//! The topology: nodes, ports and links.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use serde_json::Value;
use tokio::task::block_in_place;

use super::Shared;
use crate::http::relaxed::Relaxed;
use crate::http::reply::{Failure, Reply, done, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/topology/json", get(read).put(set).post(set))
}

/// The topology as it was sent, with a version for each change.
async fn read(State(hub): Shared) -> Reply {
    let topology = hub.settings(|settings| settings.topology.clone());
    let none = || Failure::new(StatusCode::NOT_FOUND, "no topology has been set");
    json(&topology.ok_or_else(none)?)
}

async fn set(State(hub): Shared, Relaxed(value): Relaxed<Value>) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            let before = settings.topology.as_ref().and_then(|old| old.get("version")?.as_u64());
            let mut value = value;
            if let Value::Object(members) = &mut value {
                members.insert("version".to_owned(), (before.unwrap_or(0) + 1).into());
            }
            let mut changed = settings.clone();
            changed.topology = Some(value);
            hub.set_lookup(&changed.lookup().map_err(|(_, error)| Failure::bad(error))?);
            *settings = changed;
            Ok::<_, Failure>(())
        })
    })?;
    done()
}
