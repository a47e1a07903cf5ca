//! The sFlow agent for Linux hosts.
//!
//! A library with the parts, and the daemon `flowmote` that joins them.

pub mod capture;
pub mod config;
pub mod counters;
pub mod daemon;
pub mod links;
mod sys;
