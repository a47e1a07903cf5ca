//! Counter records of the IP stack of a host: the groups of MIB-II that Linux prints in
//! `/proc/net/snmp`.

use super::table::{Counter32, Gauge32, counter_record};

counter_record! {
    /// `mib2_ip_group` (0:2007): IP (RFC 4293), in datagrams unless another unit is given.
    Mib2IpGroup = 0:2007 {
        /// 1: forwards datagrams, 2: does not.
        ip_forwarding: Gauge32,
        /// TTL of datagrams that originate here.
        ip_default_ttl: Gauge32,
        /// Received, including those with errors.
        ip_in_receives: Counter32,
        /// Discarded because of an error in the header.
        ip_in_hdr_errors: Counter32,
        /// Discarded because the destination is not an address of this host.
        ip_in_addr_errors: Counter32,
        /// Forwarded, including failed attempts.
        ip_forw_datagrams: Counter32,
        /// Discarded because of an unknown protocol.
        ip_in_unknown_protos: Counter32,
        /// Received without error and discarded, such as for lack of buffers.
        ip_in_discards: Counter32,
        /// Delivered to a protocol.
        ip_in_delivers: Counter32,
        /// Passed to IP by local protocols.
        ip_out_requests: Counter32,
        /// Outbound without error and discarded, such as for lack of buffers.
        ip_out_discards: Counter32,
        /// Discarded for lack of a route.
        ip_out_no_routes: Counter32,
        /// Time that a fragment waits for reassembly, seconds.
        ip_reasm_timeout: Gauge32,
        /// Fragments that needed reassembly.
        ip_reasm_reqds: Counter32,
        /// Reassembled.
        ip_reasm_oks: Counter32,
        /// Failed reassemblies.
        ip_reasm_fails: Counter32,
        /// Fragmented.
        ip_frag_oks: Counter32,
        /// Discarded because fragmentation was needed and not permitted.
        ip_frag_fails: Counter32,
        /// Fragments created.
        ip_frag_creates: Counter32,
    }
}

counter_record! {
    /// `mib2_icmp_group` (0:2008): ICMP (RFC 2011), in messages. `icmpInTimestampReps` is missing
    /// in the specification and in all implementations.
    Mib2IcmpGroup = 0:2008 {
        /// Received, including those with errors.
        icmp_in_msgs: Counter32,
        /// Received with errors.
        icmp_in_errors: Counter32,
        /// Destination unreachable, received.
        icmp_in_dest_unreachs: Counter32,
        /// Time exceeded, received.
        icmp_in_time_excds: Counter32,
        /// Parameter problem, received.
        icmp_in_param_probs: Counter32,
        /// Source quench, received.
        icmp_in_src_quenchs: Counter32,
        /// Redirect, received.
        icmp_in_redirects: Counter32,
        /// Echo request, received.
        icmp_in_echos: Counter32,
        /// Echo reply, received.
        icmp_in_echo_reps: Counter32,
        /// Timestamp request, received.
        icmp_in_timestamps: Counter32,
        /// Address mask request, received.
        icmp_in_addr_masks: Counter32,
        /// Address mask reply, received.
        icmp_in_addr_mask_reps: Counter32,
        /// Sent, including failed attempts.
        icmp_out_msgs: Counter32,
        /// Not sent because of a problem within ICMP, such as lack of buffers.
        icmp_out_errors: Counter32,
        /// Destination unreachable, sent.
        icmp_out_dest_unreachs: Counter32,
        /// Time exceeded, sent.
        icmp_out_time_excds: Counter32,
        /// Parameter problem, sent.
        icmp_out_param_probs: Counter32,
        /// Source quench, sent.
        icmp_out_src_quenchs: Counter32,
        /// Redirect, sent.
        icmp_out_redirects: Counter32,
        /// Echo request, sent.
        icmp_out_echos: Counter32,
        /// Echo reply, sent.
        icmp_out_echo_reps: Counter32,
        /// Timestamp request, sent.
        icmp_out_timestamps: Counter32,
        /// Timestamp reply, sent.
        icmp_out_timestamp_reps: Counter32,
        /// Address mask request, sent.
        icmp_out_addr_masks: Counter32,
        /// Address mask reply, sent.
        icmp_out_addr_mask_reps: Counter32,
    }
}

