//! The agent of this host: its address, its encoding and its data sources.

use std::net::IpAddr;

use flowmote_core::{
    AddError, Agent, AgentConfig, DataSource, DatagramHead, Duration, Encoding, Instant,
    MAX_COMPACT_INDEX,
};
use log::{error, info};

use crate::config::Config;
use crate::daemon::agent_address::Identity;
use crate::links::Links;
use crate::seed::seed;
use crate::selection::candidates;
use crate::throttle::Throttle;

/// Keeps an [`Agent`] in step with the configuration and the kernel.
#[derive(Debug)]
pub(super) struct HostAgent {
    identity: Identity,
    encoding: Encoding,
    /// The data sources that the agent was given.
    sources: Vec<DataSource>,
    throttle: Throttle,
}

impl HostAgent {
    /// Elects and logs the agent address. The agent has no data source yet.
    pub(super) fn new<'a>(
        config: &Config,
        links: &Links,
        sources: &'a mut [flowmote_core::SourceSlot],
        buffer: &'a mut [u8],
    ) -> (Self, Agent<'a>) {
        let identity = Identity::elect(config, &candidates(links));
        let encoding = encoding(links);
        let agent = Agent::new(agent_config(config, &identity, encoding), sources, buffer);
        (Self { identity, encoding, sources: Vec::new(), throttle: Throttle::default() }, agent)
    }

    /// The agent address and the reason for it.
    pub(super) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The data sources in the order of the last [`set_sources`](Self::set_sources).
    pub(super) fn sources(&self) -> &[DataSource] {
        &self.sources
    }

    /// Applies another configuration.
    pub(super) fn reconfigure(&mut self, agent: &mut Agent<'_>, config: &Config, links: &Links) {
        self.identity.elect_again(config, &candidates(links));
        self.configure(agent, config, links);
    }

    /// Elects the agent address again after a change of the host's addresses and at the
    /// [`deadline`](Self::deadline). To collectors another address is another agent.
    pub(super) fn update_address(
        &mut self,
        agent: &mut Agent<'_>,
        now: Instant,
        (config, links): (&Config, &Links),
    ) {
        if self.identity.follow(now, config, &candidates(links)) {
            self.configure(agent, config, links);
        }
    }

    /// The agent address in use.
    pub(super) fn address(&self) -> IpAddr {
        self.identity.address()
    }

    /// When to call [`update_address`](Self::update_address) although no address has changed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.identity.deadline()
    }

    /// Removes an interface that was deleted. Another one may have its ifIndex already.
    pub(super) fn remove_interface(&mut self, agent: &mut Agent<'_>, if_index: u32) {
        let source = DataSource::interface(if_index);
        agent.remove_source(source);
        self.sources.retain(|known| *known != source);
    }

    /// Replaces the data sources of the agent; those that stay keep their sequence numbers.
    pub(super) fn set_sources(
        &mut self,
        agent: &mut Agent<'_>,
        now: Instant,
        sources: Vec<DataSource>,
        (config, links): (&Config, &Links),
    ) {
        for gone in self.sources.iter().filter(|known| !sources.contains(known)) {
            agent.remove_source(*gone);
        }
        let mut left_out = 0;
        for source in &sources {
            if !self.add_source(agent, now, *source, (config, links)) {
                left_out += 1;
            }
        }
        self.sources = sources;
        if left_out > 0 {
            self.throttle.warn(
                now,
                format_args!(
                    "more than {MAX_SOURCES} data sources: {left_out} are neither sampled nor polled"
                ),
            );
        }
    }

    /// Returns false if the agent's table is full.
    fn add_source(
        &mut self,
        agent: &mut Agent<'_>,
        now: Instant,
        source: DataSource,
        (config, links): (&Config, &Links),
    ) -> bool {
        let polling = Duration::from_secs(config.polling_secs);
        match agent.add_source(now, source, polling) {
            Ok(()) => true,
            Err(AddError::Exists) => agent.set_polling(now, source, polling),
            Err(AddError::TableFull) => false,
            Err(AddError::NeedsExpanded) => {
                let index = source.index();
                info!("ifIndex {index} needs expanded encoding: a new sFlow session starts");
                self.configure(agent, config, links);
                // The encoding is expanded now, so that this error cannot occur again.
                agent.add_source(now, source, polling).is_ok()
            }
        }
    }

    fn configure(&mut self, agent: &mut Agent<'_>, config: &Config, links: &Links) {
        // Never back to compact: for a collector each change of encoding is a new session.
        if self.encoding == Encoding::Compact {
            self.encoding = encoding(links);
        }
        let config = agent_config(config, &self.identity, self.encoding);
        if let Err(error) = agent.reconfigure(config) {
            error!("agent not reconfigured: {error:?}");
        }
    }
}

