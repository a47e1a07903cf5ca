//! Reasons of sFlow for the names that the kernel has for its drops: reasons, functions, traps.

use flowmote_core::DropReason;

use crate::config::DropmonRule;
use crate::kernel::netlink::drop_monitor::DroppedPacket;

/// The reason of a drop; `None` if it is not to be reported: not a packet, no drop after all, or
/// of an origin that is not configured.
///
/// A reason of the kernel comes before the function, which shows the layer only.
pub(super) fn reason_of(packet: &DroppedPacket<'_>, rule: &DropmonRule) -> Option<DropReason> {
    // Buffers of netlink and other sockets that hold no packet.
    if packet.protocol == 0 {
        return None;
    }
    if packet.hardware {
        return rule.hardware.reported.then(|| of_trap(packet, rule)).flatten();
    }
    if !rule.software.reported {
        return None;
    }
    match packet.reason.filter(|_| rule.reasons).map(of_name) {
        Some(Meaning::Reason(reason)) => Some(reason),
        Some(Meaning::NoDrop) => None,
        Some(Meaning::Unspecific) | None => match packet.symbol.map(of_symbol) {
            Some(Meaning::Reason(reason)) => Some(reason),
            Some(Meaning::NoDrop) => None,
            Some(Meaning::Unspecific) | None => Some(DropReason::UNKNOWN),
        },
    }
}

/// The function of a symbol like `tcp_v4_rcv+0x3c0/0xe80`.
pub(super) fn function(symbol: &str) -> &str {
    symbol.split('+').next().unwrap_or_default()
}

/// The meaning of a name of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Reason(DropReason),
    /// A buffer is freed, and no packet is lost on its way.
    NoDrop,
    /// Nothing is known from this name.
    Unspecific,
}

/// A trap by its name, else by its group. Traps of control packets have neither: the packet goes to
/// the kernel.
fn of_trap(packet: &DroppedPacket<'_>, rule: &DropmonRule) -> Option<DropReason> {
    let named = |name: Option<&str>, table| name.and_then(|name| find(table, name));
    let found = named(packet.trap, TRAPS).or_else(|| named(packet.trap_group, TRAP_GROUPS));
    found.or(rule.hardware_unknown.then_some(DropReason::UNKNOWN))
}

/// The meaning of a `skb_drop_reason` without its prefix.
fn of_name(name: &str) -> Meaning {
    if NO_DROP.contains(&name) {
        return Meaning::NoDrop;
    }
    // Queueing disciplines have a list of their own since Linux 7.
    let short = name.strip_prefix("QDISC_DROP_").unwrap_or(name);
    let found = find(REASONS, name).or_else(|| find(REASONS, short));
    let found = found.or_else(|| starting(LAYERS_OF_REASONS, name));
    found.map_or(Meaning::Unspecific, Meaning::Reason)
}

/// The meaning of the function in which a packet was dropped, on kernels without reasons.
fn of_symbol(symbol: &str) -> Meaning {
    let function = function(symbol);
    if FREEING.iter().any(|prefix| function.starts_with(prefix)) {
        return Meaning::NoDrop;
    }
    starting(LAYERS_OF_FUNCTIONS, function).map_or(Meaning::Unspecific, Meaning::Reason)
}

fn find(table: &[(&str, DropReason)], name: &str) -> Option<DropReason> {
    let at = table.binary_search_by_key(&name, |(known, _)| known).ok()?;
    table.get(at).map(|(_, reason)| *reason)
}

fn starting(table: &[(&str, DropReason)], name: &str) -> Option<DropReason> {
    let found = table.iter().find(|(prefix, _)| name.starts_with(prefix));
    found.map(|(_, reason)| *reason)
}

/// Not dropped, or freed in bulk when a queue or a socket ends, or a message between processes.
const NO_DROP: &[&str] =
    &["CONSUMED", "NOT_DROPPED_YET", "QUEUE_PURGE", "UNIX_DISCONNECT", "UNIX_SKIP_OOB"];

/// Functions that free what is left in a queue or socket.
const FREEING: &[&str] = &["sk_stream_kill_queues", "skb_queue_purge", "skb_release_data"];

