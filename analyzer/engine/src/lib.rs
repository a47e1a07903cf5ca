//! Analysis of sFlow datagrams: counts, sequences, flows, interfaces and hosts.
//!
//! The engine has no socket, clock, thread or file. `now` is an argument, so tests run days in virtual
//! time, and all results depend only on the datagrams and times passed in. The `clippy.toml` of this
//! crate disallows the calls that would break this.
//!
//! - [`walk()`] parses, checks and counts a datagram once and passes its content to a [`Sink`], such
//!   as an output format or the tables of the engine. All sinks therefore have the same counts in
//!   their [`Tally`].
//! - [`Engine`] keeps tables of the recent past. [`ingest`](Engine::ingest) takes datagrams,
//!   [`tick`](Engine::tick) removes old flows, and the other methods return values to show.
//!
//! Memory is bounded: each table has a capacity, and a full table evicts the entries that were
//! unused for the longest time.
#![forbid(unsafe_code)]

pub mod agents;
pub mod analyzer;
mod arrival;
mod direction;
mod engine;
pub mod events;
pub mod flowcache;
mod flows;
mod hosts;
mod instant;
mod interfaces;
pub mod keys;
pub mod lookup;
pub mod metrics;
mod numbered;
mod plausibility;
mod printable;
pub mod samples;
pub mod selfcheck;
mod sequence;
pub mod source;
mod source_names;
mod table;
mod tally;
mod walk;
mod window;

pub use arrival::Arrival;
pub use engine::{Engine, Totals};
pub use flows::{Conversation, FlowRate, Origin, Pair, PairRate};
pub use hosts::Host;
pub use instant::Instant;
pub use interfaces::{Interface, InterfaceRates, SampleTime};
pub use printable::is_printable;
pub use sequence::{Gaps, Sequences, Shared, SubAgent};
pub use tally::{Refused, Tally};
pub use walk::{Irregular, Level, Sink, walk};
pub use window::Rate;
