//! The MIB-II groups `mib2_ip_group` (2007) to `mib2_udp_group` (2010), from `/proc/net/snmp`: the
//! IPv4 stack of the network namespace.
//!
//! Columns are found by name, not by position: kernels added `InCsumErrors` in the middle of ICMP
//! (3.10), then `OutRateLimitGlobal` and `OutRateLimitHost` (6.2).

use flowmote_core::record::counter::{Mib2IcmpGroup, Mib2IpGroup, Mib2TcpGroup, Mib2UdpGroup};

use super::sums::Ledger;
use super::text::{low, number};

/// The groups as last read. A column that is missing keeps its value.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mib2 {
    pub(super) ip: Mib2IpGroup,
    pub(super) icmp: Mib2IcmpGroup,
    pub(super) tcp: Mib2TcpGroup,
    pub(super) udp: Mib2UdpGroup,
}

impl Mib2 {
    pub(super) const UNKNOWN: Self = Self {
        ip: Mib2IpGroup::UNKNOWN,
        icmp: Mib2IcmpGroup::UNKNOWN,
        tcp: Mib2TcpGroup::UNKNOWN,
        udp: Mib2UdpGroup::UNKNOWN,
    };

    /// Takes the text of `/proc/net/snmp`: one read for four records, so that they are of one
    /// moment.
    pub(super) fn update(&mut self, text: &str, ledger: &mut Ledger) {
        ip(text, ledger, &mut self.ip);
        icmp(text, ledger, &mut self.icmp);
        tcp(text, ledger, &mut self.tcp);
        udp(text, ledger, &mut self.udp);
    }
}

fn ip(text: &str, ledger: &mut Ledger, group: &mut Mib2IpGroup) {
    for (name, value) in columns(text, "Ip:", ledger) {
        *match name {
            "Forwarding" => &mut group.ip_forwarding,
            "DefaultTTL" => &mut group.ip_default_ttl,
            "InReceives" => &mut group.ip_in_receives,
            "InHdrErrors" => &mut group.ip_in_hdr_errors,
            "InAddrErrors" => &mut group.ip_in_addr_errors,
            "ForwDatagrams" => &mut group.ip_forw_datagrams,
            "InUnknownProtos" => &mut group.ip_in_unknown_protos,
            "InDiscards" => &mut group.ip_in_discards,
            "InDelivers" => &mut group.ip_in_delivers,
            "OutRequests" => &mut group.ip_out_requests,
            "OutDiscards" => &mut group.ip_out_discards,
            "OutNoRoutes" => &mut group.ip_out_no_routes,
            "ReasmTimeout" => &mut group.ip_reasm_timeout,
            "ReasmReqds" => &mut group.ip_reasm_reqds,
            "ReasmOKs" => &mut group.ip_reasm_oks,
            "ReasmFails" => &mut group.ip_reasm_fails,
            "FragOKs" => &mut group.ip_frag_oks,
            "FragFails" => &mut group.ip_frag_fails,
            "FragCreates" => &mut group.ip_frag_creates,
            _ => continue,
        } = value;
    }
}

fn icmp(text: &str, ledger: &mut Ledger, group: &mut Mib2IcmpGroup) {
    for (name, value) in columns(text, "Icmp:", ledger) {
        *match name {
            "InMsgs" => &mut group.icmp_in_msgs,
            "InErrors" => &mut group.icmp_in_errors,
            "InDestUnreachs" => &mut group.icmp_in_dest_unreachs,
            "InTimeExcds" => &mut group.icmp_in_time_excds,
            "InParmProbs" => &mut group.icmp_in_param_probs,
            "InSrcQuenchs" => &mut group.icmp_in_src_quenchs,
            "InRedirects" => &mut group.icmp_in_redirects,
            "InEchos" => &mut group.icmp_in_echos,
            "InEchoReps" => &mut group.icmp_in_echo_reps,
            "InTimestamps" => &mut group.icmp_in_timestamps,
            "InAddrMasks" => &mut group.icmp_in_addr_masks,
            "InAddrMaskReps" => &mut group.icmp_in_addr_mask_reps,
            "OutMsgs" => &mut group.icmp_out_msgs,
            "OutErrors" => &mut group.icmp_out_errors,
            "OutDestUnreachs" => &mut group.icmp_out_dest_unreachs,
            "OutTimeExcds" => &mut group.icmp_out_time_excds,
            "OutParmProbs" => &mut group.icmp_out_param_probs,
            "OutSrcQuenchs" => &mut group.icmp_out_src_quenchs,
            "OutRedirects" => &mut group.icmp_out_redirects,
            "OutEchos" => &mut group.icmp_out_echos,
            "OutEchoReps" => &mut group.icmp_out_echo_reps,
            "OutTimestamps" => &mut group.icmp_out_timestamps,
            "OutTimestampReps" => &mut group.icmp_out_timestamp_reps,
            "OutAddrMasks" => &mut group.icmp_out_addr_masks,
            "OutAddrMaskReps" => &mut group.icmp_out_addr_mask_reps,
            _ => continue,
        } = value;
    }
}

