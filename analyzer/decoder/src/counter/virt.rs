//! Counters of hypervisors, virtual machines and Java virtual machines.

use crate::structure::structures;
use crate::value::Text;

structures! { Counter:
    /// Counter record 0:2100, 28 bytes (source: sFlow host structures).
    VirtNode = 0:2100 as "virt_node" {
        /// In MHz.
        G mhz: u32,
        /// Active CPUs.
        G cpus: u32,
        /// In bytes.
        G memory: u64,
        /// Bytes unassigned.
        G memory_free: u64,
        /// Active domains.
        G num_domains: u32,
    }

    /// Counter record 0:2101, 12 bytes (source: sFlow host structures).
    VirtCpu = 0:2101 as "virt_cpu" {
        /// Libvirt virDomainState: 0 none, 1 running, 2 blocked, 3 paused, 4 shutting down, 5 shut
        /// off, 6 crashed (7 suspended in newer libvirt).
        E state: u32,
        /// Milliseconds used.
        C cpu_time "cpuTime": u32,
        /// VCPUs.
        G nr_virt_cpu "nrVirtCpu": u32,
    }

    /// Counter record 0:2102, 16 bytes (source: sFlow host structures).
    VirtMemory = 0:2102 as "virt_memory" {
        /// Bytes used.
        G memory: u64,
        /// Bytes allowed.
        G max_memory "maxMemory": u64,
    }

    /// Counter record 0:2103, 52 bytes (source: sFlow host structures with errata).
    VirtDiskIo = 0:2103 as "virt_disk_io" {
        /// Bytes, logical.
        G capacity: u64,
        /// In bytes.
        G allocation: u64,
        /// Bytes; errata. The 2010 text and headers call it available (free bytes).
        G physical: u64,
        C rd_req: u32,
        /// In bytes.
        C rd_bytes: u64,
        C wr_req: u32,
        /// In bytes.
        C wr_bytes: u64,
        C errs: u32,
    }

    /// Counter record 0:2104, 40 bytes (source: sFlow host structures).
    VirtNetIo = 0:2104 as "virt_net_io" {
        /// In bytes.
        C rx_bytes: u64,
        C rx_packets: u32,
        C rx_errs: u32,
        C rx_drop: u32,
        /// In bytes.
        C tx_bytes: u64,
        C tx_packets: u32,
        C tx_errs: u32,
        C tx_drop: u32,
    }

    /// Counter record 0:2105, at least 12 bytes (source: sFlow Java virtual machine structures).
    JvmRuntime<'a> = 0:2105 as "jvm_runtime" {
        /// At most 64 bytes.
        I vm_name: Text<'a>,
        /// At most 32 bytes.
        I vm_vendor: Text<'a>,
        /// At most 32 bytes.
        I vm_version: Text<'a>,
    }

    /// Counter record 0:2106, 108 (old: 100) bytes (source: sFlow Java virtual machine structures).
    ///
    /// 108 bytes; an older 100-byte form lacks the two fd fields.
    JvmStatistics = 0:2106 as "jvm_statistics" {
        /// In bytes.
        G heap_initial: u64,
        /// In bytes.
        G heap_used: u64,
        /// In bytes.
        G heap_committed: u64,
        /// In bytes.
        G heap_max: u64,
        /// In bytes.
        G non_heap_initial: u64,
        /// In bytes.
        G non_heap_used: u64,
        /// In bytes.
        G non_heap_committed: u64,
        /// In bytes.
        G non_heap_max: u64,
        C gc_count: u32,
        /// In milliseconds.
        C gc_time: u32,
        G classes_loaded: u32,
        C classes_total: u32,
        C classes_unloaded: u32,
        /// In milliseconds.
        C compilation_time: u32,
        G thread_num_live: u32,
        G thread_num_daemon: u32,
        C thread_num_started: u32,
        /// Only if length > 100.
        G fd_open_count: Option<u32>,
        /// Only if length > 100.
        G fd_max_count: Option<u32>,
    }
}
