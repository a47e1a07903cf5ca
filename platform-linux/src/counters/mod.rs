//! Counters of the host and of its interfaces.
