//! Counter records: totals and states of a data source.

mod application;
mod environment;
mod host;
mod interface;
mod mib2;
mod vendor;
mod virt;

pub use application::*;
pub use environment::*;
pub use host::*;
pub use interface::*;
pub use mib2::*;
pub use vendor::*;
pub use virt::*;

use crate::record::{Record, Records};
use crate::space::registry;

/// The number space of counter records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {}

/// A counter record, not yet read.
pub type CounterRecord<'a> = Record<'a, Counter>;

/// The counter records of a sample.
pub type CounterRecords<'a> = Records<'a, Counter>;

registry! {
    /// A counter record that has been read.
    CounterData of Counter {
        IfCounters,
        EthernetCounters,
        TokenringCounters,
        VgCounters,
        VlanCounters,
        Ieee80211Counters,
        LagPortStats,
        SlowPathCounts,
        IbCounters,
        Sfp<'a>,
        PfcCounters,
        Processor,
        RadioUtilization,
        QueueLength,
        OfPort,
        PortName<'a>,
        HostDescr<'a>,
        HostAdapters<'a>,
        HostParent,
        HostCpu,
        HostMemory,
        HostDiskIo,
        HostNetIo,
        Mib2IpGroup,
        Mib2IcmpGroup,
        Mib2TcpGroup,
        Mib2UdpGroup,
        VirtNode,
        VirtCpu,
        VirtMemory,
        VirtDiskIo,
        VirtNetIo,
        JvmRuntime<'a>,
        JvmStatistics,
        MemcachedCounters,
        HttpCounters,
        AppOperations<'a>,
        AppResources,
        MemcacheCounters,
        VdiCounters,
        AppWorkers,
        OvsDpStats,
        Energy,
        Temperature,
        Humidity,
        Fans,
        XenVif,
        BstDeviceBuffers,
        BstPortBuffers<'a>,
        HwTables,
        NvidiaGpu,
    }
}
