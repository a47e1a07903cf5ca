//! What keys are read with, beside the packet.

use core::fmt;

use flowmote_decoder::{Address, DataSource, MacAddress};
use foldhash::HashMap;

use crate::lookup::Lookup;
use crate::source::Source;

/// What keys are read with, beside the packet.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Groups, maps, topology and databases.
    pub lookup: &'a Lookup,
    /// Names that agents report.
    pub names: &'a dyn Names,
}

impl<'a> Context<'a> {
    /// A context in which nothing has a name.
    pub fn new(lookup: &'a Lookup) -> Self {
        Self { lookup, names: &Nameless }
    }
}

impl fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("lookup", self.lookup).finish_non_exhaustive()
    }
}

/// Names that agents report.
pub trait Names {
    /// The name of a port.
    fn ifname(&self, agent: &Address, ifindex: u32) -> Option<String>;

    /// A metric of the host that has a MAC address, as text.
    fn host(&self, address: MacAddress, metric: &str) -> Option<String>;
}

/// A copy of the names of ports, without other names.
#[derive(Clone, Debug, Default)]
pub struct PortNames(HashMap<Source, String>);

impl FromIterator<(Source, String)> for PortNames {
    fn from_iter<I: IntoIterator<Item = (Source, String)>>(names: I) -> Self {
        Self(names.into_iter().collect())
    }
}

impl Names for PortNames {
    fn ifname(&self, agent: &Address, ifindex: u32) -> Option<String> {
        let data_source = DataSource { class: 0, index: ifindex };
        self.0.get(&Source { agent: *agent, data_source }).cloned()
    }

    fn host(&self, _: MacAddress, _: &str) -> Option<String> {
        None
    }
}

struct Nameless;

impl Names for Nameless {
    fn ifname(&self, _: &Address, _: u32) -> Option<String> {
        None
    }

    fn host(&self, _: MacAddress, _: &str) -> Option<String> {
        None
    }
}
