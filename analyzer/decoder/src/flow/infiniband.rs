//! InfiniBand headers.

use core::net::Ipv6Addr;

use crate::structure::structures;

structures! { Flow:
    /// Flow record 0:1031, 40 bytes (source: sFlow InfiniBand structures, draft 2).
    ///
    /// Fields of the Local Routing Header: ingress, then egress.
    ExtendedIbLrh = 0:1031 as "extended_ib_lrh" {
        Identity src_vl: u32,
        Identity src_sl: u32,
        Identity src_dlid: u32,
        Identity src_slid: u32,
        Identity src_lnh: u32,
        Identity dst_vl: u32,
        Identity dst_sl: u32,
        Identity dst_dlid: u32,
        Identity dst_slid: u32,
        Identity dst_lnh: u32,
    }

    /// Flow record 0:1032, 48 bytes (source: sFlow InfiniBand structures, draft 2).
    ExtendedIbGrh = 0:1032 as "extended_ib_grh" {
        Identity flow_label: u32,
        /// Traffic class.
        Identity tc: u32,
        /// Source GID.
        Identity s_gid: Ipv6Addr,
        /// Destination GID.
        Identity d_gid: Ipv6Addr,
        Identity next_header: u32,
        /// Payload length.
        Identity length: u32,
    }

    /// Flow record 0:1033, 12 bytes (source: sFlow InfiniBand structures, draft 2).
    ExtendedIbBth = 0:1033 as "extended_ib_bth" {
        /// Partition key.
        Identity pkey: u32,
        /// Destination queue pair.
        Identity dst_qp: u32,
        /// IBA packet type.
        Enumeration opcode: u32,
    }
}
