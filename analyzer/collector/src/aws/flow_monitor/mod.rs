//! Amazon CloudWatch Network Flow Monitor: the connections with the most traffic, retransmissions, timeouts and
//! the longest round trips, by the reports of agents with `tcp { }`.
//!
//! There is one monitor, of all agents. The protocol is REST with JSON: [`route`] makes of a method and a path
//! the operation and its parameters, so that operations read a tree here too.

mod contributors;
mod monitors;
mod queries;
mod route;

use super::service::Operation;
pub(super) use queries::Queries;
pub(super) use route::{Route, is_path, route};

/// The service, as a target of requests.
pub(super) const NAME: &str = "NetworkFlowMonitor";

/// The operations.
pub(super) const OPERATIONS: [Operation; 6] = [
    Operation { name: "ListMonitors", changes: false, run: monitors::list },
    Operation { name: "GetMonitor", changes: false, run: monitors::get },
    Operation { name: "StartQueryMonitorTopContributors", changes: false, run: queries::start },
    Operation {
        name: "GetQueryStatusMonitorTopContributors",
        changes: false,
        run: queries::status,
    },
    Operation {
        name: "GetQueryResultsMonitorTopContributors",
        changes: false,
        run: queries::results,
    },
    Operation { name: "StopQueryMonitorTopContributors", changes: false, run: queries::stop },
];
