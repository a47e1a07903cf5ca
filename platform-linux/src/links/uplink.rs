//! Links that take the place of adapters, and links that reach one.

use std::collections::BTreeMap;

use super::link::Link;
use super::message::Address;

/// Marks the links that connect a network namespace without any physical link, such as `eth0` of a
/// container: a veth end, macvlan or ipvlan whose other side is in another namespace.
///
/// Not the ends of further containers within: the ports of a bridge, and ends without an address.
/// Routed containers (Calico, ptp of CNI) have ends with the address of one host only, /32 or /128.
/// Such an end counts if no other does, as in clouds that assign `eth0` a /32.
pub(super) fn mark(links: &mut BTreeMap<u32, Link>) {
    let physical = links.values().any(Link::is_physical);
    let best = links.values().map(reach).max().unwrap_or_default();
    for link in links.values_mut() {
        link.uplink = !physical && best > Reach::None && reach(link) == best;
    }
}

/// The networks that a link connects to by itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    #[default]
    None,
    /// One host, by a /32 or /128.
    Host,
    Network,
}

fn reach(link: &Link) -> Reach {
    if link.elsewhere.is_none() || link.master.is_some() {
        return Reach::None;
    }
    let of_address = |address: &Address| match address {
        _ if address.scope != libc::RT_SCOPE_UNIVERSE => Reach::None,
        _ if address.prefix_len == if address.ip.is_ipv4() { 32 } else { 128 } => Reach::Host,
        _ => Reach::Network,
    };
    link.addresses.iter().map(of_address).max().unwrap_or_default()
}

/// Returns true if packets of `link` can leave the host by an adapter: the adapter itself, and
/// bridges, bonds, VLANs and the like on top of one. False for docker0, tunnels, dummies.
pub(super) fn leads_out(links: &BTreeMap<u32, Link>, link: &Link, depth: u8) -> bool {
    let Some(depth) = depth.checked_sub(1) else { return false };
    let below = |index: Option<u32>| {
        index.and_then(|index| links.get(&index)).is_some_and(|link| leads_out(links, link, depth))
    };
    let ports = |is_port: &dyn Fn(&Link) -> bool| {
        links.values().any(|port| is_port(port) && leads_out(links, port, depth))
    };
    match link.kind.as_deref() {
        _ if link.is_real() || link.hardware == libc::ARPHRD_PPP => true,
        Some("bridge") => ports(&|port| port.master == Some(link.index)),
        // All datapaths have the same master, so the ports of one cannot be separated from another's.
        Some("openvswitch") => ports(&|port| port.master_kind.as_deref() == Some("openvswitch")),
        Some("vlan" | "macvlan" | "macvtap" | "ipvlan" | "ipvtap") => below(link.parent),
        _ => false,
    }
}

/// Links on top of each other that are followed; the kernel allows 8 (`MAX_NEST_DEV`).
pub(super) const MAX_DEPTH: u8 = 8;

#[cfg(test)]
mod tests {
    use super::super::message::LinkMessage;
    use super::*;

    fn link(index: u32, kind: Option<&'static str>, elsewhere: bool) -> Link {
        Link::new(&LinkMessage {
            index,
            name: b"x",
            kind,
            elsewhere: elsewhere.then_some(0),
            hardware: libc::ARPHRD_ETHER,
            ..LinkMessage::default()
        })
    }

    fn with(link: Link, address: &str, prefix_len: u8) -> Link {
        let address = Address { ip: address.parse().unwrap(), prefix_len, scope: 0, flags: 0x80 };
        Link { addresses: vec![address], ..link }
    }

    fn table(links: impl IntoIterator<Item = Link>) -> BTreeMap<u32, Link> {
        links.into_iter().map(|link| (link.index, link)).collect()
    }

    fn uplinks(links: impl IntoIterator<Item = Link>) -> Vec<u32> {
        let mut table = table(links);
        mark(&mut table);
        table.values().filter(|link| link.uplink).map(|link| link.index).collect()
    }

    fn veth(index: u32) -> Link {
        link(index, Some("veth"), true)
    }

    #[test]
    fn veth_of_a_container_is_its_uplink() {
        assert_eq!(uplinks([with(veth(2), "192.0.2.1", 24)]), [2]);
        assert_eq!(uplinks([with(veth(2), "192.0.2.1", 32)]), [2], "as on AWS");
        assert_eq!(uplinks([with(link(2, Some("macvlan"), true), "2001:db8::1", 64)]), [2]);
        assert_eq!(uplinks([veth(2)]), [0; 0], "no address");
        let fe80 = Link { addresses: vec![], ..with(veth(2), "fe80::1", 64) };
        assert_eq!(uplinks([fe80]), [0; 0]);
    }

    #[test]
    fn veth_beside_an_adapter_or_with_its_peer_here_is_no_uplink() {
        assert_eq!(uplinks([link(2, None, false), with(veth(3), "192.0.2.1", 24)]), [0; 0]);
        assert_eq!(uplinks([with(link(3, Some("veth"), false), "192.0.2.1", 24)]), [0; 0]);
    }

    #[test]
    fn ends_of_containers_within_are_no_uplinks() {
        let port = Link { master: Some(9), ..with(veth(3), "192.0.2.9", 24) };
        let routed = with(veth(4), "192.0.2.8", 32);
        assert_eq!(uplinks([with(veth(2), "192.0.2.1", 24), port, routed]), [2]);
    }

    #[test]
    fn bridges_and_vlans_lead_where_their_adapter_leads() {
        let bridge = |index| link(index, Some("bridge"), false);
        let on = |parent, index, kind| Link { parent: Some(parent), ..link(index, kind, false) };
        let links = table([
            Link { master: Some(3), ..link(1, None, false) },
            on(1, 2, Some("vlan")),
            bridge(3),
            on(3, 4, Some("vlan")),
            bridge(5),
            Link { master: Some(5), ..veth(6) },
            link(7, Some("dummy"), false),
            link(8, Some("tun"), false),
            // Nothing that the kernel reports, but nothing to hang at either.
            on(9, 9, Some("vlan")),
        ]);
        let out: Vec<u32> = links
            .values()
            .filter(|link| leads_out(&links, link, MAX_DEPTH))
            .map(|link| link.index)
            .collect();
        assert_eq!(out, [1, 2, 3, 4]);
    }
}
