//! Samples as flows count them: data source, rate and ports.

use core::net::IpAddr;

use flowmote_decoder::{Address, DiscardedPacket, FlowSample, Interface};

use super::sampling::SampleCounters;
use super::sources::Ports;
use crate::source::Source;

/// A sample beside its packet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Observed {
    /// The agent and its data source.
    pub source: Source,
    /// N of 1 in N; 0 counts as 1.
    pub rate: u32,
    /// Counters to check the rate with; `None` if the kind of sample has none.
    pub counters: Option<SampleCounters>,
    /// True for a packet that the device discarded.
    pub discarded: bool,
    pub(crate) ports: Option<Ports>,
}

impl Observed {
    /// A flow sample of `agent`.
    pub fn flow(agent: Address, sample: &FlowSample<'_>) -> Self {
        let counters = SampleCounters {
            sequence_number: sample.sequence_number,
            pool: sample.sample_pool,
            drops: sample.drops,
            sender: None,
        };
        Self {
            source: Source { agent, data_source: sample.source_id },
            rate: sample.sampling_rate,
            counters: Some(counters),
            discarded: false,
            ports: Some(Ports { input: sample.input, output: sample.output }),
        }
    }

    /// The same from this source address.
    #[must_use]
    pub fn from(self, sender: Option<IpAddr>) -> Self {
        let counters = self.counters.map(|counters| SampleCounters { sender, ..counters });
        Self { counters, ..self }
    }

    /// A discarded packet of `agent`. Each one is reported, so it stands for itself.
    pub fn discarded(agent: Address, sample: &DiscardedPacket<'_>) -> Self {
        let port = |value| Interface { format: 0, value };
        let ports =
            Ports { input: port(sample.input_if_index), output: port(sample.output_if_index) };
        let source = Source { agent, data_source: sample.source_id };
        Self { ports: Some(ports), discarded: true, ..Self::other(source, 1) }
    }

    /// A sample of another kind, such as rtflow.
    pub fn other(source: Source, rate: u32) -> Self {
        Self { source, rate, counters: None, discarded: false, ports: None }
    }
}
