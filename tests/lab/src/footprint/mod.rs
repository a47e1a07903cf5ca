//! Resource use of firmware images, and tables of the limits.
//!
//! - [`Footprint`]: flash and variables, from its ELF file: [`Image::footprint`].
//! - [`WorstStack`]: the deepest possible stack, from the disassembly:
//!   [`Image::worst_stack`], for Thumb only.
//! - [`Budget`]: the checked-in table to compare with.
//!
//! [`Image::footprint`]: crate::qemu::Image::footprint
//! [`Image::worst_stack`]: crate::qemu::Image::worst_stack

mod budget;
mod disassembly;
mod sections;
mod stack;

pub use self::budget::{Budget, Figure};
pub use self::sections::Footprint;
pub use self::stack::{Path, WorstStack};
