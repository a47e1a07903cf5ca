//! The samples of the last minutes, for questions that are asked after the fact.
//!
//! - [`History`] stores each sample: its facts, and the bytes that any key is read from. Blocks of samples
//!   are dropped, the oldest first, when the memory is full, and after an hour.
//! - [`Held`] are references to the blocks of a span of time: all that is copied while samples wait.
//! - [`Question`] has keys, a filter and a value. [`scan`](Question::scan) reads blocks, several threads
//!   may share the work, and [`answer`](Question::answer) makes flows with their errors and series of it.
//!
//! The work is proportional to the samples of the span. Keys that are among the facts are read without
//! decoding a packet; for all others the packet is decoded again.

mod answer;
mod block;
mod groups;
mod history;
mod question;
mod scan;
mod series;
#[cfg(test)]
mod tests;

pub use answer::{Answer, Course};
pub use history::{Held, History};
pub use question::{Question, QuestionError};
pub use scan::Scan;
