//! The agent of this host: who it is, and which data sources it has.

use flowmote_core::{
    AddError, Agent, AgentConfig, DataSource, DatagramHead, Duration, Encoding, Instant,
    MAX_COMPACT_INDEX,
};
use log::{error, info, warn};

use crate::config::Config;
use crate::daemon::clock;
use crate::daemon::identity::Identity;
use crate::daemon::throttle::{Throttle, held_back};
use crate::daemon::view;
use crate::links::Links;

/// The agent, kept in step with configuration and kernel.
#[derive(Debug)]
pub(crate) struct HostAgent<'a> {
    /// What samples go into and datagrams come out of.
    pub(crate) core: Agent<'a>,
    identity: Identity,
    encoding: Encoding,
    /// Data sources that the agent knows.
    sources: Vec<DataSource>,
    throttle: Throttle,
}

impl<'a> HostAgent<'a> {
    /// An agent with no data source yet. Elects its address and tells the log.
    pub(crate) fn new(
        config: &Config,
        links: &Links,
        sources: &'a mut [flowmote_core::SourceSlot],
        buffer: &'a mut [u8],
    ) -> Self {
        let identity = Identity::elect(config, &view::candidates(links));
        identity.log();
        let encoding = encoding(links);
        Self {
            core: Agent::new(agent_config(config, &identity, encoding), sources, buffer),
            identity,
            encoding,
            sources: Vec::new(),
            throttle: Throttle::default(),
        }
    }

    /// Takes over another configuration.
    pub(crate) fn reconfigure(&mut self, config: &Config, links: &Links) {
        let identity = Identity::elect(config, &view::candidates(links));
        self.identify(identity);
        self.configure(config, links);
    }

    /// The addresses of the host have changed.
    pub(crate) fn follow_addresses(&mut self, config: &Config, links: &Links) {
        let identity = self.identity.follow(config, &view::candidates(links));
        if self.identify(identity) {
            self.configure(config, links);
        }
    }

    /// Forgets an interface that was deleted, whose index another one may have already.
    pub(crate) fn remove_interface(&mut self, if_index: u32) {
        let source = DataSource::interface(if_index);
        self.core.remove_source(source);
        self.sources.retain(|known| *known != source);
    }

    /// Makes the data sources what configuration and kernel say now: the host and every interface
    /// that is real or selected.
    pub(crate) fn reconcile(&mut self, now: Instant, config: &Config, links: &Links) {
        let mut sources = vec![DataSource::HOST];
        let polled = links.iter().filter(|link| link.is_real() || view::is_selected(config, link));
        sources.extend(polled.map(|link| DataSource::interface(link.index)));
        let known = std::mem::replace(&mut self.sources, sources);
        for gone in known.iter().filter(|known| !self.sources.contains(known)) {
            self.core.remove_source(*gone);
        }
        let sources = self.sources.clone();
        let added = sources.iter().filter(|source| self.add(now, **source, config, links)).count();
        let left_out = sources.len() - added;
        if left_out > 0
            && let Some(count) = self.throttle.admit(now)
        {
            let text = format!("more than {MAX_SOURCES} data sources: {left_out} are left out");
            warn!("{text}{}", held_back(count));
        }
    }

    fn add(&mut self, now: Instant, source: DataSource, config: &Config, links: &Links) -> bool {
        let polling = Duration::from_secs(config.polling_secs);
        match self.core.add_source(now, source, polling) {
            Ok(()) => true,
            Err(AddError::Exists) => self.core.set_polling(now, source, polling),
            Err(AddError::TableFull) => false,
            Err(AddError::NeedsExpanded) => {
                info!("ifIndex {} needs expanded encoding: a new session begins", source.index());
                self.configure(config, links);
                // The encoding is expanded now, so the same error cannot come again.
                self.core.add_source(now, source, polling).is_ok()
            }
        }
    }

    /// Returns whether the agent is somebody else now.
    fn identify(&mut self, identity: Identity) -> bool {
        if identity == self.identity {
            return false;
        }
        self.identity = identity;
        self.identity.log();
        true
    }

