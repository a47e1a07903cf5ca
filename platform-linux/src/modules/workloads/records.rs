//! The counter records of an entity.

use flowmote_core::record::counter::{
    HostAdapter, HostAdapters, HostDescr, HostParent, OsName, VirtCpu, VirtDiskIo, VirtMemory,
    VirtNetIo, VirtState,
};
use flowmote_core::{CounterRecord, DataSource};

use super::network::Traffic;
use super::node::Node;
use crate::cgroups::{Io, Usage};
use crate::uname::Uname;

/// The identity of an entity in its counter samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) name: String,
    pub(super) uuid: [u8; 16],
    /// The entity in which it is, or the host.
    pub(super) parent: DataSource,
}

/// The counters of a service, container or pod at one moment. A record whose values are not counted,
/// because the controller is not enabled, is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct WorkloadReading {
    /// Its name.
    pub name: String,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// `host_adapters` (2001): the interfaces of the host that lead into its network, each with the MAC
    /// addresses in it.
    pub adapters: Vec<(u32, Vec<[u8; 6]>)>,
    /// `host_parent` (2002): the entity in which it is, or the host.
    pub parent: HostParent,
    /// `virt_cpu` (2101).
    pub cpu: VirtCpu,
    /// `virt_memory` (2102).
    pub memory: Option<VirtMemory>,
    /// `virt_disk_io` (2103).
    pub disk_io: Option<VirtDiskIo>,
    /// `virt_net_io` (2104), if it has a network of its own.
    pub net_io: Option<VirtNetIo>,
}

impl WorkloadReading {
    pub(super) fn new(
        identity: &Identity,
        usage: &Usage,
        traffic: Option<Traffic>,
        node: &Node,
    ) -> Self {
        Self {
            name: identity.name.clone(),
            uuid: identity.uuid,
            adapters: Vec::new(),
            parent: HostParent {
                container_type: identity.parent.class() as u32,
                container_index: identity.parent.index(),
            },
            cpu: cpu(usage, node),
            memory: memory(usage, node),
            disk_io: usage.io.map(disk_io),
            net_io: traffic.map(net_io),
        }
    }

    /// Passes the records to `emit`, in the order of their numbers.
    pub fn records(&self, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let Uname { release, machine, .. } = Uname::now();
        let descr = HostDescr {
            hostname: &self.name,
            uuid: self.uuid,
            machine_type: machine,
            os_name: OsName::LINUX,
            os_release: &release,
        };
        let adapters: Vec<_> = self
            .adapters
            .iter()
            .map(|(if_index, mac_address)| HostAdapter { if_index: *if_index, mac_address })
            .collect();
        let adapters = HostAdapters { adapters: &adapters };
        let mut records: Vec<&dyn CounterRecord> = vec![&descr];
        if !self.adapters.is_empty() {
            records.push(&adapters);
        }
        records.extend([&self.parent as &dyn CounterRecord, &self.cpu]);
        records.extend(self.memory.iter().map(|record| record as &dyn CounterRecord));
        records.extend(self.disk_io.iter().map(|record| record as &dyn CounterRecord));
        records.extend(self.net_io.iter().map(|record| record as &dyn CounterRecord));
        emit(&records);
    }
}

/// `virt_cpu` (2101).
fn cpu(usage: &Usage, node: &Node) -> VirtCpu {
    VirtCpu {
        state: if usage.is_frozen { VirtState::PAUSED } else { VirtState::RUNNING },
        cpu_time: low(usage.cpu_usec / 1000),
        // A quota above what the host has is none.
        nr_virt_cpu: usage.cpus.map_or(node.cpus, |cpus| match node.cpus {
            0 => cpus,
            all => cpus.min(all),
        }),
    }
}

/// `virt_memory` (2102).
fn memory(usage: &Usage, node: &Node) -> Option<VirtMemory> {
    let limit = usage.memory_max.unwrap_or(u64::MAX);
    let max_memory = match node.memory {
        0 => usage.memory_max.unwrap_or(0),
        all => limit.min(all),
    };
    usage.memory.map(|memory| VirtMemory { memory, max_memory })
}

/// `virt_disk_io` (2103). A cgroup has no disks, so that their sizes are unknown.
fn disk_io(io: Io) -> VirtDiskIo {
    VirtDiskIo {
        rd_req: low(io.reads),
        rd_bytes: io.read_bytes,
        wr_req: low(io.writes),
        wr_bytes: io.written_bytes,
        ..VirtDiskIo::UNKNOWN
    }
}

