//! Tools for whole-system tests, each in a module:
//!
//! - [`net`]: network namespaces in which the real programs talk over real interfaces.
//! - [`sim`]: an agent on simulated ports with a simulated clock.
//! - [`qemu`]: emulated boards whose ports, consoles and frames a test controls.
//! - [`end_station`]: the scenarios that every end station firmware has to pass on its board.
//! - [`footprint`]: flash, RAM and stack of firmware, and tables of their limits.
//! - [`machine`]: a copy of this machine's root, in which packages are installed.
//! - [`packages`]: packages of the static programs.
//! - [`toolchain`]: components of the Rust toolchain, and its build directories.
//! - [`tree`]: the files of the project.
//!
//! Shared by all: [`Program`] runs beside a test, [`wait_until`] polls with a deadline, [`skip`]
//! records a test that cannot run on this machine, [`random`] draws indices and bytes from the
//! agent's generator.

mod deadline;
pub mod end_station;
pub mod footprint;
pub mod machine;
pub mod net;
pub mod packages;
mod program;
pub mod qemu;
pub mod random;
pub mod sim;
mod skipped;
pub mod toolchain;
pub mod tree;

pub use self::deadline::{DEADLINE, wait_until, wait_until_equal};
pub use self::program::Program;
pub use self::skipped::{skip, skip_part};
