//! Tools for whole-system tests.

pub mod footprint;
pub mod lab;
pub mod qemu;
pub mod qemu_switch;
pub mod sim;
