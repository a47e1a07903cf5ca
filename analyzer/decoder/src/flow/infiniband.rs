//! InfiniBand headers.

use core::net::Ipv6Addr;

use crate::structure::structures;

structures! { Flow:
    /// Flow record 0:1031, 40 bytes (source: sFlow InfiniBand structures, draft 2).
    ///
    /// Local Routing Header fields, in then out. Spec tags it ib_lrh_data instead of flow_data
    /// (typo).
    ExtendedIbLrh = 0:1031 as "extended_ib_lrh" {
        I src_vl: u32,
        I src_sl: u32,
        I src_dlid: u32,
        I src_slid: u32,
        I src_lnh: u32,
        I dst_vl: u32,
        I dst_sl: u32,
        I dst_dlid: u32,
        I dst_slid: u32,
        I dst_lnh: u32,
    }

    /// Flow record 0:1032, 48 bytes (source: sFlow InfiniBand structures, draft 2).
    ExtendedIbGrh = 0:1032 as "extended_ib_grh" {
        I flow_label: u32,
        /// Traffic class.
        I tc: u32,
        /// Source GID.
        I s_gid: Ipv6Addr,
        /// Destination GID.
        I d_gid: Ipv6Addr,
        I next_header: u32,
        /// Payload length.
        I length: u32,
    }

    /// Flow record 0:1033, 12 bytes (source: sFlow InfiniBand structures, draft 2).
    ExtendedIbBth = 0:1033 as "extended_ib_bth" {
        /// Partition key.
        I pkey: u32,
        /// Destination queue pair.
        I dst_qp: u32,
        /// IBA packet type.
        E opcode: u32,
    }
}
