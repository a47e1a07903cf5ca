//! Which address the agent is known by.

use std::net::{IpAddr, Ipv4Addr};

use log::{Level, log};

use crate::config::{Candidate, Config, elect};

/// The agent address and why it is this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// agent_address of every datagram.
    pub(crate) address: IpAddr,
    /// In words.
    pub(crate) reason: String,
    /// What the configuration asks for and the host does not have.
    pub(crate) missing: Option<String>,
}

impl Identity {
    /// Elects the address by the rules of the configuration among the addresses of the host.
    #[must_use]
    pub(crate) fn elect(config: &Config, candidates: &[Candidate<'_>]) -> Self {
        match elect(&config.agent, candidates) {
            Some(elected) => Self {
                address: elected.address,
                reason: elected.to_string(),
                missing: elected.missing.map(str::to_owned),
            },
            None => Self {
                address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                reason: "no interface that is up has an address".into(),
                missing: None,
            },
        }
    }

    /// The addresses of the host have changed. An address that identifies the agent is kept as
    /// long as the host has it (rule A21), unless it was a stopgap and there is better now.
    #[must_use]
    pub(crate) fn follow(&self, config: &Config, candidates: &[Candidate<'_>]) -> Self {
        let elected = Self::elect(config, candidates);
        let present = candidates.iter().any(|found| found.address == self.address);
        let found = self.missing.is_some() && elected.missing.is_none();
        let stopgap = self.address.is_loopback() || found;
        if present && !stopgap && config.agent.ip.is_none() { self.clone() } else { elected }
    }

    /// Tells the log.
    pub(crate) fn log(&self) {
        // The reason tells what is missing, too.
        let level = if self.missing.is_some() { Level::Warn } else { Level::Info };
        log!(level, "agent address {}: {}", self.address, self.reason);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::AgentChoice;

    fn has<'a>(device: &'a str, address: &str) -> Candidate<'a> {
        let if_index = 1 + u32::from(device.as_bytes()[3]);
        let address = address.parse().unwrap();
        let (alias, is_vlan, is_up, slaac) = (None, false, true, false);
        Candidate { if_index, device, alias, address, is_vlan, is_up, slaac }
    }

    fn address(identity: &Identity) -> String {
        identity.address.to_string()
    }

    #[test]
    fn an_address_stays_while_the_host_has_it() {
        let config = Config::default();
        let (first, better) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let at_first = Identity::elect(&config, &[first]);
        assert_eq!(address(&at_first), "192.0.2.1");
        assert_eq!(at_first.follow(&config, &[better, first]), at_first);
        assert_eq!(address(&at_first.follow(&config, &[better])), "198.51.100.1");
    }

    #[test]
    fn without_any_address_the_first_that_comes_is_taken() {
        let config = Config::default();
        let nobody = Identity::elect(&config, &[]);
        assert_eq!(address(&nobody), "127.0.0.1");
        assert_eq!(nobody.follow(&config, &[]), nobody);
        assert_eq!(address(&nobody.follow(&config, &[has("eth0", "192.0.2.1")])), "192.0.2.1");
    }

    #[test]
    fn a_configured_device_is_waited_for() {
        let agent = AgentChoice { device: Some("eth7".to_owned()), ..AgentChoice::default() };
        let config = Config { agent, ..Config::default() };
        let (one, two) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let instead = Identity::elect(&config, &[one]);
        assert_eq!(
            (address(&instead), instead.missing.as_deref()),
            ("192.0.2.1".into(), Some("eth7"))
        );
        assert_eq!(instead.follow(&config, &[two, one]), instead, "no better than the other");
        let found = instead.follow(&config, &[two, one, has("eth7", "203.0.113.7")]);
        assert_eq!((address(&found), found.missing), ("203.0.113.7".into(), None));
    }
}
