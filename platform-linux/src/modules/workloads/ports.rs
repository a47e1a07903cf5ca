//! The interfaces of the host that lead into the network of a container.

use super::network::{Counts, Traffic};
use crate::links::{Link, LinkStats, Links, Peers};

/// Reads such interfaces.
#[derive(Debug, Default)]
pub(super) struct Ports {
    /// Opened at the first read, or at a later one if there were too many files.
    peers: Option<Peers>,
}

/// The end of a pair (veth, netkit) whose other end is in the container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Port {
    index: u32,
    /// MAC addresses in the container, as far as a bridge has learned them.
    stations: Vec<[u8; 6]>,
    stats: LinkStats,
}

impl Ports {
    /// Those that lead into the network namespace with this id, at most [`MAX_PORTS`].
    pub(super) fn read(&mut self, links: &Links, namespace: i32) -> Vec<Port> {
        let Some(peers) = Peers::kept_in(&mut self.peers) else { return Vec::new() };
        let leads_there = |link: &&Link| link.elsewhere == Some(namespace) && link.is_pair();
        let read = |link: &Link| {
            // Gone since the table was updated.
            let stats = peers.stats(link.index)?;
            Some(Port { index: link.index, stations: peers.stations(link), stats })
        };
        let found = links.iter().filter(leads_there).take(MAX_PORTS);
        found.filter_map(read).collect()
    }
}

impl Port {
    /// Its ifIndex and MAC addresses for `host_adapters` (2001).
    pub(super) fn adapter(self) -> (u32, Vec<[u8; 6]>) {
        (self.index, self.stations)
    }
}

/// The sums over the ports as the container sees them: what the host sends it receives. `None`
/// without a port.
pub(super) fn traffic(ports: &[Port]) -> Option<Traffic> {
    let mut sum = Traffic::default();
    for Port { stats, .. } in ports {
        let rx = [stats.tx_bytes, stats.tx_packets, stats.tx_errors, stats.tx_dropped];
        let tx = [stats.rx_bytes, stats.rx_packets, stats.rx_errors, stats.rx_dropped];
        add(&mut sum.rx, rx);
        add(&mut sum.tx, tx);
    }
    (!ports.is_empty()).then_some(sum)
}

fn add(Counts { bytes, packets, errors, drops }: &mut Counts, more: [u64; 4]) {
    for (counter, more) in [bytes, packets, errors, drops].into_iter().zip(more) {
        *counter = counter.wrapping_add(more);
    }
}

/// A container has one for each network that it is in. With eight addresses each, 16 of them fit a
/// datagram beside the other records.
const MAX_PORTS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_host_sends_the_container_receives() {
        let stats = LinkStats {
            rx_packets: 1,
            tx_packets: 2,
            rx_bytes: 30,
            tx_bytes: 40,
            rx_errors: 5,
            tx_errors: 6,
            rx_dropped: 7,
            tx_dropped: 8,
            ..LinkStats::default()
        };
        let port = |index| Port { index, stations: Vec::new(), stats };
        let rx = Counts { bytes: 40, packets: 2, errors: 6, drops: 8 };
        let tx = Counts { bytes: 30, packets: 1, errors: 5, drops: 7 };
        assert_eq!(traffic(&[port(1)]), Some(Traffic { rx, tx }));
        let both = traffic(&[port(1), port(2)]).unwrap();
        assert_eq!((both.rx.bytes, both.tx.bytes), (80, 60));
        assert_eq!(traffic(&[]), None);
    }
}
