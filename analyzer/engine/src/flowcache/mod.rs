//! Flows that are defined at run time.
//!
//! - [`FlowCache`] holds the [`Definition`]s and their tables. A [`Batch`] adds samples to the flows that
//!   they belong to, [`tick`](FlowCache::tick) removes old ones.
//! - [`Snapshot`] is a copy of the tables of one definition, to merge, sort and print without holding up
//!   the samples.
//! - [`Estimate`] is a value with its error. Every value is one.
//! - [`FlowLog`] numbers flows that ended.
//!
//! **Values** are per second if they are `bytes`, `frames`, `requests`, `duration`, `req_bytes`,
//! `resp_bytes` or `rate:` of a number: each sample is multiplied by its sampling rate, and the sum decays
//! with the time constant `t`. Any other number, and `avg:` of it, is an average over packets. `min:`,
//! `max:` and `count:` (distinct values) are those of the sampled packets in the last one to two `t`.
//!
//! **The sampling rate** is the one that a sample states, unless the pool of its data source contradicts
//! it; see [`Basis`].

mod accumulator;
mod batch;
mod budget;
mod cache;
mod copy;
mod counted;
mod decay;
mod definition;
mod distinct;
mod ended;
mod estimate;
mod flow;
mod largest;
mod lifetime;
mod log;
mod merge;
mod observed;
mod observer;
mod plan;
mod plan_logged;
#[cfg(test)]
mod random;
mod sampling;
mod segment;
mod slot;
mod snapshot;
mod sources;
mod table;

pub(crate) use accumulator::{Accumulator, Observation};
pub use batch::Batch;
pub(crate) use budget::Budget;
pub(crate) use cache::Noted;
pub use cache::{FlowCache, Usage};
pub use counted::{Counter, Counters};
pub(crate) use decay::Decay;
pub use definition::{AggMode, Definition, DefinitionError};
pub use estimate::Estimate;
pub(crate) use estimate::{Sums, Weight};
pub use log::{FlowLog, FlowRecord, Records};
pub(crate) use merge::Group;
pub use observed::Observed;
pub(crate) use observer::{Observer, Passage};
pub(crate) use plan::Plan;
#[cfg(test)]
pub(crate) use random::Random;
pub use sampling::{Basis, SampleCounters, SamplingRate};
pub(crate) use segment::{Entry, Found};
pub(crate) use slot::{Probe, Ticks, key_hash};
pub use snapshot::{ActiveFlow, Query, Snapshot, SourceFlow, SourceFlows};
pub(crate) use snapshot::{Item, further, largest};
pub(crate) use table::Table;
