//! Analysis of sFlow datagrams: counts, sequences, metrics, flows and events.
//!
//! The engine has no socket, clock, thread or file. `now` is an argument, so tests run days in virtual
//! time, and all results depend only on the datagrams and times passed in. The `clippy.toml` of this
//! crate disallows the calls that would break this.
//!
//! - [`walk()`] parses, checks and counts a datagram once and passes its content to a [`Sink`], such
//!   as an output format or the tables of the engine. All sinks therefore have the same counts in
//!   their [`Tally`].
//! - [`Analyzer`](analyzer::Analyzer) keeps metrics, flows and samples of the past. Its
//!   [`ingest`](analyzer::Analyzer::ingest) takes datagrams, [`tick`](analyzer::Analyzer::tick) removes
//!   what is old, and the other methods return values to show.
//!
//! Memory is bounded: each table has a share, and a full table evicts the entries that were unused for
//! the longest time, or the smallest flows.
#![forbid(unsafe_code)]

pub mod agents;
pub mod analyzer;
mod arrival;
pub mod events;
pub mod flowcache;
mod instant;
mod interfaces;
pub mod keys;
pub mod lookup;
pub mod metrics;
mod numbered;
mod plausibility;
pub mod points;
mod printable;
pub mod records;
pub mod samples;
pub mod selfcheck;
mod sequence;
pub mod source;
mod source_names;
mod table;
mod tally;
mod walk;

pub use arrival::Arrival;
pub use instant::Instant;
pub use interfaces::SampleTime;
pub use printable::is_printable;
pub use sequence::{Gaps, Sequences, Shared, SubAgent};
pub use tally::{Refused, Tally};
pub use walk::{Irregular, Level, Sink, walk};
