//! `host_adapters` (2001) and `host_net_io` (2006), from the links of the network namespace.

use flowmote_core::record::counter::HostNetIo;

use super::sums::Sums;
use super::text::low;
use crate::links::{Link, LinkReader, LinkStats, Links};

/// ifIndex and MAC address of the adapters in `host_adapters` (2001): physical or the uplink
/// of a container, up, with an address.
pub(super) fn addresses(links: &Links) -> Vec<(u32, [[u8; 6]; 1])> {
    let address = |link: &Link| Some((link.index, [link.mac.filter(|mac| *mac != [0; 6])?]));
    // Adapters that are down are left out: they may be unused ports by the dozen.
    let adapters = links.iter().filter(|link| link.is_adapter() && link.admin_up);
    adapters.filter_map(address).take(MAX_ADAPTERS).collect()
}

/// The sums of `host_net_io` (2006) over the physical adapters. Bridges, veth ends, VLANs, bonds and
/// tunnels are left out: their packets cross an adapter too, or never leave the host.
#[derive(Debug, Default)]
pub(super) struct Adapters {
    sums: Sums<u32, 8>,
    unreadable: u64,
}

impl Adapters {
    pub(super) fn read(&mut self, links: &Links, reader: &mut LinkReader) -> HostNetIo {
        let mut counts = Vec::new();
        for link in links.iter().filter(|link| links.counts_once(link)) {
            match reader.read_state(link.index).ok().and_then(|reading| reading.stats) {
                Some(stats) => counts.push((link.index, of_link(&stats))),
                // Its last counts stay in the sums.
                None => self.unreadable = self.unreadable.saturating_add(1),
            }
        }
        // Zeros would be the counters of a host without traffic.
        if counts.is_empty() && self.sums.is_empty() {
            return HostNetIo::UNKNOWN;
        }
        record(self.sums.update(counts))
    }

    /// Adapters whose counters could not be read so far, mostly because they were just deleted.
    pub(super) fn unreadable(&self) -> u64 {
        self.unreadable
    }
}

/// The counters of a link in the order of the record. Input drops are the sum that `ifInDiscards`
/// is in `if_counters` (0:1).
fn of_link(stats: &LinkStats) -> [u64; 8] {
    let drops = stats.rx_dropped.wrapping_add(stats.rx_missed_errors);
    [
        stats.rx_bytes,
        stats.rx_packets,
        stats.rx_errors,
        drops.wrapping_add(stats.rx_nohandler),
        stats.tx_bytes,
        stats.tx_packets,
        stats.tx_errors,
        stats.tx_dropped,
    ]
}

fn record(sums: [u64; 8]) -> HostNetIo {
    let [bytes_in, pkts_in, errs_in, drops_in, bytes_out, pkts_out, errs_out, drops_out] = sums;
    HostNetIo {
        bytes_in,
        pkts_in: low(pkts_in),
        errs_in: low(errs_in),
        drops_in: low(drops_in),
        bytes_out,
        pkts_out: low(pkts_out),
        errs_out: low(errs_out),
        drops_out: low(drops_out),
    }
}

/// 516 bytes of `host_adapters` (2001): all records of the host still fit one datagram of 1400
/// bytes.
const MAX_ADAPTERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_has_its_field() {
        let stats = LinkStats {
            rx_packets: (1 << 32) + 1,
            tx_packets: 2,
            rx_bytes: (1 << 32) + 3,
            tx_bytes: 4,
            rx_errors: 5,
            tx_errors: 6,
            rx_dropped: 7,
            tx_dropped: 8,
            multicast: 9,
            rx_missed_errors: 10,
            rx_nohandler: 11,
        };
        let expected = HostNetIo {
            bytes_in: (1 << 32) + 3,
            pkts_in: 1,
            errs_in: 5,
            drops_in: 7 + 10 + 11,
            bytes_out: 4,
            pkts_out: 2,
            errs_out: 6,
            drops_out: 8,
        };
        assert_eq!(record(of_link(&stats)), expected);
    }
}
