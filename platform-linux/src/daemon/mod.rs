//! The daemon: one thread, one epoll loop, asleep until a packet, an event or a deadline.
//!
//! ```text
//! taps ── samples ──▶ Agent ── datagrams ──▶ collectors
//!                      ▲ who is due: counters of host and interfaces
//! rtnetlink ── interfaces and addresses come and go ──▶ taps, data sources, agent address
//! signals ── reload, statistics, end
//! ```

mod agent;
pub mod check;
pub mod clock;
pub mod collectors;
mod counters;
pub(crate) mod events;
mod identity;
pub mod options;
mod privileges;
mod report;
pub mod resolver;
mod run;
pub(crate) mod throttle;
pub(crate) mod view;

pub use check::check;
pub use run::{Failure, RunOptions, run};
