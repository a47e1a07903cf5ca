//! The account of what an agent made, what was lost on the way, and what is in the answers.

/// The ledger of an agent, since it is kept.
///
/// For flow samples: made = [`Samples::received`] + [`Samples::lost`]. Of those received, all are in
/// flows, except [`implausible`](Ledger::implausible). Before they were made, the agent
/// [dropped](Ledger::drops) some that it had chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// Datagrams received and walked.
    pub datagrams: u64,
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Flow samples.
    pub flow: Samples,
    /// Counter samples.
    pub counters: Samples,
    /// Notices of discarded packets received.
    pub discards: u64,
    /// Notices that the agent did not send, by its own count.
    pub discard_drops: u64,
    /// Samples of other kinds: `rtmetric`, `rtflow`, and unknown ones.
    pub others: u64,
    /// Packets that the agent chose, but could make no sample of for lack of resources.
    pub drops: u64,
    /// Flow samples with values that no device can mean: in no estimate.
    pub implausible: u64,
    /// Samples of data sources beyond the number that is kept: in the estimates, but without a check
    /// of their sequence.
    pub untracked: u64,
}

/// Samples of one kind, by their sequence numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Samples {
    /// Samples received, duplicates excluded.
    pub received: u64,
    /// Numbers missing in the sequences, less those that arrived late.
    pub lost: u64,
    /// Samples with a number that had arrived before.
    pub duplicates: u64,
    /// Samples that arrived after a later one.
    pub reordered: u64,
    /// Starts of a new sequence.
    pub restarts: u64,
}

impl Samples {
    /// Samples that the agent made.
    pub fn made(&self) -> u64 {
        self.received + self.lost
    }
}
