//! Tools for whole-system tests, each in a module:
//!
//! - [`lab`]: network namespaces in which the real programs talk over real interfaces.
//! - [`sim`]: an agent on simulated ports with a simulated clock.
//! - [`qemu`]: emulated boards whose ports, consoles and frames are in the hands of a test.
//! - [`end_station`]: what every end station firmware is to do on its board.
//! - [`footprint`]: what firmware takes of flash, RAM and stack, and tables of what it may take.
//! - [`Random`]: frames and choices that are the same in each run.
//! - [`toolchain`]: parts of the Rust toolchain, and where it builds.

pub mod end_station;
pub mod footprint;
pub mod lab;
pub mod qemu;
mod random;
pub mod sim;
pub mod toolchain;

pub use self::random::Random;
