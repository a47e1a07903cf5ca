//! What was received, counted.

use core::fmt;

use flowmote_decoder::{Error, Malformed, MalformedKind};

use crate::sequence::Sequences;

/// Totals since the start.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) datagrams: u64,
    pub(crate) bytes: u64,
    pub(crate) samples: u64,
    pub(crate) records: u64,
    /// Samples and records of unknown number.
    pub(crate) unknown: u64,
    /// Datagrams refused as a whole: too short, wrong version, wrong address type.
    refused: [u64; 3],
    malformed: [u64; MalformedKind::ALL.len()],
    /// Flow samples without a packet that the format can hold.
    pub(crate) not_written: u64,
    pub(crate) sequences: Sequences,
}

impl Tally {
    /// Takes note of a UDP payload.
    pub(crate) fn received(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        self.bytes += payload.len() as u64;
    }

    pub(crate) fn refuse(&mut self, error: Error) {
        let [short, version, address_type] = &mut self.refused;
        *match error {
            Error::Short => short,
            Error::Version(_) => version,
            Error::AddressType(_) => address_type,
        } += 1;
    }

    pub(crate) fn malformed(&mut self, fault: Malformed) {
        let index = MalformedKind::ALL.iter().position(|kind| *kind == fault.kind);
        if let Some(count) = index.and_then(|index| self.malformed.get_mut(index)) {
            *count += 1;
        }
    }

    /// The totals in one line.
    pub(crate) fn line(&self) -> String {
        let (lost, faults) = (self.sequences.totals.lost, self.faults());
        let Self { datagrams, samples, .. } = self;
        format!("{datagrams} datagrams, {samples} samples, {lost} datagrams lost, {faults} faults")
    }

    /// Faults of all kinds, refused datagrams included.
    pub(crate) fn faults(&self) -> u64 {
        self.refused.iter().chain(&self.malformed).sum()
    }

    fn faults_by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let refused = [Error::Short, Error::Version(0), Error::AddressType(0)];
        let refused = refused.map(Error::name).into_iter().zip(self.refused);
        let malformed = MalformedKind::ALL.map(MalformedKind::name).into_iter().zip(self.malformed);
        refused.chain(malformed).filter(|(_, count)| *count != 0)
    }
}

/// The summary at the end.
impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { datagrams, bytes, samples, records, unknown, .. } = self;
        write!(f, "{datagrams} datagrams ({bytes} bytes), {samples} samples, {records} records")?;
        if *unknown != 0 {
            write!(f, ", {unknown} samples or records of unknown kind")?;
        }
        let totals = self.sequences.totals;
        write!(f, "\n{} sub-agents, {} datagrams lost", self.sequences.len(), totals.lost)?;
        write!(f, ", {} faults", self.faults())?;
        if self.not_written != 0 {
            write!(f, "\n  {} flow samples without a packet that fits", self.not_written)?;
        }
        for (kind, count) in self.faults_by_kind() {
            write!(f, "\n  malformed {kind}: {count}")?;
        }
        write!(f, "{}", self.sequences)?;
        if totals.untracked != 0 {
            write!(f, "\n  {} datagrams of further agents not followed", totals.untracked)?;
        }
        Ok(())
    }
}
