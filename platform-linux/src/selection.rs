//! Links of the kernel as the rules of the configuration take them.

use crate::config::{self, Candidate, LinkKind};
use crate::links::{Link, Links};

/// The traits of a link by which a `pcap { }` block selects it.
#[must_use]
pub(crate) fn traits(link: &Link) -> config::LinkTraits<'_> {
    config::LinkTraits {
        name: &link.name,
        alias: link.alias.as_deref(),
        kind: LinkKind::from_kernel(link.is_loopback(), link.kind.as_deref()),
        speed: link.speed_bps,
    }
}

/// Every address of the host, for the election of the agent address.
#[must_use]
pub(crate) fn candidates(links: &Links) -> Vec<Candidate<'_>> {
    let of_link = |link| {
        let link: &Link = link;
        link.addresses.iter().map(move |address| Candidate {
            if_index: link.index,
            device: &link.name,
            alias: link.alias.as_deref(),
            address: address.ip,
            is_vlan: link.kind.as_deref() == Some("vlan"),
            is_up: link.admin_up,
            // Addresses from router advertisements have a lifetime: the kernel sets
            // IFA_F_PERMANENT on all others (net/ipv6/addrconf.c, inet6_fill_ifaddr).
            slaac: address.ip.is_ipv6() && address.flags & libc::IFA_F_PERMANENT == 0,
        })
    };
    links.iter().flat_map(of_link).collect()
}

/// Adds a problem, once, if no link has this name or, with `by_alias`, this alias.
pub(crate) fn require_device(
    links: &Links,
    device: &str,
    by_alias: bool,
    problems: &mut Vec<String>,
) {
    let is_called =
        |link: &Link| link.name == device || (by_alias && link.alias.as_deref() == Some(device));
    if links.iter().any(is_called) {
        return;
    }
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let names = names.join(", ");
    let problem = format!("there is no interface \"{device}\"; there are: {names}");
    if !problems.contains(&problem) {
        problems.push(problem);
    }
}
