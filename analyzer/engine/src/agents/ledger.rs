//! The account of what an agent made, what was lost on the way, and what is in the answers.

use core::ops::AddAssign;

use crate::sequence::Gaps;

/// The ledger of an agent, since it is kept.
///
/// Losses before the first datagram, after the last one, and directly before or after a restart of the
/// agent leave no trace: they are in no number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Datagrams.
    pub datagrams: Datagrams,
    /// Flow samples.
    pub flow: Samples,
    /// Counter samples.
    pub counters: Samples,
    /// Notices of discarded packets.
    pub discards: Samples,
    /// Samples `rtmetric` and `rtflow`, which have no numbers.
    pub custom: u64,
    /// Samples of kinds that the decoder does not know.
    pub unknown: u64,
    /// Samples that a datagram declares, but that cannot be read: it is cut, or its lengths are wrong.
    pub malformed: u64,
    /// Samples of data sources beyond the number that is kept: in the answers, but without a check of
    /// their numbers.
    pub untracked: u64,
    /// Flow samples with values that no device can mean: in no estimate.
    pub implausible: u64,
}

/// Datagrams of an agent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Datagrams {
    /// Datagrams received, copies excluded.
    pub received: u64,
    /// Copies of datagrams that were received before. Nothing in them counts a second time.
    pub copies: u64,
    /// Bytes of all payloads, copies included.
    pub bytes: u64,
    /// Datagrams in which a sample is malformed.
    pub cut: u64,
    /// Irregularities of their numbers.
    pub gaps: Gaps,
}

/// Samples of one kind, by their numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Samples received, duplicates excluded.
    pub received: u64,
    /// Numbers missing in the sequences, less those that arrived late. The malformed ones are among
    /// them.
    pub missing: u64,
    /// Samples with a number that had arrived before, in datagrams that are no copies: several senders
    /// relay the agent, or it has several samplers under one name. They are in the answers.
    pub duplicates: u64,
    /// Samples that arrived after a later one.
    pub reordered: u64,
    /// Starts of a new sequence.
    pub restarts: u64,
    /// Samples that the agent did not make for lack of resources, by its own count.
    pub dropped: u64,
}

/// What became of the samples of all kinds: `made` is the sum of all other numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Packets that were chosen, counter samples, and notices.
    pub made: u64,
    /// Lost in the agent, by its own count (`drops`).
    pub dropped: u64,
    /// Lost after they were sent: in the network, at the socket of the analyzer, in datagrams that it
    /// refused, or in datagrams that are so damaged that they name no agent.
    pub lost: u64,
    /// Received, but not readable.
    pub malformed: u64,
    /// Received, but of a kind that the decoder does not know.
    pub unknown: u64,
    /// Received, but with values that no device can mean.
    pub implausible: u64,
    /// In the answers.
    pub used: u64,
}

impl Ledger {
    /// The account of samples.
    ///
    /// A malformed sample has left a gap in its sequence, so it is taken out of those missing. Until a
    /// later sample shows the gap, it is counted beside them.
    pub fn account(&self) -> Account {
        let Self { flow, counters, discards, malformed, unknown, implausible, .. } = *self;
        let kinds = [flow, counters, discards];
        let sum = |number: fn(&Samples) -> u64| kinds.iter().map(number).sum::<u64>();
        let dropped = sum(|samples| samples.dropped);
        let lost = sum(|samples| samples.missing).saturating_sub(malformed);
        let read = sum(|samples| samples.received) + self.custom + self.untracked;
        let used = read.saturating_sub(implausible);
        let made = dropped + lost + malformed + unknown + implausible + used;
        Account { made, dropped, lost, malformed, unknown, implausible, used }
    }
}

impl Samples {
    /// Samples that the agent did not make, or that are missing.
    pub(super) fn not_received(&self) -> u64 {
        self.missing + self.dropped
    }
}

impl Datagrams {
    /// Datagrams that the agent sent.
    pub fn sent(&self) -> u64 {
        self.received + self.gaps.lost
    }
}

impl AddAssign for Ledger {
    fn add_assign(&mut self, other: Self) {
        self.datagrams += other.datagrams;
        self.flow += other.flow;
        self.counters += other.counters;
        self.discards += other.discards;
        self.custom += other.custom;
        self.unknown += other.unknown;
        self.malformed += other.malformed;
        self.untracked += other.untracked;
        self.implausible += other.implausible;
    }
}

impl AddAssign for Datagrams {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.copies += other.copies;
        self.bytes += other.bytes;
        self.cut += other.cut;
        self.gaps.add_change(&Gaps::default(), &other.gaps);
    }
}

impl AddAssign for Samples {
    fn add_assign(&mut self, other: Self) {
        self.received += other.received;
        self.missing += other.missing;
        self.duplicates += other.duplicates;
        self.reordered += other.reordered;
        self.restarts += other.restarts;
        self.dropped += other.dropped;
    }
}
