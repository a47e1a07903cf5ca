//! Counters of a host: processor, memory, disks, network.

use crate::structure::structures;
use crate::value::{MacAddress, Percentage, Text, Uuid};
use crate::xdr::List;

structures! { Counter:
    /// Counter record 0:1001, 28 bytes (source: sFlow version 5).
    Processor = 0:1001 as "processor" {
        /// Load over 5 seconds, hundredths of a percent; -1 unknown.
        Gauge cpu_5s: Percentage,
        /// As `cpu_5s`.
        Gauge cpu_1m: Percentage,
        /// As `cpu_5s`.
        Gauge cpu_5m: Percentage,
        /// In bytes.
        Gauge total_memory: u64,
        /// In bytes.
        Gauge free_memory: u64,
    }

    /// Counter record 0:2000, at least 32 bytes (source: sFlow host structures with errata).
    ///
    /// `uuid` has no length word: errata and captures contradict the text of 2010.
    HostDescr<'a> = 0:2000 as "host_descr" {
        /// At most 64 bytes, empty unknown.
        Identity hostname: Text<'a>,
        /// 16 bytes without a length word (errata); all zero unknown.
        Identity uuid: Uuid,
        /// 0 unknown, 1 other, 2 x86, 3 x86_64, ...: section 5.1 of docs/sflow-wire.md.
        Enumeration machine_type: u32,
        /// 0 unknown, 1 other, 2 Linux, 3 Windows, ...: section 5.1 of docs/sflow-wire.md.
        Enumeration os_name: u32,
        /// At most 32 bytes, empty unknown.
        Identity os_release: Text<'a>,
    }

    /// One `adapter` of `host_adapters`.
    HostAdapter<'a> as "adapter" {
        /// 0 unknown; must match the vSwitch port ifIndex if that switch exports sFlow.
        Identity if_index "ifIndex": u32,
        /// Count, then count x 8 bytes (6 + 2 pad).
        Identity mac_address: List<'a, MacAddress>,
    }

    /// Counter record 0:2001, at least 4 bytes (source: sFlow host structures).
    HostAdapters<'a> = 0:2001 as "host_adapters" {
        /// Count, then per adapter: ifIndex, MAC count, 8 bytes per MAC.
        Identity adapters: List<'a, HostAdapter<'a>>,
    }

    /// Counter record 0:2002, 8 bytes (source: sFlow host structures).
    ///
    /// Sent by a child only; the physical host is the root and sends none.
    HostParent = 0:2002 as "host_parent" {
        /// Data source class of the parent (2 or 3).
        Enumeration container_type: u32,
        /// Data source index of the parent.
        Identity container_index: u32,
    }

    /// Counter record 0:2003, 68 or 80 bytes (source: sFlow host structures, three fields more
    /// since 2014).
    ///
    /// 68 bytes in the text of 2010, 80 since December 2014 (host-sflow sends 80); both are read.
    /// Times are totals over all processors, in 32-bit milliseconds: with N processors they wrap
    /// after 49.7/N days.
    HostCpu = 0:2003 as "host_cpu" {
        /// 1 min load average, IEEE 754 single big-endian; -1.0 unknown.
        Gauge load_one: f32,
        /// 5 min; -1.0 unknown.
        Gauge load_five: f32,
        /// 15 min; -1.0 unknown.
        Gauge load_fifteen: f32,
        /// Running processes.
        Gauge proc_run: u32,
        /// All processes.
        Gauge proc_total: u32,
        /// CPUs.
        Identity cpu_num: u32,
        /// In MHz.
        Gauge cpu_speed: u32,
        /// Seconds since boot.
        Counter uptime: u32,
        /// In milliseconds.
        Counter cpu_user: u32,
        /// In milliseconds.
        Counter cpu_nice: u32,
        /// In milliseconds.
        Counter cpu_system: u32,
        /// In milliseconds.
        Counter cpu_idle: u32,
        /// Milliseconds waiting for I/O.
        Counter cpu_wio: u32,
        /// Milliseconds in interrupts.
        Counter cpu_intr: u32,
        /// Milliseconds in soft interrupts.
        Counter cpu_sintr: u32,
        /// Count of events.
        Counter interrupts: u32,
        /// Context switches.
        Counter contexts: u32,
        /// Milliseconds; only if record length >= 80.
        Counter cpu_steal: Option<u32>,
        /// Milliseconds; only if >= 80.
        Counter cpu_guest: Option<u32>,
        /// Milliseconds; only if >= 80.
        Counter cpu_guest_nice: Option<u32>,
    }

    /// Counter record 0:2004, 72 bytes (source: sFlow host structures).
    HostMemory = 0:2004 as "host_memory" {
        /// In bytes.
        Gauge mem_total: u64,
        /// In bytes.
        Gauge mem_free: u64,
        /// In bytes.
        Gauge mem_shared: u64,
        /// In bytes.
        Gauge mem_buffers: u64,
        /// In bytes.
        Gauge mem_cached: u64,
        /// In bytes.
        Gauge swap_total: u64,
        /// In bytes.
        Gauge swap_free: u64,
        /// Count of events.
        Counter page_in: u32,
        /// Count of events.
        Counter page_out: u32,
        /// Count of events.
        Counter swap_in: u32,
        /// Count of events.
        Counter swap_out: u32,
    }

    /// Counter record 0:2005, 52 bytes (source: sFlow host structures).
    HostDiskIo = 0:2005 as "host_disk_io" {
        /// In bytes.
        Gauge disk_total: u64,
        /// In bytes.
        Gauge disk_free: u64,
        /// Hundredths of a percent, fullest partition.
        Gauge part_max_used: Percentage,
        Counter reads: u32,
        /// In bytes.
        Counter bytes_read: u64,
        /// In milliseconds.
        Counter read_time: u32,
        Counter writes: u32,
        /// In bytes.
        Counter bytes_written: u64,
        /// In milliseconds.
        Counter write_time: u32,
    }

    /// Counter record 0:2006, 40 bytes (source: sFlow host structures).
    ///
    /// Totals over the physical adapters.
    HostNetIo = 0:2006 as "host_net_io" {
        /// In bytes.
        Counter bytes_in: u64,
        Counter pkts_in: u32,
        Counter errs_in: u32,
        Counter drops_in: u32,
        /// In bytes.
        Counter bytes_out: u64,
        Counter pkts_out: u32,
        Counter errs_out: u32,
        Counter drops_out: u32,
    }
}
