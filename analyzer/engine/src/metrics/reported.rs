//! Names that agents report, as keys read them: those of ports, and those of hosts by the MAC addresses of
//! their adapters.

use flowmote_decoder::counter::HostAdapters;
use flowmote_decoder::{Address, DataSource, MacAddress};
use foldhash::{HashMap, HashMapExt};

use super::Metrics;
use crate::keys::Names;
use crate::source::Source;

/// The hosts and virtual machines that have MAC addresses.
#[derive(Debug)]
pub(super) struct Adapters {
    owners: HashMap<MacAddress, Source>,
    limit: usize,
}

impl Adapters {
    /// At most about `capacity` bytes will be used.
    pub(super) fn new(capacity: usize) -> Self {
        Self { owners: HashMap::new(), limit: capacity / ENTRY }
    }

    /// Takes the adapters of a host. Further ones are ignored if there is no room.
    pub(super) fn add(&mut self, source: Source, record: &HostAdapters<'_>) {
        for adapter in record.adapters.iter() {
            for address in adapter.mac_address.iter().filter(|it| *it != MacAddress([0; 6])) {
                if self.owners.len() < self.limit || self.owners.contains_key(&address) {
                    self.owners.insert(address, source);
                }
            }
        }
    }

    /// Removes the adapters of hosts that are not known any more.
    pub(super) fn retain(&mut self, known: impl Fn(&Source) -> bool) {
        self.owners.retain(|_, source| known(source));
    }

    pub(super) fn bytes(&self) -> usize {
        self.owners.len() * ENTRY
    }
}

impl Names for Metrics {
    fn ifname(&self, agent: &Address, ifindex: u32) -> Option<String> {
        let data_source = DataSource { class: 0, index: ifindex };
        self.get(&Source { agent: *agent, data_source }, "ifname").map(|name| name.to_string())
    }

    fn host(&self, address: MacAddress, metric: &str) -> Option<String> {
        let source = self.adapters.owners.get(&address)?;
        self.get(source, metric).map(|value| value.to_string())
    }
}

/// Bytes of an adapter in a map that is half full.
const ENTRY: usize = 2 * (size_of::<(MacAddress, Source)>() + 1);
