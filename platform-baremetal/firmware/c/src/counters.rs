//! Counters of a port.

use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};
use flowmote_core::{CounterSample, DataSource, Instant};

use crate::codes::*;
use crate::pointers::{read, write};
use crate::state::{self, MainLoop, flowmote};

/// A counter that the device does not have; of 64 bits, all ones too.
pub const FLOWMOTE_UNKNOWN: u32 = u32::MAX;

/// if_counters, 0:1. Counters that the device does not have are FLOWMOTE_UNKNOWN, other fields 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_if_counters {
    /// ifIndex of the port.
    pub if_index: u32,
    /// ifType of the IANA; 6: Ethernet.
    pub if_type: u32,
    /// Bits per second.
    pub if_speed: u64,
    /// 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
    pub if_direction: u32,
    /// Bit 0: meant to be up, bit 1: up.
    pub if_status: u32,
    /// Bytes received, framing included.
    pub if_in_octets: u64,
    /// Packets received that were neither multicast nor broadcast.
    pub if_in_ucast_pkts: u32,
    /// Multicast packets received.
    pub if_in_multicast_pkts: u32,
    /// Broadcast packets received.
    pub if_in_broadcast_pkts: u32,
    /// Good packets received and discarded all the same, for instance for lack of buffers.
    pub if_in_discards: u32,
    /// Packets received with errors.
    pub if_in_errors: u32,
    /// Packets received and discarded because nobody knew their protocol.
    pub if_in_unknown_protos: u32,
    /// Bytes sent, framing included.
    pub if_out_octets: u64,
    /// Packets sent that were neither multicast nor broadcast.
    pub if_out_ucast_pkts: u32,
    /// Multicast packets sent.
    pub if_out_multicast_pkts: u32,
    /// Broadcast packets sent.
    pub if_out_broadcast_pkts: u32,
    /// Packets to be sent that were discarded though nothing was wrong with them.
    pub if_out_discards: u32,
    /// Packets that errors kept from being sent.
    pub if_out_errors: u32,
    /// 1: promiscuous, 0: not.
    pub if_promiscuous_mode: u32,
}

/// ethernet_counters, 0:2, in frames. What the device does not count is FLOWMOTE_UNKNOWN.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_ethernet_counters {
    /// Received with a bad FCS and a length that is no whole number of octets.
    pub dot3_stats_alignment_errors: u32,
    /// Received with a bad FCS.
    pub dot3_stats_fcs_errors: u32,
    /// Sent after exactly one collision.
    pub dot3_stats_single_collision_frames: u32,
    /// Sent after more than one collision.
    pub dot3_stats_multiple_collision_frames: u32,
    /// SQE test errors.
    pub dot3_stats_sqe_test_errors: u32,
    /// Sent late because the medium was busy.
    pub dot3_stats_deferred_transmissions: u32,
    /// Collisions later than one slot time into the frame.
    pub dot3_stats_late_collisions: u32,
    /// Not sent because of too many collisions.
    pub dot3_stats_excessive_collisions: u32,
    /// Not sent because of an error within the MAC.
    pub dot3_stats_internal_mac_transmit_errors: u32,
    /// Times that the carrier was lost or missing while sending.
    pub dot3_stats_carrier_sense_errors: u32,
    /// Received and longer than permitted.
    pub dot3_stats_frame_too_longs: u32,
    /// Not received because of an error within the MAC.
    pub dot3_stats_internal_mac_receive_errors: u32,
    /// Received with an invalid symbol.
    pub dot3_stats_symbol_errors: u32,
}

/// Stores counters of which nothing is known: begin with them. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_if_counters_init(counters: *mut flowmote_if_counters) -> i32 {
    // SAFETY: as the caller says.
    code(unsafe { write(counters, IfCounters::UNKNOWN.into()) }.map(|()| FLOWMOTE_OK))
}

/// Stores counters of which nothing is known: begin with them. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_ethernet_counters_init(
    counters: *mut flowmote_ethernet_counters,
) -> i32 {
    // SAFETY: as the caller says.
    code(unsafe { write(counters, EthernetCounters::UNKNOWN.into()) }.map(|()| FLOWMOTE_OK))
}

/// Takes the counters of the port with that `if_index`, usually the one that flowmote_poll_counters
/// has named. `ethernet` may be null. Totals only grow; a register that wraps or is cleared by
/// reading is added up by the firmware. FLOWMOTE_E_PORT, FLOWMOTE_E_FULL, FLOWMOTE_E_TOO_LARGE.
/// Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_counters(
    state: *mut flowmote,
    now_ms: u64,
    if_index: u32,
    generic: *const flowmote_if_counters,
    ethernet: *const flowmote_ethernet_counters,
) -> i32 {
    let take = || {
        // SAFETY: as the caller says.
        let generic: IfCounters = unsafe { read(generic) }?.into();
        // SAFETY: as the caller says.
        let ethernet = if ethernet.is_null() { None } else { Some(unsafe { read(ethernet) }?) };
        // SAFETY: as the caller says.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let (now, source) = (Instant::from_millis(now_ms), DataSource::interface(if_index));
        let fit = match ethernet.map(EthernetCounters::from) {
            Some(ethernet) => {
                let records = &[&generic as _, &ethernet as _];
                agent.handle_counters(now, source, &CounterSample { records })
            }
            None => agent.handle_counters(now, source, &CounterSample { records: &[&generic] }),
        };
        handled(fit)
    };
    code(take())
}

/// The structure of C and that of `core`, field by field in both directions. The layout of C is the
/// interface, so neither can be the other; `by_code` are fields that `core` has a type for.
macro_rules! mirror {
    ($c:ident, $core:ident, [$($field:ident),*], by_code [$($coded:ident: $type:ident),*]) => {
        impl From<$c> for $core {
            fn from(counters: $c) -> Self {
                Self {
                    $($field: counters.$field,)*
                    $($coded: $type::new(counters.$coded),)*
                }
            }
        }

        impl From<$core> for $c {
            fn from(counters: $core) -> Self {
                Self {
                    $($field: counters.$field,)*
                    $($coded: counters.$coded.code(),)*
                }
            }
        }
    };
}

mirror!(
    flowmote_if_counters,
    IfCounters,
    [
        if_index,
        if_speed,
        if_status,
        if_in_octets,
        if_in_ucast_pkts,
        if_in_multicast_pkts,
        if_in_broadcast_pkts,
        if_in_discards,
        if_in_errors,
        if_in_unknown_protos,
        if_out_octets,
        if_out_ucast_pkts,
        if_out_multicast_pkts,
        if_out_broadcast_pkts,
        if_out_discards,
        if_out_errors,
        if_promiscuous_mode
    ],
    by_code [if_type: IfType, if_direction: IfDirection]
);

mirror!(
    flowmote_ethernet_counters,
    EthernetCounters,
    [
        dot3_stats_alignment_errors,
        dot3_stats_fcs_errors,
        dot3_stats_single_collision_frames,
        dot3_stats_multiple_collision_frames,
        dot3_stats_sqe_test_errors,
        dot3_stats_deferred_transmissions,
        dot3_stats_late_collisions,
        dot3_stats_excessive_collisions,
        dot3_stats_internal_mac_transmit_errors,
        dot3_stats_carrier_sense_errors,
        dot3_stats_frame_too_longs,
        dot3_stats_internal_mac_receive_errors,
        dot3_stats_symbol_errors
    ],
    by_code []
);
