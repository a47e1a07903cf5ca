//! Links of the kernel as the rules of the configuration take them.

use crate::config::{self, AddressState, Candidate, LinkKind, Way};
use crate::links::{Address, Link, Links};

/// The traits of a link by which a `pcap { }` block selects it.
#[must_use]
pub(crate) fn traits(link: &Link) -> config::LinkTraits<'_> {
    config::LinkTraits {
        name: &link.name,
        other_names: &link.other_names,
        kind: match LinkKind::from_kernel(link.is_loopback(), link.kind.as_deref()) {
            // Its packets pass no other link of this namespace.
            LinkKind::Veth | LinkKind::Vlan if link.uplink => LinkKind::Other,
            kind => kind,
        },
        speed: link.speed_bps,
    }
}

/// Every address of the host, for the election of the agent address.
#[must_use]
pub(crate) fn candidates(links: &Links) -> Vec<Candidate<'_>> {
    let of_link = |link| {
        let link: &Link = link;
        let way = way(links, link);
        link.addresses.iter().map(move |address| candidate(link, address, way))
    };
    links.iter().flat_map(of_link).collect()
}

fn candidate<'a>(link: &'a Link, address: &Address, way: Way) -> Candidate<'a> {
    let is_v6 = address.ip.is_ipv6();
    Candidate {
        if_index: link.index,
        device: &link.name,
        other_names: &link.other_names,
        address: address.ip,
        scope: address.scope,
        state: state(address.flags),
        // The same bit: IFA_F_TEMPORARY of IPv6.
        secondary: address.flags & libc::IFA_F_SECONDARY != 0,
        // Addresses from router advertisements have a lifetime: the kernel sets IFA_F_PERMANENT on
        // all others (net/ipv6/addrconf.c, inet6_fill_ifaddr).
        slaac: is_v6 && address.flags & libc::IFA_F_PERMANENT == 0,
        is_vlan: link.kind.as_deref() == Some("vlan"),
        is_up: link.admin_up,
        way,
    }
}

/// The state of an address by its flags, as source address selection takes them
/// (net/ipv6/addrconf.c, `__ipv6_dev_get_saddr`).
fn state(flags: u32) -> AddressState {
    let has = |flag| flags & flag != 0;
    match () {
        // A failed detection leaves IFA_F_TENTATIVE set.
        () if has(libc::IFA_F_DADFAILED) => AddressState::Duplicate,
        () if has(libc::IFA_F_OPTIMISTIC) => AddressState::Deprecated,
        () if has(libc::IFA_F_TENTATIVE) => AddressState::Tentative,
        () if has(libc::IFA_F_DEPRECATED) => AddressState::Deprecated,
        () => AddressState::Preferred,
    }
}

fn way(links: &Links, link: &Link) -> Way {
    match link.kind.as_deref() {
        _ if link.is_loopback() || links.leads_out(link) => Way::Out,
        Some("bridge" | "openvswitch") => Way::InnerBridge,
        // The loopback of a routing domain.
        Some("vrf") => Way::Out,
        _ => Way::Virtual,
    }
}

/// Adds a problem, once, if no link has this name, alternative name or alias.
pub(crate) fn require_device(links: &Links, device: &str, problems: &mut Vec<String>) {
    if links.by_name(device).is_some() {
        return;
    }
    let names = list(links.iter().map(|link| link.name.as_str()));
    let problem = format!("there is no interface {device:?}; there are: {names}");
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}

/// Lists names for a message: the first few and the number of the others. Control characters, which
/// the kernel allows in names, are escaped.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let mut names = names.map(|name| name.escape_debug().to_string());
    let shown: Vec<String> = names.by_ref().take(MAX_LISTED).collect();
    match (shown.join(", "), names.count()) {
        (shown, 0) => shown,
        (shown, others) => format!("{shown} and {others} more"),
    }
}

/// Enough for most hosts; a host with containers has hundreds of interfaces.
const MAX_LISTED: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_list_ends_with_the_number_of_the_others() {
        let names: Vec<String> = (0..14).map(|number| format!("p{number}")).collect();
        let first = |count| list(names.iter().map(String::as_str).take(count));
        assert_eq!(first(2), "p0, p1");
        assert!(first(12).ends_with(", p11"));
        assert!(first(14).ends_with(", p11 and 2 more"));
        assert_eq!(list(["a\x1b[31m"].into_iter()), "a\\u{1b}[31m");
    }

    #[test]
    fn state_follows_the_flags_of_the_kernel() {
        for (flags, expected) in [
            (0x80, AddressState::Preferred),
            // IFA_F_MANAGETEMPADDR marks the address that temporary ones are derived from.
            (0x100, AddressState::Preferred),
            (0xa0, AddressState::Deprecated),
            (0xc0, AddressState::Tentative),
            (0x44, AddressState::Deprecated),
            (0xc8, AddressState::Duplicate),
        ] {
            assert_eq!(state(flags), expected, "{flags:#x}");
        }
    }
}
