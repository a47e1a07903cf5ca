//! Tunnels that the packet enters or leaves.

use super::packet::{SampledEthernet, SampledIpv4, SampledIpv6};
use crate::structure::structures;

structures! { Flow:
    /// Flow record 0:1021, 24 bytes (source: sFlow tunnel structures).
    ExtendedL2TunnelEgress = 0:1021 as "extended_L2_tunnel_egress" {
        /// Outer Ethernet header to be added, layout of (0,2).
        Identity header: SampledEthernet,
    }

    /// Flow record 0:1022, 24 bytes (source: sFlow tunnel structures).
    ExtendedL2TunnelIngress = 0:1022 as "extended_L2_tunnel_ingress" {
        /// Outer Ethernet header removed.
        Identity header: SampledEthernet,
    }

    /// Flow record 0:1023, 32 bytes (source: sFlow tunnel structures).
    ExtendedIpv4TunnelEgress = 0:1023 as "extended_ipv4_tunnel_egress" {
        /// Outer IPv4 header to be added, layout of (0,3).
        Identity header: SampledIpv4,
    }

    /// Flow record 0:1024, 32 bytes (source: sFlow tunnel structures).
    ExtendedIpv4TunnelIngress = 0:1024 as "extended_ipv4_tunnel_ingress" {
        /// Outer IPv4 header removed.
        Identity header: SampledIpv4,
    }

    /// Flow record 0:1025, 56 bytes (source: sFlow tunnel structures).
    ExtendedIpv6TunnelEgress = 0:1025 as "extended_ipv6_tunnel_egress" {
        /// Outer IPv6 header to be added, layout of (0,4).
        Identity header: SampledIpv6,
    }

    /// Flow record 0:1026, 56 bytes (source: sFlow tunnel structures).
    ExtendedIpv6TunnelIngress = 0:1026 as "extended_ipv6_tunnel_ingress" {
        /// Outer IPv6 header removed.
        Identity header: SampledIpv6,
    }

    /// Flow record 0:1027, 4 bytes (source: sFlow tunnel structures).
    ExtendedDecapsulateEgress = 0:1027 as "extended_decapsulate_egress" {
        /// Byte offset in `header` where the inner header starts; tunnel ends here (packet sampled
        /// before decapsulation).
        Identity inner_header_offset: u32,
    }

    /// Flow record 0:1028, 4 bytes (source: sFlow tunnel structures).
    ExtendedDecapsulateIngress = 0:1028 as "extended_decapsulate_ingress" {
        /// Same, packet sampled after encapsulation: tunnel starts here.
        Identity inner_header_offset: u32,
    }

    /// Flow record 0:1029, 4 bytes (source: sFlow tunnel structures).
    ExtendedVniEgress = 0:1029 as "extended_vni_egress" {
        /// Virtual network id, egress.
        Identity vni: u32,
    }

    /// Flow record 0:1030, 4 bytes (source: sFlow tunnel structures).
    ExtendedVniIngress = 0:1030 as "extended_vni_ingress" {
        /// Virtual network id, ingress.
        Identity vni: u32,
    }
}
