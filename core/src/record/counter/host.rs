//! Counter records of a host: a physical machine, a virtual machine or a container.

use super::table::{Counter32, Counter64, Gauge32, Gauge64, Load, Percentage, counter_record};
use crate::record::codes::codes;
use crate::record::{CounterRecord, DataFormat, count};
use crate::xdr::Encoder;

/// `host_descr` (0:2000): the identity of the host.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HostDescr<'a> {
    /// Host name, at most 64 bytes; empty: unknown.
    pub hostname: &'a str,
    /// UUID of the machine, without length word on the wire (errata); all zero: unknown.
    pub uuid: [u8; 16],
    /// Kind of processor.
    pub machine_type: MachineType,
    /// Operating system.
    pub os_name: OsName,
    /// Release of the operating system, at most 32 bytes, such as `6.18.0`; empty: unknown.
    pub os_release: &'a str,
}

impl HostDescr<'_> {
    /// Every field unknown, to be completed with `..UNKNOWN`.
    pub const UNKNOWN: Self = Self {
        hostname: "",
        uuid: [0; 16],
        machine_type: MachineType::UNKNOWN,
        os_name: OsName::UNKNOWN,
        os_release: "",
    };
}

impl Default for HostDescr<'_> {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl CounterRecord for HostDescr<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2000)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.string(self.hostname, 64);
        xdr.opaque_fixed(&self.uuid);
        xdr.words([self.machine_type.code(), self.os_name.code()]);
        xdr.string(self.os_release, 32);
    }
}

codes! {
    /// `machine_type` of [`HostDescr`] (section 5.1). RISC-V has no code yet: send `OTHER`.
    MachineType {
        UNKNOWN = 0 "unknown",
        /// Not listed.
        OTHER = 1 "other",
        /// 32-bit x86.
        X86 = 2 "x86",
        /// 64-bit x86.
        X86_64 = 3 "x86_64",
        /// Itanium.
        IA64 = 4 "ia64",
        SPARC = 5 "sparc",
        ALPHA = 6 "alpha",
        /// PowerPC, 32 and 64 bits.
        POWERPC = 7 "powerpc",
        /// Motorola 68000.
        M68K = 8 "m68k",
        MIPS = 9 "mips",
        /// Arm, 32 and 64 bits.
        ARM = 10 "arm",
        /// PA-RISC.
        HPPA = 11 "hppa",
        /// S/390 and z/Architecture.
        S390 = 12 "s390",
    }
}

codes! {
    /// `os_name` of [`HostDescr`] (section 5.1).
    OsName {
        UNKNOWN = 0 "unknown",
        /// Not listed.
        OTHER = 1 "other",
        LINUX = 2 "linux",
        WINDOWS = 3 "windows",
        /// macOS.
        DARWIN = 4 "darwin",
        HPUX = 5 "hpux",
        AIX = 6 "aix",
        /// DragonFly BSD.
        DRAGONFLY = 7 "dragonfly",
        FREEBSD = 8 "freebsd",
        NETBSD = 9 "netbsd",
        OPENBSD = 10 "openbsd",
        /// OSF/1, Tru64.
        OSF = 11 "osf",
        SOLARIS = 12 "solaris",
    }
}

/// `host_adapters` (0:2001): the network adapters of the host.
///
/// 4 bytes plus 16 per adapter with one address. The specification sets no maximum.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HostAdapters<'a> {
    /// Adapters, in any order.
    pub adapters: &'a [HostAdapter<'a>],
}

impl HostAdapters<'_> {
    /// No adapter.
    pub const UNKNOWN: Self = Self { adapters: &[] };
}

impl CounterRecord for HostAdapters<'_> {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2001)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(count(self.adapters));
        for adapter in self.adapters {
            adapter.encode(xdr);
        }
    }
}

/// One network adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct HostAdapter<'a> {
    /// ifIndex; 0: unknown. For a virtual machine, that of its port at the virtual switch, if the
    /// switch sends sFlow.
    pub if_index: Gauge32,
    /// MAC addresses; empty: unknown.
    pub mac_address: &'a [[u8; 6]],
}

impl HostAdapter<'_> {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([self.if_index, count(self.mac_address)]);
        for &mac in self.mac_address {
            xdr.mac(mac);
        }
    }
}

