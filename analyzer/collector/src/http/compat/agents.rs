//! Agents, and the analyzer itself.

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use flowmote_engine::Instant;
use flowmote_engine::agents::{Agent, Datagrams, Ledger};
use serde_json::{Value, json as object};

use super::Shared;
use crate::http::process;
use crate::http::query::Query;
use crate::http::reply::{Reply, json, text};
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
        "heapMax": hub.memory,
        "cpuLoadSystem": process::system_load(),
        "cpuLoadProcess": process::load(hub.uptime()),
    }))
}

async fn agents(State(hub): Shared, query: Query) -> Reply {
    let wanted: Vec<&str> = query.all("agent").collect();
    let wanted = if wanted.is_empty() { "ALL".to_owned() } else { wanted.join(",") };
    let (wanted, topology, now) = (hub.agents(&wanted), hub.topology(), hub.now());
    // Texts are made from copies: samples wait for the copies only.
    let copies = hub.each(|analyzer| {
        let agents = analyzer.agents().iter();
        let wanted = agents.filter(|(address, _)| wanted.contains_agent(address, &topology));
        wanted.map(|(address, agent)| (address, Copied::of(agent))).collect::<Vec<_>>()
    });
    let agents = copies.iter().flatten();
    let agents = agents.map(|(address, copied)| (address.to_string(), agent(now, copied)));
    json(&agents.collect::<BTreeMap<_, _>>())
}

/// What a reply has of an agent.
struct Copied {
    first_seen: Instant,
    last_seen: Instant,
    uptime: u32,
    senders: Vec<IpAddr>,
    ledger: Ledger,
    flow_sources: usize,
    counter_sources: usize,
}

impl Copied {
    fn of(agent: &Agent) -> Self {
        Self {
            first_seen: agent.first_seen,
            last_seen: agent.last_seen,
            uptime: agent.uptime,
            senders: agent.senders.clone(),
            ledger: agent.ledger,
            flow_sources: agent.flow_sources(),
            counter_sources: agent.counter_sources(),
        }
    }
}

fn agent(now: Instant, agent: &Copied) -> Value {
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
        "sFlowFlowDatasources": agent.flow_sources,
        "sFlowCounterSamples": ledger.counters.received,
        "sFlowCounterLostSamples": ledger.counters.missing,
        "sFlowCounterDuplicateSamples": ledger.counters.duplicates,
        "sFlowCounterOutOfOrderSamples": ledger.counters.reordered,
        "sFlowCounterDatasources": agent.counter_sources,
        "firstSeen": age(agent.first_seen),
        "lastSeen": age(agent.last_seen),
        "uptime": agent.uptime,
    })
}
