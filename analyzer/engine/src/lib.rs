//! Analysis of sFlow datagrams: counts, sequences, flows, interfaces and hosts.
//!
//! The engine has no socket, no clock and no thread. `now` is an argument, so days run in virtual
//! time, and every number depends on the datagrams and the times that were handed in and on nothing
//! else. `clippy.toml` of this crate disallows the calls that would break this.
//!
//! - [`walk()`] parses, checks and counts a datagram once and shows what it finds to a [`Sink`]:
//!   an output format, the tables of the engine, or both in turn. All sinks therefore count the
//!   same faults in a [`Tally`].
//! - [`Engine`] keeps tables of the recent past: [`ingest`](Engine::ingest) takes datagrams,
//!   [`tick`](Engine::tick) forgets what is old, the other methods return values to show.
//!
//! Memory is bounded: each table has a capacity, and the entries unused for longest are evicted.
#![forbid(unsafe_code)]

mod engine;
mod flows;
mod hosts;
mod instant;
mod interfaces;
mod sequence;
mod table;
mod tally;
mod walk;
mod window;

pub use engine::{Engine, Totals};
pub use flows::{Conversation, FlowRate, Origin, Pair, PairRate};
pub use hosts::Host;
pub use instant::Instant;
pub use interfaces::{Interface, InterfaceRates, SampleTime};
pub use sequence::{Gaps, Sequences, Stream};
pub use tally::Tally;
pub use walk::{Level, Sink, walk};
pub use window::Rate;
