//! The agent address of this host and the reason for it.

use std::net::{IpAddr, Ipv4Addr};

use flowmote_core::{Duration, Instant};
use log::{Level, log};

use crate::config::{AddressState, Candidate, Config, Host, Standing, elect, standing};

/// The elected agent address.
#[derive(Clone, Debug)]
pub(super) struct AgentAddress {
    /// `agent_address` in the header of every datagram.
    pub(super) address: IpAddr,
    /// Why this address was elected, in words.
    pub(super) reason: String,
    /// The device that `agent` names, if it has no usable address now.
    pub(super) missing: Option<String>,
    /// The rank of the address; `None` if it was not elected.
    standing: Option<Standing>,
    /// Collectors on other hosts cannot distinguish this host from others by the address.
    anonymous: bool,
}

impl AgentAddress {
    /// Elects an address of the host by the rules of the configuration. Without any address it is
    /// 127.0.0.1.
    #[must_use]
    pub(super) fn elect(config: &Config, candidates: &[Candidate<'_>]) -> Self {
        let elected = elect(&config.agent, candidates);
        let nothing = || "no interface has an address that can be used".to_owned();
        let address = elected.map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |elected| elected.address);
        let anonymous = address.is_loopback() && has_remote_collector(config);
        let hint = if anonymous { "; every host has it, so set agentIP" } else { "" };
        Self {
            address,
            reason: elected.map_or_else(nothing, |elected| elected.to_string()) + hint,
            missing: elected.and_then(|elected| elected.missing.map(str::to_owned)),
            standing: elected.and_then(|elected| elected.standing),
            anonymous,
        }
    }

    /// Logs the address, as a warning if it is not the one that the configuration requests or if
    /// it identifies no host.
    fn log(&self) {
        let warning = self.missing.is_some() || self.anonymous;
        let level = if warning { Level::Warn } else { Level::Info };
        log!(level, "agent address {}: {}", self.address, self.reason);
    }
}

fn has_remote_collector(config: &Config) -> bool {
    let is_local = |host: &Host| matches!(host, Host::Address(address) if address.is_loopback());
    config.collectors.iter().any(|collector| !is_local(&collector.host))
}

/// The agent address over time (rule A21 of docs/sflow-wire.md: it must not change with the
/// interfaces).
///
/// An address is kept as long as the host has it, whatever the state of its interface, unless one
/// of a higher rank appears. An address that disappears is kept for a few seconds more, since most
/// come back: a renewed DHCP lease, IPv6 after a link that was down. One that comes back later
/// replaces its substitute.
#[derive(Debug)]
pub(super) struct Identity {
    current: AgentAddress,
    /// When to give up the current address, which the host has lost.
    expires: Option<Instant>,
    /// The address that the current one is a substitute for.
    former: Option<IpAddr>,
}

impl Identity {
    /// Elects and logs an address without regard to an earlier one.
    pub(super) fn elect(config: &Config, candidates: &[Candidate<'_>]) -> Self {
        let current = AgentAddress::elect(config, candidates);
        current.log();
        Self { current, expires: None, former: None }
    }

    /// Elects again, after a reload.
    pub(super) fn elect_again(&mut self, config: &Config, candidates: &[Candidate<'_>]) {
        (self.expires, self.former) = (None, None);
        self.adopt(AgentAddress::elect(config, candidates));
    }

    /// The address to use.
    pub(super) fn address(&self) -> IpAddr {
        self.current.address
    }

    /// Why this address was elected, in words.
    pub(super) fn reason(&self) -> &str {
        &self.current.reason
    }

    /// When to call [`follow`](Self::follow) although no address has changed.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.expires
    }

    /// Follows the addresses of the host. Returns true if the agent address changed.
    pub(super) fn follow(
        &mut self,
        now: Instant,
        config: &Config,
        candidates: &[Candidate<'_>],
    ) -> bool {
        let elected = AgentAddress::elect(config, candidates);
        let current = candidates.iter().find(|candidate| {
            candidate.address == self.address() && candidate.state != AddressState::Duplicate
        });
        // That of a tentative address is the one that it had before: it had been used.
        let rank = current.and_then(|current| standing(&config.agent, current));
        let rank = rank.or(self.current.standing);
        if config.agent.ip.is_some() || elected.standing > rank {
            (self.expires, self.former) = (None, None);
            return self.adopt(elected);
        }
        let stays = elected.address == self.address();
        if stays || current.is_some() {
            self.expires = None;
            let returned = self.return_to_former(rank, config, candidates);
            // For the reason, which may be another one.
            return returned || (stays && self.adopt(elected));
        }
        if now < *self.expires.get_or_insert(now + PATIENCE) {
            return false;
        }
        (self.expires, self.former) = (None, Some(self.address()));
        self.adopt(elected)
    }

    /// Replaces a substitute by the address that it stands for, if that is back and of no lower
    /// rank.
    fn return_to_former(
        &mut self,
        rank: Option<Standing>,
        config: &Config,
        candidates: &[Candidate<'_>],
    ) -> bool {
        let is_former = |candidate: &&Candidate<'_>| Some(candidate.address) == self.former;
        let back: Vec<_> = candidates.iter().filter(is_former).copied().collect();
        let back = AgentAddress::elect(config, &back);
        if Some(back.address) != self.former || back.standing < rank {
            return false;
        }
        self.former = None;
        self.adopt(back)
    }

    fn adopt(&mut self, address: AgentAddress) -> bool {
        let changed = address.address != self.current.address;
        let is_news = changed || address.reason != self.current.reason;
        self.current = address;
        if is_news {
            self.current.log();
        }
        changed
    }
}

/// How long an address that disappeared stays in use: longer than a flap of a link or the renewal
/// of a lease takes.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{AgentChoice, CidrRule, Collector, Way};

    /// An address of a host on an interface whose ifIndex is its digit.
    fn has<'a>(device: &'a str, address: &str) -> Candidate<'a> {
        let if_index = u32::from(device.as_bytes().last().unwrap() - b'0');
        Candidate::usual(if_index, device, address)
    }

