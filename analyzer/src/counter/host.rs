//! Counters of a host: processor, memory, disks, network.

use crate::structure::structures;
use crate::value::{MacAddress, Percentage, Text, Uuid};
use crate::xdr::List;

structures! { Counter:
    /// Counter record 0:1001, 28 bytes (source: v5).
    Processor = 0:1001 as "processor" {
        /// Hundredths of a percent, -1 unknown.
        G cpu_5s: Percentage,
        /// Same.
        G cpu_1m: Percentage,
        /// Same.
        G cpu_5m: Percentage,
        /// Bytes.
        G total_memory: u64,
        /// Bytes.
        G free_memory: u64,
    }

    /// Counter record 0:2000, at least 32 bytes (source: host+errata).
    ///
    /// The 2010 text prints opaque uuid<16> (would carry a length word). Errata, host-sflow,
    /// sflowtool and captures: no length word.
    HostDescr<'a> = 0:2000 as "host_descr" {
        /// At most 64 bytes, empty unknown.
        I hostname: Text<'a>,
        /// 16 bytes without a length word (errata); all zero unknown.
        I uuid: Uuid,
        /// Table 5.1.
        E machine_type: u32,
        /// Table 5.1.
        E os_name: u32,
        /// At most 32 bytes, empty unknown.
        I os_release: Text<'a>,
    }

    /// One `adapter` of `host_adapters`.
    HostAdapter<'a> as "adapter" {
        /// 0 unknown; must match the vSwitch port ifIndex if that switch exports sFlow.
        I if_index "ifIndex": u32,
        /// Count, then count x 8 bytes (6 + 2 pad).
        I mac_address: List<'a, MacAddress>,
    }

    /// Counter record 0:2001, at least 4 bytes (source: host).
    HostAdapters<'a> = 0:2001 as "host_adapters" {
        /// Count, then per adapter: ifIndex, MAC count, 8 bytes per MAC.
        I adapters: List<'a, HostAdapter<'a>>,
    }

    /// Counter record 0:2002, 8 bytes (source: host).
    ///
    /// Sent by a child only; the physical host is the root and sends none.
    HostParent = 0:2002 as "host_parent" {
        /// Data source class of the parent (2 or 3).
        E container_type: u32,
        /// Data source index of the parent.
        I container_index: u32,
    }

    /// Counter record 0:2003, 68 or 80 bytes (source: host (+3 fields Dec 2014)).
    ///
    /// 68 bytes in the 2010 text, 80 since Dec 2014 (host-sflow sends 80). Accept both by length.
    /// ms totals over all CPUs wrap fast (32-bit ms, N CPUs: 49.7/N days).
    HostCpu = 0:2003 as "host_cpu" {
        /// 1 min load average, IEEE 754 single big-endian; -1.0 unknown.
        G load_one: f32,
        /// 5 min; -1.0 unknown.
        G load_five: f32,
        /// 15 min; -1.0 unknown.
        G load_fifteen: f32,
        /// Running processes.
        G proc_run: u32,
        /// All processes.
        G proc_total: u32,
        /// CPUs.
        I cpu_num: u32,
        /// MHz.
        G cpu_speed: u32,
        /// s since boot.
        C uptime: u32,
        /// ms.
        C cpu_user: u32,
        /// ms.
        C cpu_nice: u32,
        /// ms.
        C cpu_system: u32,
        /// ms.
        C cpu_idle: u32,
        /// ms waiting for I/O.
        C cpu_wio: u32,
        /// ms in interrupts.
        C cpu_intr: u32,
        /// ms in soft interrupts.
        C cpu_sintr: u32,
        /// Count.
        C interrupts: u32,
        /// Context switches.
        C contexts: u32,
        /// ms; only if record length >= 80.
        C cpu_steal: Option<u32>,
        /// ms; only if >= 80.
        C cpu_guest: Option<u32>,
        /// ms; only if >= 80.
        C cpu_guest_nice: Option<u32>,
    }

    /// Counter record 0:2004, 72 bytes (source: host).
    HostMemory = 0:2004 as "host_memory" {
        /// Bytes.
        G mem_total: u64,
        /// Bytes.
        G mem_free: u64,
        /// Bytes.
        G mem_shared: u64,
        /// Bytes.
        G mem_buffers: u64,
        /// Bytes.
        G mem_cached: u64,
        /// Bytes.
        G swap_total: u64,
        /// Bytes.
        G swap_free: u64,
        /// Count.
        C page_in: u32,
        /// Count.
        C page_out: u32,
        /// Count.
        C swap_in: u32,
        /// Count.
        C swap_out: u32,
    }

    /// Counter record 0:2005, 52 bytes (source: host).
    HostDiskIo = 0:2005 as "host_disk_io" {
        /// Bytes.
        G disk_total: u64,
        /// Bytes.
        G disk_free: u64,
        /// Hundredths of a percent, fullest partition.
        G part_max_used: Percentage,
        C reads: u32,
        /// Bytes.
        C bytes_read: u64,
        /// ms.
        C read_time: u32,
        C writes: u32,
        /// Bytes.
        C bytes_written: u64,
        /// ms.
        C write_time: u32,
    }

    /// Counter record 0:2006, 40 bytes (source: host).
    ///
    /// Totals over the physical adapters.
    HostNetIo = 0:2006 as "host_net_io" {
        /// Bytes.
        C bytes_in: u64,
        C pkts_in: u32,
        C errs_in: u32,
        C drops_in: u32,
        /// Bytes.
        C bytes_out: u64,
        C pkts_out: u32,
        C errs_out: u32,
        C drops_out: u32,
    }
}