fn tcp(text: &str, ledger: &mut Ledger, group: &mut Mib2TcpGroup) {
    for (name, value) in columns(text, "Tcp:", ledger) {
        *match name {
            "RtoAlgorithm" => &mut group.tcp_rto_algorithm,
            "RtoMin" => &mut group.tcp_rto_min,
            "RtoMax" => &mut group.tcp_rto_max,
            "MaxConn" => &mut group.tcp_max_conn,
            "ActiveOpens" => &mut group.tcp_active_opens,
            "PassiveOpens" => &mut group.tcp_passive_opens,
            "AttemptFails" => &mut group.tcp_attempt_fails,
            "EstabResets" => &mut group.tcp_estab_resets,
            "CurrEstab" => &mut group.tcp_curr_estab,
            "InSegs" => &mut group.tcp_in_segs,
            "OutSegs" => &mut group.tcp_out_segs,
            "RetransSegs" => &mut group.tcp_retrans_segs,
            "InErrs" => &mut group.tcp_in_errs,
            "OutRsts" => &mut group.tcp_out_rsts,
            "InCsumErrors" => &mut group.tcp_in_csum_errs,
            _ => continue,
        } = value;
    }
}

fn udp(text: &str, ledger: &mut Ledger, group: &mut Mib2UdpGroup) {
    for (name, value) in columns(text, "Udp:", ledger) {
        *match name {
            "InDatagrams" => &mut group.udp_in_datagrams,
            "NoPorts" => &mut group.udp_no_ports,
            "InErrors" => &mut group.udp_in_errors,
            "OutDatagrams" => &mut group.udp_out_datagrams,
            "RcvbufErrors" => &mut group.udp_rcvbuf_errors,
            "SndbufErrors" => &mut group.udp_sndbuf_errors,
            "InCsumErrors" => &mut group.udp_in_csum_errors,
            _ => continue,
        } = value;
    }
}

/// Iterates over name and value of each column of a protocol. It has two lines that begin with its
/// name: one with the names of the columns, one with the values. Values that are not numbers are
/// left out. Counters never decrease.
fn columns<'a>(
    text: &'a str,
    protocol: &'a str,
    ledger: &'a mut Ledger,
) -> impl Iterator<Item = (&'a str, u32)> {
    let mut lines = text.lines().filter_map(move |line| {
        let mut words = line.split_ascii_whitespace();
        (words.next() == Some(protocol)).then_some(words)
    });
    let (names, values) = (lines.next(), lines.next());
    let columns = names.into_iter().flatten().zip(values.into_iter().flatten());
    columns.filter_map(move |(name, value)| {
        let value = number(value)?;
        let value = match name {
            _ if GAUGES.contains(&name) => value,
            _ => ledger.advance(&format!("{protocol}{name}"), value),
        };
        Some((name, low(value)))
    })
}