    /// Follows the addresses, each at its second, and requires the agent address.
    fn follow(config: &Config, identity: &mut Identity, steps: &[(u64, &[Candidate<'_>], &str)]) {
        for (second, candidates, expected) in steps {
            let before = identity.address();
            let changed = identity.follow(Instant::from_millis(second * 1000), config, candidates);
            assert_eq!(identity.address().to_string(), *expected, "at {second} s");
            assert_eq!(changed, identity.address() != before, "at {second} s");
        }
    }

    fn with_agent(agent: AgentChoice) -> Config {
        Config { agent, ..Config::default() }
    }

    #[test]
    fn address_is_kept_among_equals() {
        let config = Config::default();
        let (first, other) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let mut identity = Identity::elect(&config, &[first]);
        follow(&config, &mut identity, &[(1, &[other, first], "192.0.2.1")]);
    }

    #[test]
    fn higher_rank_is_adopted_immediately() {
        let config = Config::default();
        let docker = Candidate { way: Way::InnerBridge, ..has("docker0", "172.17.0.1") };
        let (link_local, lease) = (has("eth1", "fe80::1"), has("eth1", "10.0.0.5"));
        let mut identity = Identity::elect(&config, &[]);
        follow(
            &config,
            &mut identity,
            &[
                (1, &[], "127.0.0.1"),
                (2, &[link_local], "fe80::1"),
                (3, &[docker, link_local], "172.17.0.1"),
                (4, &[docker, link_local, lease], "10.0.0.5"),
                (5, &[docker, link_local, lease, has("eth0", "10.0.0.4")], "10.0.0.5"),
            ],
        );
    }

    #[test]
    fn address_that_comes_back_soon_is_never_replaced() {
        let config = Config::default();
        let (lease, docker) = (has("eth1", "10.0.0.5"), has("eth2", "10.9.0.1"));
        let mut identity = Identity::elect(&config, &[lease, docker]);
        follow(
            &config,
            &mut identity,
            &[
                (1, &[docker], "10.0.0.5"),
                (5, &[docker], "10.0.0.5"),
                (5, &[docker, lease], "10.0.0.5"),
                // The seconds of the next loss count anew.
                (6, &[docker], "10.0.0.5"),
                (10, &[docker], "10.0.0.5"),
                (11, &[docker], "10.9.0.1"),
            ],
        );
        assert_eq!(identity.deadline(), None);
    }

    #[test]
    fn former_address_replaces_its_substitute() {
        let config = Config::default();
        let (first, second) = (has("eth1", "10.0.0.5"), has("eth2", "10.9.0.1"));
        let mut identity = Identity::elect(&config, &[second]);
        // Elected first, so that the index of the interface does not decide.
        follow(&config, &mut identity, &[(1, &[first, second], "10.9.0.1")]);
        follow(&config, &mut identity, &[(2, &[first], "10.9.0.1")]);
        assert_eq!(identity.deadline(), Some(Instant::from_millis(7000)));
        follow(
            &config,
            &mut identity,
            &[(7, &[first], "10.0.0.5"), (60, &[first, second], "10.9.0.1")],
        );
    }

    #[test]
    fn former_address_on_an_inner_bridge_does_not_replace_its_substitute() {
        let config = Config::default();
        let (first, second) = (has("eth1", "10.0.0.5"), has("eth2", "10.9.0.1"));
        let inner = Candidate { way: Way::InnerBridge, ..first };
        let mut identity = Identity::elect(&config, &[first, second]);
        follow(
            &config,
            &mut identity,
            &[
                (1, &[second], "10.0.0.5"),
                (6, &[second], "10.9.0.1"),
                (7, &[inner, second], "10.9.0.1"),
                (8, &[first, second], "10.0.0.5"),
            ],
        );
    }

    #[test]
    fn interface_that_is_down_keeps_the_address() {
        let config = Config::default();
        let (eth, other) = (has("eth1", "10.0.0.5"), has("eth2", "10.9.0.1"));
        let down = Candidate { is_up: false, ..eth };
        // Duplicate address detection runs again after the link comes back.
        let tentative = Candidate { state: AddressState::Tentative, ..eth };
        let mut identity = Identity::elect(&config, &[eth, other]);
        follow(
            &config,
            &mut identity,
            &[(1, &[down, other], "10.0.0.5"), (60, &[tentative, other], "10.0.0.5")],
        );
        assert_eq!(identity.deadline(), None);
        let duplicate = Candidate { state: AddressState::Duplicate, ..eth };
        follow(
            &config,
            &mut identity,
            &[(61, &[duplicate, other], "10.0.0.5"), (66, &[duplicate, other], "10.9.0.1")],
        );
    }

    #[test]
    fn configured_device_is_adopted_when_it_appears() {
        let agent = AgentChoice { device: Some("eth7".to_owned()), ..AgentChoice::default() };
        let config = with_agent(agent);
        let (one, two) = (has("eth1", "192.0.2.1"), has("eth0", "198.51.100.1"));
        let seven = [has("eth7", "fe80::7"), has("eth7", "10.0.0.7")];
        let mut identity = Identity::elect(&config, &[one]);
        assert_eq!(identity.current.missing.as_deref(), Some("eth7"));
        follow(
            &config,
            &mut identity,
            &[
                (1, &[two, one], "192.0.2.1"),
                (2, &[two, one, seven[0]], "fe80::7"),
                (3, &[two, one, seven[0], seven[1]], "10.0.0.7"),
            ],
        );
        assert_eq!(identity.current.missing, None);
    }

    #[test]
    fn preferred_network_is_adopted_when_its_address_appears() {
        let rule = CidrRule {
            cidr: crate::config::Cidr::new([10, 200, 0, 0].into(), 16).unwrap(),
            veto: false,
        };
        let config = with_agent(AgentChoice { cidrs: vec![rule], ..AgentChoice::default() });
        let (public, lease) = (has("eth1", "192.0.2.1"), has("eth2", "10.200.0.5"));
        let mut identity = Identity::elect(&config, &[public]);
        follow(
            &config,
            &mut identity,
            &[(1, &[public, lease], "10.200.0.5"), (2, &[public], "10.200.0.5")],
        );
    }

    #[test]
    fn reload_applies_immediately() {
        let mut identity = Identity::elect(&Config::default(), &[has("eth1", "192.0.2.1")]);
        let ip = Some([203, 0, 113, 9].into());
        let config = with_agent(AgentChoice { ip, ..AgentChoice::default() });
        identity.elect_again(&config, &[has("eth1", "192.0.2.1")]);
        follow(&config, &mut identity, &[(1, &[has("eth1", "192.0.2.1")], "203.0.113.9")]);
        identity.elect_again(&Config::default(), &[has("eth1", "192.0.2.1")]);
        assert_eq!(identity.address().to_string(), "192.0.2.1");
    }

    #[test]
    fn loopback_is_anonymous_to_other_hosts_only() {
        let anonymous = |collector: &str| {
            let collectors = vec![collector.parse::<Collector>().unwrap()];
            AgentAddress::elect(&Config { collectors, ..Config::default() }, &[]).anonymous
        };
        assert!(anonymous("192.0.2.9") && anonymous("collector.example.net"));
        assert!(!anonymous("127.0.0.1") && !anonymous("[::1]:6343"));
    }
}
