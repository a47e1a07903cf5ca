//! What a port counts, and how that is told: if_counters and ethernet_counters.

use flowmote_core::DropReason;
use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};

use crate::frame::{BROADCAST, is_multicast};
use crate::port::Port;

/// Totals of a port. Octets include the FCS (RFC 3635, 3.2.6), which the virtual wire does not
/// carry: 4 for each frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Octets of all frames that came in.
    pub in_octets: u64,
    /// Good frames that came in and were not discarded.
    pub received: Packets,
    /// Good frames that came in and were discarded.
    pub in_discards: u32,
    /// Frames that came in too short, too long, or cut within their tag.
    pub in_errors: u32,
    /// The part of `in_errors` that was too long.
    pub too_long: u32,
    /// Octets of all frames sent.
    pub out_octets: u64,
    /// Frames sent.
    pub sent: Packets,
    /// Frames not sent because the ring was full.
    pub out_discards: u32,
    /// Frames not sent because the device refused them.
    pub out_errors: u32,
    /// Packets that came in, were chosen and put into the queue of samples.
    pub sampled: u64,
}

/// Frames for the switch itself, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuCounters {
    /// Put into the queue of the processor.
    pub received: u32,
    /// Lost because it was full.
    pub discarded: u32,
}

/// Packets by the kind of their destination, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// To one station.
    pub unicast: u32,
    /// To a group.
    pub multicast: u32,
    /// To all.
    pub broadcast: u32,
}

impl PortCounters {
    /// A frame of so many bytes, without FCS, came in.
    pub(crate) fn arrived(&mut self, length: usize) {
        self.in_octets = self.in_octets.wrapping_add(octets(length));
    }

    /// It was not forwarded.
    pub(crate) fn refused(&mut self, reason: DropReason) {
        match reason {
            DropReason::PKT_TOO_SMALL | DropReason::VLAN_PARSING => increment(&mut self.in_errors),
            DropReason::PKT_TOO_BIG => {
                increment(&mut self.in_errors);
                increment(&mut self.too_long);
            }
            _ => increment(&mut self.in_discards),
        }
    }

    /// A frame of so many bytes was sent.
    pub(crate) fn sent(&mut self, destination: [u8; 6], length: usize) {
        self.out_octets = self.out_octets.wrapping_add(octets(length));
        self.sent.count(destination);
    }

    /// The records of a poll. Of the wire itself a virtio port knows nothing, but nothing can
    /// collide on it.
    pub(crate) fn records(&self, port: Port) -> (IfCounters, EthernetCounters) {
        let interface = IfCounters {
            if_index: port.if_index(),
            if_type: IfType::ETHERNET_CSMACD,
            if_direction: IfDirection::FULL_DUPLEX,
            if_status: IfCounters::ADMIN_UP | IfCounters::OPER_UP,
            if_in_octets: self.in_octets,
            if_in_ucast_pkts: self.received.unicast,
            if_in_multicast_pkts: self.received.multicast,
            if_in_broadcast_pkts: self.received.broadcast,
            if_in_discards: self.in_discards,
            if_in_errors: self.in_errors,
            if_out_octets: self.out_octets,
            if_out_ucast_pkts: self.sent.unicast,
            if_out_multicast_pkts: self.sent.multicast,
            if_out_broadcast_pkts: self.sent.broadcast,
            if_out_discards: self.out_discards,
            if_out_errors: self.out_errors,
            if_promiscuous_mode: 1,
            ..IfCounters::UNKNOWN
        };
        let ethernet = EthernetCounters {
            dot3_stats_single_collision_frames: 0,
            dot3_stats_multiple_collision_frames: 0,
            dot3_stats_late_collisions: 0,
            dot3_stats_excessive_collisions: 0,
            dot3_stats_internal_mac_transmit_errors: self.out_errors,
            dot3_stats_frame_too_longs: self.too_long,
            ..EthernetCounters::UNKNOWN
        };
        (interface, ethernet)
    }
}

impl Packets {
    pub(crate) fn count(&mut self, destination: [u8; 6]) {
        increment(match destination {
            BROADCAST => &mut self.broadcast,
            group if is_multicast(group) => &mut self.multicast,
            _ => &mut self.unicast,
        });
    }

    /// All of them.
    #[must_use]
    pub fn total(&self) -> u32 {
        self.unicast.wrapping_add(self.multicast).wrapping_add(self.broadcast)
    }
}

pub(crate) fn increment(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

fn octets(length: usize) -> u64 {
    (length as u64).wrapping_add(u64::from(FCS))
}

/// Bytes of the frame check sequence.
pub(crate) const FCS: u32 = 4;
