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
    /// True if the interface is a VLAN sub-interface.
    pub is_vlan: bool,
    /// True if the interface is administratively up; addresses of others are not elected.
    pub is_up: bool,
    /// True if the address is autoconfigured (RFC 4862) and can therefore change.
    pub slaac: bool,
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
    /// 169.254.0.0/16.
    LinkLocalV4,
    /// fe80::/10.
    LinkLocalV6,
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
/// `agent.cidr`), better class, not autoconfigured, lower interface index, earlier in
/// `candidates`.
pub fn elect<'a>(choice: &'a AgentChoice, candidates: &[Candidate<'a>]) -> Option<Elected<'a>> {
    if let Some(address) = choice.ip {
        let owner = candidates.iter().find(|candidate| candidate.address == address);
        let device = owner.map(|candidate| candidate.device);
        return Some(Elected { address, device, reason: Reason::Configured, missing: None });
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
    })
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
        if !candidate.is_up {
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

    fn key(&self) -> (usize, AddressClass, bool, Reverse<u32>) {
        let Candidate { slaac, if_index, .. } = *self.candidate;
        (self.boost, self.class, !slaac, Reverse(if_index))
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
            IpAddr::V4(address) => Some(Self::of_v4(address, candidate.is_vlan)),
            IpAddr::V6(address) => Some(Self::of_v6(address, candidate.is_vlan)),
        }
    }

    fn of_v4(address: Ipv4Addr, is_vlan: bool) -> Self {
        match address.octets() {
            [127, ..] => Self::LoopbackV4,
            [169, 254, ..] => Self::LinkLocalV4,
            [240..=255, ..] => Self::ClassE,
            _ if is_vlan => Self::VlanV4,
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] | [100, 64..=127, ..] => Self::PrivateV4,
            _ => Self::PublicV4,
        }
    }

    fn of_v6(address: Ipv6Addr, is_vlan: bool) -> Self {
        match address {
            _ if address.is_loopback() => Self::LoopbackV6,
            _ if address.is_unicast_link_local() => Self::LinkLocalV6,
            _ if address.is_unique_local() => Self::UniqueLocalV6,
            _ if is_vlan => Self::VlanV6,
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
            Self::LinkLocalV4 => "link-local IPv4",
            Self::LinkLocalV6 => "link-local IPv6",
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
mod tests {
    use super::*;

    fn on(if_index: u32, device: &'static str, address: &str) -> Candidate<'static> {
        let address = address.parse().unwrap();
        let (other_names, is_vlan, is_up, slaac) = (&[], false, true, false);
        Candidate { if_index, device, other_names, address, is_vlan, is_up, slaac }
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
            on(7, "g", "fe80::1"),
            on(8, "h", "169.254.1.1"),
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
            "fe80::1: best link-local IPv6 address, on g",
            "169.254.1.1: best link-local IPv4 address, on h",
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
        let down = Candidate { is_up: false, ..on(1, "a", "8.8.8.8") };
        let candidates = [
            down,
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
