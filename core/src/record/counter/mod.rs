//! Counter records: totals and gauges of an interface, a host, a virtual machine or an application.
//!
//! Each record starts as `UNKNOWN`, its default, in which every field holds the code that the
//! specification reserves for "unknown". A platform sets the fields that it can read:
//!
//! ```
//! use flowmote_core::record::counter::HostNetIo;
//!
//! let io = HostNetIo { bytes_in: 1500, pkts_in: 1, ..HostNetIo::UNKNOWN };
//! assert_eq!(io.drops_in, u32::MAX);
//! ```
//!
//! A field that was sent with a value must never become unknown again in the same session: the
//! collector would see a jump by 2^32 (rule A18).

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

/// Calls the macro `$then` with every counter record, as `module::Record,`; see
/// [`for_each_flow_record!`](crate::for_each_flow_record).
#[doc(hidden)]
#[macro_export]
macro_rules! for_each_counter_record {
    ($then:ident) => {
        $then! {
            app::AppOperations,
            app::AppResources,
            app::AppWorkers,
            app::HttpCounters,
            ethernet::EthernetCounters,
            ethernet::PfcCounters,
            gpu::NvidiaGpu,
            host::HostAdapters,
            host::HostCpu,
            host::HostDescr,
            host::HostDiskIo,
            host::HostMemory,
            host::HostNetIo,
            host::HostParent,
            interface::IfCounters,
            interface::OfPort,
            interface::PortName,
            interface::QueueLength,
            interface::VlanCounters,
            lag::LagPortStats,
            mib2::Mib2IcmpGroup,
            mib2::Mib2IpGroup,
            mib2::Mib2TcpGroup,
            mib2::Mib2UdpGroup,
            optics::Sfp,
            processor::Processor,
            virt::VirtCpu,
            virt::VirtDiskIo,
            virt::VirtMemory,
            virt::VirtNetIo,
            virt::VirtNode,
        }
    };
}

macro_rules! reexport {
    ($($module:ident::$record:ident,)*) => {
        $(pub use self::$module::$record;)*
    };
}

for_each_counter_record!(reexport);

// The types of fields.
pub use self::host::{HostAdapter, MachineType, OsName};
pub use self::interface::{IfDirection, IfType};
pub use self::lag::LacpState;
pub use self::optics::SfpLane;
pub use self::table::{Counter32, Counter64, Gauge32, Gauge64, Load, Percentage};
pub use self::virt::VirtState;
