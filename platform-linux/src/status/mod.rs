//! The state of the running agent: the values that `flowmote status` and `metrics { }` show.
//!
//! ```text
//! daemon ── Snapshot ── JSON ──▶ status.sock ──▶ client ── Snapshot ──▶ text, rates
//!                  └── Prometheus text ──▶ GET /metrics
//! ```
//!
//! The daemon gathers a [`Snapshot`](snapshot::Snapshot) on request. Every view is made from it, so
//! that all of them and the statistics in the log show the same numbers.

pub mod client;
pub mod counters;
pub(crate) mod prometheus;
pub mod snapshot;
mod table;
mod text;

/// Place of the socket unless `--status-socket` names another.
pub(crate) const DEFAULT_SOCKET: &str = "/run/flowmote/status.sock";
/// Name of the socket in the runtime directory.
pub(crate) const SOCKET: &str = "status.sock";
/// The request, a line.
pub(crate) const REQUEST: &[u8] = b"status\n";
/// Members of this group may connect, besides root.
pub(crate) const GROUP: &str = "flowmote";
