//! Counters of the host: records 2000, 2001, 2003 to 2006 and 2007 to 2010.
//!
//! Each record has its file; the text of `/proc` is read by pure functions, columns and keys by
//! name. A file that cannot be read leaves its fields unknown and counts in [`HostStats`].

mod cpu;
mod disk;
mod identity;
mod memory;
mod mib2;
mod net;
mod sums;
mod text;

use std::io;
use std::path::PathBuf;

use flowmote_core::CounterRecord;
use flowmote_core::record::counter::{
    HostAdapter, HostAdapters, HostCpu, HostDescr, HostDiskIo, HostMemory, HostNetIo,
    Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup,
};

use crate::links::{LinkReader, Links};
use disk::Disks;
use identity::Identity;
use net::Adapters;
use text::Files;

/// Reads the counters of the host.
#[derive(Debug)]
pub struct HostCounters {
    files: Files,
    links: LinkReader,
    uuid: [u8; 16],
    /// Known even where it is not used: later nobody may read it.
    machine_uuid: [u8; 16],
    disks: Disks,
    adapters: Adapters,
}

/// The counters of the host at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct HostReading {
    identity: Identity,
    adapters: Vec<(u32, [[u8; 6]; 1])>,
    /// 2003.
    pub cpu: HostCpu,
    /// 2004.
    pub memory: HostMemory,
    /// 2005.
    pub disk_io: HostDiskIo,
    /// 2006.
    pub net_io: HostNetIo,
    /// 2007.
    pub ip: Mib2IpGroup,
    /// 2008.
    pub icmp: Mib2IcmpGroup,
    /// 2009.
    pub tcp: Mib2TcpGroup,
    /// 2010.
    pub udp: Mib2UdpGroup,
}

/// What went wrong so far. All are counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct HostStats {
    /// Files of `/proc` and `/sys` that could not be read, once for each try.
    pub unreadable_files: u64,
    /// File systems whose size could not be had.
    pub unreadable_filesystems: u64,
    /// Adapters whose counters could not be had.
    pub unreadable_adapters: u64,
}

impl HostCounters {
    /// Prepares to read below `root`: `/`, or a directory with copies of `/proc` and `/sys`.
    ///
    /// `uuid` is the configured one. Without it the machine's is taken, which needs root
    /// (`/sys/class/dmi/id/product_uuid`), so call this before privileges are dropped; else one is
    /// derived from `/etc/machine-id`.
    ///
    /// # Errors
    /// What the kernel says to an rtnetlink socket.
    pub fn new(root: impl Into<PathBuf>, uuid: Option<[u8; 16]>) -> io::Result<Self> {
        let mut files = Files::new(root.into());
        let machine_uuid = identity::machine_uuid(&mut files);
        Ok(Self {
            uuid: uuid.unwrap_or(machine_uuid),
            machine_uuid,
            links: LinkReader::open()?,
            disks: Disks::default(),
            adapters: Adapters::default(),
            files,
        })
    }

    /// The UUID that 2000 carries; all zero: none could be had.
    #[must_use]
    pub fn uuid(&self) -> [u8; 16] {
        self.uuid
    }

    /// Takes another configured UUID for 2000 from now on; `None`: that of the machine.
    pub fn set_uuid(&mut self, uuid: Option<[u8; 16]>) {
        self.uuid = uuid.unwrap_or(self.machine_uuid);
    }

    /// The host, now. Its adapters are taken from `links`.
    pub fn read(&mut self, links: &Links) -> HostReading {
        let snmp = self.files.read("proc/net/snmp", text::WHOLE).unwrap_or_default();
        let (ip, icmp) = (mib2::ip(&snmp), mib2::icmp(&snmp));
        let (tcp, udp) = (mib2::tcp(&snmp), mib2::udp(&snmp));
        drop(snmp);
        HostReading {
            identity: Identity::now(self.uuid),
            adapters: net::addresses(links),
            cpu: cpu::read(&mut self.files),
            memory: memory::read(&mut self.files),
            disk_io: self.disks.read(&mut self.files),
            net_io: self.adapters.read(links, &mut self.links),
            ip,
            icmp,
            tcp,
            udp,
        }
    }

    /// What went wrong so far.
    #[must_use]
    pub fn stats(&self) -> HostStats {
        HostStats {
            unreadable_files: self.files.unreadable(),
            unreadable_filesystems: self.disks.unreadable(),
            unreadable_adapters: self.adapters.unreadable(),
        }
    }
}

impl HostReading {
    /// Lends the ten records, in the order of their numbers.
    pub fn records(&self, take: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let adapters: Vec<_> = self
            .adapters
            .iter()
            .map(|(if_index, mac)| HostAdapter { if_index: *if_index, mac_address: mac })
            .collect();
        take(&[
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

    /// 2000.
    #[must_use]
    pub fn descr(&self) -> HostDescr<'_> {
        self.identity.descr()
    }

    /// ifIndex and address of each adapter of 2001.
    pub fn adapters(&self) -> impl Iterator<Item = (u32, [u8; 6])> {
        self.adapters.iter().map(|&(if_index, [mac])| (if_index, mac))
    }
}

#[cfg(test)]
mod tests;