/// Reasons of Linux 6.1 to 7.3 (include/net/dropreason-core.h), of queueing disciplines
/// (include/net/dropreason-qdisc.h) and of Open vSwitch (net/openvswitch/drop.h), sorted.
const REASONS: &[(&str, DropReason)] = &[
    ("ARP_PVLAN_DISABLE", DropReason::UNKNOWN_L2),
    ("BAND_LIMIT", DropReason::NO_BUFFER_SPACE),
    ("BPF_CGROUP_EGRESS", DropReason::BPF_CGROUP_EGRESS),
    ("BRIDGE_INGRESS_STP_STATE", DropReason::INGRESS_SPANNING_TREE_FILTER),
    ("CAKE_FLOOD", DropReason::RED),
    ("CANFD_RX_INVALID_FRAME", DropReason::UNKNOWN_PARSING),
    ("CANXL_RX_INVALID_FRAME", DropReason::UNKNOWN_PARSING),
    ("CAN_RX_INVALID_FRAME", DropReason::UNKNOWN_PARSING),
    ("CONGESTED", DropReason::RED),
    ("CPU_BACKLOG", DropReason::CPU_BACKLOG),
    ("DEV_HDR", DropReason::DEV_HDR),
    ("DEV_READY", DropReason::DEV_READY),
    ("DUALPI2_STEP_DROP", DropReason::RED),
    ("DUP_FRAG", DropReason::DUP_FRAG),
    ("FLOOD_PROTECTION", DropReason::RED),
    ("FLOW_LIMIT", DropReason::NO_BUFFER_SPACE),
    ("FQ_BAND_LIMIT", DropReason::NO_BUFFER_SPACE),
    ("FQ_FLOW_LIMIT", DropReason::NO_BUFFER_SPACE),
    ("FQ_HORIZON_LIMIT", DropReason::TRAFFIC_SHAPING),
    ("FRAG_REASM_TIMEOUT", DropReason::FRAG_NEEDED),
    ("FRAG_TOO_FAR", DropReason::FRAG_NEEDED),
    ("FULL_RING", DropReason::NO_BUFFER_SPACE),
    ("GENERIC", DropReason::TRAFFIC_SHAPING),
    ("HDR_TRUNC", DropReason::PKT_TOO_SMALL),
    ("HORIZON_LIMIT", DropReason::TRAFFIC_SHAPING),
    ("ICMP_CSUM", DropReason::ICMP_PARSING),
    ("INVALID_PROTO", DropReason::INVALID_PROTO),
    ("IPV6DISABLED", DropReason::IPV6DISABLED),
    ("IPV6_BAD_EXTHDR", DropReason::IPV6_BAD_EXTHDR),
    ("IPV6_NDISC_BAD_CODE", DropReason::IPV6_NDISC_BAD_CODE),
    ("IPV6_NDISC_BAD_OPTIONS", DropReason::IPV6_NDISC_BAD_OPTIONS),
    ("IPV6_NDISC_FRAG", DropReason::IPV6_NDISC_FRAG),
    ("IPV6_NDISC_HOP_LIMIT", DropReason::IPV6_NDISC_HOP_LIMIT),
    ("IPV6_NDISC_NS_OTHERHOST", DropReason::IPV6_NDISC_NS_OTHERHOST),
    ("IPV6_TOO_MANY_EXTHDRS", DropReason::IPV6_BAD_EXTHDR),
    ("IPVLAN_MULTICAST_BACKLOG", DropReason::NO_BUFFER_SPACE),
    ("IP_CSUM", DropReason::IP_1_PARSING),
    ("IP_INADDRERRORS", DropReason::HOST_UNREACHABLE),
    ("IP_INHDR", DropReason::IP_1_PARSING),
    ("IP_INNOROUTES", DropReason::NET_UNREACHABLE),
    ("IP_INVALID_DEST", DropReason::NON_ROUTABLE_PACKET),
    ("IP_INVALID_SOURCE", DropReason::UNKNOWN_L3),
    ("IP_LOCALNET", DropReason::UNKNOWN_L3),
    ("IP_LOCAL_SOURCE", DropReason::REVERSE_PATH_FORWARDING),
    ("IP_NOPROTO", DropReason::PROTOCOL_UNREACHABLE),
    ("IP_OUTNOROUTES", DropReason::DST_NET_UNKNOWN),
    ("IP_RPFILTER", DropReason::REVERSE_PATH_FORWARDING),
    ("IP_TUNNEL_ECN", DropReason::DECAP_ERROR),
    ("L4S_STEP_NON_ECN", DropReason::RED),
    ("LOCAL_MAC", DropReason::UNKNOWN_L2),
    ("MACVLAN_BROADCAST_BACKLOG", DropReason::NO_BUFFER_SPACE),
    ("MAC_IEEE_MAC_CONTROL", DropReason::DMAC_IS_RESERVED),
    ("MAC_INVALID_SOURCE", DropReason::UNKNOWN_L2),
    ("MAXFLOWS", DropReason::NO_BUFFER_SPACE),
    ("NEIGH_CREATEFAIL", DropReason::UNRESOLVED_NEIGH),
    ("NEIGH_DEAD", DropReason::UNRESOLVED_NEIGH),
    ("NEIGH_FAILED", DropReason::UNRESOLVED_NEIGH),
    ("NEIGH_HH_FILLFAIL", DropReason::UNRESOLVED_NEIGH),
    ("NEIGH_QUEUEFULL", DropReason::UNRESOLVED_NEIGH),
    ("NETFILTER_DROP", DropReason::ACL),
    ("NOMEM", DropReason::NO_BUFFER_SPACE),
    ("NO_SOCKET", DropReason::PORT_UNREACHABLE),
    ("NO_TX_TARGET", DropReason::PORT_LIST_IS_EMPTY),
    ("OTHERHOST", DropReason::DST_HOST_UNKNOWN),
    ("OVERLIMIT", DropReason::NO_BUFFER_SPACE),
    ("OVS_DROP_ACTION_ERROR", DropReason::UNKNOWN_L2),
    ("OVS_DROP_CONNTRACK", DropReason::ACL),
    ("OVS_DROP_DEFERRED_LIMIT", DropReason::NO_BUFFER_SPACE),
    ("OVS_DROP_EXPLICIT", DropReason::ACL),
    ("OVS_DROP_EXPLICIT_WITH_ERROR", DropReason::ACL),
    ("OVS_DROP_FRAG_INVALID_PROTO", DropReason::INVALID_PROTO),
    ("OVS_DROP_FRAG_L2_TOO_LONG", DropReason::PKT_TOO_BIG),
    ("OVS_DROP_IP_TTL", DropReason::TTL_EXCEEDED),
    ("OVS_DROP_LAST_ACTION", DropReason::ACL),
    ("OVS_DROP_METER", DropReason::TRAFFIC_SHAPING),
    ("OVS_DROP_RECURSION_LIMIT", DropReason::UNKNOWN_L2),
    ("PFMEMALLOC", DropReason::NO_BUFFER_SPACE),
    ("PKT_TOO_BIG", DropReason::PKT_TOO_BIG),
    ("PKT_TOO_SMALL", DropReason::PKT_TOO_SMALL),
    ("PROTO_MEM", DropReason::NO_BUFFER_SPACE),
    ("PSP_INPUT", DropReason::UNKNOWN_L4),
    ("PSP_OUTPUT", DropReason::UNKNOWN_L4),
    ("QDISC_BURST_DROP", DropReason::TRAFFIC_SHAPING),
    ("QDISC_CONGESTED", DropReason::RED),
    ("QDISC_DROP", DropReason::TRAFFIC_SHAPING),
    ("QDISC_OVERLIMIT", DropReason::NO_BUFFER_SPACE),
    ("RECURSION_LIMIT", DropReason::UNKNOWN_L2),
    ("SECURITY_HOOK", DropReason::COMM_ADMIN_PROHIBITED),
    ("SKB_BAD_GSO", DropReason::SKB_GSO_SEG),
    ("SKB_CSUM", DropReason::SKB_CSUM),
    ("SKB_GSO_SEG", DropReason::SKB_GSO_SEG),
    ("SKB_UCOPY_FAULT", DropReason::SKB_UCOPY_FAULT),
    ("SOCKET_BACKLOG", DropReason::NO_BUFFER_SPACE),
    ("SOCKET_CLOSE", DropReason::UNKNOWN_L4),
    ("SOCKET_FILTER", DropReason::SOCKET_FILTER),
    ("SOCKET_RCVBUFF", DropReason::NO_BUFFER_SPACE),
    ("TAP_FILTER", DropReason::TAP_FILTER),
    ("TAP_TXFILTER", DropReason::TAP_TXFILTER),
    ("TCP_ABORT_ON_DATA", DropReason::TCP_CLOSE),
    ("TCP_ACK_UNSENT_DATA", DropReason::TCP_ACK_UNSENT_DATA),
    // TCP-AO (RFC 5925) is the successor of the MD5 signature.
    ("TCP_AOFAILURE", DropReason::TCP_MD5FAILURE),
    ("TCP_AOKEYNOTFOUND", DropReason::TCP_MD5NOTFOUND),
    ("TCP_AONOTFOUND", DropReason::TCP_MD5NOTFOUND),
    ("TCP_AOUNEXPECTED", DropReason::TCP_MD5UNEXPECTED),
    ("TCP_AUTH_HDR", DropReason::TCP_PARSING),
    ("TCP_CLOSE", DropReason::TCP_CLOSE),
    ("TCP_CSUM", DropReason::TCP_PARSING),
    ("TCP_FASTOPEN", DropReason::TCP_FASTOPEN),
    ("TCP_FLAGS", DropReason::TCP_FLAGS),
    ("TCP_INVALID_ACK_SEQUENCE", DropReason::TCP_INVALID_SEQUENCE),
    ("TCP_INVALID_END_SEQUENCE", DropReason::TCP_INVALID_SEQUENCE),
    ("TCP_INVALID_SEQUENCE", DropReason::TCP_INVALID_SEQUENCE),
    ("TCP_INVALID_SYN", DropReason::TCP_INVALID_SYN),
    ("TCP_LISTEN_OVERFLOW", DropReason::NO_BUFFER_SPACE),
    ("TCP_MD5FAILURE", DropReason::TCP_MD5FAILURE),
    ("TCP_MD5NOTFOUND", DropReason::TCP_MD5NOTFOUND),
    ("TCP_MD5UNEXPECTED", DropReason::TCP_MD5UNEXPECTED),
    ("TCP_MINTTL", DropReason::TCP_MINTTL),
    ("TCP_OFOMERGE", DropReason::TCP_OFOMERGE),
    ("TCP_OFO_DROP", DropReason::TCP_OFO_DROP),
    ("TCP_OFO_QUEUE_PRUNE", DropReason::TCP_OFO_QUEUE_PRUNE),
    ("TCP_OLD_ACK", DropReason::TCP_OLD_ACK),
    ("TCP_OLD_DATA", DropReason::TCP_OLD_DATA),
    ("TCP_OLD_SEQUENCE", DropReason::TCP_INVALID_SEQUENCE),
    ("TCP_OVERWINDOW", DropReason::TCP_OVERWINDOW),
    ("TCP_RESET", DropReason::TCP_RESET),
    ("TCP_RFC7323_PAWS", DropReason::TCP_RFC7323_PAWS),
    ("TCP_RFC7323_PAWS_ACK", DropReason::TCP_RFC7323_PAWS),
    ("TCP_RFC7323_TSECR", DropReason::TCP_RFC7323_PAWS),
    ("TCP_RFC7323_TW_PAWS", DropReason::TCP_RFC7323_PAWS),
    ("TCP_TOO_OLD_ACK", DropReason::TCP_TOO_OLD_ACK),
    ("TCP_ZEROWINDOW", DropReason::TCP_ZEROWINDOW),
    ("TC_CHAIN_NOTFOUND", DropReason::TC_INGRESS),
    ("TC_COOKIE_ERROR", DropReason::TC_INGRESS),
    ("TC_EGRESS", DropReason::TC_EGRESS),
    ("TC_INGRESS", DropReason::TC_INGRESS),
    ("TC_RECLASSIFY_LOOP", DropReason::TC_INGRESS),
    ("TUNNEL_TXINFO", DropReason::UNKNOWN_TUNNEL),
    ("UDP_CSUM", DropReason::UDP_PARSING),
    ("UNHANDLED_PROTO", DropReason::UNHANDLED_PROTO),
    ("UNICAST_IN_L2_MULTICAST", DropReason::UC_DIP_OVER_MC_DMAC),
    ("VXLAN_ENTRY_EXISTS", DropReason::UNKNOWN_TUNNEL),
    ("VXLAN_INVALID_HDR", DropReason::VXLAN_PARSING),
    ("VXLAN_VNI_NOT_FOUND", DropReason::DECAP_ERROR),
    ("XDP", DropReason::XDP),
    ("XFRM_POLICY", DropReason::XFRM_POLICY),
];

