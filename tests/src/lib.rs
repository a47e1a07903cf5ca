//! Tools for whole-system tests.

pub mod end_station;
pub mod footprint;
pub mod lab;
pub mod qemu;
pub mod sim;