/// `virt_net_io` (2104), from the point of view of the container.
fn net_io(Traffic { rx, tx }: Traffic) -> VirtNetIo {
    VirtNetIo {
        rx_bytes: rx.bytes,
        rx_packets: low(rx.packets),
        rx_errs: low(rx.errors),
        rx_drop: low(rx.drops),
        tx_bytes: tx.bytes,
        tx_packets: low(tx.packets),
        tx_errs: low(tx.errors),
        tx_drop: low(tx.drops),
    }
}

/// The low 32 bits: a counter of 32 bits wraps at the same points.
const fn low(count: u64) -> u32 {
    (count & 0xFFFF_FFFF) as u32
}

#[cfg(test)]
mod tests {
    use super::super::network::Counts;
    use super::*;

    const NODE: Node = Node { cpus: 4, memory: 1 << 30, ..Node::UNKNOWN };

    fn usage() -> Usage {
        Usage { cpu_usec: 4_294_967_296_999, memory: Some(4096), ..Usage::default() }
    }

    fn formats(usage: &Usage, traffic: Option<Traffic>) -> Vec<u32> {
        let identity = Identity { name: "x".into(), uuid: [1; 16], parent: DataSource::HOST };
        let mut formats = Vec::new();
        WorkloadReading::new(&identity, usage, traffic, &NODE).records(&mut |records| {
            formats.extend(records.iter().map(|record| record.format().word()));
        });
        formats
    }

    #[test]
    fn records_without_values_are_left_out() {
        assert_eq!(formats(&Usage::default(), None), [2000, 2002, 2101]);
        assert_eq!(formats(&usage(), None), [2000, 2002, 2101, 2102]);
        let all = Usage { io: Some(Io::default()), ..usage() };
        let traffic = Some(Traffic::default());
        assert_eq!(formats(&all, traffic), [2000, 2002, 2101, 2102, 2103, 2104]);
    }

    #[test]
    fn cpu_time_is_in_milliseconds_and_wraps() {
        let record = cpu(&usage(), &NODE);
        assert_eq!((record.state, record.cpu_time, record.nr_virt_cpu), (VirtState::RUNNING, 0, 4));
        let frozen = Usage { cpu_usec: 1_999, cpus: Some(2), is_frozen: true, ..usage() };
        let record = cpu(&frozen, &NODE);
        assert_eq!((record.state, record.cpu_time, record.nr_virt_cpu), (VirtState::PAUSED, 1, 2));
        let cpus = |cpus| cpu(&Usage { cpus: Some(cpus), ..usage() }, &NODE).nr_virt_cpu;
        assert_eq!((cpus(4), cpus(100)), (4, 4));
    }

    #[test]
    fn memory_without_limit_is_that_of_the_host() {
        let max = |memory_max, node: &Node| {
            memory(&Usage { memory_max, ..usage() }, node).map(|record| record.max_memory)
        };
        assert_eq!(max(None, &NODE), Some(1 << 30));
        assert_eq!(max(Some(1 << 20), &NODE), Some(1 << 20));
        assert_eq!(max(Some(1 << 40), &NODE), Some(1 << 30));
        assert_eq!(max(None, &Node::UNKNOWN), Some(0));
        assert_eq!(max(Some(5), &Node::UNKNOWN), Some(5));
    }

    #[test]
    fn bytes_of_disks_are_each_counted_once() {
        let io = Io { read_bytes: 1 << 33, reads: 2, written_bytes: 3, writes: 1 << 32 };
        let record = disk_io(io);
        let counters = (record.rd_bytes, record.rd_req, record.wr_bytes, record.wr_req);
        assert_eq!(counters, (1 << 33, 2, 3, 0));
        assert_eq!((record.capacity, record.errs), (0, u32::MAX), "unknown");
    }

    #[test]
    fn directions_of_the_network_are_those_of_the_container() {
        let rx = Counts { bytes: 1 << 40, packets: 2, errors: 3, drops: 4 };
        let tx = Counts { bytes: 5, packets: (1 << 32) + 6, errors: 7, drops: 8 };
        let record = net_io(Traffic { rx, tx });
        let expected = VirtNetIo {
            rx_bytes: 1 << 40,
            rx_packets: 2,
            rx_errs: 3,
            rx_drop: 4,
            tx_bytes: 5,
            tx_packets: 6,
            tx_errs: 7,
            tx_drop: 8,
        };
        assert_eq!(record, expected);
    }
}
