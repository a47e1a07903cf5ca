//! Records of other enterprises: Xen, Broadcom and NVIDIA.

use core::net::Ipv4Addr;

use crate::structure::structures;
use crate::value::Percentage;
use crate::xdr::List;

structures! { Counter:
    /// Counter record 4300:2, 20 bytes (source: seen in captures).
    ///
    /// Data_format 0x010CC002. No public definition found; skip by length.
    XenVif = 4300:2 as "xen_vif" {
        /// Observed 1.
        Identity word0: u32,
        /// Observed an IPv4 address (word0=1 looks like an address type, i.e. an sFlow address
        /// union).
        Identity vm_address: Ipv4Addr,
        /// Small integer, domain id ?.
        Identity word2: u32,
        /// Small integer, network/VIF index ?.
        Identity word3: u32,
        /// Observed 0.
        Identity word4: u32,
    }

    /// Counter record 4413:1, 8 bytes (source: Broadcom BroadView).
    ///
    /// Data_format 0x0113D001. Peak since last export.
    BstDeviceBuffers = 4413:1 as "bst_device_buffers" {
        /// Unicast buffer use, peak since last export.
        Gauge uc_pc: Percentage,
        /// Multicast.
        Gauge mc_pc: Percentage,
    }

    /// Counter record 4413:2, at least 24 bytes (source: Broadcom BroadView).
    ///
    /// Data_format 0x0113D002. Peak since last export; -1 unknown.
    BstPortBuffers<'a> = 4413:2 as "bst_port_buffers" {
        Gauge ingress_uc_pc: Percentage,
        Gauge ingress_mc_pc: Percentage,
        Gauge egress_uc_pc: Percentage,
        Gauge egress_mc_pc: Percentage,
        /// At most 8 bytes entries.
        Gauge egress_queue_uc_pc: List<'a, Percentage>,
        /// At most 8 bytes entries.
        Gauge egress_queue_mc_pc: List<'a, Percentage>,
    }

    /// Counter record 4413:3, 144 bytes (source: sFlow Broadcom table structures).
    ///
    /// Data_format 0x0113D003. The text misprints the 8th field as ipv6_ipv6_entries_max.
    HwTables = 4413:3 as "hw_tables" {
        Gauge host_entries: u32,
        Gauge host_entries_max: u32,
        Gauge ipv4_entries: u32,
        Gauge ipv4_entries_max: u32,
        Gauge ipv6_entries: u32,
        Gauge ipv6_entries_max: u32,
        Gauge ipv4_ipv6_entries: u32,
        Gauge ipv4_ipv6_entries_max: u32,
        Gauge long_ipv6_entries: u32,
        Gauge long_ipv6_entries_max: u32,
        Gauge total_routes: u32,
        Gauge total_routes_max: u32,
        Gauge ecmp_nexthops: u32,
        Gauge ecmp_nexthops_max: u32,
        Gauge mac_entries: u32,
        Gauge mac_entries_max: u32,
        Gauge ipv4_neighbors: u32,
        Gauge ipv6_neighbors: u32,
        Gauge ipv4_routes: u32,
        Gauge ipv6_routes: u32,
        Gauge acl_ingress_entries: u32,
        Gauge acl_ingress_entries_max: u32,
        Gauge acl_ingress_counters: u32,
        Gauge acl_ingress_counters_max: u32,
        Gauge acl_ingress_meters: u32,
        Gauge acl_ingress_meters_max: u32,
        Gauge acl_ingress_slices: u32,
        Gauge acl_ingress_slices_max: u32,
        Gauge acl_egress_entries: u32,
        Gauge acl_egress_entries_max: u32,
        Gauge acl_egress_counters: u32,
        Gauge acl_egress_counters_max: u32,
        Gauge acl_egress_meters: u32,
        Gauge acl_egress_meters_max: u32,
        Gauge acl_egress_slices: u32,
        Gauge acl_egress_slices_max: u32,
    }

    /// Counter record 5703:1, 48 bytes (source: sFlow NVML GPU structures).
    NvidiaGpu = 5703:1 as "nvidia_gpu" {
        Identity device_count: u32,
        /// Compute processes.
        Gauge processes: u32,
        /// Milliseconds with a kernel running, summed.
        Counter gpu_time: u32,
        /// Milliseconds with device memory busy, summed.
        Counter mem_time: u32,
        /// Bytes, summed.
        Gauge mem_total: u64,
        /// Bytes, summed.
        Gauge mem_free: u64,
        /// Volatile ECC errors, summed.
        Counter ecc_errors: u32,
        /// mJ, summed.
        Counter energy: u32,
        /// Deg C, hottest.
        Gauge temperature: u32,
        /// Percent, fastest.
        Gauge fan_speed: u32,
    }
}
