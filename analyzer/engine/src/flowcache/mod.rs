//! Flows that are defined at run time.

mod accumulator;
mod budget;
mod decay;
mod distinct;
mod estimate;
mod lifetime;
mod observer;
#[cfg(test)]
mod random;
mod segment;
mod slot;
mod table;

pub use estimate::Estimate;
