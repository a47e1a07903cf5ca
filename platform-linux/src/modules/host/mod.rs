//! Counters of the host: the ten records of the sFlow host structures, 2000 to 2010 without 2002.
//!
//! One file per record (the four MIB-II groups share `mib2`). Pure functions parse the text of
//! `/proc`, and find columns and keys by name, because kernels add some in between. A file that
//! cannot be read leaves its fields unknown and counts in [`HostStats`].

mod cpu;
mod disk;
mod identity;
mod memory;
mod mib2;
mod net;
mod proc;
mod slow;
mod space;
mod sums;
mod text;

use std::io;
use std::path::PathBuf;

use flowmote_core::record::counter::{
    HostAdapter, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo,
    Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup,
};
use flowmote_core::{CounterRecord, DataSource, Duration, Instant};

use crate::aside::Wait;
use crate::config::Config;
use crate::links::{LinkReader, Links};
use crate::modules::module::{Module, Statistics, Unscheduled, World};
use crate::output::Output;
use identity::HostIdentity;
use mib2::Mib2;
use net::Adapters;
use proc::ProcReading;
use slow::{Slow, Values};
use text::Files;

/// Reads the counters of the host.
#[derive(Debug)]
pub struct HostCounters {
    slow: Slow,
    poll: Poll,
    links: LinkReader,
    /// For `host_descr` (2000): the configured UUID, or that of the machine.
    uuid: [u8; 16],
    /// Read at the start even if another UUID is configured: after the privileges are dropped it
    /// is unreadable, and a reload may need it.
    machine_uuid: [u8; 16],
    adapters: Adapters,
}

/// A poll of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Poll {
    None,
    Waits(Wait),
    /// The values can be sent.
    Ends,
}

/// The counters of the host at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct HostReading {
    identity: HostIdentity,
    adapters: Vec<(u32, [[u8; 6]; 1])>,
    /// `host_cpu` (2003), from `/proc/stat`, `/proc/loadavg`, `/proc/uptime` and `/proc/cpuinfo`.
    pub cpu: HostCpu,
    /// `host_memory` (2004), from `/proc/meminfo` and `/proc/vmstat`.
    pub memory: HostMemory,
    /// `host_disk_io` (2005), from statvfs(3) of local file systems and `/proc/diskstats`.
    pub disk_io: HostDiskIo,
    /// `host_net_io` (2006): sums over the physical adapters, from rtnetlink.
    pub net_io: HostNetIo,
    /// `mib2_ip_group` (2007), from `/proc/net/snmp`.
    pub ip: Mib2IpGroup,
    /// `mib2_icmp_group` (2008), from `/proc/net/snmp`.
    pub icmp: Mib2IcmpGroup,
    /// `mib2_tcp_group` (2009), from `/proc/net/snmp`.
    pub tcp: Mib2TcpGroup,
    /// `mib2_udp_group` (2010), from `/proc/net/snmp`.
    pub udp: Mib2UdpGroup,
}

/// Counters of failed reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HostStats {
    /// Files of `/proc` and `/sys` that could not be read, counted at each attempt.
    pub unreadable_files: u64,
    /// File systems for which statvfs(3) failed.
    pub unreadable_filesystems: u64,
    /// Adapters whose counters could not be read.
    pub unreadable_adapters: u64,
}

impl HostCounters {
    /// Prepares to read below `root`: `/`, or a directory with copies of `/proc` and `/sys`.
    ///
    /// `uuid` is the configured UUID. Without one, that of the firmware is used, else one derived
    /// from `/etc/machine-id`. Only root can read the former
    /// (`/sys/class/dmi/id/product_uuid`), so call this before privileges are dropped.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE`: no rtnetlink socket, because too many files are open.
    pub fn new(root: impl Into<PathBuf>, uuid: Option<[u8; 16]>) -> io::Result<Self> {
        let root = root.into();
        let mut files = Files::new(root.clone());
        let machine_uuid = identity::machine_uuid(&mut files);
        Ok(Self {
            uuid: uuid.unwrap_or(machine_uuid),
            machine_uuid,
            slow: Slow::new(root, files),
            poll: Poll::None,
            links: LinkReader::open()?,
            adapters: Adapters::default(),
        })
    }

    /// The UUID in `host_descr` (2000); all zero if unknown.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Replaces the UUID in `host_descr` (2000); `None` restores that of the machine.
    pub fn set_uuid(&mut self, uuid: Option<[u8; 16]>) {
        self.uuid = uuid.unwrap_or(self.machine_uuid);
    }

    /// Reads the counters of the host. `links` supplies its adapters.
    ///
    /// Waits a few milliseconds at most. Values that take longer are those of the call before.
    pub fn read(&mut self, now: Instant, links: &Links) -> HostReading {
        self.slow.start(now);
        self.reading(links)
    }

