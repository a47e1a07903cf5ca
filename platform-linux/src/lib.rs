//! The sFlow agent for Linux hosts.
//!
//! A library with the parts, and the daemon `flowmote` that joins them.

pub mod config;
pub mod daemon;
mod kernel;
pub mod links;
pub mod modules;
