//! Logical entities of the host: applications, services and containers, which sFlow knows as data
//! sources of class 3.

mod indexes;

pub use self::indexes::StableIndexes;
