//! Election of the agent address.
//!
//! Collectors identify an agent by its address, so a host must keep the address it had with
//! hsflowd. The rules are the same, with one exception: the shared address space 100.64.0.0/10
//! (RFC 6598) counts as private.

use core::cmp::Reverse;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::value::{Cidr, is_called};

/// The settings for the agent address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AgentChoice {
    /// `agentIP`: used as it is, whether or not an interface has it.
    pub ip: Option<IpAddr>,
    /// `agent`: the device, by any of its names, whose addresses are preferred.
    pub device: Option<String>,
    /// `agent.cidr`, in the order of the file; the last one that contains an address applies.
    pub cidrs: Vec<CidrRule>,
}

/// One `agent.cidr`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrRule {
    /// The addresses that the rule applies to.
    pub cidr: Cidr,
    /// True for `!`: the addresses are never elected. False: they are preferred.
    pub veto: bool,
}

/// An address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// ifIndex of the interface.
    pub if_index: u32,
    /// Name of the interface.
    pub device: &'a str,
    /// Alternative names and alias of the interface (`IFLA_ALT_IFNAME`, `IFLA_IFALIAS`).
    pub other_names: &'a [String],
    /// The address.
    pub address: IpAddr,
    /// `RT_SCOPE_*`: 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// The state of the address.
    pub state: AddressState,
    /// True for a secondary IPv4 address, and for a temporary IPv6 address (RFC 8981).
    pub secondary: bool,
    /// True if the address is autoconfigured (RFC 4862) and can therefore change.
    pub slaac: bool,
    /// True if the interface is a VLAN sub-interface.
    pub is_vlan: bool,
    /// True if the interface is administratively up.
    pub is_up: bool,
    /// The way from the interface to the network.
    pub way: Way,
}

/// States of an address as RFC 6724 distinguishes them, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressState {
    /// Another host has it; never used.
    Duplicate,
    /// Duplicate address detection is running (RFC 4862); not elected yet.
    Tentative,
    /// Deprecated, or optimistic (RFC 4429): used if there is no other of its class.
    Deprecated,
    /// Fit for use.
    Preferred,
}

/// Kinds of interfaces, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// A bridge without an adapter, such as docker0. Hosts often have the same address there.
    InnerBridge,
    /// Another virtual interface: tunnel, dummy, tap.
    Virtual,
    /// An adapter, what is built on one, or loopback, which has addresses of routers.
    Out,
}

/// The elected agent address, displayed as the reason for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elected<'a> {
    /// The address.
    pub address: IpAddr,
    /// The interface with this address; `None` if there is none.
    pub device: Option<&'a str>,
    /// The criterion that decided.
    pub reason: Reason<'a>,
    /// The device named by `agent`, if it has no usable address.
    pub missing: Option<&'a str>,
    /// The rank of the address; `None` for `agentIP`, which has no rival.
    pub standing: Option<Standing>,
}

/// The criteria by which an address replaces one that the host still has: all but those that only
/// decide between equals, the state and the index of the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Standing {
    boost: usize,
    class: AddressClass,
    way: Way,
    state: AddressState,
    primary: bool,
    fixed: bool,
}

/// The criterion by which an address was elected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason<'a> {
    /// `agentIP`.
    Configured,
    /// On the device named by `agent`; the name is as written in the file.
    NamedDevice(&'a str),
    /// In this `agent.cidr`.
    Preferred(Cidr),
    /// The best class of all candidates.
    Best(AddressClass),
}

/// Classes of addresses, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum AddressClass {
    /// 240.0.0.0/4.
    ClassE,
    /// `::1`.
    LoopbackV6,
    /// 127.0.0.0/8.
    LoopbackV4,
    /// Any address with scope host, which the kernel never uses as a source.
    HostScope,
    /// 169.254.0.0/16, and any IPv4 address with scope link.
    LinkLocalV4,
    /// fe80::/10.
    LinkLocalV6,
    /// fc00::/7 on an interface that leads to no adapter.
    VirtualV6,
    /// RFC 1918 and RFC 6598 on an interface that leads to no adapter.
    VirtualV4,
    /// Global IPv6 on a VLAN sub-interface.
    VlanV6,
    /// IPv4 on a VLAN sub-interface.
    VlanV4,
    /// fc00::/7.
    UniqueLocalV6,
    /// Any other IPv6.
    GlobalV6,
    /// RFC 1918 and RFC 6598.
    PrivateV4,
    /// Any other IPv4.
    PublicV4,
}

