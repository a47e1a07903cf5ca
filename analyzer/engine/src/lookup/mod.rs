//! Data of users about addresses, ports and values: groups, maps, topology, and databases.
//!
//! Key functions and filters look values up here while samples are ingested, so every look-up is a
//! search in memory. Users replace whole objects; nothing is changed in place.

mod addresses;
mod error;
mod groups;
mod maps;
mod named;
mod prefixes;
mod topology;

use core::net::IpAddr;
use std::fmt;
use std::sync::Arc;

use flowmote_decoder::MacAddress;

pub use addresses::AddressNames;
pub use error::LookupError;
pub use groups::{Group, Groups};
pub use maps::{Map, Maps};
pub use named::{Named, Object};
pub use topology::{Hosts, Link, Names, Node, Role, Topology};

/// Everything that can be looked up.
#[derive(Clone, Debug, Default)]
pub struct Lookup {
    /// Networks and their labels.
    pub groups: Groups,
    /// Values and their labels.
    pub maps: Maps,
    /// Nodes, ports and links.
    pub topology: Topology,
    /// Databases of countries, autonomous systems and vendors.
    pub geo: Databases,
    /// Names of addresses.
    pub addresses: AddressNames,
}

/// Facts about addresses from databases that the user names.
pub trait Geo: Send + Sync {
    /// The ISO code of the country of an address, `DE` for instance.
    fn country(&self, address: IpAddr) -> Option<String>;
    /// The autonomous system that announces an address.
    fn asn(&self, address: IpAddr, part: AsnPart) -> Option<String>;
    /// The vendor to which the first three bytes of a MAC address are assigned.
    fn oui(&self, address: MacAddress, part: OuiPart) -> Option<String>;
}

/// The part of an autonomous system to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AsnPart {
    /// `64496`.
    #[default]
    Number,
    /// The name of its operator.
    Name,
    /// Number and name, separated by a hyphen.
    Both,
}

/// The part of a vendor assignment to show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OuiPart {
    /// Six upper-case hexadecimal digits.
    #[default]
    Prefix,
    /// The name of the vendor.
    Name,
}

/// The databases in use, or none.
#[derive(Clone, Default)]
pub struct Databases(Option<Arc<dyn Geo>>);

impl Databases {
    /// Uses `geo` for all look-ups.
    pub fn new(geo: Arc<dyn Geo>) -> Self {
        Self(Some(geo))
    }

    /// The databases; `None` without any.
    pub fn get(&self) -> Option<&dyn Geo> {
        self.0.as_deref()
    }
}

impl fmt::Debug for Databases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Databases" } else { "no databases" })
    }
}
