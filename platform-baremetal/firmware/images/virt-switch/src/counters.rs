//! Counters of a port, and their sFlow records `if_counters` (0:1) and `ethernet_counters` (0:2).

use flowmote_core::DropReason;
use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};

use crate::frame::{BROADCAST, is_multicast};
use crate::port::Port;

/// Totals of a port. Octets include the FCS (RFC 3635, 3.2.6), which the virtual wire does not
/// carry: 4 bytes are added per frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortCounters {
    /// Octets of all received frames.
    pub in_octets: u64,
    /// Good frames received and not discarded.
    pub received: Packets,
    /// Good frames received and discarded.
    pub in_discards: u32,
    /// Frames received that were too short, too long, or truncated within their tag.
    pub in_errors: u32,
    /// Frames of `in_errors` that were too long.
    pub too_long: u32,
    /// Octets of all frames sent.
    pub out_octets: u64,
    /// Frames sent.
    pub sent: Packets,
    /// Frames not sent because the ring was full.
    pub out_discards: u32,
    /// Frames not sent because the device refused them.
    pub out_errors: u32,
    /// Packets sampled into the queue.
    pub sampled: u64,
}

/// Frames for the switch itself, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuCounters {
    /// Frames put into the queue to the processor.
    pub received: u32,
    /// Frames lost because the queue was full.
    pub discarded: u32,
}

/// Packets by kind of destination, modulo 2^32.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Packets {
    /// Unicast packets.
    pub unicast: u32,
    /// Multicast packets.
    pub multicast: u32,
    /// Broadcast packets.
    pub broadcast: u32,
}

impl PortCounters {
    /// Counts a received frame of `length` bytes without FCS.
    pub(crate) fn arrived(&mut self, length: usize) {
        self.in_octets = self.in_octets.wrapping_add(octets(length));
    }

    /// Counts a received frame that was discarded.
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

    /// Counts a sent frame of `length` bytes without FCS.
    pub(crate) fn sent(&mut self, destination: [u8; 6], length: usize) {
        self.out_octets = self.out_octets.wrapping_add(octets(length));
        self.sent.count(destination);
    }

    /// Returns the records of a counter sample. A virtio port has no physical layer, so speed and
    /// FCS errors are unknown; collisions are impossible, so those are 0.
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

    /// Returns the sum of all kinds.
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

/// Bytes of the FCS.
pub(crate) const FCS: u32 = 4;
