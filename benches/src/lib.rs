//! Speed of the core and the analyzer: instructions, exact and repeatable, and nanoseconds on this machine.
//!
//! Both are measured on the same [`CASES`]. `benches/run` prints them, and a test compares the
//! instructions with the checked-in table.

mod analyzer;
pub mod callgrind;
pub mod cases;
pub mod table;

pub use crate::analyzer::DEFINITIONS;
pub use crate::cases::{CASES, Case};
