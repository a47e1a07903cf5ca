//! The agent address of this host and the reason for it.

use std::net::{IpAddr, Ipv4Addr};

use log::{Level, log};

use crate::config::{Candidate, Config, elect};

/// The elected agent address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AgentAddress {
    /// `agent_address` in the header of every datagram.
    pub(super) address: IpAddr,
    /// Why this address was elected, in words.
    pub(super) reason: String,
    /// The device that `agent` names, if it has no usable address now.
    pub(super) missing: Option<String>,
}

impl AgentAddress {
    /// Elects an address of the host by the rules of the configuration. Without any address it is
    /// 127.0.0.1.
    #[must_use]
    pub(super) fn elect(config: &Config, candidates: &[Candidate<'_>]) -> Self {
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

    /// Returns the address to use after a change of the host's addresses: the same as long as the
    /// host has it (rule A21 of docs/sflow-wire.md), unless it was a substitute (loopback, or
    /// another device's) and a better one exists now.
    #[must_use]
    pub(super) fn keep_or_elect(&self, config: &Config, candidates: &[Candidate<'_>]) -> Self {
        let elected = Self::elect(config, candidates);
        let present = candidates.iter().any(|found| found.address == self.address);
        let found = self.missing.is_some() && elected.missing.is_none();
        let substitute = self.address.is_loopback() || found;
        if present && !substitute && config.agent.ip.is_none() { self.clone() } else { elected }
    }

    /// Logs the address, as a warning if it is not the one that the configuration requests.
    pub(super) fn log(&self) {
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
        let (other_names, is_vlan, is_up, slaac) = (&[] as &[String], false, true, false);
        Candidate { if_index, device, other_names, address, is_vlan, is_up, slaac }
    }

    fn address(address: &AgentAddress) -> String {
        address.address.to_string()
    }

    #[test]
    fn address_is_kept_while_the_host_has_it() {
        let config = Config::default();
        let (first, better) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let at_first = AgentAddress::elect(&config, &[first]);
        assert_eq!(address(&at_first), "192.0.2.1");
        assert_eq!(at_first.keep_or_elect(&config, &[better, first]), at_first);
        assert_eq!(address(&at_first.keep_or_elect(&config, &[better])), "198.51.100.1");
    }

    #[test]
    fn first_address_replaces_loopback() {
        let config = Config::default();
        let none = AgentAddress::elect(&config, &[]);
        assert_eq!(address(&none), "127.0.0.1");
        assert_eq!(none.keep_or_elect(&config, &[]), none);
        assert_eq!(address(&none.keep_or_elect(&config, &[has("eth0", "192.0.2.1")])), "192.0.2.1");
    }

    #[test]
    fn configured_device_is_adopted_when_it_appears() {
        let agent = AgentChoice { device: Some("eth7".to_owned()), ..AgentChoice::default() };
        let config = Config { agent, ..Config::default() };
        let (one, two) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let instead = AgentAddress::elect(&config, &[one]);
        assert_eq!(
            (address(&instead), instead.missing.as_deref()),
            ("192.0.2.1".into(), Some("eth7"))
        );
        assert_eq!(
            instead.keep_or_elect(&config, &[two, one]),
            instead,
            "no better than the other"
        );
        let found = instead.keep_or_elect(&config, &[two, one, has("eth7", "203.0.113.7")]);
        assert_eq!((address(&found), found.missing), ("203.0.113.7".into(), None));
    }
}