    fn reading(&mut self, links: &Links) -> HostReading {
        let Values { proc, sizes, .. } = self.slow.values().clone();
        let ProcReading { cpu, memory, disk_io, mib2, .. } = proc;
        let Mib2 { ip, icmp, tcp, udp } = mib2;
        HostReading {
            identity: HostIdentity::now(self.uuid),
            adapters: net::addresses(links),
            cpu,
            memory,
            disk_io: sizes.map_or(disk_io, |sizes| HostDiskIo {
                disk_total: sizes.total,
                disk_free: sizes.free,
                part_max_used: sizes.fullest.unwrap_or(-1),
                ..disk_io
            }),
            net_io: self.adapters.read(links, &mut self.links),
            ip,
            icmp,
            tcp,
            udp,
        }
    }

    /// Ends the poll that waits, if its values are there or have taken too long.
    fn end_wait(&mut self, now: Instant) {
        let Poll::Waits(wait) = self.poll else { return };
        let ends = self.slow.is_settled() || wait.length(now) >= MAX_WAIT;
        self.poll = if ends { Poll::Ends } else { Poll::Waits(wait.checked(now)) };
    }

    /// Counters of failed reads so far.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        let (unreadable_files, unreadable_filesystems) = self.slow.unreadable();
        HostStats {
            unreadable_files,
            unreadable_filesystems,
            unreadable_adapters: self.adapters.unreadable(),
        }
    }
}

impl Module for HostCounters {
    /// The UUID is the only setting; without it the machine's applies again.
    fn reconcile(&mut self, now: Instant, world: &World<'_>, output: &mut Output<'_>) {
        self.set_uuid(world.config.uuid);
        output.entities.set_host_uuid(self.uuid);
        self.end_wait(now);
    }

    fn data_sources(&self, _config: &Config, _links: &Links, add: &mut dyn FnMut(DataSource)) {
        add(DataSource::HOST);
    }

    /// Sends nothing while values are read: those of the poll before would have the collector compute
    /// a rate of zero now, and twice the rate at the next poll.
    fn counters(
        &mut self,
        now: Instant,
        links: &Links,
        source: DataSource,
        emit: &mut dyn FnMut(&[&dyn CounterRecord]),
    ) -> bool {
        if source != DataSource::HOST {
            return false;
        }
        if self.poll == Poll::None {
            self.slow.start(now);
            self.poll = Poll::Waits(Wait::new(now));
            self.end_wait(now);
        }
        if self.poll == Poll::Ends {
            self.poll = Poll::None;
            self.reading(links).records(emit);
        }
        true
    }

    fn unscheduled(&mut self, _now: Instant) -> Option<Unscheduled> {
        (self.poll == Poll::Ends).then_some(Unscheduled::Late(DataSource::HOST))
    }

    fn deadline(&self) -> Option<Instant> {
        match self.poll {
            Poll::Waits(wait) => Some(wait.next_check()),
            Poll::None | Poll::Ends => None,
        }
    }

    fn report(&mut self, statistics: &mut Statistics) {
        // Named one by one, so that a new counter cannot be forgotten here.
        let HostStats { unreadable_files, unreadable_filesystems, unreadable_adapters } =
            self.stats();
        statistics.exceptions.extend([
            (unreadable_files, "failed reads of files in /proc or /sys"),
            (unreadable_filesystems, "file systems of unknown size"),
            (unreadable_adapters, "adapters without counters"),
        ]);
    }
}

impl HostReading {
    /// Passes the ten records to `emit`, in the order of their numbers.
    pub fn records(&self, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let adapters: Vec<_> = self
            .adapters
            .iter()
            .map(|(if_index, mac)| HostAdapter { if_index: *if_index, mac_address: mac })
            .collect();
        emit(&[
            &self.descr(),
            &HostAdapters { adapters: &adapters },
            &self.cpu,
            &self.memory,
            &self.disk_io,
            &self.net_io,
            &self.ip,
            &self.icmp,
            &self.tcp,
            &self.udp,
        ]);
    }

    /// `host_descr` (2000).
    #[must_use]
    pub fn descr(&self) -> HostDescr<'_> {
        self.identity.descr()
    }

    /// ifIndex and MAC address of each adapter in `host_adapters` (2001).
    pub fn adapters(&self) -> impl Iterator<Item = (u32, [u8; 6])> {
        self.adapters.iter().map(|&(if_index, [mac])| (if_index, mac))
    }
}

/// A poll sends the values before if reading takes longer. Less than the shortest polling interval.
const MAX_WAIT: Duration = Duration::from_millis(900);

#[cfg(test)]
mod tests;