/// Compact if every ifIndex fits into 24 bits (rule A19 of docs/sflow-wire.md).
fn encoding(links: &Links) -> Encoding {
    let compact = links.iter().all(|link| link.index <= MAX_COMPACT_INDEX);
    if compact { Encoding::Compact } else { Encoding::Expanded }
}

fn agent_config(config: &Config, identity: &Identity, encoding: Encoding) -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: identity.address(),
            sub_agent_id: config.sub_agent_id,
            encoding,
            max_bytes: config.datagram_bytes as usize,
        },
        header_bytes: config.header_bytes as usize,
        max_delay: MAX_DELAY,
        discard_limit: config.dropmon.as_ref().map_or(0, |rule| rule.limit),
        seed: seed(),
    }
}

/// Size of the agent's table. A host rarely has a thousand interfaces that are sampled or polled, and
/// at most 1024 of its services and containers are.
pub(super) const MAX_SOURCES: usize = 2048;
/// The upper limit of `datagramBytes`.
pub(super) const MAX_DATAGRAM: usize = 8192;
/// How long a sample waits for others to share its datagram. The kernel holds a block of the ring
/// for at most another 100 ms, so that a collector gets every sample within a quarter of a second.
const MAX_DELAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_core::{CounterRecord, CounterSample, SourceSlot};

    /// With the links of this machine, which are only read.
    #[test]
    fn polling_interval_follows_the_configuration() {
        let links = Links::open().unwrap();
        let (mut sources, mut buffer) = ([SourceSlot::VACANT; 64], [0xa5; MAX_DATAGRAM]);
        let mut config = Config { polling_secs: 0, ..Config::default() };
        let (mut host, mut agent) = HostAgent::new(&config, &links, &mut sources, &mut buffer);
        let set = |host: &mut HostAgent, agent: &mut Agent<'_>, config: &Config| {
            host.set_sources(agent, Instant::ZERO, vec![DataSource::HOST], (config, &links));
        };
        set(&mut host, &mut agent, &config);
        assert_eq!(host.sources, [DataSource::HOST]);
        assert_eq!(agent.poll_timeout(), None, "polling is off");
        config.polling_secs = 20;
        set(&mut host, &mut agent, &config);
        assert!(agent.poll_timeout().unwrap() <= Instant::from_millis(20_000));
        config.polling_secs = 0;
        set(&mut host, &mut agent, &config);
        assert_eq!(agent.poll_timeout(), None);
    }

    #[test]
    fn reload_keeps_sequence_numbers_of_the_stream() {
        let links = Links::open().unwrap();
        let (mut sources, mut buffer) = ([SourceSlot::VACANT; 64], [0xa5; MAX_DATAGRAM]);
        let mut config = Config::default();
        let (mut host, mut agent) = HostAgent::new(&config, &links, &mut sources, &mut buffer);
        let sources = || vec![DataSource::HOST];
        host.set_sources(&mut agent, Instant::ZERO, sources(), (&config, &links));
        let sequences = |agent: &mut Agent<'_>| {
            let record = flowmote_core::record::counter::PortName { name: "x" };
            let records: [&dyn CounterRecord; 1] = [&record];
            let sample = CounterSample { records: &records };
            agent.handle_counters(Instant::ZERO, DataSource::HOST, &sample).unwrap();
            agent.flush();
            let datagram = agent.poll_transmit(Instant::ZERO).unwrap().to_vec();
            let at = if datagram[7] == 1 { 12 } else { 24 };
            let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
            // sub_agent_id, sequence number of the datagram, sequence number of its first sample
            (word(at), word(at + 4), word(at + 24))
        };
        assert_eq!(sequences(&mut agent), (100_000, 1, 1));
        config.datagram_bytes = 500;
        host.reconfigure(&mut agent, &config, &links);
        host.set_sources(&mut agent, Instant::ZERO, sources(), (&config, &links));
        assert_eq!(sequences(&mut agent), (100_000, 2, 2));
        config.sub_agent_id = 7;
        host.reconfigure(&mut agent, &config, &links);
        host.set_sources(&mut agent, Instant::ZERO, sources(), (&config, &links));
        assert_eq!(sequences(&mut agent), (7, 1, 1), "another sub-agent");
    }
}
