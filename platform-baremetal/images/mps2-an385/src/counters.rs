//! What the Ethernet controller counted, as the records of a counter sample.

use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};
use flowmote_core::{CounterRecord, CounterSource, DataSource};

use crate::ethernet::Ethernet;
use crate::lan9118::{Link, Statistics};

/// Reads the counters of the only port.
#[derive(Clone, Copy, Debug)]
pub struct MacCounters<'a>(pub &'a Ethernet);

impl CounterSource for MacCounters<'_> {
    fn counters(&mut self, source: DataSource, take: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let (statistics, link, promiscuous) =
            self.0.with(|chip| (chip.statistics(), chip.link().ok(), chip.is_promiscuous()));
        let generic = if_counters(&statistics, link, source.index(), promiscuous);
        take(&[&generic, &ethernet_counters(&statistics)]);
    }
}

fn if_counters(
    statistics: &Statistics,
    link: Option<Link>,
    if_index: u32,
    promiscuous: bool,
) -> IfCounters {
    let Statistics { rx, tx, .. } = *statistics;
    let up = link.is_some_and(|link| link.up);
    IfCounters {
        if_index,
        if_type: IfType::ETHERNET_CSMACD,
        if_speed: link.map_or(0, |link| u64::from(link.megabits) * 1_000_000),
        if_direction: match link {
            None => IfDirection::UNKNOWN,
            Some(link) if link.full_duplex => IfDirection::FULL_DUPLEX,
            Some(_) => IfDirection::HALF_DUPLEX,
        },
        if_status: IfCounters::ADMIN_UP | if up { IfCounters::OPER_UP } else { 0 },
        if_in_octets: rx.octets,
        if_in_ucast_pkts: rx.unicast,
        if_in_multicast_pkts: rx.multicast,
        if_in_broadcast_pkts: rx.broadcast,
        if_in_discards: statistics.rx_dropped,
        if_in_errors: statistics.rx_errors,
        if_out_octets: tx.octets,
        if_out_ucast_pkts: tx.unicast,
        if_out_multicast_pkts: tx.multicast,
        if_out_broadcast_pkts: tx.broadcast,
        if_out_discards: statistics.tx_dropped,
        if_out_errors: statistics.tx_errors,
        if_promiscuous_mode: u32::from(promiscuous),
        ..IfCounters::UNKNOWN
    }
}

/// The chip tells no SQE test errors, and no errors within itself.
fn ethernet_counters(statistics: &Statistics) -> EthernetCounters {
    EthernetCounters {
        dot3_stats_alignment_errors: statistics.rx_alignment_errors,
        dot3_stats_fcs_errors: statistics.rx_fcs_errors,
        dot3_stats_single_collision_frames: statistics.tx_single_collision,
        dot3_stats_multiple_collision_frames: statistics.tx_multiple_collisions,
        dot3_stats_deferred_transmissions: statistics.tx_deferred,
        dot3_stats_late_collisions: statistics.tx_late_collisions,
        dot3_stats_excessive_collisions: statistics.tx_excessive_collisions,
        dot3_stats_carrier_sense_errors: statistics.tx_carrier_errors,
        dot3_stats_frame_too_longs: statistics.rx_too_long,
        dot3_stats_symbol_errors: statistics.rx_symbol_errors,
        ..EthernetCounters::UNKNOWN
    }
}