/// The layer of reasons that newer kernels may add, by the start of their names. `RX_DROP` is
/// mac80211 (net/mac80211/drop.h).
const LAYERS_OF_REASONS: &[(&str, DropReason)] = &[
    ("TCP_", DropReason::UNKNOWN_L4),
    ("UDP_", DropReason::UNKNOWN_L4),
    ("SOCKET_", DropReason::UNKNOWN_L4),
    ("IP_TUNNEL", DropReason::UNKNOWN_TUNNEL),
    ("IP_", DropReason::UNKNOWN_L3),
    ("IPV6_", DropReason::UNKNOWN_L3),
    ("ICMP", DropReason::UNKNOWN_L3),
    ("FRAG_", DropReason::UNKNOWN_L3),
    ("VXLAN_", DropReason::UNKNOWN_TUNNEL),
    ("TUNNEL_", DropReason::UNKNOWN_TUNNEL),
    ("QDISC_", DropReason::TRAFFIC_SHAPING),
    ("BRIDGE_", DropReason::UNKNOWN_L2),
    ("MAC_", DropReason::UNKNOWN_L2),
    ("OVS_", DropReason::UNKNOWN_L2),
    ("RX_DROP", DropReason::UNKNOWN_L2),
];

/// The layer of functions, by the start of their names.
const LAYERS_OF_FUNCTIONS: &[(&str, DropReason)] = &[
    ("tcp_", DropReason::UNKNOWN_L4),
    ("udp_", DropReason::UNKNOWN_L4),
    ("udpv6_", DropReason::UNKNOWN_L4),
    ("__udp4_", DropReason::UNKNOWN_L4),
    ("__udp6_", DropReason::UNKNOWN_L4),
    ("icmp", DropReason::UNKNOWN_L3),
    ("ip_", DropReason::UNKNOWN_L3),
    ("ipv4_", DropReason::UNKNOWN_L3),
    ("ip6_", DropReason::UNKNOWN_L3),
    ("ipv6_", DropReason::UNKNOWN_L3),
    ("raw", DropReason::UNKNOWN_L3),
    ("br_", DropReason::UNKNOWN_L2),
    ("__br_", DropReason::UNKNOWN_L2),
];

