//! Counters of a port.

use flowmote_core::record::counter::{EthernetCounters, IfCounters, IfDirection, IfType};
use flowmote_core::{CounterSample, DataSource, Instant};

use crate::codes::*;
use crate::pointers::{read, write};
use crate::state::{self, MainLoop, flowmote};

/// Value of a counter that the device does not have; 64-bit counters are all ones as well.
pub const FLOWMOTE_UNKNOWN: u32 = u32::MAX;

/// Generic interface counters, `if_counters` (0:1). Unknown counters are FLOWMOTE_UNKNOWN, other
/// unknown fields 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_if_counters {
    /// ifIndex of the port.
    pub if_index: u32,
    /// IANA ifType; 6: Ethernet.
    pub if_type: u32,
    /// Bits per second.
    pub if_speed: u64,
    /// 0 unknown, 1 full duplex, 2 half duplex, 3 in, 4 out.
    pub if_direction: u32,
    /// Bit 0: administratively up, bit 1: operationally up.
    pub if_status: u32,
    /// Bytes received, framing included.
    pub if_in_octets: u64,
    /// Packets received that were neither multicast nor broadcast.
    pub if_in_ucast_pkts: u32,
    /// Multicast packets received.
    pub if_in_multicast_pkts: u32,
    /// Broadcast packets received.
    pub if_in_broadcast_pkts: u32,
    /// Good packets received but discarded, for instance for lack of buffers.
    pub if_in_discards: u32,
    /// Packets received with errors.
    pub if_in_errors: u32,
    /// Packets received and discarded because of an unknown protocol.
    pub if_in_unknown_protos: u32,
    /// Bytes sent, framing included.
    pub if_out_octets: u64,
    /// Packets sent that were neither multicast nor broadcast.
    pub if_out_ucast_pkts: u32,
    /// Multicast packets sent.
    pub if_out_multicast_pkts: u32,
    /// Broadcast packets sent.
    pub if_out_broadcast_pkts: u32,
    /// Good packets to be sent but discarded, for instance for lack of buffers.
    pub if_out_discards: u32,
    /// Packets not sent because of errors.
    pub if_out_errors: u32,
    /// 1: promiscuous, 0: not.
    pub if_promiscuous_mode: u32,
}

/// Ethernet counters, `ethernet_counters` (0:2), in frames. Unknown counters are FLOWMOTE_UNKNOWN.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_ethernet_counters {
    /// Received with a bad FCS and a length that is not a whole number of octets.
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

/// Sets every counter to unknown: the start value of a structure. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_if_counters_init(counters: *mut flowmote_if_counters) -> i32 {
    // SAFETY: null and misaligned are refused; else it is memory for the structure.
    code(unsafe { write(counters, IfCounters::UNKNOWN.into()) }.map(|()| FLOWMOTE_OK))
}

/// Sets every counter to unknown: the start value of a structure. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_ethernet_counters_init(
    counters: *mut flowmote_ethernet_counters,
) -> i32 {
    // SAFETY: null and misaligned are refused; else it is memory for the structure.
    code(unsafe { write(counters, EthernetCounters::UNKNOWN.into()) }.map(|()| FLOWMOTE_OK))
}

/// Encodes the counters of the port with this `if_index`, usually the one that
/// flowmote_poll_counters returned. `ethernet` may be null. Values are totals that only grow: the
/// firmware accumulates registers that wrap or are cleared by reading. FLOWMOTE_E_PORT,
/// FLOWMOTE_E_FULL, FLOWMOTE_E_TOO_LARGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_counters(
    state: *mut flowmote,
    now_ms: u64,
    if_index: u32,
    generic: *const flowmote_if_counters,
    ethernet: *const flowmote_ethernet_counters,
) -> i32 {
    let take = || {
        // SAFETY: `read` refuses a null or misaligned `generic`; else it is a valid structure.
        let generic: IfCounters = unsafe { read(generic) }?.into();
        // SAFETY: `read` refuses a null or misaligned `ethernet`; else it is a valid structure.
        let ethernet = if ethernet.is_null() { None } else { Some(unsafe { read(ethernet) }?) };
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
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

/// Converts between the structure of C and that of `core`, field by field in both directions. They
/// stay two types because the layout of C is part of the interface. `by_code` lists the fields that
/// have a type of their own in `core`.
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
