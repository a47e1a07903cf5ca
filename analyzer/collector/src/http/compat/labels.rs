//! Groups of networks and maps of values.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use tokio::task::block_in_place;

use super::Shared;
use crate::http::relaxed::Relaxed;
use crate::http::reply::{Failure, Reply, done, json};
use crate::hub::Hub;
use crate::state::{Labels, Settings};

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/group/json", get(groups).put(set_default).post(set_default).delete(remove_default))
        .route("/group/{name}/json", get(group).put(set_group).post(set_group).delete(remove_group))
        .route("/map/json", get(maps))
        .route("/map/{name}/json", get(map).put(set_map).post(set_map).delete(remove_map))
}

/// Groups or maps of the settings.
type Part = fn(&mut Settings) -> &mut BTreeMap<String, Labels>;

fn group_part(settings: &mut Settings) -> &mut BTreeMap<String, Labels> {
    &mut settings.groups
}

fn map_part(settings: &mut Settings) -> &mut BTreeMap<String, Labels> {
    &mut settings.maps
}

/// Puts labels into force, and keeps them if they can be used.
fn set(hub: &Hub, part: Part, name: String, labels: Labels) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            let mut changed = settings.clone();
            part(&mut changed).insert(name, labels);
            hub.set_lookup(&changed.lookup().map_err(|(_, error)| Failure::bad(error))?);
            *settings = changed;
            Ok::<_, Failure>(())
        })
    })?;
    done()
}

fn remove(hub: &Hub, part: Part, kind: &str, name: &str) -> Reply {
    block_in_place(|| {
        hub.change(|hub, settings| {
            let removed = part(settings).remove(name);
            removed.ok_or_else(|| Failure::missing(kind, name))?;
            hub.set_lookup(&settings.lookup().map_err(|(_, error)| Failure::bad(error))?);
            Ok::<_, Failure>(())
        })
    })?;
    done()
}

/// The default group, and the others by name.
async fn groups(State(hub): Shared) -> Reply {
    json(&hub.settings(|settings| settings.groups.clone()))
}

async fn group(State(hub): Shared, Path(name): Path<String>) -> Reply {
    let labels = hub.settings(|settings| settings.groups.get(&name).cloned());
    json(&labels.ok_or_else(|| Failure::missing("group", &name))?)
}

async fn set_default(State(hub): Shared, Relaxed(labels): Relaxed<Labels>) -> Reply {
    set(&hub, group_part, String::new(), labels)
}

async fn remove_default(State(hub): Shared) -> Reply {
    remove(&hub, group_part, "group", "")
}

async fn set_group(
    State(hub): Shared,
    Path(name): Path<String>,
    Relaxed(labels): Relaxed<Labels>,
) -> Reply {
    set(&hub, group_part, name, labels)
}

async fn remove_group(State(hub): Shared, Path(name): Path<String>) -> Reply {
    remove(&hub, group_part, "group", &name)
}

async fn maps(State(hub): Shared) -> Reply {
    json(&hub.settings(|settings| settings.maps.clone()))
}

async fn map(State(hub): Shared, Path(name): Path<String>) -> Reply {
    let labels = hub.settings(|settings| settings.maps.get(&name).cloned());
    json(&labels.ok_or_else(|| Failure::missing("map", &name))?)
}

async fn set_map(
    State(hub): Shared,
    Path(name): Path<String>,
    Relaxed(labels): Relaxed<Labels>,
) -> Reply {
    set(&hub, map_part, name, labels)
}

async fn remove_map(State(hub): Shared, Path(name): Path<String>) -> Reply {
    remove(&hub, map_part, "map", &name)
}
