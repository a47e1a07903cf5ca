//! What the agent did and what it could not do.

/// Totals since the agent was made: everything that is lost has its counter here or in the
/// `drops` of a [`Sampler`](crate::Sampler).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AgentStats {
    /// Datagrams lent out to be sent.
    pub datagrams: u64,
    /// Their bytes, without UDP and IP headers.
    pub datagram_bytes: u64,
    /// Datagrams that the transport of [`Agent::poll`](crate::Agent::poll) refused, or lost
    /// afterwards; the collector sees a gap in the sequence numbers.
    pub send_errors: u64,
    /// Flow samples encoded.
    pub flow_samples: u64,
    /// Counter samples encoded.
    pub counter_samples: u64,
    /// Discarded packets encoded.
    pub discarded_packets: u64,
    /// Discarded packets held back by the rate limit; also in the `drops` of those sent.
    pub discards_suppressed: u64,
    /// Discarded packets whose notices were lost before the agent had them, as
    /// [`Agent::discards_lost`](crate::Agent::discards_lost) was told; also in those `drops`.
    pub discards_lost: u64,
    /// Samples of user metrics (rtmetric and rtflow) encoded.
    pub rt_samples: u64,
    /// Samples refused because their data source was never added.
    pub unknown_source: u64,
    /// Samples or records refused because they are larger than a datagram.
    pub too_large: u64,
    /// User metrics refused because a name breaks the rules.
    pub invalid_name: u64,
}