/// Elects the agent address; `None` if there is no usable address.
///
/// `agentIP` is used without an election. The criteria of the election, in this order: preferred
/// by an earlier `agent.cidr` or on the device `agent` (which has the weight of the last
/// `agent.cidr`), valid beyond the link, interface up, better class, on an adapter, not deprecated,
/// not secondary or temporary, not autoconfigured, lower interface index, earlier in `candidates`.
pub fn elect<'a>(choice: &'a AgentChoice, candidates: &[Candidate<'a>]) -> Option<Elected<'a>> {
    if let Some(address) = choice.ip {
        let owner = candidates.iter().find(|candidate| candidate.address == address);
        let device = owner.map(|candidate| candidate.device);
        let (reason, missing, standing) = (Reason::Configured, None, None);
        return Some(Elected { address, device, reason, missing, standing });
    }
    let ranked = || candidates.iter().filter_map(|candidate| Rank::new(choice, candidate));
    // max_by_key returns the last of equals; reversed, that is the first.
    let winner = ranked().rev().max_by_key(Rank::key)?;
    let named_is_there = ranked().any(|rank| rank.named.is_some());
    Some(Elected {
        address: winner.candidate.address,
        device: Some(winner.candidate.device),
        reason: winner.reason(),
        missing: choice.device.as_deref().filter(|_| !named_is_there),
        standing: Some(winner.standing()),
    })
}

/// The rank of one address; `None` if it cannot be elected.
pub fn standing(choice: &AgentChoice, candidate: &Candidate<'_>) -> Option<Standing> {
    Rank::new(choice, candidate).map(|rank| rank.standing())
}

/// A candidate with the criteria of the election.
struct Rank<'a, 'c> {
    candidate: &'c Candidate<'a>,
    class: AddressClass,
    /// The value of `agent` if it names the device of this candidate.
    named: Option<&'a str>,
    preferred: Option<Cidr>,
    boost: usize,
}

impl<'a, 'c> Rank<'a, 'c> {
    /// Ranks a candidate; `None` if it cannot be elected.
    fn new(choice: &'a AgentChoice, candidate: &'c Candidate<'a>) -> Option<Self> {
        if candidate.state <= AddressState::Tentative {
            return None;
        }
        let class = AddressClass::of(candidate)?;
        let place = choice.cidrs.iter().rposition(|rule| rule.cidr.contains(candidate.address));
        let rule = place.and_then(|place| choice.cidrs.get(place));
        if rule.is_some_and(|rule| rule.veto) {
            return None;
        }
        let named = choice.device.as_deref();
        let named = named.filter(|n| is_called(n, candidate.device, candidate.other_names));
        let cidr_boost = place.map_or(0, |place| choice.cidrs.len() - place);
        let boost = cidr_boost + usize::from(named.is_some());
        Some(Self { candidate, class, named, preferred: rule.map(|rule| rule.cidr), boost })
    }

    /// An interface that is down ranks below those that are up. Its address still ranks before
    /// addresses of loopback and of a single link, as no host is known by these.
    fn key(&self) -> (usize, bool, bool, Standing, Reverse<u32>) {
        let Candidate { is_up, if_index, .. } = *self.candidate;
        let beyond_link = self.class > AddressClass::LinkLocalV6;
        (self.boost, beyond_link, is_up, self.standing(), Reverse(if_index))
    }

    fn standing(&self) -> Standing {
        let Candidate { way, state, secondary, slaac, .. } = *self.candidate;
        let (boost, class) = (self.boost, self.class);
        Standing { boost, class, way, state, primary: !secondary, fixed: !slaac }
    }

    fn reason(&self) -> Reason<'a> {
        match (self.named, self.preferred) {
            (Some(device), _) => Reason::NamedDevice(device),
            (None, Some(cidr)) => Reason::Preferred(cidr),
            (None, None) => Reason::Best(self.class),
        }
    }
}

impl AddressClass {
    /// The class; `None` for multicast, broadcast and unspecified addresses.
    fn of(candidate: &Candidate<'_>) -> Option<Self> {
        match candidate.address {
            address if address.is_multicast() || address.is_unspecified() => None,
            IpAddr::V4(address) if address.is_broadcast() => None,
            IpAddr::V4(address) => Some(Self::of_v4(address, candidate)),
            IpAddr::V6(address) => Some(Self::of_v6(address, candidate)),
        }
    }

