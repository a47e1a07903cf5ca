//! Statistics of the agent.

/// Totals since the agent was created. Every loss is counted here or in the `drops` of a
/// [`Sampler`](crate::Sampler).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct AgentStats {
    /// Datagrams lent by [`Agent::poll_transmit`](crate::Agent::poll_transmit).
    pub datagrams: u64,
    /// Bytes of these datagrams, without UDP and IP headers.
    pub datagram_bytes: u64,
    /// Datagrams that the [`Transport`](crate::Transport) refused, or lost later. The collector
    /// sees a gap in the sequence numbers.
    pub send_errors: u64,
    /// Flow samples encoded.
    pub flow_samples: u64,
    /// Counter samples encoded.
    pub counter_samples: u64,
    /// Discarded packets encoded.
    pub discarded_packets: u64,
    /// Discarded packets above the limit per second; also in the `drops` of those sent.
    pub discards_suppressed: u64,
    /// Discarded packets whose notifications were lost before the agent got them, by
    /// [`Agent::discards_lost`](crate::Agent::discards_lost); also in the `drops` of those sent.
    pub discards_lost: u64,
    /// Samples of user-defined metrics and flows (`rtmetric`, `rtflow`) encoded.
    pub rt_samples: u64,
    /// Samples refused because their data source was not added.
    pub unknown_source: u64,
    /// Samples and counter records refused because they are larger than a datagram.
    pub too_large: u64,
    /// User-defined metrics and flows refused because a name breaks the rules of section 3.7.
    pub invalid_name: u64,
}
