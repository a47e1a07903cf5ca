//! Routes on which datagrams, or the samples of a tenant, are sent on.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{MethodRouter, get};
use serde::Serialize;
use tokio::task::block_in_place;

use super::Shared;
use crate::http::relaxed::Relaxed;
use crate::http::reply::{Failure, Reply, done, json};
use crate::hub::Hub;
use crate::relay::{ForwardSetting, RouteCounts, RouteSetting, TenantSetting};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/forwarding/json", get(list::<ForwardSetting>))
        .route("/forwarding/{name}/json", one::<ForwardSetting>())
        .route("/tenant/json", get(list::<TenantSetting>))
        .route("/tenant/{name}/json", one::<TenantSetting>())
}

/// The methods of a route.
fn one<T: RouteSetting + Send + 'static>() -> MethodRouter<Arc<Hub>> {
    get(read::<T>).put(set::<T>).post(set::<T>).delete(remove::<T>)
}

/// A route with its counts.
#[derive(Serialize)]
struct Row<T> {
    #[serde(flatten)]
    setting: T,
    #[serde(flatten)]
    counts: RouteCounts,
}

impl<T: RouteSetting> Row<T> {
    fn of(hub: &Hub, name: &str, setting: T) -> Self {
        Self { setting, counts: hub.relay.counts(T::KIND, name) }
    }
}

async fn list<T: RouteSetting>(State(hub): Shared) -> Reply {
    let all: BTreeMap<String, T> = hub.settings(|settings| T::all(settings).clone());
    let rows = all.into_iter().map(|(name, setting)| {
        let row = Row::of(&hub, &name, setting);
        (name, row)
    });
    json(&rows.collect::<BTreeMap<_, _>>())
}

async fn read<T: RouteSetting>(State(hub): Shared, Path(name): Path<String>) -> Reply {
    let setting = hub.settings(|settings| T::all(settings).get(&name).cloned());
    let setting = setting.ok_or_else(|| Failure::missing(T::WORD, &name))?;
    json(&Row::of(&hub, &name, setting))
}

async fn set<T: RouteSetting>(
    State(hub): Shared,
    Path(name): Path<String>,
    Relaxed(setting): Relaxed<T>,
) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            let all = T::all_mut(settings);
            if !all.contains_key(&name) && all.len() >= MAX_ROUTES {
                let text = format!("there are {MAX_ROUTES} of this kind already");
                return Err(Failure::bad(text));
            }
            hub.set_route(&name, &setting).map_err(Failure::bad)?;
            all.insert(name, setting);
            Ok(())
        })
    })?;
    done()
}

async fn remove<T: RouteSetting>(State(hub): Shared, Path(name): Path<String>) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            let removed = T::all_mut(settings).remove(&name);
            removed.ok_or_else(|| Failure::missing(T::WORD, &name))?;
            hub.relay.remove(T::KIND, &name);
            Ok(())
        })
    })?;
    done()
}

/// Routes of a kind at the same time.
const MAX_ROUTES: usize = 16;
