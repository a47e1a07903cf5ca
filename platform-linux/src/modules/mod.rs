//! The producers of samples and counters.

pub mod host;
pub mod interfaces;
pub mod taps;
