//! Counter records of virtual machines and containers, and of their hypervisor.

use super::table::{Counter32, Counter64, Gauge32, Gauge64, counter_record};
use crate::record::codes::codes;

counter_record! {
    /// `virt_node` (0:2100): the hypervisor. Sent with the records of the physical host.
    VirtNode = 0:2100 {
        /// Clock rate of a CPU, megahertz.
        mhz: Gauge32,
        /// Number of active CPUs.
        cpus: Gauge32,
        /// Memory, bytes.
        memory: Gauge64,
        /// Memory not assigned to a domain, bytes.
        memory_free: Gauge64,
        /// Number of active domains.
        num_domains: Gauge32,
    }
}

counter_record! {
    /// `virt_cpu` (0:2101): the CPUs of one domain.
    VirtCpu = 0:2101 {
        /// State of the domain.
        state: VirtState,
        /// CPU time used, milliseconds.
        cpu_time: Counter32,
        /// Number of virtual CPUs.
        nr_virt_cpu: Gauge32,
    }
}

codes! {
    /// `state` of [`VirtCpu`]: `virDomainState` of libvirt.
    VirtState {
        /// No state, `VIR_DOMAIN_NOSTATE`.
        UNKNOWN = 0 "nostate",
        RUNNING = 1 "running",
        /// Waiting for a resource.
        BLOCKED = 2 "blocked",
        /// Paused by the user.
        PAUSED = 3 "paused",
        /// Shutting down.
        SHUTDOWN = 4 "shutdown",
        SHUTOFF = 5 "shutoff",
        CRASHED = 6 "crashed",
        /// Suspended by the power management of the guest.
        PMSUSPENDED = 7 "pmsuspended",
    }
}

counter_record! {
    /// `virt_memory` (0:2102): the memory of one domain.
    VirtMemory = 0:2102 {
        /// Memory in use, bytes.
        memory: Gauge64,
        /// Limit of memory, bytes.
        max_memory: Gauge64,
    }
}

counter_record! {
    /// `virt_disk_io` (0:2103): the disks of one domain.
    VirtDiskIo = 0:2103 {
        /// Size of the disks as the guest sees them, bytes.
        capacity: Gauge64,
        /// Space that the disks occupy, bytes.
        allocation: Gauge64,
        /// Physical size on the host, bytes (errata; `available` in the specification of 2010).
        physical: Gauge64,
        /// Reads.
        rd_req: Counter32,
        /// Bytes read.
        rd_bytes: Counter64,
        /// Writes.
        wr_req: Counter32,
        /// Bytes written.
        wr_bytes: Counter64,
        /// Errors.
        errs: Counter32,
    }
}

counter_record! {
    /// `virt_net_io` (0:2104): the network adapters of one domain.
    VirtNetIo = 0:2104 {
        /// Bytes received.
        rx_bytes: Counter64,
        /// Packets received.
        rx_packets: Counter32,
        /// Packets received with errors.
        rx_errs: Counter32,
        /// Inbound packets dropped.
        rx_drop: Counter32,
        /// Bytes sent.
        tx_bytes: Counter64,
        /// Packets sent.
        tx_packets: Counter32,
        /// Packets not sent because of errors.
        tx_errs: Counter32,
        /// Outbound packets dropped.
        tx_drop: Counter32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, word};

    #[test]
    fn virt_node() {
        let record = VirtNode {
            mhz: word(1),
            cpus: word(2),
            memory: hyper(3),
            memory_free: hyper(4),
            num_domains: word(5),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2100.hex"),
        );
    }

    #[test]
    fn virt_cpu() {
        let record =
            VirtCpu { state: VirtState::new(word(1)), cpu_time: word(2), nr_virt_cpu: word(3) };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2101.hex"),
        );
    }

    #[test]
    fn virt_memory() {
        let record = VirtMemory { memory: hyper(1), max_memory: hyper(2) };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2102.hex"),
        );
    }

    #[test]
    fn virt_disk_io() {
        let record = VirtDiskIo {
            capacity: hyper(1),
            allocation: hyper(2),
            physical: hyper(3),
            rd_req: word(4),
            rd_bytes: hyper(5),
            wr_req: word(6),
            wr_bytes: hyper(7),
            errs: word(8),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2103.hex"),
        );
    }

    #[test]
    fn virt_net_io() {
        let record = VirtNetIo {
            rx_bytes: hyper(1),
            rx_packets: word(2),
            rx_errs: word(3),
            rx_drop: word(4),
            tx_bytes: hyper(5),
            tx_packets: word(6),
            tx_errs: word(7),
            tx_drop: word(8),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2104.hex"),
        );
    }
}
