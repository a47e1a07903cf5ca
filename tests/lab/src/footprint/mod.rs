//! What a firmware image takes, and tables of what it may take.
//!
//! - [`Footprint`]: flash and variables, from its ELF file: [`Image::footprint`].
//! - [`WorstStack`]: the deepest that its stack can be, from its disassembly:
//!   [`Image::worst_stack`], for Thumb only.
//! - [`Budget`]: a table that is checked in beside the image, with which all of that is compared.
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
