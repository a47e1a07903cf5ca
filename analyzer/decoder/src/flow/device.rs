//! Path through the device: queues, access lists, delays, reasons for a discard, time.

use crate::structure::structures;
use crate::value::Text;

structures! { Flow:
    /// Flow record 0:1017, 16 bytes (source: draft of the OpenFlow structures, deprecated).
    ///
    /// Draft only; widths of the two bit arrays taken from a third-party decoder.
    ExtendedOpenflowV1 = 0:1017 as "extended_openflow_v1" {
        /// Controller cookie.
        Identity flow_cookie: u64,
        /// Wildcard bits, OpenFlow 1.0 ofp_match.
        Enumeration flow_match: u32,
        /// Bit per ofp_action_type.
        Enumeration flow_actions: u32,
    }

    /// Flow record 0:1019, 8 bytes (source: proposal on the sFlow list).
    ///
    /// If sent, `queue_length` (counter record 0:1003) must accompany `if_counters`.
    ExtendedQueueLength = 0:1019 as "extended_queue_length" {
        /// Persistent queue index within the port.
        Identity queue_index "queueIndex": u32,
        /// Segments in the queue just before the packet was enqueued.
        Gauge queue_length "queueLength": u32,
    }

    /// Flow record 0:1036, 4 bytes (source: sFlow dropped packet notification structures).
    ExtendedEgressQueue = 0:1036 as "extended_egress_queue" {
        /// Egress queue number selected; output port must be in the enclosing sample.
        Identity queue: u32,
    }

    /// Flow record 0:1037, at least 12 bytes (source: sFlow dropped packet notification
    /// structures).
    ExtendedAcl<'a> = 0:1037 as "extended_acl" {
        /// Access list number.
        Identity number: u32,
        /// Access list name.
        Identity name: Text<'a>,
        /// 0 unknown, 1 ingress, 2 egress.
        Enumeration direction: u32,
    }

    /// Flow record 0:1038, at least 4 bytes (source: sFlow dropped packet notification structures).
    ExtendedFunction<'a> = 0:1038 as "extended_function" {
        /// Software function that dropped the packet (tools cap at 64).
        Identity symbol: Text<'a>,
    }

    /// Flow record 0:1039, 4 bytes (source: sFlow transit delay structures).
    ExtendedTransit = 0:1039 as "extended_transit" {
        /// Nanoseconds in the device; 0xFFFFFFFF = that or more.
        Time delay: u32,
    }

    /// Flow record 0:1040, 4 bytes (source: sFlow transit delay structures).
    ///
    /// `extended_egress_queue` (1036) must accompany it.
    ExtendedQueue = 0:1040 as "extended_queue" {
        /// Bytes in the selected queue when the packet was enqueued; VOQ systems: sum over all VOQs
        /// feeding that output queue.
        Gauge depth: u32,
    }

    /// Flow record 0:1041, at least 8 bytes (source: headers of the reference agent).
    ExtendedHwTrap<'a> = 0:1041 as "extended_hw_trap" {
        /// Devlink trap group name (tools cap at 64).
        Identity group: Text<'a>,
        /// Devlink trap name.
        Identity trap: Text<'a>,
    }

    /// Flow record 0:1042, at least 4 bytes (source: headers of the reference agent).
    ExtendedLinuxDropReason<'a> = 0:1042 as "extended_linux_drop_reason" {
        /// Kernel drop reason name, e.g. TCP_CSUM (cap 64).
        Identity reason: Text<'a>,
    }

    /// Flow record 0:1043, 8 bytes (source: headers of the reference agent and decoder).
    ///
    /// Not specified by sflow.org; the layout is that of both programs.
    ExtendedTimestamp = 0:1043 as "extended_timestamp" {
        /// Nanoseconds since 1970-01-01 UTC, best available clock.
        Time nanoseconds: u64,
    }
}
