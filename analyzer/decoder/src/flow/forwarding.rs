//! Forwarding by switch and router: VLANs, routes, MPLS, NAT, users.

use super::user::User;
use crate::structure::structures;
use crate::value::{Address, MplsLabel, Text};
use crate::xdr::List;

structures! { Flow:
    /// Flow record 0:1001, 16 bytes (source: sFlow version 5 with errata).
    ///
    /// Must accompany `extended_vlantunnel` (0:1012).
    ExtendedSwitch = 0:1001 as "extended_switch" {
        /// 802.1Q VLAN id in; untagged port: its assigned VLAN; 0xFFFFFFFF unknown (errata).
        Identity src_vlan: u32,
        /// 802.1p in; 0xFFFFFFFF unknown.
        Identity src_priority: u32,
        /// VLAN id out (as if the egress port were tagged); 0xFFFFFFFF unknown.
        Identity dst_vlan: u32,
        /// 802.1p out; 0xFFFFFFFF unknown.
        Identity dst_priority: u32,
    }

    /// Flow record 0:1002, at least 12 bytes (source: sFlow version 5 with errata).
    ///
    /// 16 bytes with IPv4 next hop, 28 with IPv6, 12 with unknown.
    ExtendedRouter = 0:1002 as "extended_router" {
        /// Next-hop router (errata: the immediate one).
        Identity nexthop: Address,
        /// Source prefix length, bits.
        Identity src_mask_len: u32,
        /// Destination prefix length, bits.
        Identity dst_mask_len: u32,
    }

    /// One `segment` of `extended_gateway`.
    AsPathSegment<'a> as "segment" {
        /// 1 AS_SET (unordered), 2 AS_SEQUENCE (ordered); 3/4 (BGP confederation) are seen from
        /// real agents but undefined by sFlow.
        Enumeration segment_type "type": u32,
        /// 32-bit AS numbers.
        Identity as_numbers: List<'a, u32>,
    }

    /// Flow record 0:1003, at least 28 bytes (source: sFlow version 5).
    ///
    /// First AS of first segment = peer AS to destination; last AS of last segment = origin AS of
    /// destination. Empty path (0 segments) = own AS / unknown.
    ExtendedGateway<'a> = 0:1003 as "extended_gateway" {
        /// BGP next hop: border router for the destination network. Versions 2 and 4 lack it.
        Identity nexthop: Address [5..],
        /// AS of the router.
        Identity asn "as": u32,
        /// Origin AS of the source.
        Identity src_as: u32,
        /// Neighbour AS toward the source.
        Identity src_peer_as: u32,
        /// Version 2: the AS numbers of the path, without segments.
        Identity dst_as_sequence: List<'a, u32> [2],
        /// Count of segments, then each: type, AS count, AS numbers.
        Identity dst_as_path: List<'a, AsPathSegment<'a>> [4..],
        /// BGP communities, 32-bit.
        Identity communities: List<'a, u32> [4..],
        /// LocalPref.
        Identity localpref: u32 [4..],
    }

    /// Flow record 0:1004, at least 16 bytes (source: sFlow version 5).
    ExtendedUser<'a> = 0:1004 as "extended_user" {
        /// User at the source: `src_charset` and `src_user`.
        Identity src "src_user": User<'a>,
        /// User at the destination: `dst_charset` and `dst_user`.
        Identity dst "dst_user": User<'a>,
    }

    /// Flow record 0:1005, at least 12 bytes (source: sFlow version 5, deprecated).
    ExtendedUrl<'a> = 0:1005 as "extended_url" {
        /// 1 source address is the server, 2 destination address is the server.
        Enumeration direction: u32,
        /// HTTP request line.
        Identity url: Text<'a>,
        /// Host header. Versions 2 and 4 lack it.
        Identity host: Text<'a> [5..],
    }

    /// Flow record 0:1006, at least 12 bytes (source: sFlow version 5).
    ExtendedMpls<'a> = 0:1006 as "extended_mpls" {
        /// Next hop.
        Identity nexthop: Address,
        /// Label stack received, top first; each RFC 3032 word label:20 exp:3 S:1 TTL:8; may be
        /// empty, or just the innermost label.
        Identity in_stack: List<'a, MplsLabel>,
        /// Label stack sent.
        Identity out_stack: List<'a, MplsLabel>,
    }

    /// Flow record 0:1007, at least 8 bytes (source: sFlow version 5).
    ExtendedNat = 0:1007 as "extended_nat" {
        /// Translated source; equal to the header one if not translated.
        Identity src_address: Address,
        /// Translated destination.
        Identity dst_address: Address,
    }

    /// Flow record 0:1008, at least 12 bytes (source: sFlow version 5).
    ExtendedMplsTunnel<'a> = 0:1008 as "extended_mpls_tunnel" {
        /// Tunnel name.
        Identity tunnel_lsp_name: Text<'a>,
        /// Tunnel id.
        Identity tunnel_id: u32,
        /// Tunnel COS.
        Identity tunnel_cos: u32,
    }

    /// Flow record 0:1009, at least 12 bytes (source: sFlow version 5).
    ExtendedMplsVc<'a> = 0:1009 as "extended_mpls_vc" {
        /// VC instance name.
        Identity vc_instance_name: Text<'a>,
        /// VLL/VC id.
        Identity vll_vc_id: u32,
        /// VC label COS.
        Identity vc_label_cos: u32,
    }

    /// Flow record 0:1010, at least 8 bytes (source: sFlow version 5).
    ExtendedMplsFtn<'a> = 0:1010 as "extended_mpls_FTN" {
        /// MPLS-FTN-STD-MIB.
        Identity mpls_ftn_descr "mplsFTNDescr": Text<'a>,
        /// MPLS-FTN-STD-MIB.
        Identity mpls_ftn_mask "mplsFTNMask": u32,
    }

    /// Flow record 0:1011, 4 bytes (source: sFlow version 5).
    ExtendedMplsLdpFec = 0:1011 as "extended_mpls_LDP_FEC" {
        /// MPLS-LDP-STD-MIB; bits.
        Identity mpls_fec_addr_prefix_length "mplsFecAddrPrefixLength": u32,
    }

    /// Flow record 0:1012, at least 4 bytes (source: sFlow version 5).
    ///
    /// Only when nested tags existed, the device is VLAN aware, and one or more tags were stripped.
    ExtendedVlantunnel<'a> = 0:1012 as "extended_vlantunnel" {
        /// Stripped outer tags, outermost first; each word `TPID << 16 | TCI`.
        Identity stack: List<'a, u32>,
    }

    /// Flow record 0:1018, 16 bytes (source: proposal on the sFlow list, RFC 4625).
    ExtendedFc = 0:1018 as "extended_fc" {
        /// FC source mask bits.
        Identity src_mask_len: u32,
        /// FC destination mask bits.
        Identity dst_mask_len: u32,
        /// 24-bit FC address, top byte 0.
        Identity next_hop: u32,
        /// Bit31 t11FcRouteType, bits30-24 t11FcRouteProto, bits23-0 t11FcRouteMetric.
        Identity metric: u32,
    }

    /// Flow record 0:1020, 8 bytes (source: sFlow port NAT structures).
    ExtendedNatPort = 0:1020 as "extended_nat_port" {
        /// Translated L4 source port; equal to the header one if untouched.
        Identity src_port: u32,
        /// Translated L4 destination port.
        Identity dst_port: u32,
    }

    /// Flow record 0:1034, at least 4 bytes (source: proposal on the sFlow list).
    ExtendedVlanin<'a> = 0:1034 as "extended_vlanin" {
        /// Ingress tags, outermost first, `TPID << 16 | TCI`.
        Identity stack: List<'a, u32>,
    }

    /// Flow record 0:1035, at least 4 bytes (source: proposal on the sFlow list).
    ExtendedVlanout<'a> = 0:1035 as "extended_vlanout" {
        /// Egress tags, outermost first.
        Identity stack: List<'a, u32>,
    }
}
