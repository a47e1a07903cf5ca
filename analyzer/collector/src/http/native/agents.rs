//! Agents, each with its ledger.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::get;
use flowmote_decoder::Address;
use flowmote_engine::Instant;
use flowmote_engine::agents::Agent;
use flowmote_engine::analyzer::Analyzer;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::ledger::Account;
use super::paging;
use super::strict::Strict;
use crate::http::reply::{Failure, Problem, Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/agents", get(agents)).route("/api/v1/agents/{agent}", get(agent))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AgentParameters {
    /// `ALL`, a list of addresses or host names, or `TOPOLOGY`. All agents if absent.
    agent: Option<String>,
    /// A part of the address or host name, in any case. All agents if absent.
    search: Option<String>,
    /// The number of agents. 100 if absent.
    #[serde(default, deserialize_with = "paging::limit")]
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Agents with greater addresses only: `next` of the page before.
    #[serde(default, deserialize_with = "paging::address")]
    #[param(schema_with = paging::address_schema)]
    after: Option<Address>,
}

/// Agents in the order of their addresses.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AgentPage {
    agents: Vec<AgentLedger>,
    /// The number of agents on all pages.
    found: usize,
    /// The value of `after` for the next page; null on the last one.
    next: Option<String>,
}

/// An agent and its ledger.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AgentLedger {
    /// The address in its datagrams.
    agent: String,
    /// The host name that it sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required = false, nullable = false)]
    host_name: Option<String>,
    /// Addresses from which its datagrams came, at most eight.
    senders: Vec<String>,
    /// Age of the first datagram, in ms.
    first_seen: u64,
    /// Age of the last datagram, in ms.
    last_seen: u64,
    /// Time since its start by its own clock, in ms.
    uptime: u32,
    /// Data sources with flow samples.
    flow_sources: usize,
    /// Data sources with counter samples.
    counter_sources: usize,
    #[serde(flatten)]
    account: Account,
}

impl AgentLedger {
    fn of(now: Instant, analyzer: &Analyzer, address: Address, agent: &Agent) -> Self {
        let age = |time: Instant| now.since(time).as_millis() as u64;
        Self {
            agent: address.to_string(),
            host_name: analyzer.metrics().host_name(&address),
            senders: agent.senders.iter().map(ToString::to_string).collect(),
            first_seen: age(agent.first_seen),
            last_seen: age(agent.last_seen),
            uptime: agent.uptime,
            flow_sources: agent.flow_sources(),
            counter_sources: agent.counter_sources(),
            account: Account::of(&agent.ledger),
        }
    }
}

/// Agents with their ledgers.
#[utoipa::path(
    get,
    path = "/api/v1/agents",
    params(AgentParameters),
    responses(
        (status = 200, description = "A page of agents", body = AgentPage),
        (status = 400, description = "A parameter is invalid", body = Problem),
    ),
)]
pub(super) async fn agents(
    State(hub): State<Arc<Hub>>,
    Strict(parameters): Strict<AgentParameters>,
) -> Reply {
    let AgentParameters { agent, search, limit, after } = parameters;
    let search = search.unwrap_or_default().to_lowercase();
    let limit = limit.unwrap_or(paging::ENTRIES);
    let wanted = hub.agents(agent.as_deref().unwrap_or("ALL"));
    let (now, topology) = (hub.now(), hub.topology());
    let mut found = 0;
    let rows = hub.each(|analyzer| {
        let is_wanted = |agent: Address| wanted.contains_agent(&agent, &topology);
        let wanted = |agent| is_wanted(agent) && is_named(analyzer, agent, &search);
        let agents = analyzer.agents();
        found += agents.iter().filter(|(agent, _)| wanted(*agent)).count();
        let page = agents.page(after, limit + 1, wanted);
        page.into_iter()
            .map(|(it, agent)| (it, AgentLedger::of(now, analyzer, it, agent)))
            .collect::<Vec<_>>()
    });
    let (agents, next) = paging::page(rows.into_iter().flatten().collect(), limit);
    json(&AgentPage { agents, found, next: next.map(|agent: Address| agent.to_string()) })
}

/// True if the address or the host name of an agent contains `search`, which is in lower case.
fn is_named(analyzer: &Analyzer, agent: Address, search: &str) -> bool {
    let host = || analyzer.metrics().host_name(&agent);
    search.is_empty()
        || agent.to_string().contains(search)
        || host().is_some_and(|name| name.to_lowercase().contains(search))
}

/// An agent with its ledger.
#[utoipa::path(
    get,
    path = "/api/v1/agents/{agent}",
    params(("agent" = String, Path, description = "Address of the agent", min_length = 1)),
    responses(
        (status = 200, description = "The agent", body = AgentLedger),
        (status = 404, description = "No agent has this address", body = Problem),
    ),
)]
pub(super) async fn agent(State(hub): State<Arc<Hub>>, Path(name): Path<String>) -> Reply {
    let (now, missing) = (hub.now(), || Failure::missing("agent", &name));
    let address = paging::agent(&name).ok_or_else(missing)?;
    let found = hub.each(|analyzer| {
        analyzer.agents().get(address).map(|agent| AgentLedger::of(now, analyzer, address, agent))
    });
    json(&found.into_iter().flatten().next().ok_or_else(missing)?)
}
