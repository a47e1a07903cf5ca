//! The sFlow agent for Linux hosts: the parts of the program `flowmote`.
//!
//! A library only so that tests, examples and benchmarks can use the parts one by one. Its
//! interface may change in any release.
//!
//! ```text
//! daemon ──▶ modules ──▶ output ──▶ config, links, kernel
//! ```

mod aside;
mod cgroups;
pub mod cli;
pub mod clock;
pub mod config;
pub mod daemon;
mod discovery;
pub mod entities;
mod events;
mod frame;
mod headers;
mod kernel;
pub mod links;
pub mod logging;
pub mod modules;
#[cfg(test)]
mod operations;
pub mod output;
mod pools;
pub mod printable;
mod seed;
mod selection;
pub mod status;
mod throttle;
mod uname;
mod watched;
