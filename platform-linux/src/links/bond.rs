//! LACP state of bond ports, from netlink attributes (drivers/net/bonding/bond_netlink.c).
//!
//! `/proc/net/bonding` has the same values, but as text whose format changed several times.

use flowmote_core::record::counter::LagPortStats;

use super::message::{LinkMessage, as_counter32};
use crate::kernel::netlink::attributes::{as_mac, as_u8, as_u16, attributes, find};

/// Reads the port states from `IFLA_INFO_SLAVE_DATA` into the record. Returns the id of the port's
/// aggregator within the bond; `None` unless the bond is in mode 802.3ad.
pub(crate) fn read_port(slave_data: &[u8], record: &mut LagPortStats) -> Option<u16> {
    let state = &mut record.dot3ad_agg_port_state;
    let mut aggregator = None;
    for (kind, value) in attributes(slave_data) {
        match kind {
            IFLA_BOND_SLAVE_AD_AGGREGATOR_ID => aggregator = as_u16(value),
            IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE => {
                state.actor_oper = as_u8(value).unwrap_or(0);
            }
            IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE => {
                // An 8-bit state that the kernel sends as u16 (bond_fill_slave_info).
                state.partner_oper = as_u16(value).map_or(0, |bits| (bits & 0xFF) as u8);
            }
            _ => {}
        }
    }
    aggregator
}

/// Reads the system ids of a port in `aggregator` from the message of its bond. The kernel reports
/// the partner of the active aggregator only; for ports of other aggregators it stays unknown.
pub(crate) fn read_systems(bond: &LinkMessage<'_>, aggregator: u16, record: &mut LagPortStats) {
    let configured = find(bond.kind_data, IFLA_BOND_AD_ACTOR_SYSTEM)
        .and_then(as_mac)
        .filter(|mac| *mac != [0; 6]);
    // Without ad_actor_system the bond uses its own MAC address (drivers/net/bonding/bond_3ad.c,
    // bond_3ad_initialize).
    record.dot3ad_agg_port_actor_system_id = configured.or(bond.mac).unwrap_or_default();
    let active = find(bond.kind_data, IFLA_BOND_AD_INFO).unwrap_or_default();
    if find(active, IFLA_BOND_AD_INFO_AGGREGATOR).and_then(as_u16) == Some(aggregator) {
        record.dot3ad_agg_port_partner_oper_system_id =
            find(active, IFLA_BOND_AD_INFO_PARTNER_MAC).and_then(as_mac).unwrap_or_default();
    }
}

/// Reads the LACPDU and marker counters from the body of an `RTM_NEWSTATS` message.
pub(crate) fn read_lacp_counters(body: &[u8], record: &mut LagPortStats) {
    let attribute = |bytes, kind| find(bytes, kind).unwrap_or_default();
    let stats = attribute(body.get(12..).unwrap_or_default(), IFLA_STATS_LINK_XSTATS_SLAVE);
    let lacp = attribute(attribute(stats, LINK_XSTATS_TYPE_BOND), BOND_XSTATS_3AD);
    for (kind, value) in attributes(lacp) {
        let field = match kind {
            0 => &mut record.dot3ad_agg_port_stats_lacpdus_rx,
            1 => &mut record.dot3ad_agg_port_stats_lacpdus_tx,
            2 => &mut record.dot3ad_agg_port_stats_unknown_rx,
            3 => &mut record.dot3ad_agg_port_stats_illegal_rx,
            4 => &mut record.dot3ad_agg_port_stats_marker_pdus_rx,
            5 => &mut record.dot3ad_agg_port_stats_marker_pdus_tx,
            6 => &mut record.dot3ad_agg_port_stats_marker_response_pdus_rx,
            7 => &mut record.dot3ad_agg_port_stats_marker_response_pdus_tx,
            _ => continue,
        };
        // The value that means unknown in sFlow.
        *field = as_counter32(value).unwrap_or(u32::MAX);
    }
}

/// `filter_mask` of `struct if_stats_msg`: the statistics that the master keeps of a port.
pub(crate) const AGGREGATE_STATS_FILTER: u32 = 1 << (IFLA_STATS_LINK_XSTATS_SLAVE - 1);

