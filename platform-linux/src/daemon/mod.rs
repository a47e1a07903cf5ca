//! The daemon: one thread and one epoll loop, asleep until a packet, an event or a deadline.
//!
//! ```text
//! modules ── samples, counters ──▶ Output: agent ── datagrams ──▶ collectors
//! rtnetlink ── interfaces, addresses ──▶ modules, data sources, agent address
//! signals ── reload, statistics, end
//! ```

mod agent;
mod agent_address;
pub mod auto_file;
pub mod check;
mod discovery;
mod limits;
mod link_watch;
pub mod options;
mod privileges;
mod problems;
mod reachability;
pub(crate) mod report;
pub mod run;
mod runtime_dir;
mod service_manager;
mod signals;
mod user;
pub(crate) mod visitors;
