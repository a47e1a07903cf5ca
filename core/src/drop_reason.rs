//! The reasons of discards.

use crate::record::codes::codes;

codes! {
    /// The reason for which a packet was discarded, of a discarded packet or an output interface
    /// (section 6). The list is open-ended.
    ///
    /// The constants are the codes of the sFlow version 5 specification, of sFlow Dropped Packet
    /// Notification Structures, and of the header that Host sFlow and sflowtool share.
    DropReason {
        // sFlow version 5. 0 to 15 are the codes of ICMP destination unreachable.
        /// ICMP code 0: no route to the network.
        NET_UNREACHABLE = 0 "net_unreachable",
        /// ICMP code 1: the host cannot be reached.
        HOST_UNREACHABLE = 1 "host_unreachable",
        /// ICMP code 2: the destination host does not handle the protocol.
        PROTOCOL_UNREACHABLE = 2 "protocol_unreachable",
        /// ICMP code 3: no socket at the destination port.
        PORT_UNREACHABLE = 3 "port_unreachable",
        /// ICMP code 4: too large, and fragmentation is not permitted.
        FRAG_NEEDED = 4 "frag_needed",
        /// ICMP code 5: the source route failed.
        SRC_ROUTE_FAILED = 5 "src_route_failed",
        /// ICMP code 6: destination network unknown; devlink `ipv4_lpm_miss`, `ipv6_lpm_miss`.
        DST_NET_UNKNOWN = 6 "dst_net_unknown",
        /// ICMP code 7: destination host unknown.
        DST_HOST_UNKNOWN = 7 "dst_host_unknown",
        /// ICMP code 8: the source is isolated.
        SRC_HOST_ISOLATED = 8 "src_host_isolated",
        /// ICMP code 9: destination network forbidden; devlink `reject_route`.
        DST_NET_PROHIBITED = 9 "dst_net_prohibited",
        /// ICMP code 10: destination host forbidden.
        DST_HOST_PROHIBITED = 10 "dst_host_prohibited",
        /// ICMP code 11: network unreachable for this type of service.
        DST_NET_TOS_UNREACHABLE = 11 "dst_net_tos_unreachable",
        /// ICMP code 12: host unreachable for this type of service; spelt as published.
        DST_HOST_TOS_UNREACHEABLE = 12 "dst_host_tos_unreacheable",
        /// ICMP code 13: forbidden by a filter.
        COMM_ADMIN_PROHIBITED = 13 "comm_admin_prohibited",
        /// ICMP code 14: precedence not permitted for the host.
        HOST_PRECEDENCE_VIOLATION = 14 "host_precedence_violation",
        /// ICMP code 15: precedence below the minimum of the network.
        PRECEDENCE_CUTOFF = 15 "precedence_cutoff",
        /// Unknown reason.
        UNKNOWN = 256 "unknown",
        /// TTL or hop limit exceeded; devlink `ttl_value_is_too_small`.
        TTL_EXCEEDED = 257 "ttl_exceeded",
        /// Denied by an access list; devlink `ingress_flow_action_drop`,
        /// `egress_flow_action_drop`.
        ACL = 258 "acl",
        /// No free buffer; devlink `tail_drop`.
        NO_BUFFER_SPACE = 259 "no_buffer_space",
        /// Random early detection; devlink `early_drop`.
        RED = 260 "red",
        /// Above the rate of a shaper or policer.
        TRAFFIC_SHAPING = 261 "traffic_shaping",
        /// Larger than the MTU; devlink `mtu_value_is_too_small`.
        PKT_TOO_BIG = 262 "pkt_too_big",

        // sFlow Dropped Packet Notification Structures, October 2020. 263 to 288 are devlink traps.
        /// Source MAC is a multicast address.
        SRC_MAC_IS_MULTICAST = 263 "src_mac_is_multicast",
        /// VLAN tag that the port does not accept.
        VLAN_TAG_MISMATCH = 264 "vlan_tag_mismatch",
        /// The input port is not a member of the VLAN.
        INGRESS_VLAN_FILTER = 265 "ingress_vlan_filter",
        /// The input port is blocked by spanning tree.
        INGRESS_SPANNING_TREE_FILTER = 266 "ingress_spanning_tree_filter",
        /// No output port, such as for a flooded frame.
        PORT_LIST_IS_EMPTY = 267 "port_list_is_empty",
        /// The only output port is the input port.
        PORT_LOOPBACK_FILTER = 268 "port_loopback_filter",
        BLACKHOLE_ROUTE = 269 "blackhole_route",
        /// To be routed, and neither IPv4 nor IPv6.
        NON_IP = 270 "non_ip",
        /// Unicast destination address in a frame with a multicast MAC.
        UC_DIP_OVER_MC_DMAC = 271 "uc_dip_over_mc_dmac",
        /// Destination is a loopback address.
        DIP_IS_LOOPBACK_ADDRESS = 272 "dip_is_loopback_address",
        /// Source is a multicast address.
        SIP_IS_MC = 273 "sip_is_mc",
        /// Source is a loopback address.
        SIP_IS_LOOPBACK_ADDRESS = 274 "sip_is_loopback_address",
        /// IP header with a bad checksum, version or length.
        IP_HEADER_CORRUPTED = 275 "ip_header_corrupted",
        /// Source is 255.255.255.255.
        IPV4_SIP_IS_LIMITED_BC = 276 "ipv4_sip_is_limited_bc",
        /// IPv6 multicast destination of the reserved scope.
        IPV6_MC_DIP_RESERVED_SCOPE = 277 "ipv6_mc_dip_reserved_scope",
        /// IPv6 multicast destination of the interface-local scope.
        IPV6_MC_DIP_INTERFACE_LOCAL_SCOPE = 278 "ipv6_mc_dip_interface_local_scope",
        /// Unknown link-layer address of the next hop.
        UNRESOLVED_NEIGH = 279 "unresolved_neigh",
        /// Multicast that failed the reverse path check.
        MC_REVERSE_PATH_FORWARDING = 280 "mc_reverse_path_forwarding",
        /// Reached the router and must not be routed.
        NON_ROUTABLE_PACKET = 281 "non_routable_packet",
        /// Tunnel header that cannot be removed.
        DECAP_ERROR = 282 "decap_error",
        /// Source MAC within the tunnel is a multicast address.
        OVERLAY_SMAC_IS_MC = 283 "overlay_smac_is_mc",
        /// Layer 2, no further detail; devlink group `l2_drops`.
        UNKNOWN_L2 = 284 "unknown_l2",
        /// Layer 3, no further detail; devlink group `l3_drops`.
        UNKNOWN_L3 = 285 "unknown_l3",
        /// Layer 3 exception, no further detail; devlink group `l3_exceptions`.
        UNKNOWN_L3_EXCEPTION = 286 "unknown_l3_exception",
        /// Buffers, no further detail; devlink group `buffer_drops`.
        UNKNOWN_BUFFER = 287 "unknown_buffer",
        /// Tunnel, no further detail; devlink group `tunnel_drops`.
        UNKNOWN_TUNNEL = 288 "unknown_tunnel",
        /// Layer 4, no further detail.
        UNKNOWN_L4 = 289 "unknown_l4",
        /// Source is the unspecified address.
        SIP_IS_UNSPECIFIED = 290 "sip_is_unspecified",
        /// Isolation between ports of a multi-chassis aggregate.
        MLAG_PORT_ISOLATION = 291 "mlag_port_isolation",
        /// Blackhole neighbour entry.
        BLACKHOLE_ARP_NEIGH = 292 "blackhole_arp_neigh",
        /// Source and destination MAC are the same.
        SRC_MAC_IS_DMAC = 293 "src_mac_is_dmac",
        /// Destination MAC is reserved.
        DMAC_IS_RESERVED = 294 "dmac_is_reserved",
        /// Source is a class E address.
        SIP_IS_CLASS_E = 295 "sip_is_class_e",
        /// Multicast MAC that does not match the destination address.
        MC_DMAC_MISMATCH = 296 "mc_dmac_mismatch",
        /// Source and destination address are the same.
        SIP_IS_DIP = 297 "sip_is_dip",
        /// Destination is in network 0.0.0.0/8.
        DIP_IS_LOCAL_NETWORK = 298 "dip_is_local_network",
        /// Destination is a link-local address.
        DIP_IS_LINK_LOCAL = 299 "dip_is_link_local",
        /// Source and destination MAC within the tunnel are the same.
        OVERLAY_SMAC_IS_DMAC = 300 "overlay_smac_is_dmac",
        /// The output port is not a member of the VLAN.
        EGRESS_VLAN_FILTER = 301 "egress_vlan_filter",
        /// Unicast that failed the reverse path check.
        UC_REVERSE_PATH_FORWARDING = 302 "uc_reverse_path_forwarding",
        /// Split horizon: must not return to its origin.
        SPLIT_HORIZON = 303 "split_horizon",

        // Only in the headers of Host sFlow and sflowtool, later than 2020.
        /// Unknown source MAC on a locked port.
        LOCKED_PORT = 304 "locked_port",
        /// Destination MAC filter.
        DMAC_FILTER = 305 "dmac_filter",
        BLACKHOLE_NEXTHOP = 306 "blackhole_nexthop",
        /// Malformed VXLAN.
        VXLAN_PARSING = 307 "vxlan_parsing",
        /// Malformed LLC or SNAP.
        LLC_SNAP_PARSING = 308 "llc_snap_parsing",
        /// Malformed VLAN tag.
        VLAN_PARSING = 309 "vlan_parsing",
        /// Malformed PPPoE or PPP.
        PPPOE_PPP_PARSING = 310 "pppoe_ppp_parsing",
        /// Malformed MPLS.
        MPLS_PARSING = 311 "mpls_parsing",
        /// Malformed ARP.
        ARP_PARSING = 312 "arp_parsing",
        /// Malformed first IP header.
        IP_1_PARSING = 313 "ip_1_parsing",
        /// Malformed IP header after the first.
        IP_N_PARSING = 314 "ip_n_parsing",
        /// Malformed GRE.
        GRE_PARSING = 315 "gre_parsing",
        /// Malformed UDP.
        UDP_PARSING = 316 "udp_parsing",
        /// Malformed TCP.
        TCP_PARSING = 317 "tcp_parsing",
        /// Malformed IPsec.
        IPSEC_PARSING = 318 "ipsec_parsing",
        /// Malformed SCTP.
        SCTP_PARSING = 319 "sctp_parsing",
        /// Malformed DCCP.
        DCCP_PARSING = 320 "dccp_parsing",
        /// Malformed GTP.
        GTP_PARSING = 321 "gtp_parsing",
        /// Malformed ESP.
        ESP_PARSING = 322 "esp_parsing",
        /// Malformed, no further detail; devlink group `parser_error_drops`.
        UNKNOWN_PARSING = 323 "unknown_parsing",
        /// Shorter than its headers.
        PKT_TOO_SMALL = 324 "pkt_too_small",
        /// Protocol without a handler.
        UNHANDLED_PROTO = 325 "unhandled_proto",
        /// IPv6 is disabled on the interface.
        IPV6DISABLED = 326 "ipv6disabled",
        /// Protocol that is invalid in this place.
        INVALID_PROTO = 327 "invalid_proto",
        /// Deprecated: use [`PROTOCOL_UNREACHABLE`](Self::PROTOCOL_UNREACHABLE).
        IP_NOPROTO = 328 "ip_noproto",
        /// Bad checksum, found in the socket buffer.
        SKB_CSUM = 329 "skb_csum",
        /// Copying to or from user space failed.
        SKB_UCOPY_FAULT = 330 "skb_ucopy_fault",
        /// The device is not ready.
        DEV_READY = 331 "dev_ready",
        /// The link-layer header could not be built. The header of Host sFlow has 33, out of
        /// sequence, and Host sFlow sends that.
        DEV_HDR = 332 "dev_hdr",
        /// Fragment received twice.
        DUP_FRAG = 333 "dup_frag",
        /// Segmentation of a large packet failed.
        SKB_GSO_SEG = 334 "skb_gso_seg",
        /// Failed the reverse path check; Linux `IP_RPFILTER`.
        REVERSE_PATH_FORWARDING = 335 "reverse_path_forwarding",
        /// Malformed ICMP; Linux `ICMP_CSUM`.
        ICMP_PARSING = 336 "icmp_parsing",
        /// TCP MD5 signature missing.
        TCP_MD5NOTFOUND = 337 "tcp_md5notfound",
        /// TCP MD5 signature not expected.
        TCP_MD5UNEXPECTED = 338 "tcp_md5unexpected",
        /// TCP MD5 signature wrong.
        TCP_MD5FAILURE = 339 "tcp_md5failure",
        /// TCP flags that do not match the state.
        TCP_FLAGS = 340 "tcp_flags",
        /// TCP receive window is zero.
        TCP_ZEROWINDOW = 341 "tcp_zerowindow",
        /// TCP data that was received before.
        TCP_OLD_DATA = 342 "tcp_old_data",
        /// TCP data beyond the receive window.
        TCP_OVERWINDOW = 343 "tcp_overwindow",
        /// TCP data that is already in the queue of out-of-order segments.
        TCP_OFOMERGE = 344 "tcp_ofomerge",
        /// TCP timestamp too old (PAWS, RFC 7323).
        TCP_RFC7323_PAWS = 345 "tcp_rfc7323_paws",
        /// TCP sequence number not acceptable.
        TCP_INVALID_SEQUENCE = 346 "tcp_invalid_sequence",
        /// TCP reset not acceptable.
        TCP_RESET = 347 "tcp_reset",
        /// TCP SYN not expected.
        TCP_INVALID_SYN = 348 "tcp_invalid_syn",
        /// TCP socket is closed.
        TCP_CLOSE = 349 "tcp_close",
        /// TCP Fast Open refused.
        TCP_FASTOPEN = 350 "tcp_fastopen",
        /// TCP acknowledgement is old.
        TCP_OLD_ACK = 351 "tcp_old_ack",
        /// TCP acknowledgement is too old.
        TCP_TOO_OLD_ACK = 352 "tcp_too_old_ack",
        /// TCP acknowledgement of data that was never sent.
        TCP_ACK_UNSENT_DATA = 353 "tcp_ack_unsent_data",
        /// Queue of out-of-order TCP segments pruned.
        TCP_OFO_QUEUE_PRUNE = 354 "tcp_ofo_queue_prune",
        /// No room in the queue of out-of-order TCP segments.
        TCP_OFO_DROP = 355 "tcp_ofo_drop",
        /// TTL below the minimum of the TCP socket.
        TCP_MINTTL = 356 "tcp_minttl",
        /// Bad IPv6 extension header.
        IPV6_BAD_EXTHDR = 357 "ipv6_bad_exthdr",
        /// Neighbour discovery in a fragment.
        IPV6_NDISC_FRAG = 358 "ipv6_ndisc_frag",
        /// Neighbour discovery with a hop limit other than 255.
        IPV6_NDISC_HOP_LIMIT = 359 "ipv6_ndisc_hop_limit",
        /// Neighbour discovery with a bad ICMPv6 code.
        IPV6_NDISC_BAD_CODE = 360 "ipv6_ndisc_bad_code",
        /// Neighbour discovery with bad options.
        IPV6_NDISC_BAD_OPTIONS = 361 "ipv6_ndisc_bad_options",
        /// Neighbour solicitation for another host.
        IPV6_NDISC_NS_OTHERHOST = 362 "ipv6_ndisc_ns_otherhost",
        /// Filter of a tap device.
        TAP_FILTER = 363 "tap_filter",
        /// Transmit filter of a tap device.
        TAP_TXFILTER = 364 "tap_txfilter",
        /// Traffic control at ingress.
        TC_INGRESS = 365 "tc_ingress",
        /// Traffic control at egress. The header of Host sFlow has 36, out of sequence, and Host
        /// sFlow sends that.
        TC_EGRESS = 366 "tc_egress",
        /// XDP program.
        XDP = 367 "xdp",
        /// Backlog queue of the CPU is full.
        CPU_BACKLOG = 368 "cpu_backlog",
        /// BPF program of a control group at egress.
        BPF_CGROUP_EGRESS = 369 "bpf_cgroup_egress",
        /// IPsec policy.
        XFRM_POLICY = 370 "xfrm_policy",
        /// Filter of the socket.
        SOCKET_FILTER = 371 "socket_filter",
        /// BGP flow specification.
        BGP_FLOWSPEC = 372 "bgp_flowspec",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_ranges_have_no_gaps() {
        for code in (0..=15).chain(256..=372) {
            assert!(DropReason::new(code).name().is_some(), "{code}");
        }
        for code in (16..256).chain([373, u32::MAX]) {
            assert_eq!(DropReason::new(code).name(), None, "{code}");
        }
    }

    #[test]
    fn names_are_unique() {
        let names = (0..=372).filter_map(|code| DropReason::new(code).name());
        let names: std::collections::BTreeSet<_> = names.collect();
        assert_eq!(names.len(), 16 + 117);
    }

    #[test]
    fn codes_are_those_of_the_specifications() {
        assert_eq!(DropReason::PORT_UNREACHABLE.code(), 3);
        assert_eq!(DropReason::UNKNOWN.code(), 256);
        assert_eq!(DropReason::ACL.code(), 258);
        assert_eq!(DropReason::SRC_MAC_IS_MULTICAST.code(), 263);
        assert_eq!(DropReason::SPLIT_HORIZON.code(), 303);
        assert_eq!(DropReason::DEV_HDR.code(), 332);
        assert_eq!(DropReason::TC_EGRESS.code(), 366);
        assert_eq!(DropReason::BGP_FLOWSPEC.code(), 372);
        assert_eq!(DropReason::ACL.name(), Some("acl"));
    }
}
