//! Records of other enterprises: Xen, Broadcom and NVIDIA.

use core::net::Ipv4Addr;

use crate::structure::structures;
use crate::value::Percentage;
use crate::xdr::List;

structures! { Counter:
    /// Counter record 4300:2, 20 bytes (source: seen in captures).
    ///
    /// No public definition; the meanings are guesses from captures.
    XenVif = 4300:2 as "xen_vif" {
        /// 1 in captures.
        Identity word0: u32,
        /// An IPv4 address in captures. With the word before, which is 1, it may be the address
        /// union.
        Identity vm_address: Ipv4Addr,
        /// Small number in captures, possibly the domain id.
        Identity word2: u32,
        /// Small number in captures, possibly the index of the virtual interface.
        Identity word3: u32,
        /// 0 in captures.
        Identity word4: u32,
    }

    /// Counter record 4413:1, 8 bytes (source: Broadcom BroadView).
    ///
    /// Peaks since the last export.
    BstDeviceBuffers = 4413:1 as "bst_device_buffers" {
        /// Unicast buffer use.
        Gauge uc_pc: Percentage,
        /// Multicast buffer use.
        Gauge mc_pc: Percentage,
    }

    /// Counter record 4413:2, at least 24 bytes (source: Broadcom BroadView).
    ///
    /// Peaks since the last export; -1 unknown.
    BstPortBuffers<'a> = 4413:2 as "bst_port_buffers" {
        Gauge ingress_uc_pc: Percentage,
        Gauge ingress_mc_pc: Percentage,
        Gauge egress_uc_pc: Percentage,
        Gauge egress_mc_pc: Percentage,
        /// At most 8 entries.
        Gauge egress_queue_uc_pc: List<'a, Percentage>,
        /// At most 8 entries.
        Gauge egress_queue_mc_pc: List<'a, Percentage>,
    }

    /// Counter record 4413:3, 144 bytes (source: sFlow Broadcom table structures).
    ///
    /// The text misprints the eighth field as `ipv6_ipv6_entries_max`.
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
        /// Milliseconds with a kernel running, total of all devices.
        Counter gpu_time: u32,
        /// Milliseconds with device memory busy, total of all devices.
        Counter mem_time: u32,
        /// Bytes, total of all devices.
        Gauge mem_total: u64,
        /// Bytes, total of all devices.
        Gauge mem_free: u64,
        /// Volatile ECC errors, total of all devices.
        Counter ecc_errors: u32,
        /// Millijoules, total of all devices.
        Counter energy: u32,
        /// Degrees C, hottest device.
        Gauge temperature: u32,
        /// Percent, fastest device.
        Gauge fan_speed: u32,
    }
}