    fn of_v4(address: Ipv4Addr, candidate: &Candidate<'_>) -> Self {
        let octets = address.octets();
        let private =
            matches!(octets, [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..]);
        match octets {
            [127, ..] => Self::LoopbackV4,
            _ if candidate.scope == libc::RT_SCOPE_HOST => Self::HostScope,
            [169, 254, ..] => Self::LinkLocalV4,
            _ if candidate.scope == libc::RT_SCOPE_LINK => Self::LinkLocalV4,
            [240..=255, ..] => Self::ClassE,
            _ if private && candidate.way < Way::Out => Self::VirtualV4,
            _ if candidate.is_vlan => Self::VlanV4,
            _ if private => Self::PrivateV4,
            _ => Self::PublicV4,
        }
    }

    fn of_v6(address: Ipv6Addr, candidate: &Candidate<'_>) -> Self {
        match address {
            _ if address.is_loopback() => Self::LoopbackV6,
            _ if candidate.scope == libc::RT_SCOPE_HOST => Self::HostScope,
            _ if address.is_unicast_link_local() => Self::LinkLocalV6,
            _ if address.is_unique_local() && candidate.way < Way::Out => Self::VirtualV6,
            _ if address.is_unique_local() => Self::UniqueLocalV6,
            _ if candidate.is_vlan => Self::VlanV6,
            _ => Self::GlobalV6,
        }
    }
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClassE => "class E",
            Self::LoopbackV6 => "loopback IPv6",
            Self::LoopbackV4 => "loopback IPv4",
            Self::HostScope => "host-scope",
            Self::LinkLocalV4 => "link-local IPv4",
            Self::LinkLocalV6 => "link-local IPv6",
            Self::VirtualV6 => "virtual IPv6",
            Self::VirtualV4 => "virtual IPv4",
            Self::VlanV6 => "VLAN IPv6",
            Self::VlanV4 => "VLAN IPv4",
            Self::UniqueLocalV6 => "unique-local IPv6",
            Self::GlobalV6 => "global IPv6",
            Self::PrivateV4 => "private IPv4",
            Self::PublicV4 => "public IPv4",
        })
    }
}

impl fmt::Display for Elected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let device = self.device.unwrap_or("no interface here");
        match self.reason {
            Reason::Configured if self.device.is_none() => {
                write!(f, "configured as agentIP, which {device} has")?;
            }
            Reason::Configured => write!(f, "configured as agentIP, on {device}")?,
            Reason::NamedDevice(name) => {
                write!(f, "on {device}, the device named by agent = {}", name.escape_debug())?;
            }
            Reason::Preferred(cidr) => write!(f, "in agent.cidr = {cidr}, on {device}")?,
            Reason::Best(class) => write!(f, "best {class} address, on {device}")?,
        }
        let Some(missing) = self.missing else { return Ok(()) };
        let missing = missing.escape_debug();
        write!(f, "; {missing}, the device named by agent = {missing}, has no usable address")
    }
}