/// Generic traps of devlink (Documentation/networking/devlink/devlink-trap.rst), sorted.
const TRAPS: &[(&str, DropReason)] = &[
    ("arp_parsing", DropReason::ARP_PARSING),
    ("blackhole_nexthop", DropReason::BLACKHOLE_NEXTHOP),
    ("blackhole_route", DropReason::BLACKHOLE_ROUTE),
    ("dccp_parsing", DropReason::DCCP_PARSING),
    ("decap_error", DropReason::DECAP_ERROR),
    ("dip_is_loopback_address", DropReason::DIP_IS_LOOPBACK_ADDRESS),
    ("dmac_filter", DropReason::DMAC_FILTER),
    ("early_drop", DropReason::RED),
    ("egress_flow_action_drop", DropReason::ACL),
    ("esp_parsing", DropReason::ESP_PARSING),
    ("gre_parsing", DropReason::GRE_PARSING),
    ("gtp_parsing", DropReason::GTP_PARSING),
    ("ingress_flow_action_drop", DropReason::ACL),
    ("ingress_spanning_tree_filter", DropReason::INGRESS_SPANNING_TREE_FILTER),
    ("ingress_vlan_filter", DropReason::INGRESS_VLAN_FILTER),
    ("ip_1_parsing", DropReason::IP_1_PARSING),
    ("ip_header_corrupted", DropReason::IP_HEADER_CORRUPTED),
    ("ip_n_parsing", DropReason::IP_N_PARSING),
    ("ipsec_parsing", DropReason::IPSEC_PARSING),
    ("ipv4_lpm_miss", DropReason::DST_NET_UNKNOWN),
    ("ipv4_sip_is_limited_bc", DropReason::IPV4_SIP_IS_LIMITED_BC),
    ("ipv6_lpm_miss", DropReason::DST_NET_UNKNOWN),
    ("ipv6_mc_dip_interface_local_scope", DropReason::IPV6_MC_DIP_INTERFACE_LOCAL_SCOPE),
    ("ipv6_mc_dip_reserved_scope", DropReason::IPV6_MC_DIP_RESERVED_SCOPE),
    ("llc_snap_parsing", DropReason::LLC_SNAP_PARSING),
    ("locked_port", DropReason::LOCKED_PORT),
    ("mc_reverse_path_forwarding", DropReason::MC_REVERSE_PATH_FORWARDING),
    ("mpls_parsing", DropReason::MPLS_PARSING),
    ("mtu_value_is_too_small", DropReason::PKT_TOO_BIG),
    ("non_ip", DropReason::NON_IP),
    ("non_routable_packet", DropReason::NON_ROUTABLE_PACKET),
    ("overlay_smac_is_mc", DropReason::OVERLAY_SMAC_IS_MC),
    ("port_list_is_empty", DropReason::PORT_LIST_IS_EMPTY),
    ("port_loopback_filter", DropReason::PORT_LOOPBACK_FILTER),
    ("pppoe_ppp_parsing", DropReason::PPPOE_PPP_PARSING),
    ("reject_route", DropReason::DST_NET_PROHIBITED),
    ("sctp_parsing", DropReason::SCTP_PARSING),
    ("sip_is_loopback_address", DropReason::SIP_IS_LOOPBACK_ADDRESS),
    ("sip_is_mc", DropReason::SIP_IS_MC),
    ("source_mac_is_multicast", DropReason::SRC_MAC_IS_MULTICAST),
    ("tail_drop", DropReason::NO_BUFFER_SPACE),
    ("tcp_parsing", DropReason::TCP_PARSING),
    ("ttl_value_is_too_small", DropReason::TTL_EXCEEDED),
    ("uc_dip_over_mc_dmac", DropReason::UC_DIP_OVER_MC_DMAC),
    ("udp_parsing", DropReason::UDP_PARSING),
    ("unresolved_neigh", DropReason::UNRESOLVED_NEIGH),
    ("vlan_parsing", DropReason::VLAN_PARSING),
    ("vlan_tag_mismatch", DropReason::VLAN_TAG_MISMATCH),
    ("vxlan_parsing", DropReason::VXLAN_PARSING),
];