counter_record! {
    /// `mib2_tcp_group` (0:2009): TCP (RFC 4022), and bad checksums as Linux counts them.
    Mib2TcpGroup = 0:2009 {
        /// Algorithm of the retransmission timeout: 1 other, 2 constant, 3 MIL-STD-1778, 4 Van
        /// Jacobson, 5 RFC 2988.
        tcp_rto_algorithm: Gauge32,
        /// Minimum retransmission timeout, milliseconds.
        tcp_rto_min: Gauge32,
        /// Maximum retransmission timeout, milliseconds.
        tcp_rto_max: Gauge32,
        /// Limit of connections; all ones (-1): no fixed limit.
        tcp_max_conn: Gauge32,
        /// Connections opened by this host.
        tcp_active_opens: Counter32,
        /// Connections opened by other hosts.
        tcp_passive_opens: Counter32,
        /// Connections that failed to open.
        tcp_attempt_fails: Counter32,
        /// Connections reset in state ESTABLISHED or CLOSE-WAIT.
        tcp_estab_resets: Counter32,
        /// Connections in state ESTABLISHED or CLOSE-WAIT.
        tcp_curr_estab: Gauge32,
        /// Segments received, including those with errors.
        tcp_in_segs: Counter32,
        /// Segments sent, without pure retransmissions.
        tcp_out_segs: Counter32,
        /// Segments retransmitted.
        tcp_retrans_segs: Counter32,
        /// Segments received with errors.
        tcp_in_errs: Counter32,
        /// Segments sent with RST.
        tcp_out_rsts: Counter32,
        /// Segments received with a bad checksum.
        tcp_in_csum_errs: Counter32,
    }
}

counter_record! {
    /// `mib2_udp_group` (0:2010): UDP (RFC 4113) and the additions of Linux, in datagrams.
    Mib2UdpGroup = 0:2010 {
        /// Delivered to a socket.
        udp_in_datagrams: Counter32,
        /// Received for a port without a socket.
        udp_no_ports: Counter32,
        /// Received and not delivered for other reasons.
        udp_in_errors: Counter32,
        /// Sent.
        udp_out_datagrams: Counter32,
        /// Received and dropped because the receive buffer of the socket was full.
        udp_rcvbuf_errors: Counter32,
        /// Not sent because the send buffer of the socket was full.
        udp_sndbuf_errors: Counter32,
        /// Received with a bad checksum.
        udp_in_csum_errors: Counter32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, word};

    #[test]
    fn mib2_ip_group() {
        let record = Mib2IpGroup {
            ip_forwarding: word(1),
            ip_default_ttl: word(2),
            ip_in_receives: word(3),
            ip_in_hdr_errors: word(4),
            ip_in_addr_errors: word(5),
            ip_forw_datagrams: word(6),
            ip_in_unknown_protos: word(7),
            ip_in_discards: word(8),
            ip_in_delivers: word(9),
            ip_out_requests: word(10),
            ip_out_discards: word(11),
            ip_out_no_routes: word(12),
            ip_reasm_timeout: word(13),
            ip_reasm_reqds: word(14),
            ip_reasm_oks: word(15),
            ip_reasm_fails: word(16),
            ip_frag_oks: word(17),
            ip_frag_fails: word(18),
            ip_frag_creates: word(19),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2007.hex"),
        );
    }

    #[test]
    fn mib2_icmp_group() {
        let record = Mib2IcmpGroup {
            icmp_in_msgs: word(1),
            icmp_in_errors: word(2),
            icmp_in_dest_unreachs: word(3),
            icmp_in_time_excds: word(4),
            icmp_in_param_probs: word(5),
            icmp_in_src_quenchs: word(6),
            icmp_in_redirects: word(7),
            icmp_in_echos: word(8),
            icmp_in_echo_reps: word(9),
            icmp_in_timestamps: word(10),
            icmp_in_addr_masks: word(11),
            icmp_in_addr_mask_reps: word(12),
            icmp_out_msgs: word(13),
            icmp_out_errors: word(14),
            icmp_out_dest_unreachs: word(15),
            icmp_out_time_excds: word(16),
            icmp_out_param_probs: word(17),
            icmp_out_src_quenchs: word(18),
            icmp_out_redirects: word(19),
            icmp_out_echos: word(20),
            icmp_out_echo_reps: word(21),
            icmp_out_timestamps: word(22),
            icmp_out_timestamp_reps: word(23),
            icmp_out_addr_masks: word(24),
            icmp_out_addr_mask_reps: word(25),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2008.hex"),
        );
    }

    #[test]
    fn mib2_tcp_group() {
        let record = Mib2TcpGroup {
            tcp_rto_algorithm: word(1),
            tcp_rto_min: word(2),
            tcp_rto_max: word(3),
            tcp_max_conn: word(4),
            tcp_active_opens: word(5),
            tcp_passive_opens: word(6),
            tcp_attempt_fails: word(7),
            tcp_estab_resets: word(8),
            tcp_curr_estab: word(9),
            tcp_in_segs: word(10),
            tcp_out_segs: word(11),
            tcp_retrans_segs: word(12),
            tcp_in_errs: word(13),
            tcp_out_rsts: word(14),
            tcp_in_csum_errs: word(15),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2009.hex"),
        );
    }

    #[test]
    fn mib2_udp_group() {
        let record = Mib2UdpGroup {
            udp_in_datagrams: word(1),
            udp_no_ports: word(2),
            udp_in_errors: word(3),
            udp_out_datagrams: word(4),
            udp_rcvbuf_errors: word(5),
            udp_sndbuf_errors: word(6),
            udp_in_csum_errors: word(7),
        };
        testing::counter_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/ctr-0-2010.hex"),
        );
    }
}
