//! Counts of the content and the faults of datagrams.

use core::fmt;

use flowmote_decoder::{Error, Malformed, MalformedKind};

use crate::arrival::Arrival;
use crate::plausibility::Plausibility;
use crate::sequence::Sequences;

/// Counts since the start, filled by [`walk`](crate::walk()).
#[derive(Debug, Default)]
pub struct Tally {
    /// UDP payloads, including refused ones.
    pub datagrams: u64,
    /// Bytes of these payloads.
    pub bytes: u64,
    /// Samples whose fixed part is complete.
    pub samples: u64,
    /// Records of these samples, including malformed ones.
    pub records: u64,
    /// Samples and records whose number is unknown to the decoder.
    pub unknown: u64,
    /// Refused datagrams, in the order of [`Error::ALL`].
    refused: [u64; Error::ALL.len()],
    /// The last refused datagram, so that the error and its sender can be shown immediately.
    pub last_refused: Option<Refused>,
    /// Faults inside datagrams, in the order of [`MalformedKind::ALL`].
    malformed: [u64; MalformedKind::ALL.len()],
    /// Sequence numbers of each stream of datagrams.
    pub sequences: Sequences,
    /// Values that no device can mean.
    pub(crate) plausibility: Plausibility,
}

/// A datagram that cannot be walked: of another protocol, or of an unsupported version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Time and sender.
    pub arrival: Arrival,
    /// The reason.
    pub error: Error,
}

impl Tally {
    /// No counts; at most `max_streams` streams of datagrams will be tracked.
    pub(crate) fn new(max_streams: usize) -> Self {
        Self { sequences: Sequences::new(max_streams), ..Self::default() }
    }

    /// Counts a UDP payload.
    pub(crate) fn received(&mut self, payload: &[u8]) {
        self.datagrams += 1;
        self.bytes += payload.len() as u64;
    }

    /// Counts a datagram that cannot be walked.
    pub(crate) fn refuse(&mut self, arrival: &Arrival, error: Error) {
        self.last_refused = Some(Refused { arrival: *arrival, error });
        let index = Error::ALL.iter().position(|kind| kind.name() == error.name());
        if let Some(count) = index.and_then(|index| self.refused.get_mut(index)) {
            *count += 1;
        }
    }

    /// Counts a fault inside a datagram.
    pub(crate) fn fault(&mut self, fault: Malformed) {
        let index = MalformedKind::ALL.iter().position(|kind| *kind == fault.kind);
        if let Some(count) = index.and_then(|index| self.malformed.get_mut(index)) {
            *count += 1;
        }
    }

    /// Payloads that are no sFlow, by the reason.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Error::ALL.map(Error::name).into_iter().zip(self.refused)
    }

    /// Faults inside datagrams, by kind.
    pub fn malformed(&self) -> impl Iterator<Item = (&'static str, u64)> {
        MalformedKind::ALL.map(MalformedKind::name).into_iter().zip(self.malformed)
    }

    /// Values that no device can mean, by kind; only kinds that occurred.
    pub fn implausible_kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.plausibility.counts()
    }

    /// Adds the counts of another one, for a report of both. Their agents must differ.
    pub fn add(&mut self, other: &Self) {
        self.datagrams += other.datagrams;
        self.bytes += other.bytes;
        self.samples += other.samples;
        self.records += other.records;
        self.unknown += other.unknown;
        let sum = |(sum, count): (&mut u64, &u64)| *sum += count;
        self.refused.iter_mut().zip(&other.refused).for_each(sum);
        self.malformed.iter_mut().zip(&other.malformed).for_each(sum);
        self.sequences.add(&other.sequences);
        self.plausibility.add(&other.plausibility);
    }

    /// Faults of all kinds, including refused datagrams.
    pub fn faults(&self) -> u64 {
        self.refused.iter().chain(&self.malformed).sum()
    }

    /// Values that no device can mean: sampling rates, lengths, and steps of counters. Flow samples
    /// with such a rate or length, and rates from such a step, are left out of estimates.
    pub fn implausible(&self) -> u64 {
        self.plausibility.total()
    }

    /// The main counts in one line, for periodic reports.
    pub fn line(&self) -> String {
        let (lost, faults) = (self.sequences.totals.lost, self.faults());
        let Self { datagrams, samples, .. } = self;
        let line = format!(
            "{datagrams} datagrams, {samples} samples, {lost} datagrams lost, {faults} faults"
        );
        match self.implausible() {
            0 => line,
            count => format!("{line}, {count} implausible"),
        }
    }

    /// Names of all kinds of faults, and their counts.
    pub fn faults_by_kind(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.refused().chain(self.malformed())
    }
}

/// All counts as a summary of several lines. Lines of faults and gaps appear only if there are any.
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
        for (kind, count) in self.faults_by_kind().filter(|(_, count)| *count != 0) {
            write!(f, "\n  malformed {kind}: {count}")?;
        }
        write!(f, "{}{}", self.plausibility, self.sequences)?;
        if totals.untracked != 0 {
            write!(f, "\n  {} datagrams of further sub-agents not tracked", totals.untracked)?;
        }
        if self.sequences.replaced != 0 {
            write!(f, "\n  {} silent sub-agents no longer tracked", self.sequences.replaced)?;
        }
        Ok(())
    }
}
