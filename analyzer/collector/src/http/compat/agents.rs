//! Agents, and the analyzer itself.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use flowmote_engine::Instant;
use flowmote_engine::agents::{Agent, Datagrams};
use serde_json::{Value, json as object};

use super::Shared;
use crate::http::process;
use crate::http::query::Query;
use crate::http::reply::{self, Reply, json, text};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .route("/version", get(version))
        .route("/license/json", get(license))
        .route("/analyzer/json", get(analyzer))
        .route("/agents/json", get(agents))
}

async fn version() -> Response {
    text(format!("{}\n", env!("CARGO_PKG_VERSION")))
}

async fn license() -> Reply {
    json(&object!({ "type": env!("CARGO_PKG_LICENSE"), "status": "valid" }))
}

async fn analyzer(State(hub): Shared) -> Reply {
    let counts = hub.counts();
    json(&object!({
        "version": env!("CARGO_PKG_VERSION"),
        "uptime": hub.uptime().as_millis() as u64,
        "sFlowAgents": counts.agents,
        "sFlowBytesReceived": counts.bytes,
        "sFlowDatagramsReceived": counts.datagrams,
        "sFlowDatagramsDiscarded": counts.dropped,
        "sFlowParseErrors": counts.faults,
        "eventsGenerated": counts.events,
        "flowsGenerated": counts.flows,
        "flowsLost": counts.flows_lost,
        "httpConnectionsCurrent": hub.http.open(),
        "httpConnectionsTotal": hub.http.connections(),
        "httpMessagesReceived": hub.http.requests(),
        "httpMessagesRefused": hub.http.refused(),
        "heapUsed": counts.memory,
        "cpuLoadSystem": load(),
        "cpuLoadProcess": process_load(hub.uptime()),
    }))
}

/// The load of the system over the last minute as a share of its processors, 0 to 1.
fn load() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: f64 = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
    (load / processors()).min(1.0)
}

fn processors() -> f64 {
    std::thread::available_parallelism().map_or(1, usize::from) as f64
}

/// The CPU time of this process since its start, as a share of the time of all processors, 0 to 1.
fn process_load(uptime: core::time::Duration) -> f64 {
    let used = process::cpu_time().as_secs_f64();
    (used / uptime.as_secs_f64().max(0.1) / processors()).min(1.0)
}

async fn agents(State(hub): Shared, query: Query) -> Reply {
    let wanted: Vec<&str> = query.all("agent").collect();
    let now = hub.now();
    let found = hub.each(|analyzer| {
        let all = analyzer.agents().iter();
        let named = all.map(|(address, agent)| (address.to_string(), agent));
        let wanted = named.filter(|(name, _)| wanted.is_empty() || wanted.contains(&&**name));
        let texts = wanted.map(|(name, agent)| (name, self::agent(now, agent).to_string()));
        texts.collect::<Vec<_>>()
    });
    reply::object(found.into_iter().flatten().collect())
}

fn agent(now: Instant, agent: &Agent) -> Value {
    let ledger = &agent.ledger;
    let Datagrams { received, copies, gaps, .. } = ledger.datagrams;
    let age = |time: Instant| now.since(time).as_millis() as u64;
    object!({
        "sFlowDatagramsReceived": received + copies,
        "sFlowDatagramsLost": gaps.lost,
        "sFlowDatagramsDuplicates": gaps.duplicates,
        "sFlowDatagramsOutOfOrder": gaps.reordered,
        "sFlowDatagramSource": agent.senders.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "sFlowFlowSamples": ledger.flow.received,
        "sFlowFlowLostSamples": ledger.flow.missing,
        "sFlowFlowDuplicateSamples": ledger.flow.duplicates,
        "sFlowFlowOutOfOrderSamples": ledger.flow.reordered,
        "sFlowFlowDrops": ledger.flow.dropped,
        "sFlowFlowDatasources": agent.flow_sources(),
        "sFlowCounterSamples": ledger.counters.received,
        "sFlowCounterLostSamples": ledger.counters.missing,
        "sFlowCounterDuplicateSamples": ledger.counters.duplicates,
        "sFlowCounterOutOfOrderSamples": ledger.counters.reordered,
        "sFlowCounterDatasources": agent.counter_sources(),
        "firstSeen": age(agent.first_seen),
        "lastSeen": age(agent.last_seen),
        "uptime": agent.uptime,
    })
}
