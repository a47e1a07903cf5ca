//! What keys need beside the packet.

use core::net::IpAddr;

use flowmote_decoder::{Address, MacAddress};

/// What key functions look up: groups, maps, topology, names. By default nothing is known.
pub trait Lookups {
    /// The label of the longest prefix with `address` in a group map; the name "" is the default map.
    fn group(&self, _map: &str, _address: IpAddr) -> Option<&str> {
        None
    }

    /// The label of `value` in a map.
    fn map(&self, _map: &str, _value: &str) -> Option<&str> {
        None
    }

    /// The link of the topology at a port.
    fn link(&self, _agent: &Address, _ifindex: u32) -> Option<&str> {
        None
    }

    /// The node of the topology that has a port.
    fn node(&self, _agent: &Address, _ifindex: u32) -> Option<&str> {
        None
    }

    /// The name of a port.
    fn ifname(&self, _agent: &Address, _ifindex: u32) -> Option<&str> {
        None
    }

    /// A metric of the host that has a MAC address.
    fn host(&self, _address: MacAddress, _metric: &str) -> Option<String> {
        None
    }

    /// The name of an address, if it was looked up before.
    fn dns(&self, _address: IpAddr) -> Option<&str> {
        None
    }

    /// The country of an address.
    fn country(&self, _address: IpAddr, _part: Part) -> Option<String> {
        None
    }

    /// The autonomous system of an address.
    fn asn(&self, _address: IpAddr, _part: Part) -> Option<String> {
        None
    }

    /// The vendor of a network interface.
    fn oui(&self, _address: MacAddress, _part: Part) -> Option<String> {
        None
    }
}

/// The part of an entry that a function returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// ISO code of a country, number of an autonomous system, prefix of a vendor.
    Code,
    /// Name of the country, autonomous system or vendor.
    Name,
    /// Code and name.
    Both,
}

/// What keys are read with, beside the packet.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Groups, maps, topology, names.
    pub lookups: &'a dyn Lookups,
}

impl<'a> Context<'a> {
    /// A context in which nothing is known.
    pub const EMPTY: Context<'static> = Context { lookups: &Nothing };

    /// A context with these lookups.
    pub fn new(lookups: &'a dyn Lookups) -> Self {
        Self { lookups }
    }
}

struct Nothing;

impl Lookups for Nothing {}