counter_record! {
    /// `host_parent` (0:2002): the data source on which this one runs. The physical host is the
    /// root and does not send it.
    HostParent = 0:2002 {
        /// Data source class of the parent, see [`SourceClass`](crate::SourceClass).
        container_type: Gauge32,
        /// Data source index of the parent.
        container_index: Gauge32,
    }
}

counter_record! {
    /// `host_cpu` (0:2003), in the form of December 2014 (80 bytes). Times are sums over all CPUs
    /// in milliseconds, which wrap after 49.7 days divided by the number of CPUs.
    HostCpu = 0:2003 {
        /// Load average of 1 minute.
        load_one: Load,
        /// Load average of 5 minutes.
        load_five: Load,
        /// Load average of 15 minutes.
        load_fifteen: Load,
        /// Running processes.
        proc_run: Gauge32,
        /// All processes.
        proc_total: Gauge32,
        /// Number of CPUs.
        cpu_num: Gauge32,
        /// Clock rate, megahertz.
        cpu_speed: Gauge32,
        /// Seconds since boot.
        uptime: Counter32,
        /// Time in user mode.
        cpu_user: Counter32,
        /// Time in user mode at low priority.
        cpu_nice: Counter32,
        /// Time in the kernel.
        cpu_system: Counter32,
        /// Idle time.
        cpu_idle: Counter32,
        /// Idle time while waiting for I/O.
        cpu_wio: Counter32,
        /// Time in interrupts.
        cpu_intr: Counter32,
        /// Time in soft interrupts.
        cpu_sintr: Counter32,
        /// Interrupts.
        interrupts: Counter32,
        /// Context switches.
        contexts: Counter32,
        /// Time that the hypervisor gave to other machines.
        cpu_steal: Counter32,
        /// Time running virtual CPUs.
        cpu_guest: Counter32,
        /// Time running virtual CPUs at low priority.
        cpu_guest_nice: Counter32,
    }
}

counter_record! {
    /// `host_memory` (0:2004): memory and swap space.
    HostMemory = 0:2004 {
        /// Memory, bytes.
        mem_total: Gauge64,
        /// Free memory, bytes.
        mem_free: Gauge64,
        /// Shared memory, bytes.
        mem_shared: Gauge64,
        /// Buffers, bytes.
        mem_buffers: Gauge64,
        /// Page cache, bytes.
        mem_cached: Gauge64,
        /// Swap space, bytes.
        swap_total: Gauge64,
        /// Free swap space, bytes.
        swap_free: Gauge64,
        /// Pages read from disk.
        page_in: Counter32,
        /// Pages written to disk.
        page_out: Counter32,
        /// Pages read from swap.
        swap_in: Counter32,
        /// Pages written to swap.
        swap_out: Counter32,
    }
}

counter_record! {
    /// `host_disk_io` (0:2005): sums over the disks.
    HostDiskIo = 0:2005 {
        /// Capacity, bytes.
        disk_total: Gauge64,
        /// Free space, bytes.
        disk_free: Gauge64,
        /// Used space of the fullest partition.
        part_max_used: Percentage,
        /// Reads.
        reads: Counter32,
        /// Bytes read.
        bytes_read: Counter64,
        /// Time spent reading, milliseconds.
        read_time: Counter32,
        /// Writes.
        writes: Counter32,
        /// Bytes written.
        bytes_written: Counter64,
        /// Time spent writing, milliseconds.
        write_time: Counter32,
    }
}