#[cfg(test)]
impl<'a> Candidate<'a> {
    /// A preferred address of an adapter that is up, for tests.
    pub(crate) fn usual(if_index: u32, device: &'a str, address: &str) -> Self {
        Self {
            if_index,
            device,
            other_names: &[],
            address: address.parse().unwrap(),
            scope: 0,
            state: AddressState::Preferred,
            secondary: false,
            slaac: false,
            is_vlan: false,
            is_up: true,
            way: Way::Out,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on(if_index: u32, device: &'static str, address: &str) -> Candidate<'static> {
        Candidate::usual(if_index, device, address)
    }

    fn rule(text: &str) -> CidrRule {
        let veto = text.starts_with('!');
        let cidr = super::super::value::cidr(text.trim_start_matches('!')).unwrap();
        CidrRule { cidr, veto }
    }

    fn outcome<'a>(choice: &'a AgentChoice, candidates: &[Candidate<'a>]) -> String {
        let elected = elect(choice, candidates).unwrap();
        format!("{}: {elected}", elected.address)
    }

    #[test]
    fn classes_from_best_to_worst() {
        let vlan = |candidate| Candidate { is_vlan: true, ..candidate };
        let mut candidates = vec![
            on(1, "a", "8.8.8.8"),
            on(2, "b", "10.0.0.1"),
            on(3, "c", "2001:db8::1"),
            on(4, "d", "fd00::1"),
            vlan(on(5, "e", "8.8.8.9")),
            vlan(on(6, "f", "2001:db8::2")),
            Candidate { way: Way::Virtual, ..on(12, "l", "10.8.0.1") },
            Candidate { way: Way::InnerBridge, ..on(6, "m", "172.17.0.1") },
            Candidate { way: Way::Virtual, ..on(13, "n", "fd00::2") },
            on(7, "g", "fe80::1"),
            on(8, "h", "169.254.1.1"),
            Candidate { scope: 254, ..on(8, "o", "8.8.8.7") },
            on(9, "i", "127.0.0.1"),
            on(10, "j", "::1"),
            on(11, "k", "240.0.0.1"),
        ];
        let expected = [
            "8.8.8.8: best public IPv4 address, on a",
            "10.0.0.1: best private IPv4 address, on b",
            "2001:db8::1: best global IPv6 address, on c",
            "fd00::1: best unique-local IPv6 address, on d",
            "8.8.8.9: best VLAN IPv4 address, on e",
            "2001:db8::2: best VLAN IPv6 address, on f",
            "10.8.0.1: best virtual IPv4 address, on l",
            "172.17.0.1: best virtual IPv4 address, on m",
            "fd00::2: best virtual IPv6 address, on n",
            "fe80::1: best link-local IPv6 address, on g",
            "169.254.1.1: best link-local IPv4 address, on h",
            "8.8.8.7: best host-scope address, on o",
            "127.0.0.1: best loopback IPv4 address, on i",
            "::1: best loopback IPv6 address, on j",
            "240.0.0.1: best class E address, on k",
        ];
        for expected in expected {
            assert_eq!(outcome(&AgentChoice::default(), &candidates), expected);
            candidates.reverse();
            assert_eq!(outcome(&AgentChoice::default(), &candidates), expected);
            candidates.reverse();
            candidates.remove(0);
        }
    }

    #[test]
    fn unusable_addresses_are_never_elected() {
        let state = |state| Candidate { state, ..on(1, "a", "8.8.8.8") };
        let candidates = [
            state(AddressState::Tentative),
            state(AddressState::Duplicate),
            on(2, "b", "224.0.0.1"),
            on(3, "c", "ff02::1"),
            on(4, "d", "0.0.0.0"),
            on(5, "e", "::"),
            on(6, "f", "255.255.255.255"),
        ];
        assert_eq!(elect(&AgentChoice::default(), &candidates), None);
        assert_eq!(elect(&AgentChoice::default(), &[]), None);
    }

    #[test]
    fn ties_prefer_fixed_address_then_lower_index_then_order() {
        let slaac = Candidate { slaac: true, ..on(1, "a", "2001:db8::1") };
        let fixed = on(2, "b", "2001:db8::2");
        let choice = AgentChoice::default();
        assert_eq!(elect(&choice, &[slaac, fixed]).unwrap().device, Some("b"));
        let (low, high) = (on(2, "b", "10.0.0.2"), on(3, "c", "10.0.0.1"));
        assert_eq!(elect(&choice, &[high, low]).unwrap().device, Some("b"));
        let second = on(2, "b", "10.0.0.3");
        assert_eq!(elect(&choice, &[low, second]).unwrap().address, low.address);
        // RFC 6598, used by VPNs, has the class of 10.0.0.0/8.
        let vpn = on(9, "tailscale0", "100.100.1.1");
        assert_eq!(elect(&choice, &[vpn, low]).unwrap().device, Some("b"));
    }

    #[test]
    fn interface_that_is_down_ranks_between_those_that_are_up_and_loopback() {
        let choice = AgentChoice::default();
        let down = Candidate { is_up: false, ..on(1, "eth0", "8.8.8.8") };
        let (link_local, up) = (on(2, "eth1", "fe80::1"), on(3, "eth1", "10.0.0.1"));
        let device = |candidates: &[Candidate<'static>]| elect(&choice, candidates).unwrap().device;
        assert_eq!(device(&[on(4, "lo", "127.0.0.1"), link_local, down]), Some("eth0"));
        assert_eq!(device(&[down, up]), Some("eth1"));
    }

    /// RFC 6724, rules 3 and 7, and what source address selection of IPv4 leaves out.
    #[test]
    fn flags_of_addresses_decide_within_a_class() {
        let choice = AgentChoice::default();
        let good = on(9, "good", "2001:db8::9");
        for worse in [
            Candidate { state: AddressState::Deprecated, ..on(1, "bad", "2001:db8::1") },
            Candidate { secondary: true, ..on(1, "bad", "2001:db8::1") },
            Candidate { way: Way::Virtual, ..on(1, "bad", "2001:db8::1") },
        ] {
            assert_eq!(elect(&choice, &[worse, good]).unwrap().device, Some("good"));
            assert!(standing(&choice, &worse) < standing(&choice, &good));
            assert_eq!(elect(&choice, &[worse]).unwrap().device, Some("bad"), "better than none");
        }
        let scoped = Candidate { scope: 253, ..on(1, "bad", "8.8.8.8") };
        assert_eq!(elect(&choice, &[scoped, good]).unwrap().device, Some("good"));
    }

    #[test]
    fn equals_differ_by_neither_index_nor_state_of_the_interface() {
        let choice = AgentChoice::default();
        let (one, two) = (on(1, "a", "10.0.0.1"), on(2, "b", "10.0.0.2"));
        assert_eq!(standing(&choice, &one), standing(&choice, &two));
        let down = Candidate { is_up: false, ..two };
        assert_eq!(standing(&choice, &one), standing(&choice, &down));
        assert_eq!(standing(&choice, &Candidate { state: AddressState::Tentative, ..one }), None);
    }

    #[test]
    fn agent_ip_is_used_without_an_election() {
        let choice = AgentChoice { ip: Some([192, 0, 2, 1].into()), ..AgentChoice::default() };
        let here = [on(1, "eth0", "192.0.2.1")];
        assert_eq!(outcome(&choice, &here), "192.0.2.1: configured as agentIP, on eth0");
        let nowhere = "192.0.2.1: configured as agentIP, which no interface here has";
        assert_eq!(outcome(&choice, &[]), nowhere);
    }

    #[test]
    fn named_device_precedes_a_better_class() {
        let choice = AgentChoice { device: Some("eth1".into()), ..AgentChoice::default() };
        let candidates = [on(1, "eth0", "8.8.8.8"), on(2, "eth1", "10.0.0.1")];
        let named = "10.0.0.1: on eth1, the device named by agent = eth1";
        assert_eq!(outcome(&choice, &candidates), named);
        let names = ["enp0s5".to_owned(), "eth1".to_owned()];
        let aliased = [Candidate { other_names: &names, ..on(2, "ens5", "10.0.0.1") }];
        let by_alias = "10.0.0.1: on ens5, the device named by agent = eth1";
        assert_eq!(outcome(&choice, &aliased), by_alias);
        let missing = "8.8.8.8: best public IPv4 address, on eth0; \
                       eth1, the device named by agent = eth1, has no usable address";
        assert_eq!(outcome(&choice, &candidates[..1]), missing);
    }

    #[test]
    fn cidrs_prefer_in_order_and_exclude() {
        let candidates =
            [on(1, "eth0", "8.8.8.8"), on(2, "eth1", "10.1.0.1"), on(3, "eth2", "10.2.0.1")];
        let with = |rules: &[&str], device: Option<&str>| AgentChoice {
            cidrs: rules.iter().map(|text| rule(text)).collect(),
            device: device.map(String::from),
            ip: None,
        };
        for (rules, device, expected) in [
            (&["10.2.0.0/16"][..], None, "10.2.0.1: in agent.cidr = 10.2.0.0/16, on eth2"),
            (
                &["10.0.0.0/8", "!10.1.0.0/16"],
                None,
                "10.2.0.1: in agent.cidr = 10.0.0.0/8, on eth2",
            ),
            (
                &["!10.1.0.0/16", "10.0.0.0/8"],
                None,
                "10.1.0.1: in agent.cidr = 10.0.0.0/8, on eth1",
            ),
            (&["!0.0.0.0/1"], Some("eth1"), ""),
            (&["!8.0.0.0/8"], None, "10.1.0.1: best private IPv4 address, on eth1"),
            // The device has the weight of one agent.cidr, so the better class decides.
            (&["10.2.0.0/16"], Some("eth0"), "8.8.8.8: on eth0, the device named by agent = eth0"),
            // The first of two outweighs the device.
            (
                &["10.2.0.0/16", "9.0.0.0/8"],
                Some("eth0"),
                "10.2.0.1: in agent.cidr = 10.2.0.0/16, on eth2",
            ),
        ] {
            let choice = with(rules, device);
            let elected = elect(&choice, &candidates);
            let shown = elected.map(|e| format!("{}: {e}", e.address)).unwrap_or_default();
            assert_eq!(shown, expected, "{rules:?} {device:?}");
        }
    }
}
