//! Counters of the controller.

use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfType};

use super::FCS;

/// Frames and octets (including the FCS) since the start, and the state of the port, as the records
/// of sFlow.
#[derive(Clone, Copy, Debug)]
pub struct Statistics {
    /// Generic counters; the caller sets `if_index`.
    pub generic: IfCounters,
    /// Ethernet counters.
    pub ethernet: EthernetCounters,
}

impl Statistics {
    /// All zeros, so that a `static` is in .bss and takes no flash.
    pub(super) const ZERO: Self = Self {
        generic: IfCounters {
            if_in_octets: 0,
            if_in_ucast_pkts: 0,
            if_in_multicast_pkts: 0,
            if_in_broadcast_pkts: 0,
            if_in_discards: 0,
            if_in_errors: 0,
            if_in_unknown_protos: 0,
            if_out_octets: 0,
            if_out_ucast_pkts: 0,
            if_out_multicast_pkts: 0,
            if_out_broadcast_pkts: 0,
            if_out_discards: 0,
            if_out_errors: 0,
            ..IfCounters::UNKNOWN
        },
        ethernet: EthernetCounters {
            dot3_stats_alignment_errors: 0,
            dot3_stats_fcs_errors: 0,
            dot3_stats_single_collision_frames: 0,
            dot3_stats_multiple_collision_frames: 0,
            dot3_stats_sqe_test_errors: 0,
            dot3_stats_deferred_transmissions: 0,
            dot3_stats_late_collisions: 0,
            dot3_stats_excessive_collisions: 0,
            dot3_stats_internal_mac_transmit_errors: 0,
            dot3_stats_carrier_sense_errors: 0,
            dot3_stats_frame_too_longs: 0,
            dot3_stats_internal_mac_receive_errors: 0,
            dot3_stats_symbol_errors: 0,
        },
    };

    /// Sets the constant fields, and those that the chip does not report to unknown: unknown
    /// protocols, SQE test errors, and internal MAC errors.
    pub(super) fn start(&mut self) {
        self.generic.if_type = IfType::ETHERNET_CSMACD;
        self.generic.if_in_unknown_protos = u32::MAX;
        self.ethernet.dot3_stats_sqe_test_errors = u32::MAX;
        self.ethernet.dot3_stats_internal_mac_transmit_errors = u32::MAX;
        self.ethernet.dot3_stats_internal_mac_receive_errors = u32::MAX;
    }

    /// Counts a good received frame of this length that begins with `start`.
    pub(super) fn count_received(&mut self, start: &[u8], length: usize) {
        let generic = &mut self.generic;
        let kinds = [
            &mut generic.if_in_ucast_pkts,
            &mut generic.if_in_multicast_pkts,
            &mut generic.if_in_broadcast_pkts,
        ];
        count(start, length, &mut generic.if_in_octets, kinds);
    }

    /// Counts a frame to send of this length that begins with `start`; the chip pads it.
    pub(super) fn count_sent(&mut self, start: &[u8], length: usize) {
        let generic = &mut self.generic;
        let kinds = [
            &mut generic.if_out_ucast_pkts,
            &mut generic.if_out_multicast_pkts,
            &mut generic.if_out_broadcast_pkts,
        ];
        count(start, length.max(SHORTEST), &mut generic.if_out_octets, kinds);
    }

    /// Counts good frames that were dropped for lack of room.
    pub(super) fn count_dropped(&mut self, frames: u32) {
        self.generic.if_in_discards = self.generic.if_in_discards.wrapping_add(frames);
    }

    /// Counts a received frame that was discarded: in error, or longer than the buffer. RX status,
    /// section 3.13.3.
    pub(super) fn count_discarded(&mut self, status: u32, bad: bool, too_long: bool) {
        if !bad {
            return self.count_dropped(1);
        }
        increment(&mut self.generic.if_in_errors);
        let ethernet = &mut self.ethernet;
        increment(match status {
            _ if status & RX_CRC != 0 && status & RX_DRIBBLE != 0 => {
                &mut ethernet.dot3_stats_alignment_errors
            }
            _ if status & RX_CRC != 0 => &mut ethernet.dot3_stats_fcs_errors,
            _ if too_long => &mut ethernet.dot3_stats_frame_too_longs,
            _ if status & RX_MII != 0 => &mut ethernet.dot3_stats_symbol_errors,
            _ => return,
        });
    }

    /// Counts a frame that was not sent: no room in the FIFO, or too long.
    pub(super) fn count_not_sent(&mut self) {
        increment(&mut self.generic.if_out_discards);
    }

    /// Counts the status of a frame that the chip sent or failed to send. TX status, section
    /// 3.12.4.
    pub(super) fn count_send_status(&mut self, status: u32) {
        let Self { generic, ethernet } = self;
        let count = |bits: u32, counter: &mut u32| {
            if status & bits != 0 {
                increment(counter);
            }
        };
        count(TX_ERROR, &mut generic.if_out_errors);
        count(TX_CARRIER, &mut ethernet.dot3_stats_carrier_sense_errors);
        count(TX_LATE, &mut ethernet.dot3_stats_late_collisions);
        count(TX_EXCESSIVE, &mut ethernet.dot3_stats_excessive_collisions);
        count(TX_DEFERRED, &mut ethernet.dot3_stats_deferred_transmissions);
        match (status >> 3) & 0xf {
            0 => {}
            1 => increment(&mut ethernet.dot3_stats_single_collision_frames),
            _ => increment(&mut ethernet.dot3_stats_multiple_collision_frames),
        }
    }
}

/// Counts a frame that begins with `start` by the kind of its destination: unicast, multicast or
/// broadcast.
fn count(start: &[u8], length: usize, octets: &mut u64, kinds: [&mut u32; 3]) {
    *octets = octets.wrapping_add((length + FCS) as u64);
    let [unicast, multicast, broadcast] = kinds;
    increment(match start {
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] => broadcast,
        [first, ..] if first & 1 != 0 => multicast,
        _ => unicast,
    });
}

/// Adds one, modulo 2^32.
fn increment(counter: &mut u32) {
    *counter = counter.wrapping_add(1);
}

/// Minimum frame length without FCS.
const SHORTEST: usize = 60;

const RX_MII: u32 = 1 << 3;
const RX_DRIBBLE: u32 = 1 << 2;
const RX_CRC: u32 = 1 << 1;
const TX_ERROR: u32 = 1 << 15;
const TX_CARRIER: u32 = 1 << 11 | 1 << 10;
const TX_LATE: u32 = 1 << 9;
const TX_EXCESSIVE: u32 = 1 << 8;
const TX_DEFERRED: u32 = 1 << 0;
