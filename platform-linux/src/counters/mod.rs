//! Counters of the host and of its interfaces, read from the kernel when a poll is due.
//!
//! Nothing here accumulates on its own: counters are the kernel's totals, so that two agents, or
//! one that was restarted, tell the same. What the kernel does not tell is sent as unknown, never
//! as a guess.

mod host;
mod interface;

pub use host::{HostCounters, HostReading, HostStats};
pub use interface::{InterfaceCounters, InterfaceReading, InterfaceStats};
