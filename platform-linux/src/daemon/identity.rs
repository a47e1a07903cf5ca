//! Which address the agent is known by.

use std::net::{IpAddr, Ipv4Addr};

use log::{Level, log};

use crate::config::{Config, elect};
use crate::daemon::view;
use crate::links::Links;

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
    pub(crate) fn elect(config: &Config, links: &Links) -> Self {
        let candidates = view::candidates(links);
        match elect(&config.agent, &candidates) {
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
    /// long as the host has it (rule A21), unless it was a stopgap.
    #[must_use]
    pub(crate) fn follow(&self, config: &Config, links: &Links) -> Self {
        let stopgap = self.address.is_loopback();
        let present = view::candidates(links).iter().any(|found| found.address == self.address);
        if present && !stopgap && config.agent.ip.is_none() {
            return self.clone();
        }
        Self::elect(config, links)
    }

    /// Tells the log.
    pub(crate) fn log(&self) {
        // The reason tells what is missing, too.
        let level = if self.missing.is_some() { Level::Warn } else { Level::Info };
        log!(level, "agent address {}: {}", self.address, self.reason);
    }
}
