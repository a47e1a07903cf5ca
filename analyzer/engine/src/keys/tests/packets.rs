//! Each key on a literal packet.

use super::*;

#[test]
fn ethernet_ipv4_tcp() {
    check(
        &tcp_packet(),
        &[
            ("agent", "192.0.2.1"),
            ("datasource", "5"),
            ("inputifindex", "5"),
            ("outputifindex", "9"),
            ("direction", "ingress"),
            ("bytes", "62"),
            ("frames", "1"),
            ("requests", "-"),
            ("stripped", "4"),
            ("stack", "eth.ip.tcp"),
            ("macsource", "0200000000AA"),
            ("macdestination", "0200000000BB"),
            ("ethernetprotocol", "2048"),
            ("isunicast", "true"),
            ("ismulticast", "false"),
            ("isbroadcast", "false"),
            ("vlan", "-"),
            ("src", "10.0.0.1"),
            ("dst", "10.0.0.2"),
            ("ipproto", "6"),
            ("sport", "40001"),
            ("dport", "443"),
            ("ip_offset", "14"),
            ("ipsource", "10.0.0.1"),
            ("ipdestination", "10.0.0.2"),
            ("ipprotocol", "6"),
            ("ipbytes", "44"),
            ("iptos", "41"),
            ("ipdscp", "10"),
            ("ipdscpname", "AF11"),
            ("ipecn", "1"),
            ("ipttl", "64"),
            ("ipflags", "010"),
            ("ipfragoffset", "0"),
            ("ipidentification", "4660"),
            ("tcp_offset", "34"),
            ("tcpsourceport", "40001"),
            ("tcpdestinationport", "443"),
            ("tcpflags", "000010010"),
            ("tcpwindow", "4096"),
            ("tcpseqno", "1"),
            ("tcpackno", "2"),
            ("udpsourceport", "-"),
            ("ip6source", "-"),
            ("ipsource.1", "-"),
            ("icmptype", "-"),
            ("dnsqname", "-"),
        ],
    );
}

/// A query for the type ANY of `name`.
fn dns_query(labels: &[&str]) -> Vec<u8> {
    let mut message = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    for label in labels {
        message.push(label.len() as u8);
        message.extend(label.as_bytes());
    }
    message.extend([0, 0, 255, 0, 1]);
    message
}

fn udp_packet(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    flow_sample(&[header(&ethernet(0x0800, &ipv4(17, &udp(src, dst, payload))))])
}

#[test]
fn dns_query_in_udp() {
    let query = dns_query(&["www", "example", "org"]);
    check(
        &udp_packet(5000, 53, &query),
        &[
            ("stack", "eth.ip.udp"),
            ("udpsourceport", "5000"),
            ("udpdestinationport", "53"),
            ("udpbytes", "41"),
            ("udp_offset", "34"),
            ("sport", "5000"),
            ("dport", "53"),
            ("tcpsourceport", "-"),
            ("tcpflags", "-"),
            ("dnsqname", "www.example.org"),
            ("dnsqr", "false"),
            ("dnsqtype", "255"),
            ("dnsqtypename", "ANY"),
            ("dnsrcode", "-"),
        ],
    );
    let mut response = query;
    response[2..4].copy_from_slice(&[0x81, 0x83]);
    let expected = [("dnsqr", "true"), ("dnsrcode", "3"), ("dnsqname", "www.example.org")];
    check(&udp_packet(53, 5000, &response), &expected);
}

#[test]
fn damaged_dns_has_no_name() {
    let query = dns_query(&["www", "example", "org"]);
    for length in 0..query.len() {
        let cut = udp_packet(5000, 53, &query[..length]);
        let name = if length > 28 { "www.example.org" } else { "-" };
        let query_type = if length > 30 { "255" } else { "-" };
        check(&cut, &[("dnsqname", name), ("dnsqtype", query_type)]);
    }
    // A pointer, the name of the root, a label that is no text, no question.
    let with = |at: usize, bytes: &[u8]| {
        let mut query = query.clone();
        query[at..at + bytes.len()].copy_from_slice(bytes);
        udp_packet(5000, 53, &query)
    };
    check(&with(16, &[0xc0, 12]), &[("dnsqname", "-"), ("dnsqtype", "-"), ("dnsqr", "false")]);
    check(&with(12, &[0, 0, 28]), &[("dnsqname", "."), ("dnsqtypename", "AAAA")]);
    check(&with(13, b".\\\x07"), &[("dnsqname", "\\046\\092\\007.example.org")]);
    check(&with(4, &[0, 0]), &[("dnsqname", "-"), ("dnsqtype", "-")]);
    check(&udp_packet(5000, 54, &query), &[("dnsqname", "-"), ("dnsqr", "-")]);
    let long = "a".repeat(63);
    let labels = [long.as_str(); 5];
    check(&udp_packet(5000, 53, &dns_query(&labels)), &[("dnsqname", "-"), ("dnsqtype", "255")]);
}

#[test]
fn memcache_operation() {
    let record = [words(&[1, 7]), string("user:1"), words(&[1, 120, 250, 8])].concat();
    check(
        &flow_sample(&[(2200, record)]),
        &[
            ("memcacheprotocol", "ASCII"),
            ("memcachecommand", "GET"),
            ("memcachekey", "user:1"),
            ("memcachenkeys", "1"),
            ("memcachebytes", "120"),
            ("memcachestatus", "NOT_FOUND"),
            ("duration", "250"),
            ("requests", "1"),
            ("bytes", "120"),
            ("frames", "-"),
            ("httpmethod", "-"),
        ],
    );
}
