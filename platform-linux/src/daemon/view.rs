//! The kernel's links in the words of the configuration.

use std::collections::BTreeSet;

use crate::config::{self, Candidate, Config, LinkKind};
use crate::links::{Link, Links};
use crate::modules::taps::sample::is_supported;

/// What selects a tap.
#[must_use]
pub(crate) fn link(link: &Link) -> config::LinkTraits<'_> {
    config::LinkTraits {
        name: &link.name,
        alias: link.alias.as_deref(),
        kind: LinkKind::from_kernel(link.is_loopback(), link.kind.as_deref()),
        speed: link.speed_bps,
    }
}

/// Whether the configuration names this link, be it with a rate of 0: its counters are polled.
#[must_use]
pub(crate) fn is_selected(config: &Config, candidate: &Link) -> bool {
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

/// What the configuration asks for and this host does not have, a line each: what `check` calls an
/// error, and what `run` warns of and waits for.
#[must_use]
pub(crate) fn complaints(config: &Config, links: &Links) -> Vec<String> {
    let links: Vec<&Link> = links.iter().collect();
    let mut complaints = missing_devices(config, &links);
    let selected: Vec<&Link> =
        links.iter().copied().filter(|link| is_selected(config, link)).collect();
    if selected.is_empty() && !config.taps.is_empty() {
        complaints.push("no interface here is selected for packet samples".to_owned());
    }
    let unsupported = selected.into_iter().filter(|link| !is_supported(link.hardware));
    complaints.extend(unsupported.map(|link| {
        format!(
            "{}: no sFlow header protocol for packets of link type {}",
            link.name, link.hardware
        )
    }));
    complaints
}

/// The names of devices that no interface has, as in `there is no interface "eth9"`.
fn missing_devices(config: &Config, links: &[&Link]) -> Vec<String> {
    let has_name = |name: &str| links.iter().any(|link| link.name == name);
    let has_alias = |name: &str| links.iter().any(|link| link.alias.as_deref() == Some(name));
    let taps = config.taps.iter().filter_map(|tap| tap.selector.device.as_deref());
    let by_either = taps.chain(config.agent.device.as_deref());
    // A socket is bound to a device by its name only.
    let by_name = config.collectors.iter().filter_map(|collector| collector.device.as_deref());
    let missing = by_either
        .filter(|name| !has_name(name) && !has_alias(name))
        .chain(by_name.filter(|name| !has_name(name)));
    let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
    let mut told = BTreeSet::new();
    missing
        .filter(|name| told.insert(*name))
        .map(|name| format!("there is no interface \"{name}\"; there are: {}", names.join(", ")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Collector, Host, TapRule};

    /// With the links of this machine, which are only read.
    #[test]
    fn what_is_not_there_is_told_once_with_what_is() {
        let links = Links::open().unwrap();
        let complaints = |config: &Config| complaints(config, &links);
        assert_eq!(complaints(&Config::default()), [""; 0]);
        let mut config = Config::default();
        config.agent.device = Some("no-such-1".to_owned());
        config.taps = vec![TapRule::device("no-such-1", None)];
        let collector = Collector::new(Host::Name("localhost".to_owned()));
        config.collectors = vec![Collector { device: Some("no-such-2".to_owned()), ..collector }];
        let names: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
        let line =
            |name| format!("there is no interface \"{name}\"; there are: {}", names.join(", "));
        let none = "no interface here is selected for packet samples".to_owned();
        assert_eq!(complaints(&config), [line("no-such-1"), line("no-such-2"), none]);
    }
}
