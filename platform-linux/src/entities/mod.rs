//! Logical entities of the host: applications, services and containers, which sFlow knows as data
//! sources of class 3.
//!
//! [`Entities`] is the table of those that have cgroups. A module fills it; what samples packets
//! asks it which entity a socket or an address belongs to.

mod indexes;
mod table;

pub use self::indexes::StableIndexes;
pub use self::table::{Entities, Entity, Found, Kind, Place};
