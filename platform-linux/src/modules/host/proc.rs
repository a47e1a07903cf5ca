//! The records that come from files of `/proc` and `/sys`.

use flowmote_core::record::counter::{HostCpu, HostDiskIo, HostMemory};

use super::disk::Disks;
use super::mib2::Mib2;
use super::sums::Ledger;
use super::text::{Files, WHOLE};
use super::{cpu, memory};

/// Reads the files, and keeps what cannot be read as it was.
#[derive(Debug)]
pub(super) struct Proc {
    files: Files,
    ledger: Ledger,
    disks: Disks,
    reading: ProcReading,
}

/// The records at one moment.
#[derive(Clone, Debug)]
pub(super) struct ProcReading {
    pub(super) cpu: HostCpu,
    pub(super) memory: HostMemory,
    /// Without the sizes.
    pub(super) disk_io: HostDiskIo,
    pub(super) mib2: Mib2,
    /// Failed reads so far.
    pub(super) unreadable: u64,
}

impl ProcReading {
    /// Nothing was read yet.
    pub(super) const UNKNOWN: Self = Self {
        cpu: HostCpu::UNKNOWN,
        memory: HostMemory::UNKNOWN,
        disk_io: HostDiskIo::UNKNOWN,
        mib2: Mib2::UNKNOWN,
        unreadable: 0,
    };
}

impl Proc {
    pub(super) fn new(files: Files) -> Self {
        let reading = ProcReading::UNKNOWN;
        Self { files, ledger: Ledger::default(), disks: Disks::default(), reading }
    }

    /// Reads all files. May block.
    pub(super) fn read(&mut self) {
        let Self { files, ledger, disks, reading } = self;
        if let Some(snmp) = files.read("proc/net/snmp", WHOLE) {
            reading.mib2.update(&snmp, ledger);
        }
        cpu::read(files, ledger, &mut reading.cpu);
        memory::read(files, ledger, &mut reading.memory);
        disks.read(files, &mut reading.disk_io);
        reading.unreadable = files.unreadable();
    }

    pub(super) fn reading(&self) -> ProcReading {
        self.reading.clone()
    }
}
