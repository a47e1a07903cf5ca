//! The kernel's links in the words of the configuration.

use crate::config::{self, Candidate, LinkKind};
use crate::links::{Link, Links};

/// What selects a tap.
#[must_use]
pub(crate) fn link(link: &Link) -> config::Link<'_> {
    config::Link {
        name: &link.name,
        alias: link.alias.as_deref(),
        kind: LinkKind::from_kernel(link.is_loopback(), link.kind.as_deref()),
        speed: link.speed_bps,
    }
}

/// Whether the configuration names this link, be it with a rate of 0: its counters are polled.
#[must_use]
pub(crate) fn is_selected(config: &config::Config, candidate: &Link) -> bool {
    config.tap_for(&link(candidate)).is_some()
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
            slaac: address.ip.is_ipv6() && address.flags & libc::IFA_F_PERMANENT == 0,
        })
    };
    links.iter().flat_map(of_link).collect()
}

/// The names of `dev` and `agent` that no interface has, as in `there is no interface "eth9"`.
#[must_use]
pub(crate) fn missing_devices(config: &config::Config, links: &Links) -> Vec<String> {
    let exists = |name: &str| {
        links.iter().any(|link| link.name == name || link.alias.as_deref() == Some(name))
    };
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let taps = config.taps.iter().filter_map(|tap| tap.selector.device.as_deref());
    let agent = config.agent.device.as_deref();
    taps.chain(agent)
        .filter(|name| !exists(name))
        .map(|name| format!("there is no interface \"{name}\"; there are: {}", names.join(", ")))
        .collect()
}
