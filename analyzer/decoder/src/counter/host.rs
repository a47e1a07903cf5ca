//! Counters of a host: processor, memory, disks, network.

use crate::structure::structures;
use crate::value::{MacAddress, Percentage, Text, Uuid};
use crate::xdr::List;

structures! { Counter:
    /// Counter record 0:1001, 28 bytes (source: sFlow version 5).
    Processor = 0:1001 as "processor" {
        /// Hundredths of a percent, -1 unknown.
        G cpu_5s: Percentage,
        /// As above.
        G cpu_1m: Percentage,
        /// As above.
        G cpu_5m: Percentage,
        /// In bytes.
        G total_memory: u64,
        /// In bytes.
        G free_memory: u64,
    }

    /// Counter record 0:2000, at least 32 bytes (source: sFlow host structures with errata).
    ///
    /// `uuid` has no length word: errata and captures agree against the text of 2010.
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

    /// Counter record 0:2001, at least 4 bytes (source: sFlow host structures).
    HostAdapters<'a> = 0:2001 as "host_adapters" {
        /// Count, then per adapter: ifIndex, MAC count, 8 bytes per MAC.
        I adapters: List<'a, HostAdapter<'a>>,
    }

    /// Counter record 0:2002, 8 bytes (source: sFlow host structures).
    ///
    /// Sent by a child only; the physical host is the root and sends none.
    HostParent = 0:2002 as "host_parent" {
        /// Data source class of the parent (2 or 3).
        E container_type: u32,
        /// Data source index of the parent.
        I container_index: u32,
    }

    /// Counter record 0:2003, 68 or 80 bytes (source: sFlow host structures, three fields more
    /// since 2014).
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
        /// In MHz.
        G cpu_speed: u32,
        /// Seconds since boot.
        C uptime: u32,
        /// In milliseconds.
        C cpu_user: u32,
        /// In milliseconds.
        C cpu_nice: u32,
        /// In milliseconds.
        C cpu_system: u32,
        /// In milliseconds.
        C cpu_idle: u32,
        /// Milliseconds waiting for I/O.
        C cpu_wio: u32,
        /// Milliseconds in interrupts.
        C cpu_intr: u32,
        /// Milliseconds in soft interrupts.
        C cpu_sintr: u32,
        /// Count of events.
        C interrupts: u32,
        /// Context switches.
        C contexts: u32,
        /// Milliseconds; only if record length >= 80.
        C cpu_steal: Option<u32>,
        /// Milliseconds; only if >= 80.
        C cpu_guest: Option<u32>,
        /// Milliseconds; only if >= 80.
        C cpu_guest_nice: Option<u32>,
    }

    /// Counter record 0:2004, 72 bytes (source: sFlow host structures).
    HostMemory = 0:2004 as "host_memory" {
        /// In bytes.
        G mem_total: u64,
        /// In bytes.
        G mem_free: u64,
        /// In bytes.
        G mem_shared: u64,
        /// In bytes.
        G mem_buffers: u64,
        /// In bytes.
        G mem_cached: u64,
        /// In bytes.
        G swap_total: u64,
        /// In bytes.
        G swap_free: u64,
        /// Count of events.
        C page_in: u32,
        /// Count of events.
        C page_out: u32,
        /// Count of events.
        C swap_in: u32,
        /// Count of events.
        C swap_out: u32,
    }

    /// Counter record 0:2005, 52 bytes (source: sFlow host structures).
    HostDiskIo = 0:2005 as "host_disk_io" {
        /// In bytes.
        G disk_total: u64,
        /// In bytes.
        G disk_free: u64,
        /// Hundredths of a percent, fullest partition.
        G part_max_used: Percentage,
        C reads: u32,
        /// In bytes.
        C bytes_read: u64,
        /// In milliseconds.
        C read_time: u32,
        C writes: u32,
        /// In bytes.
        C bytes_written: u64,
        /// In milliseconds.
        C write_time: u32,
    }

    /// Counter record 0:2006, 40 bytes (source: sFlow host structures).
    ///
    /// Totals over the physical adapters.
    HostNetIo = 0:2006 as "host_net_io" {
        /// In bytes.
        C bytes_in: u64,
        C pkts_in: u32,
        C errs_in: u32,
        C drops_in: u32,
        /// In bytes.
        C bytes_out: u64,
        C pkts_out: u32,
        C errs_out: u32,
        C drops_out: u32,
    }
}
