//! MIB-II groups of a host: IP, ICMP, TCP, UDP.

use crate::structure::structures;

structures! { Counter:
    /// Counter record 0:2007, 76 bytes (source: sFlow host TCP/IP counters).
    ///
    /// `ipForwarding` (1 forwarding, 2 not), `ipDefaultTTL` and `ipReasmTimeout` (seconds) are
    /// settings.
    Mib2IpGroup = 0:2007 as "mib2_ip_group" {
        Gauge ip_forwarding "ipForwarding": u32,
        Gauge ip_default_ttl "ipDefaultTTL": u32,
        Counter ip_in_receives "ipInReceives": u32,
        Counter ip_in_hdr_errors "ipInHdrErrors": u32,
        Counter ip_in_addr_errors "ipInAddrErrors": u32,
        Counter ip_forw_datagrams "ipForwDatagrams": u32,
        Counter ip_in_unknown_protos "ipInUnknownProtos": u32,
        Counter ip_in_discards "ipInDiscards": u32,
        Counter ip_in_delivers "ipInDelivers": u32,
        Counter ip_out_requests "ipOutRequests": u32,
        Counter ip_out_discards "ipOutDiscards": u32,
        Counter ip_out_no_routes "ipOutNoRoutes": u32,
        Gauge ip_reasm_timeout "ipReasmTimeout": u32,
        Counter ip_reasm_reqds "ipReasmReqds": u32,
        Counter ip_reasm_oks "ipReasmOKs": u32,
        Counter ip_reasm_fails "ipReasmFails": u32,
        Counter ip_frag_oks "ipFragOKs": u32,
        Counter ip_frag_fails "ipFragFails": u32,
        Counter ip_frag_creates "ipFragCreates": u32,
    }

    /// Counter record 0:2008, 100 bytes (source: sFlow host TCP/IP counters).
    ///
    /// 25 fields: `icmpInTimestampReps` of MIB-II is not part of the record.
    Mib2IcmpGroup = 0:2008 as "mib2_icmp_group" {
        Counter icmp_in_msgs "icmpInMsgs": u32,
        Counter icmp_in_errors "icmpInErrors": u32,
        Counter icmp_in_dest_unreachs "icmpInDestUnreachs": u32,
        Counter icmp_in_time_excds "icmpInTimeExcds": u32,
        Counter icmp_in_param_probs "icmpInParamProbs": u32,
        Counter icmp_in_src_quenchs "icmpInSrcQuenchs": u32,
        Counter icmp_in_redirects "icmpInRedirects": u32,
        Counter icmp_in_echos "icmpInEchos": u32,
        Counter icmp_in_echo_reps "icmpInEchoReps": u32,
        Counter icmp_in_timestamps "icmpInTimestamps": u32,
        Counter icmp_in_addr_masks "icmpInAddrMasks": u32,
        Counter icmp_in_addr_mask_reps "icmpInAddrMaskReps": u32,
        Counter icmp_out_msgs "icmpOutMsgs": u32,
        Counter icmp_out_errors "icmpOutErrors": u32,
        Counter icmp_out_dest_unreachs "icmpOutDestUnreachs": u32,
        Counter icmp_out_time_excds "icmpOutTimeExcds": u32,
        Counter icmp_out_param_probs "icmpOutParamProbs": u32,
        Counter icmp_out_src_quenchs "icmpOutSrcQuenchs": u32,
        Counter icmp_out_redirects "icmpOutRedirects": u32,
        Counter icmp_out_echos "icmpOutEchos": u32,
        Counter icmp_out_echo_reps "icmpOutEchoReps": u32,
        Counter icmp_out_timestamps "icmpOutTimestamps": u32,
        Counter icmp_out_timestamp_reps "icmpOutTimestampReps": u32,
        Counter icmp_out_addr_masks "icmpOutAddrMasks": u32,
        Counter icmp_out_addr_mask_reps "icmpOutAddrMaskReps": u32,
    }

    /// Counter record 0:2009, 60 bytes (source: sFlow host TCP/IP counters).
    ///
    /// The first four are settings: retransmission timeouts in milliseconds; `tcpMaxConn` is -1 if
    /// dynamic.
    Mib2TcpGroup = 0:2009 as "mib2_tcp_group" {
        Gauge tcp_rto_algorithm "tcpRtoAlgorithm": u32,
        Gauge tcp_rto_min "tcpRtoMin": u32,
        Gauge tcp_rto_max "tcpRtoMax": u32,
        Gauge tcp_max_conn "tcpMaxConn": u32,
        Counter tcp_active_opens "tcpActiveOpens": u32,
        Counter tcp_passive_opens "tcpPassiveOpens": u32,
        Counter tcp_attempt_fails "tcpAttemptFails": u32,
        Counter tcp_estab_resets "tcpEstabResets": u32,
        Gauge tcp_curr_estab "tcpCurrEstab": u32,
        Counter tcp_in_segs "tcpInSegs": u32,
        Counter tcp_out_segs "tcpOutSegs": u32,
        Counter tcp_retrans_segs "tcpRetransSegs": u32,
        Counter tcp_in_errs "tcpInErrs": u32,
        Counter tcp_out_rsts "tcpOutRsts": u32,
        Counter tcp_in_csum_errs "tcpInCsumErrs": u32,
    }

    /// Counter record 0:2010, 28 bytes (source: sFlow host TCP/IP counters).
    Mib2UdpGroup = 0:2010 as "mib2_udp_group" {
        Counter udp_in_datagrams "udpInDatagrams": u32,
        Counter udp_no_ports "udpNoPorts": u32,
        Counter udp_in_errors "udpInErrors": u32,
        Counter udp_out_datagrams "udpOutDatagrams": u32,
        Counter udp_rcvbuf_errors "udpRcvbufErrors": u32,
        Counter udp_sndbuf_errors "udpSndbufErrors": u32,
        Counter udp_in_csum_errors "udpInCsumErrors": u32,
    }
}