    fn configure(&mut self, config: &Config, links: &Links) {
        // Expanded once is expanded for good: each change is a new session for the collectors.
        if self.encoding == Encoding::Compact {
            self.encoding = encoding(links);
        }
        let config = agent_config(config, &self.identity, self.encoding);
        if let Err(error) = self.core.reconfigure(config) {
            error!("agent not reconfigured: {error:?}");
        }
    }
}

/// Rule A19.
fn encoding(links: &Links) -> Encoding {
    let compact = links.iter().all(|link| link.index <= MAX_COMPACT_INDEX);
    if compact { Encoding::Compact } else { Encoding::Expanded }
}

fn agent_config(config: &Config, identity: &Identity, encoding: Encoding) -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: identity.address,
            sub_agent_id: config.sub_agent_id,
            encoding,
            max_bytes: config.datagram_bytes as usize,
        },
        header_bytes: config.header_bytes as usize,
        max_delay: MAX_DELAY,
        discard_limit: 10,
        seed: clock::seed(),
    }
}

/// Interfaces beyond are left out, with a warning: a thousand on one host are rare.
pub(crate) const MAX_SOURCES: usize = 1024;
/// The largest datagramBytes that the configuration admits.
pub(crate) const MAX_DATAGRAM: usize = 8192;
/// How long a sample waits for others to share its datagram: with the at most 100 ms that the
/// kernel holds a block of the ring, a collector knows within a quarter of a second.
const MAX_DELAY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_core::{CounterRecord, CounterSample, SourceSlot};

    /// With the links of this machine, which are only read.
    #[test]
    fn data_sources_follow_the_configuration() {
        let links = Links::open().unwrap();
        let (mut sources, mut buffer) = ([SourceSlot::VACANT; 64], [0xa5; MAX_DATAGRAM]);
        let mut config = Config { polling_secs: 0, ..Config::default() };
        let mut agent = HostAgent::new(&config, &links, &mut sources, &mut buffer);
        agent.reconcile(Instant::ZERO, &config, &links);
        assert!(agent.sources.contains(&DataSource::HOST));
        assert_eq!(agent.core.poll_timeout(), None, "polling is off");
        config.polling_secs = 20;
        agent.reconcile(Instant::ZERO, &config, &links);
        assert!(agent.core.poll_timeout().unwrap() <= Instant::from_millis(20_000));
        config.polling_secs = 0;
        agent.reconcile(Instant::ZERO, &config, &links);
        assert_eq!(agent.core.poll_timeout(), None);
    }

    #[test]
    fn a_reload_keeps_the_sequence_numbers() {
        let links = Links::open().unwrap();
        let (mut sources, mut buffer) = ([SourceSlot::VACANT; 64], [0xa5; MAX_DATAGRAM]);
        let mut config = Config::default();
        let mut agent = HostAgent::new(&config, &links, &mut sources, &mut buffer);
        agent.reconcile(Instant::ZERO, &config, &links);
        let sequences = |agent: &mut HostAgent<'_>| {
            let record = flowmote_core::record::counter::PortName { name: "x" };
            let records: [&dyn CounterRecord; 1] = [&record];
            let sample = CounterSample { records: &records };
            agent.core.handle_counters(Instant::ZERO, DataSource::HOST, &sample).unwrap();
            agent.core.flush();
            let datagram = agent.core.poll_transmit(Instant::ZERO).unwrap().to_vec();
            let at = if datagram[7] == 1 { 12 } else { 24 };
            let word = |at: usize| u32::from_be_bytes(datagram[at..at + 4].try_into().unwrap());
            // sub-agent, sequence of the datagram, sequence of its first sample
            (word(at), word(at + 4), word(at + 24))
        };
        assert_eq!(sequences(&mut agent), (100_000, 1, 1));
        config.sub_agent_id = 7;
        config.datagram_bytes = 500;
        agent.reconfigure(&config, &links);
        agent.reconcile(Instant::ZERO, &config, &links);
        assert_eq!(sequences(&mut agent), (7, 2, 2));
    }
}
