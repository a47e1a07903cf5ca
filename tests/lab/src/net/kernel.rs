//! Counters of the kernel in /proc/net, and the addresses of the lab's links.

use core::net::{Ipv4Addr, Ipv6Addr};

use super::Namespace;

/// Counters of an interface, from /proc/net/dev. An skb counts as one packet, even if it holds
/// several segments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the columns of /proc/net/dev")]
pub struct LinkCounters {
    pub rx_bytes: u64,
    pub rx_packets: u64,
    pub rx_dropped: u64,
    pub multicast: u64,
    pub tx_bytes: u64,
    pub tx_packets: u64,
    pub tx_dropped: u64,
}

impl LinkCounters {
    /// Reads the counters of interface `name`.
    ///
    /// # Panics
    /// If there is no such interface.
    #[must_use]
    pub fn of(namespace: &Namespace, name: &str) -> Self {
        let table = namespace.proc_net("dev");
        let row =
            table.lines().find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix(':'));
        let row = row.unwrap_or_else(|| panic!("no {name} in\n{table}"));
        let numbers: Vec<u64> = row.split_whitespace().map(|word| word.parse().unwrap()).collect();
        let [rx_bytes, rx_packets, _, rx_dropped, _, _, _, multicast, rest @ ..] = &numbers[..]
        else {
            panic!("{row}")
        };
        Self {
            rx_bytes: *rx_bytes,
            rx_packets: *rx_packets,
            rx_dropped: *rx_dropped,
            multicast: *multicast,
            tx_bytes: rest[0],
            tx_packets: rest[1],
            tx_dropped: rest[3],
        }
    }

    /// Packets of both directions as a packet socket sees them. A sent packet that the other end
    /// dropped (`tx_dropped`) passed the packet socket too.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.rx_packets + self.tx_packets + self.tx_dropped
    }
}

/// TCP segments sent by a namespace, counted as on the wire: first transmissions and
/// retransmissions (`tcp_transmit_skb` and `__tcp_retransmit_skb` count `tcp_skb_pcount`).
pub(super) fn tcp_segments_sent(namespace: &Namespace) -> u64 {
    let table = namespace.proc_net("snmp");
    let mut rows = table.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (Some(names), Some(values)) = (rows.next(), rows.next()) else { panic!("{table}") };
    names
        .split_whitespace()
        .zip(values.split_whitespace())
        .filter(|(name, _)| matches!(*name, "OutSegs" | "RetransSegs"))
        .map(|(_, value)| value.parse::<u64>().expect("a counter"))
        .sum()
}

/// MAC address of an end of a link.
pub(super) fn mac(net: u8, end: u8) -> String {
    format!("02:00:00:00:{net:02x}:{end:02x}")
}

/// Commands of ip(8) that bring an end of a link up.
pub(super) fn up(net: u8, name: &str, end: u8, other: u8) -> String {
    format!(
        "link set {name} addrgenmode none\n\
         address add 198.18.{net}.{end}/24 dev {name}\n\
         link set {name} up\n\
         neighbour add 198.18.{net}.{other} lladdr {mac} dev {name} nud permanent\n",
        mac = mac(net, other)
    )
}

/// Commands of ip(8) that add the IPv6 address of an end of a link.
pub(super) fn up6(net: u8, name: &str, end: u8, other: u8) -> String {
    format!(
        "address add fd00:{net:x}::{end}/64 dev {name} nodad\n\
         neighbour add fd00:{net:x}::{other} lladdr {mac} dev {name} nud permanent\n",
        mac = mac(net, other)
    )
}

/// Addresses of the first end of a link.
#[must_use]
pub fn ip_of(net: u8) -> (Ipv4Addr, Ipv6Addr) {
    address(net, 1)
}

/// Addresses of the second end of a link.
#[must_use]
pub fn peer_ip_of(net: u8) -> (Ipv4Addr, Ipv6Addr) {
    address(net, 2)
}

fn address(net: u8, end: u8) -> (Ipv4Addr, Ipv6Addr) {
    let v6 = Ipv6Addr::new(0xfd00, net.into(), 0, 0, 0, 0, 0, end.into());
    (Ipv4Addr::new(198, 18, net, end), v6)
}