// linux/if_link.h
const IFLA_BOND_AD_INFO: u16 = 23;
const IFLA_BOND_AD_ACTOR_SYSTEM: u16 = 26;
const IFLA_BOND_AD_INFO_AGGREGATOR: u16 = 1;
const IFLA_BOND_AD_INFO_PARTNER_MAC: u16 = 5;
const IFLA_BOND_SLAVE_AD_AGGREGATOR_ID: u16 = 6;
const IFLA_BOND_SLAVE_AD_ACTOR_OPER_PORT_STATE: u16 = 7;
const IFLA_BOND_SLAVE_AD_PARTNER_OPER_PORT_STATE: u16 = 8;
const IFLA_STATS_LINK_XSTATS_SLAVE: u16 = 3;
const LINK_XSTATS_TYPE_BOND: u16 = 2;
/// linux/if_bonding.h; the counters within are numbered `BOND_3AD_STAT_*`.
const BOND_XSTATS_3AD: u16 = 1;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::netlink::push_attribute;
    use proptest::prelude::*;

    /// Attributes in the layout of the kernel, for a port in mode 802.3ad.
    #[test]
    #[cfg(target_endian = "little")]
    fn port_states_and_aggregator() {
        let slave_data = [
            5, 0, 1, 0, 0, 0, 0, 0, // IFLA_BOND_SLAVE_STATE: active
            6, 0, 6, 0, 2, 0, 0, 0, // aggregator 2
            5, 0, 7, 0, 0x3d, 0, 0, 0, // actor
            6, 0, 8, 0, 0x3f, 0, 0, 0, // partner
        ];
        let mut record = LagPortStats::UNKNOWN;
        assert_eq!(read_port(&slave_data, &mut record), Some(2));
        let state = record.dot3ad_agg_port_state;
        assert_eq!((state.actor_admin, state.actor_oper), (0, 0x3d));
        assert_eq!((state.partner_admin, state.partner_oper), (0, 0x3f));
        assert_eq!(read_port(&slave_data[..8], &mut record), None, "no LACP");
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn systems_of_the_active_aggregator() {
        let kind_data = [
            28, 0, 23, 0x80, // IFLA_BOND_AD_INFO
            6, 0, 1, 0, 2, 0, 0, 0, // aggregator 2
            10, 0, 5, 0, 0x0c, 1, 2, 3, 4, 5, 0, 0, // partner
            0, 0, 0, 0,
        ];
        let bond =
            LinkMessage { mac: Some([2; 6]), kind_data: &kind_data, ..LinkMessage::default() };
        let mut record = LagPortStats::UNKNOWN;
        read_systems(&bond, 2, &mut record);
        assert_eq!(record.dot3ad_agg_port_actor_system_id, [2; 6]);
        assert_eq!(record.dot3ad_agg_port_partner_oper_system_id, [0x0c, 1, 2, 3, 4, 5]);
        let mut other = LagPortStats::UNKNOWN;
        read_systems(&bond, 3, &mut other);
        assert_eq!(other.dot3ad_agg_port_partner_oper_system_id, [0; 6]);

        let configured = [10, 0, 26, 0, 4, 4, 4, 4, 4, 4, 0, 0];
        read_systems(&LinkMessage { kind_data: &configured, ..bond }, 2, &mut record);
        assert_eq!(record.dot3ad_agg_port_actor_system_id, [4; 6]);
    }

    #[test]
    fn lacp_counters_have_their_fields() {
        let mut lacp = Vec::new();
        for number in 0..9 {
            push_attribute(&mut lacp, number, &(100 + u64::from(number)).to_ne_bytes());
        }
        let (mut bond, mut stats, mut body) = (Vec::new(), Vec::new(), vec![0; 12]);
        push_attribute(&mut bond, BOND_XSTATS_3AD, &lacp);
        push_attribute(&mut stats, LINK_XSTATS_TYPE_BOND, &bond);
        push_attribute(&mut body, IFLA_STATS_LINK_XSTATS_SLAVE, &stats);
        let mut record = LagPortStats::UNKNOWN;
        read_lacp_counters(&body, &mut record);
        let expected = LagPortStats {
            dot3ad_agg_port_stats_lacpdus_rx: 100,
            dot3ad_agg_port_stats_marker_pdus_rx: 104,
            dot3ad_agg_port_stats_marker_response_pdus_rx: 106,
            dot3ad_agg_port_stats_unknown_rx: 102,
            dot3ad_agg_port_stats_illegal_rx: 103,
            dot3ad_agg_port_stats_lacpdus_tx: 101,
            dot3ad_agg_port_stats_marker_pdus_tx: 105,
            dot3ad_agg_port_stats_marker_response_pdus_tx: 107,
            ..LagPortStats::UNKNOWN
        };
        assert_eq!(record, expected);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_do_not_panic(bytes: Vec<u8>) {
            let mut record = LagPortStats::UNKNOWN;
            read_port(&bytes, &mut record);
            let bond = LinkMessage { kind_data: &bytes, ..LinkMessage::default() };
            read_systems(&bond, 1, &mut record);
            read_lacp_counters(&bytes, &mut record);
        }
    }
}
