//! Counters of hypervisors, virtual machines and Java virtual machines.

use crate::structure::structures;
use crate::value::Text;

structures! { Counter:
    /// Counter record 0:2100, 28 bytes (source: sFlow host structures).
    VirtNode = 0:2100 as "virt_node" {
        /// In MHz.
        Gauge mhz: u32,
        /// Active CPUs.
        Gauge cpus: u32,
        /// In bytes.
        Gauge memory: u64,
        /// Bytes unassigned.
        Gauge memory_free: u64,
        /// Active domains.
        Gauge num_domains: u32,
    }

    /// Counter record 0:2101, 12 bytes (source: sFlow host structures).
    VirtCpu = 0:2101 as "virt_cpu" {
        /// Libvirt virDomainState: 0 none, 1 running, 2 blocked, 3 paused, 4 shutting down, 5 shut
        /// off, 6 crashed (7 suspended in newer libvirt).
        Enumeration state: u32,
        /// Milliseconds used.
        Counter cpu_time "cpuTime": u32,
        /// VCPUs.
        Gauge nr_virt_cpu "nrVirtCpu": u32,
    }

    /// Counter record 0:2102, 16 bytes (source: sFlow host structures).
    VirtMemory = 0:2102 as "virt_memory" {
        /// Bytes used.
        Gauge memory: u64,
        /// Bytes allowed.
        Gauge max_memory "maxMemory": u64,
    }

    /// Counter record 0:2103, 52 bytes (source: sFlow host structures with errata).
    VirtDiskIo = 0:2103 as "virt_disk_io" {
        /// Bytes, logical.
        Gauge capacity: u64,
        /// In bytes.
        Gauge allocation: u64,
        /// In bytes (errata). The text of 2010 and the headers call it available, i.e. free bytes.
        Gauge physical: u64,
        Counter rd_req: u32,
        /// In bytes.
        Counter rd_bytes: u64,
        Counter wr_req: u32,
        /// In bytes.
        Counter wr_bytes: u64,
        Counter errs: u32,
    }

    /// Counter record 0:2104, 40 bytes (source: sFlow host structures).
    VirtNetIo = 0:2104 as "virt_net_io" {
        /// In bytes.
        Counter rx_bytes: u64,
        Counter rx_packets: u32,
        Counter rx_errs: u32,
        Counter rx_drop: u32,
        /// In bytes.
        Counter tx_bytes: u64,
        Counter tx_packets: u32,
        Counter tx_errs: u32,
        Counter tx_drop: u32,
    }

    /// Counter record 0:2105, at least 12 bytes (source: sFlow Java virtual machine structures).
    JvmRuntime<'a> = 0:2105 as "jvm_runtime" {
        /// At most 64 bytes.
        Identity vm_name: Text<'a>,
        /// At most 32 bytes.
        Identity vm_vendor: Text<'a>,
        /// At most 32 bytes.
        Identity vm_version: Text<'a>,
    }

    /// Counter record 0:2106, 108 (old: 100) bytes (source: sFlow Java virtual machine structures).
    ///
    /// The older form lacks the two `fd` fields.
    JvmStatistics = 0:2106 as "jvm_statistics" {
        /// In bytes.
        Gauge heap_initial: u64,
        /// In bytes.
        Gauge heap_used: u64,
        /// In bytes.
        Gauge heap_committed: u64,
        /// In bytes.
        Gauge heap_max: u64,
        /// In bytes.
        Gauge non_heap_initial: u64,
        /// In bytes.
        Gauge non_heap_used: u64,
        /// In bytes.
        Gauge non_heap_committed: u64,
        /// In bytes.
        Gauge non_heap_max: u64,
        Counter gc_count: u32,
        /// In milliseconds.
        Counter gc_time: u32,
        Gauge classes_loaded: u32,
        Counter classes_total: u32,
        Counter classes_unloaded: u32,
        /// In milliseconds.
        Counter compilation_time: u32,
        Gauge thread_num_live: u32,
        Gauge thread_num_daemon: u32,
        Counter thread_num_started: u32,
        /// Only if length > 100.
        Gauge fd_open_count: Option<u32>,
        /// Only if length > 100.
        Gauge fd_max_count: Option<u32>,
    }
}
