//! placeholder

pub mod counters;
pub mod links;
mod sys;
