//! How fast the core is: instructions, exact and repeatable, and nanoseconds of this machine.
//!
//! Both are taken of the same [`CASES`]. `benches/run` prints them; a test holds the instructions
//! against the table that is checked in.

pub mod callgrind;
pub mod cases;
pub mod table;

pub use crate::cases::{CASES, Case};
