//! Links of the kernel as the rules of the configuration take them.

use crate::config::{self, Candidate, LinkKind};
use crate::links::{Link, Links};

/// The traits of a link by which a `pcap { }` block selects it.
#[must_use]
pub(crate) fn traits(link: &Link) -> config::LinkTraits<'_> {
    config::LinkTraits {
        name: &link.name,
        other_names: &link.other_names,
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
            other_names: &link.other_names,
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
}