/// Columns that are no counters.
const GAUGES: [&str; 7] =
    ["Forwarding", "DefaultTTL", "RtoAlgorithm", "RtoMin", "RtoMax", "MaxConn", "CurrEstab"];

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn first(text: &str) -> Mib2 {
        let mut groups = Mib2::UNKNOWN;
        groups.update(text, &mut Ledger::default());
        groups
    }

    fn ip(text: &str) -> Mib2IpGroup {
        first(text).ip
    }

    fn icmp(text: &str) -> Mib2IcmpGroup {
        first(text).icmp
    }

    fn tcp(text: &str) -> Mib2TcpGroup {
        first(text).tcp
    }

    fn udp(text: &str) -> Mib2UdpGroup {
        first(text).udp
    }

    #[test]
    fn counters_do_not_decrease_and_gauges_do() {
        let (mut groups, mut ledger) = (Mib2::UNKNOWN, Ledger::default());
        let mut update = |text: &str| {
            groups.update(text, &mut ledger);
            (groups.tcp.tcp_curr_estab, groups.tcp.tcp_in_segs, groups.udp.udp_in_datagrams)
        };
        let names = "Tcp: CurrEstab InSegs\nTcp:";
        assert_eq!(update(&format!("{names} 9 1000\nUdp: InDatagrams\nUdp: 5\n")), (9, 1000, 5));
        assert_eq!(update(&format!("{names} 2 10\n")), (2, 1010, 5), "restart, no line of UDP");
        assert_eq!(update(""), (2, 1010, 5), "empty");
    }

    /// Linux 6.18.
    const SNMP_6_18: &str = include_str!("testdata/snmp-6.18");
    /// Linux 4.19: `InCsumErrors`, no rate limits.
    const SNMP_4_19: &str = include_str!("testdata/snmp-4.19");
    /// Linux 3.2: no `InCsumErrors` anywhere.
    const SNMP_3_2: &str = include_str!("testdata/snmp-3.2");

    /// In this file the value of each ICMP column is its position, so that a shift is noticed.
    #[test]
    fn icmp_of_6_18_is_not_shifted() {
        let group = icmp(SNMP_6_18);
        assert_eq!((group.icmp_in_msgs, group.icmp_in_errors), (1, 2));
        assert_eq!((group.icmp_in_dest_unreachs, group.icmp_in_time_excds), (4, 5));
        assert_eq!((group.icmp_in_param_probs, group.icmp_in_src_quenchs), (6, 7));
        assert_eq!((group.icmp_in_redirects, group.icmp_in_echos), (8, 9));
        assert_eq!((group.icmp_in_echo_reps, group.icmp_in_timestamps), (10, 11));
        assert_eq!((group.icmp_in_addr_masks, group.icmp_in_addr_mask_reps), (13, 14));
        assert_eq!((group.icmp_out_msgs, group.icmp_out_errors), (15, 16));
        assert_eq!((group.icmp_out_dest_unreachs, group.icmp_out_time_excds), (19, 20));
        assert_eq!((group.icmp_out_param_probs, group.icmp_out_src_quenchs), (21, 22));
        assert_eq!((group.icmp_out_redirects, group.icmp_out_echos), (23, 24));
        assert_eq!((group.icmp_out_echo_reps, group.icmp_out_timestamps), (25, 26));
        assert_eq!((group.icmp_out_timestamp_reps, group.icmp_out_addr_masks), (27, 28));
        assert_eq!(group.icmp_out_addr_mask_reps, 29);
    }

    #[test]
    fn icmp_of_older_kernels() {
        let group = icmp(SNMP_4_19);
        assert_eq!((group.icmp_in_dest_unreachs, group.icmp_in_echo_reps), (4, 10));
        assert_eq!((group.icmp_out_dest_unreachs, group.icmp_out_addr_mask_reps), (17, 27));
        let group = icmp(SNMP_3_2);
        assert_eq!((group.icmp_in_dest_unreachs, group.icmp_in_echo_reps), (3, 9));
        assert_eq!((group.icmp_out_dest_unreachs, group.icmp_out_addr_mask_reps), (16, 26));
    }

    #[test]
    fn other_groups() {
        let group = ip(SNMP_6_18);
        assert_eq!(
            (group.ip_forwarding, group.ip_default_ttl, group.ip_in_receives),
            (2, 64, 2796)
        );
        assert_eq!((group.ip_out_requests, group.ip_frag_creates), (2131, 0));
        let group = tcp(SNMP_6_18);
        assert_eq!((group.tcp_rto_min, group.tcp_max_conn), (200, u32::MAX));
        assert_eq!((group.tcp_in_segs, group.tcp_out_rsts, group.tcp_in_csum_errs), (2629, 72, 0));
        let group = udp(SNMP_6_18);
        assert_eq!((group.udp_in_datagrams, group.udp_out_datagrams), (166, 167));
        assert_eq!(group.udp_in_csum_errors, 0);
    }

    #[test]
    fn column_missing_on_old_kernels_is_unknown() {
        assert_eq!(tcp(SNMP_3_2).tcp_in_csum_errs, u32::MAX);
        assert_eq!(udp(SNMP_3_2).udp_in_csum_errors, u32::MAX);
        assert_eq!(udp(SNMP_3_2).udp_in_datagrams, 166);
        assert_eq!(ip(""), Mib2IpGroup::UNKNOWN);
        assert_eq!(icmp("Icmp: InMsgs InErrors\nIcmp: x\n"), Mib2IcmpGroup::UNKNOWN);
        assert_eq!(tcp("Tcp: InSegs\n"), Mib2TcpGroup::UNKNOWN);
    }

    proptest! {
        #[test]
        fn arbitrary_text_does_not_panic(text: String) {
            let both = format!("Ip: {text}\nIp: {text}\nIcmp: {text}\nTcp: {text}\nUdp: {text}");
            for text in [&text, &both] {
                ip(text);
                icmp(text);
                tcp(text);
                udp(text);
            }
        }
    }
}