/// Groups of traps, for traps of a single driver, sorted.
const TRAP_GROUPS: &[(&str, DropReason)] = &[
    ("acl_drops", DropReason::ACL),
    ("buffer_drops", DropReason::UNKNOWN_BUFFER),
    ("l2_drops", DropReason::UNKNOWN_L2),
    ("l3_drops", DropReason::UNKNOWN_L3),
    ("l3_exceptions", DropReason::UNKNOWN_L3_EXCEPTION),
    ("parser_error_drops", DropReason::UNKNOWN_PARSING),
    ("tunnel_drops", DropReason::UNKNOWN_TUNNEL),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn rule(block: &str) -> DropmonRule {
        let text = format!("sflow {{ collector {{ ip = 192.0.2.1 }} {block} }}");
        Config::parse(&text).config.unwrap().dropmon.unwrap()
    }

    fn software(reason: &'static str, symbol: &'static str) -> DroppedPacket<'static> {
        let name = |text: &'static str| Some(text).filter(|text| !text.is_empty());
        let (reason, symbol) = (name(reason), name(symbol));
        DroppedPacket { reason, symbol, protocol: 0x0800, ..DroppedPacket::default() }
    }

    fn trap(group: &'static str, name: &'static str) -> DroppedPacket<'static> {
        let (trap_group, trap) = (Some(group), Some(name));
        DroppedPacket { hardware: true, trap_group, trap, protocol: 0x0800, ..Default::default() }
    }

    fn code(packet: &DroppedPacket<'_>, block: &str) -> Option<u32> {
        reason_of(packet, &rule(block)).map(DropReason::code)
    }

    #[test]
    fn tables_are_sorted() {
        for table in [REASONS, TRAPS, TRAP_GROUPS] {
            assert!(table.is_sorted_by(|(before, _), (after, _)| before < after));
        }
    }

    /// Every name of the kernels 6.1, 6.12, 6.18 and 7.3 (enum `skb_drop_reason` in their BTF) with
    /// the code that is sent, `-` for none; 256 for the names that say nothing.
    #[test]
    fn every_reason_of_the_kernels_has_its_code() {
        let table = include_str!("testdata/reasons");
        let mut lines = 0;
        for line in table.lines().filter(|line| !line.starts_with('#')) {
            let (name, expected) = line.split_once(' ').unwrap();
            let name: &'static str = name.to_owned().leak();
            let found = code(&software(name, ""), "dropmon { }");
            assert_eq!(found.map_or("-".into(), |code| code.to_string()), expected, "{name}");
            lines += 1;
        }
        assert_eq!(lines, 133 + 9 + 11);
    }

    #[test]
    fn traps_have_the_codes_of_their_names() {
        for (name, reason) in TRAPS {
            let same = reason.name() == Some(name);
            let other = [
                ("early_drop", 260),
                ("egress_flow_action_drop", 258),
                ("ingress_flow_action_drop", 258),
                ("ipv4_lpm_miss", 6),
                ("ipv6_lpm_miss", 6),
                ("mtu_value_is_too_small", 262),
                ("reject_route", 9),
                ("source_mac_is_multicast", 263),
                ("tail_drop", 259),
                ("ttl_value_is_too_small", 257),
            ];
            assert!(same || other.contains(&(name, reason.code())), "{name}");
        }
        assert_eq!(code(&trap("l3_drops", "blackhole_route"), "dropmon { }"), Some(269));
        assert_eq!(code(&trap("l3_drops", "of_a_driver"), "dropmon { }"), Some(285));
        assert_eq!(code(&trap("vendor", "of_a_driver"), "dropmon { }"), None);
        assert_eq!(code(&trap("vendor", "of_a_driver"), "dropmon { hw_unknown = on }"), Some(256));
        assert_eq!(code(&trap("vendor", "Blackhole_route"), "dropmon { }"), None, "exact");
    }

    #[test]
    fn function_shows_the_layer_where_the_reason_does_not() {
        for reason in ["", "NOT_SPECIFIED", "A_NAME_TO_COME"] {
            let code = |symbol| code(&software(reason, symbol), "dropmon { }");
            assert_eq!(code("tcp_v4_rcv+0x3c0/0xe80"), Some(289));
            assert_eq!(code("__udp4_lib_rcv+0x1/0x2"), Some(289));
            assert_eq!(code("ip_rcv_core+0x1/0x2"), Some(285));
            assert_eq!(code("br_handle_frame+0x1/0x2 [bridge]"), Some(284));
            assert_eq!(code("veth_xmit+0x1/0x2 [veth]"), Some(256));
            assert_eq!(code("skb_queue_purge_reason+0x1/0x2"), None);
            assert_eq!(code(""), Some(256));
        }
        assert_eq!(code(&software("NO_SOCKET", "tcp_v4_rcv+0x1/0x2"), "dropmon { }"), Some(3));
        let off = "dropmon { rn = off }";
        assert_eq!(code(&software("NO_SOCKET", "tcp_v4_rcv+0x1/0x2"), off), Some(289));
    }

    #[test]
    fn reason_to_come_has_the_layer_of_its_name() {
        let code = |reason| code(&software(reason, "veth_xmit"), "dropmon { }");
        assert_eq!(code("TCP_NEW"), Some(289));
        assert_eq!(code("IPV6_NEW"), Some(285));
        assert_eq!(code("RX_DROP_U_MIC_FAIL"), Some(284));
    }

    #[test]
    fn only_what_is_configured_is_reported() {
        let (drop, trapped) = (software("NO_SOCKET", ""), trap("l3_drops", "blackhole_route"));
        let codes = |block| (code(&drop, block), code(&trapped, block));
        assert_eq!(codes("dropmon { sw = off }"), (None, Some(269)));
        assert_eq!(codes("dropmon { hw = off }"), (Some(3), None));
        assert_eq!(
            codes("dropmon { sw=off sw_passive=on hw=off hw_passive=on }"),
            (Some(3), Some(269))
        );
        let buffer = DroppedPacket { protocol: 0, ..drop };
        assert_eq!(code(&buffer, "dropmon { }"), None, "no packet");
    }

    #[test]
    fn function_is_the_symbol_without_offset() {
        assert_eq!(function("udp_rcv+0x49e/0xb20"), "udp_rcv");
        assert_eq!(function("nft_do_chain+0x1/0x2 [nf_tables]"), "nft_do_chain");
        assert_eq!(function("0xffffffff"), "0xffffffff");
    }
}
