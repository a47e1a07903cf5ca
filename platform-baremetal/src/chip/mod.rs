//! Counters of switch chips and MACs. A driver for another chip is another file in here.

pub(crate) mod ksz9477;
pub(crate) mod mib;
