//! The active flows of a request, the same in every form of reply.

use flowmote_engine::flowcache::{ActiveFlow, AggMode, Query as FlowQuery};

use super::query::Query;
use super::reply::Failure;
use crate::hub::Hub;

/// What holds for a request without these parameters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// `maxFlows`.
    pub(super) max_flows: usize,
    /// `minValue`.
    pub(super) min_value: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_flows: 100, min_value: 0.0 }
    }
}

/// The active flows of a definition, by the parameters `maxFlows`, `minValue` and `aggMode`.
pub(super) fn active_flows(
    hub: &Hub,
    agents: &str,
    name: &str,
    query: &Query,
    limits: Limits,
) -> Result<Vec<ActiveFlow>, Failure> {
    let (agents, lookup) = (hub.agents(agents), hub.lookup());
    let request = FlowQuery {
        agents: &agents,
        topology: &lookup.topology,
        agg_mode: query.text("aggMode").map(AggMode::parse),
        max_flows: query.get("maxFlows").unwrap_or(limits.max_flows),
        min_value: query.get("minValue").unwrap_or(limits.min_value),
    };
    hub.active(name, &request).ok_or_else(|| Failure::missing("flow", name))
}
