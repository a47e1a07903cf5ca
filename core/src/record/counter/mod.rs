//! Counter records: what an interface, a host, a virtual machine or an application counted.
//!
//! Each record starts as `UNKNOWN`, its default, in which every field holds the code that the
//! specification reserves for "unknown"; a platform fills in what it knows:
//!
//! ```
//! use flowmote_core::record::counter::HostNetIo;
//!
//! let io = HostNetIo { bytes_in: 1500, pkts_in: 1, ..HostNetIo::UNKNOWN };
//! assert_eq!(io.drops_in, u32::MAX);
//! ```
//!
//! A field that is known once must stay known, or the collector sees a jump by 2^32 (rule A18).

mod app;
mod ethernet;
mod gpu;
mod host;
mod interface;
mod lag;
mod mib2;
mod optics;
mod processor;
mod table;
mod virt;

pub use app::{AppOperations, AppResources, AppWorkers, HttpCounters};
pub use ethernet::{EthernetCounters, PfcCounters};
pub use gpu::NvidiaGpu;
pub use host::{
    HostAdapter, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo, HostParent,
    MachineType, OsName,
};
pub use interface::{IfCounters, IfDirection, IfType, OfPort, PortName, QueueLength, VlanCounters};
pub use lag::{LacpState, LagPortStats};
pub use mib2::{Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup};
pub use optics::{Sfp, SfpLane};
pub use processor::Processor;
pub use table::{Counter32, Counter64, Gauge32, Gauge64, Load, Percentage};
pub use virt::{VirtCpu, VirtDiskIo, VirtMemory, VirtNetIo, VirtNode, VirtState};
