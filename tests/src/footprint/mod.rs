//! What a firmware image takes, found without running it, and tables of what it may take.
//!
//! How much flash and RAM is in its ELF file: `Image::footprint`. Its [`WorstStack`] is found in the
//! disassembly, and a [`Budget`] is a table that is checked in, to be compared.

mod budget;
mod disassembly;
mod stack;

pub use self::budget::Budget;
pub use self::stack::{Path, WorstStack};