counter_record! {
    /// `host_net_io` (0:2006): sums over the physical adapters.
    HostNetIo = 0:2006 {
        /// Bytes received.
        bytes_in: Counter64,
        /// Packets received.
        pkts_in: Counter32,
        /// Packets received with errors.
        errs_in: Counter32,
        /// Inbound packets dropped.
        drops_in: Counter32,
        /// Bytes sent.
        bytes_out: Counter64,
        /// Packets sent.
        pkts_out: Counter32,
        /// Packets not sent because of errors.
        errs_out: Counter32,
        /// Outbound packets dropped.
        drops_out: Counter32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, hyper, mac, word};

    #[test]
    fn host_parent() {
        let record = HostParent { container_type: word(1), container_index: word(2) };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2002.hex"),
        );
    }

    #[test]
    fn host_cpu() {
        let record = HostCpu {
            load_one: 0.25,
            load_five: 0.5,
            load_fifteen: 0.75,
            proc_run: word(4),
            proc_total: word(5),
            cpu_num: word(6),
            cpu_speed: word(7),
            uptime: word(8),
            cpu_user: word(9),
            cpu_nice: word(10),
            cpu_system: word(11),
            cpu_idle: word(12),
            cpu_wio: word(13),
            cpu_intr: word(14),
            cpu_sintr: word(15),
            interrupts: word(16),
            contexts: word(17),
            cpu_steal: word(18),
            cpu_guest: word(19),
            cpu_guest_nice: word(20),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2003.hex"),
        );
    }

    #[test]
    fn host_memory() {
        let record = HostMemory {
            mem_total: hyper(1),
            mem_free: hyper(2),
            mem_shared: hyper(3),
            mem_buffers: hyper(4),
            mem_cached: hyper(5),
            swap_total: hyper(6),
            swap_free: hyper(7),
            page_in: word(8),
            page_out: word(9),
            swap_in: word(10),
            swap_out: word(11),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2004.hex"),
        );
    }

    #[test]
    fn host_disk_io() {
        let record = HostDiskIo {
            disk_total: hyper(1),
            disk_free: hyper(2),
            part_max_used: 1003,
            reads: word(4),
            bytes_read: hyper(5),
            read_time: word(6),
            writes: word(7),
            bytes_written: hyper(8),
            write_time: word(9),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2005.hex"),
        );
    }

    #[test]
    fn host_net_io() {
        let record = HostNetIo {
            bytes_in: hyper(1),
            pkts_in: word(2),
            errs_in: word(3),
            drops_in: word(4),
            bytes_out: hyper(5),
            pkts_out: word(6),
            errs_out: word(7),
            drops_out: word(8),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2006.hex"),
        );
    }

    #[test]
    fn host_cpu_unknown() {
        let mut bytes = [0xff; 80];
        for load in bytes[..12].as_chunks_mut::<4>().0 {
            *load = [0xbf, 0x80, 0, 0];
        }
        bytes[12..28].fill(0);
        testing::counter_bytes(&HostCpu::default(), DataFormat::standard(2003), &bytes);
    }

    #[test]
    fn host_descr() {
        let record = HostDescr {
            hostname: "s1x",
            uuid: core::array::from_fn(|at| at as u8 + 2),
            machine_type: MachineType::new(word(3)),
            os_name: OsName::new(word(4)),
            os_release: "s5x",
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2000.hex"),
        );
    }

    #[test]
    fn host_descr_unknown() {
        testing::counter_bytes(&HostDescr::default(), DataFormat::standard(2000), &[0; 32]);
    }

    #[test]
    fn host_descr_is_cut_at_64_and_32_bytes() {
        // Two bytes a character: the 64th byte would end in the middle of one.
        let hostname = std::format!("h{}", "é".repeat(40));
        let os_release = "r".repeat(33);
        let record =
            HostDescr { hostname: &hostname, os_release: &os_release, ..HostDescr::UNKNOWN };
        let mut bytes = std::vec::Vec::from([0, 0, 0, 63]);
        bytes.extend(&hostname.as_bytes()[..63]);
        bytes.extend([0; 1 + 16 + 4 + 4]);
        bytes.extend([0, 0, 0, 32]);
        bytes.extend([b'r'; 32]);
        testing::counter_bytes(&record, DataFormat::standard(2000), &bytes);
    }

    #[test]
    fn host_adapters() {
        let record = HostAdapters {
            adapters: &[
                HostAdapter { if_index: word(1), mac_address: &[mac(2), mac(3)] },
                HostAdapter { if_index: word(4), mac_address: &[mac(5), mac(6)] },
            ],
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2001.hex"),
        );
    }

    #[test]
    fn host_adapters_none_and_one_without_address() {
        testing::counter_bytes(&HostAdapters::UNKNOWN, DataFormat::standard(2001), &[0; 4]);
        let record = HostAdapters { adapters: &[HostAdapter { if_index: 7, mac_address: &[] }] };
        let bytes = [0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0];
        testing::counter_bytes(&record, DataFormat::standard(2001), &bytes);
    }
}
