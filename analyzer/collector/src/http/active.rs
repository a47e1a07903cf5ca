//! The active flows of a request, the same in every form of reply.

use flowmote_engine::flowcache::{ActiveFlow, AggMode, Query as FlowQuery};

use super::query::Query;
use super::reply::Failure;
use crate::hub::Hub;

/// Which flows of a definition a request wants.
#[derive(Clone, Copy, Debug)]
pub(super) struct Selection {
    /// The number of flows, the largest ones: `maxFlows`.
    pub(super) max_flows: usize,
    /// The smallest value: `minValue`.
    pub(super) min_value: f64,
    /// How observers are merged: `aggMode`; that of the definition if `None`.
    pub(super) agg_mode: Option<AggMode>,
}

impl Default for Selection {
    fn default() -> Self {
        Self { max_flows: 100, min_value: 0.0, agg_mode: None }
    }
}

impl Selection {
    /// The selection of a request. Parameters that it lacks are those of `self`.
    pub(super) fn of(self, query: &Query) -> Self {
        Self {
            max_flows: query.get("maxFlows").unwrap_or(self.max_flows),
            min_value: query.get("minValue").unwrap_or(self.min_value),
            agg_mode: query.text("aggMode").map(AggMode::parse).or(self.agg_mode),
        }
    }
}

/// The active flows of a definition.
pub(super) fn active_flows(
    hub: &Hub,
    agents: &str,
    name: &str,
    selection: Selection,
) -> Result<Vec<ActiveFlow>, Failure> {
    let (agents, topology) = (hub.agents(agents), hub.topology());
    let Selection { max_flows, min_value, agg_mode } = selection;
    let request =
        FlowQuery { agents: &agents, topology: &topology, agg_mode, max_flows, min_value };
    hub.active(name, &request).ok_or_else(|| Failure::missing("flow", name))
}
