//! Tools for whole-system tests.

pub mod lab;
pub mod qemu;
pub mod sim;
