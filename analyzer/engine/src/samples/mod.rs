//! The samples of the last minutes, for queries about the past.
//!
//! - [`History`] stores each sample: its facts, and the bytes that any key is read from. Blocks of samples
//!   are dropped, the oldest first, when the memory is full, and after an hour.
//! - [`Held`] are references to the blocks of a span of time: all that is copied while samples wait.
//! - [`Fresh`] are the samples that came after a place in the sequence of all.
//! - [`PastQuery`] has keys, a filter and a value. [`scan`](PastQuery::scan) reads blocks, several threads
//!   may share the work, and [`result`](PastQuery::result) makes flows with their errors and series of it.
//!
//! The work is proportional to the samples of the span. Keys that are among the facts are read without
//! decoding a packet; for all others the packet is decoded again.

mod block;
mod fresh;
mod groups;
mod history;
mod logged;
mod query;
mod result;
mod scan;
mod series;
#[cfg(test)]
mod tests;

pub use crate::keys::{Logged, LoggedSum};
pub use fresh::Fresh;
pub(crate) use fresh::Taken;
pub use history::{Held, History};
pub use logged::Logs;
pub use query::{PastQuery, PastQueryError};
pub use result::{Course, PastResult};
pub use scan::Scan;
