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

#[test]
fn vlan_tags_and_switch_record() {
    let tags = [0x81, 0, 0x60, 7, 0x88, 0xa8, 0x20, 9, 8, 0].to_vec();
    let frame = [MACS, &tags, &ipv4(6, TCP)].concat();
    let switch = (1001, words(&[100, 2, 200, 4]));
    check(
        &flow_sample(&[header(&frame), switch.clone()]),
        &[
            ("stack", "eth.vlan.vlan.ip.tcp"),
            ("vlan", "7"),
            ("vlan.1", "9"),
            ("vlan.2", "-"),
            ("priority", "3"),
            ("priority.1", "1"),
            ("ethernetprotocol", "2048"),
            ("vlansource", "100"),
            ("vlandestination", "200"),
            ("prioritysource", "2"),
            ("prioritydestination", "4"),
        ],
    );
    // Without a tag, that of the port: the input port 5 samples, then the output port 9.
    let untagged = ethernet(0x0800, &ipv4(6, TCP));
    let records = [header(&untagged), switch];
    check(&flow_sample(&records), &[("vlan", "100"), ("priority", "2"), ("vlan.1", "-")]);
    let leaving = sample(1, &[7, 9, 100, 1000, 0, 5, 9], &records);
    check(&leaving, &[("vlan", "200"), ("priority", "4"), ("direction", "egress")]);
    let unknown = (1001, words(&[u32::MAX; 4]));
    check(&flow_sample(&[header(&untagged), unknown]), &[("vlan", "-"), ("vlansource", "-")]);
}

#[test]
fn broadcast_and_frames_without_type() {
    let arp: Vec<u8> =
        [&[0, 1, 8, 0, 6, 4, 0, 1][..], &MACS[6..], &[10, 0, 0, 1], &[0; 6], &[10, 0, 0, 9]]
            .concat();
    let frame = [&[0xff; 6], &MACS[6..], &[8, 6], &arp].concat();
    check(
        &flow_sample(&[header(&frame)]),
        &[
            ("stack", "eth.arp"),
            ("ethernetprotocol", "2054"),
            ("isunicast", "false"),
            ("ismulticast", "false"),
            ("isbroadcast", "true"),
            ("arpoperation", "1"),
            ("arpmacsender", "0200000000AA"),
            ("arpipsender", "10.0.0.1"),
            ("arpmactarget", "000000000000"),
            ("arpiptarget", "10.0.0.9"),
            ("src", "-"),
        ],
    );
    // Spanning tree, then SNAP with IPv4.
    let bridge = [1, 0x80, 0xc2, 0, 0, 0];
    let llc = [&bridge[..], &MACS[6..], &[0, 38, 0x42, 0x42, 3], &[0; 35]].concat();
    let expected = [("ethernetprotocol", "-"), ("ismulticast", "true"), ("stack", "eth.llc")];
    check(&flow_sample(&[header(&llc)]), &expected);
    let snap = [MACS, &[0, 48, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(6, TCP)].concat();
    let expected = [("ethernetprotocol", "2048"), ("stack", "eth.llc.ip.tcp")];
    check(&flow_sample(&[header(&snap)]), &expected);
}

/// From 2001:db8::1 to 2001:db8::2, traffic class 0xb8, flow label 0x23456, hop limit 63.
fn ipv6(next: u8, payload: &[u8]) -> Vec<u8> {
    let [high, low] = (payload.len() as u16).to_be_bytes();
    let mut header = vec![0x6b, 0x82, 0x34, 0x56, high, low, next, 63];
    for last in [1, 2] {
        header.extend([0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    header.extend(payload);
    header
}

#[test]
fn ipv6_with_extension_headers() {
    // Hop-by-hop, then fragment: offset 0, more follow.
    let extensions = [44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 1, 0, 0, 0x12, 0x34];
    let packet = ipv6(0, &[&extensions[..], &udp(5000, 6000, b"data")].concat());
    check(
        &flow_sample(&[header(&ethernet(0x86dd, &packet))]),
        &[
            ("stack", "eth.ip6.ip6ext.ip6ext.udp"),
            ("ip6_offset", "14"),
            ("ip6source", "2001:db8::1"),
            ("ip6destination", "2001:db8::2"),
            ("ip6nexthdr", "17"),
            ("ip6bytes", "68"),
            ("ip6tos", "184"),
            ("ip6dscp", "46"),
            ("ip6dscpname", "EF"),
            ("ip6ecn", "0"),
            ("ip6flowlabel", "144470"),
            ("ip6ttl", "63"),
            ("ip6extensions", "0.44"),
            ("ip6fragoffset", "0"),
            ("ip6fragm", "true"),
            ("ip6identification", "4660"),
            ("src", "2001:db8::1"),
            ("dst", "2001:db8::2"),
            ("ipproto", "17"),
            ("sport", "5000"),
            ("dport", "6000"),
            ("ipsource", "-"),
        ],
    );
    let plain = flow_sample(&[header(&ethernet(0x86dd, &ipv6(6, TCP)))]);
    check(&plain, &[("ip6extensions", "-"), ("ip6fragoffset", "-"), ("ip6nexthdr", "6")]);
    let echo = ipv6(58, &[128, 0, 0, 0, 0, 1, 0, 7]);
    let expected =
        [("icmp6type", "128"), ("icmp6code", "0"), ("icmp6seqno", "7"), ("icmptype", "-")];
    check(&flow_sample(&[header(&ethernet(0x86dd, &echo))]), &expected);
}

#[test]
fn icmp_echo_and_unreachable() {
    let icmp = |icmp: &[u8]| flow_sample(&[header(&ethernet(0x0800, &ipv4(1, icmp)))]);
    let echo = icmp(&[8, 0, 0, 0, 0, 1, 0, 7]);
    let expected =
        [("icmptype", "8"), ("icmpcode", "0"), ("icmpseqno", "7"), ("icmpunreachableport", "-")];
    check(&echo, &expected);
    let keys = ["net", "host", "protocol", "port"].map(|what| format!("icmpunreachable{what}"));
    let expected = ["10.0.0.2", "10.0.0.2", "17", "53"];
    for (code, expected) in expected.into_iter().enumerate() {
        let returned = ipv4(17, &udp(5000, 53, &[]));
        let message = icmp(&[&[3, code as u8, 0, 0, 0, 0, 0, 0], &returned[..]].concat());
        for (other, key) in keys.iter().enumerate() {
            let text = if other == code { expected } else { "-" };
            check(&message, &[(key, text), ("icmpseqno", "-")]);
        }
    }
}

#[test]
fn fragments_have_no_ports() {
    let mut later = ipv4(17, &udp(5000, 53, &[0; 20]));
    later[6..8].copy_from_slice(&[0x20, 100]);
    check(
        &flow_sample(&[header(&ethernet(0x0800, &later))]),
        &[
            ("ipflags", "001"),
            ("ipfragoffset", "100"),
            ("udpsourceport", "-"),
            ("sport", "-"),
            ("ipproto", "17"),
            ("range:ipfragoffset:1", "true"),
        ],
    );
}

#[test]
fn inner_headers_by_suffix() {
    let mut inner = ethernet(0x0800, &ipv4(6, TCP));
    inner[14 + 15] = 77;
    let vxlan = [&[8, 0, 0, 0, 0, 0x12, 0x34, 0][..], &inner].concat();
    check(
        &udp_packet(9999, 4789, &vxlan),
        &[
            ("stack", "eth.ip.udp.vxlan.eth.ip.tcp"),
            ("vxlanvni", "4660"),
            ("ipsource", "10.0.0.1"),
            ("ipsource.1", "10.0.0.77"),
            ("ipsource.2", "-"),
            ("src.1", "10.0.0.77"),
            ("src.0", "10.0.0.1"),
            ("macdestination.1", "0200000000BB"),
            ("udpdestinationport", "4789"),
            ("tcpdestinationport", "443"),
            ("tcpdestinationport.1", "-"),
            ("dport", "4789"),
            ("dport.1", "443"),
            ("ipproto", "17"),
            ("ipproto.1", "6"),
            ("ip_offset.1", "64"),
            ("tcp_offset", "84"),
        ],
    );
}

#[test]
fn ports_are_those_of_the_same_packet() {
    // IPv4 in IPv4: the outer packet has no ports.
    let inner = ipv4(6, TCP);
    let expected =
        [("sport", "-"), ("sport.1", "40001"), ("ipproto", "4"), ("tcpsourceport", "40001")];
    check(&flow_sample(&[header(&ethernet(0x0800, &ipv4(4, &inner)))]), &expected);
}

#[test]
fn tunnel_headers() {
    let gre = [&[0x20, 0, 0x65, 0x58, 0, 0, 9, 5][..], &ethernet(0x0800, &ipv4(6, TCP))].concat();
    check(
        &flow_sample(&[header(&ethernet(0x0800, &ipv4(47, &gre)))]),
        &[
            ("stack", "eth.ip.gre.eth.ip.tcp"),
            ("greprotocol", "25944"),
            ("grekey", "2309"),
            ("grevsid", "9"),
        ],
    );
    let with_checksum = [&[0xa0, 0, 8, 0, 1, 2, 0, 0, 0, 0, 9, 5][..], &ipv4(6, TCP)].concat();
    let expected = [("grekey", "2309"), ("stack", "eth.ip.gre.ip.tcp")];
    check(&flow_sample(&[header(&ethernet(0x0800, &ipv4(47, &with_checksum)))]), &expected);
    let geneve = [&[0, 0, 0x65, 0x58, 0, 0, 42, 0][..], &ethernet(0x0800, &ipv4(6, TCP))].concat();
    check(&udp_packet(9999, 6081, &geneve), &[("genevevni", "42"), ("vxlanvni", "-")]);
    let gtp = [&[0x30, 255, 0, 40, 0, 0, 1, 0][..], &ipv4(6, TCP)].concat();
    check(&udp_packet(9999, 2152, &gtp), &[("gtputeid", "256")]);
    let labels = [0, 1, 0x02, 64, 0, 0xc, 0x85, 63];
    let mpls = ethernet(0x8847, &[&labels[..], &ipv4(6, TCP)].concat());
    check(
        &flow_sample(&[header(&mpls)]),
        &[
            ("mplslabels", "16.200"),
            ("mplslabel", "16"),
            ("mplslabel.1", "200"),
            ("mplsexp", "1"),
            ("mplsexp.1", "2"),
            ("ethernetprotocol", "34887"),
        ],
    );
}

#[test]
fn sctp_ports() {
    let sctp = [0x13, 0x88, 0x0b, 0x59, 0, 0, 0, 1, 0, 0, 0, 0];
    let expected = [
        ("sctpsourceport", "5000"),
        ("sctpdestinationport", "2905"),
        ("sport", "5000"),
        ("dport", "2905"),
        ("tcpsourceport", "-"),
    ];
    check(&flow_sample(&[header(&ethernet(0x0800, &ipv4(132, &sctp)))]), &expected);
}

/// A packet of RoCEv2, to queue pair 0x112233 with partition key 0xffff.
fn roce(opcode: u8, more: &[u8]) -> Vec<u8> {
    let bth = [opcode, 0xc0, 0xff, 0xff, 0, 0x11, 0x22, 0x33, 0x80, 0, 0, 7];
    udp_packet(50000, 4791, &[&bth[..], more].concat())
}

#[test]
fn roce_transport_header() {
    let reth = [[0; 12].as_slice(), &[0, 0, 0x10, 0]].concat();
    check(
        &roce(10, &reth),
        &[
            ("stack", "eth.ip.udp.ibbt"),
            ("ibbt_offset", "42"),
            ("ibbtopcode", "10"),
            ("ibbtopname", "RDMA_WRITE_ONLY"),
            ("ibbtoptransport", "RC"),
            ("ibbtdestqp", "1122867"),
            ("ibbtpkey", "65535"),
            ("ibbtpsn", "7"),
            ("ibbtack", "true"),
            ("ibbttver", "0"),
            ("ibbtse", "true"),
            ("ibbtm", "true"),
            ("ibbtrdmalen", "4096"),
            ("ibbtaethack", "-"),
        ],
    );
    for (syndrome, text) in [(0x1f, "ACK"), (0x2a, "RNR_NAK"), (0x60, "NAK"), (0x40, "-")] {
        check(&roce(17, &[syndrome, 0, 0, 1]), &[("ibbtaethack", text), ("ibbtrdmalen", "-")]);
    }
    for (opcode, transport) in
        [(0x20, "UC"), (0x44, "RD"), (0x64, "UD"), (0x81, "CNP"), (0xa4, "XRC"), (0xe0, "7")]
    {
        check(&roce(opcode, &[]), &[("ibbtoptransport", transport)]);
    }
    check(&roce(0x64, &[]), &[("ibbtopname", "SEND_ONLY")]);
    check(&roce(0x81, &[]), &[("ibbtopname", "CNP")]);
    // Not captured whole.
    check(&udp_packet(50000, 4791, &[0; 11]), &[("ibbtopcode", "-"), ("stack", "eth.ip.udp")]);
}

#[test]
fn cut_headers_lack_the_fields_after_the_cut() {
    let frame = ethernet(0x0800, &ipv4(6, TCP));
    for length in 0..frame.len() {
        let mut record = words(&[1, frame.len() as u32, 4, length as u32]);
        record.extend(&frame[..length]);
        let has = |end: usize, text: &'static str| if length >= end { text } else { "-" };
        check(
            &flow_sample(&[(1, record)]),
            &[
                ("macsource", has(14, "0200000000AA")),
                ("ipsource", has(34, "10.0.0.1")),
                ("tcpsourceport", has(38, "40001")),
                ("tcpdestinationport", has(38, "443")),
                ("tcpseqno", has(42, "1")),
                ("tcpflags", has(48, "000010010")),
                ("bytes", "54"),
            ],
        );
    }
}

#[test]
fn fields_in_place_of_a_header() {
    let [source, destination] = [0x0a00_0001, 0x0a00_0002];
    let ip = (3, words(&[1400, 6, source, destination, 40001, 443, 0x12, 0xb8]));
    check(
        &flow_sample(std::slice::from_ref(&ip)),
        &[
            ("bytes", "1400"),
            ("frames", "1"),
            ("ipsource", "10.0.0.1"),
            ("ipdestination", "10.0.0.2"),
            ("ipprotocol", "6"),
            ("ipbytes", "1400"),
            ("iptos", "184"),
            ("ipdscpname", "EF"),
            ("tcpsourceport", "40001"),
            ("tcpdestinationport", "443"),
            ("tcpflags", "000010010"),
            ("udpsourceport", "-"),
            ("src", "10.0.0.1"),
            ("dst", "10.0.0.2"),
            ("ipproto", "6"),
            ("sport", "40001"),
            ("dport", "443"),
            ("ipttl", "-"),
            ("ipsource.1", "-"),
            ("src.1", "-"),
            ("stack", "-"),
        ],
    );
    let mut v6 = words(&[1400, 17]);
    v6.extend(&ipv6(0, &[])[8..]);
    v6.extend(words(&[5000, 53, 0, 0xb8]));
    check(
        &flow_sample(&[(4, v6)]),
        &[
            ("ip6source", "2001:db8::1"),
            ("ip6destination", "2001:db8::2"),
            ("ip6nexthdr", "17"),
            ("ip6bytes", "1400"),
            ("ip6tos", "184"),
            ("udpsourceport", "5000"),
            ("udpdestinationport", "53"),
            ("src", "2001:db8::1"),
            ("dst", "2001:db8::2"),
            ("dport", "53"),
        ],
    );
    let mut frame = words(&[1500]);
    frame.extend([&MACS[6..], &[0; 2], &MACS[..6], &[0; 2], &[0, 0, 8, 0]].concat());
    check(
        &flow_sample(&[(2, frame), ip.clone()]),
        &[
            ("macsource", "0200000000AA"),
            ("macdestination", "0200000000BB"),
            ("ethernetprotocol", "2048"),
            ("bytes", "1500"),
            ("ipsource", "10.0.0.1"),
        ],
    );
    // Header bytes are preferred.
    let other = (3, words(&[1400, 6, 1, 2, 3, 4, 0, 0]));
    let both = flow_sample(&[other, header(&ethernet(0x0800, &ipv4(6, TCP)))]);
    check(&both, &[("ipsource", "10.0.0.1"), ("sport", "40001"), ("bytes", "58")]);
}

#[test]
fn special_ports() {
    let frame = [header(&ethernet(0x0800, &ipv4(6, TCP)))];
    let ports = |input, output| sample(1, &[7, 5, 100, 1000, 0, input, output], &frame);
    for (word, text) in [
        (0, "unknown"),
        (0x3fff_ffff, "internal"),
        (0x8000_0003, "multiple"),
        (0x4000_0102, "discard"),
        (0xc000_0001, "unknown"),
        (17, "17"),
    ] {
        check(&ports(5, word), &[("outputifindex", text), ("inputifindex", "5")]);
        check(&ports(word, 5), &[("inputifindex", text), ("outputifindex", "5")]);
    }
    check(
        &ports(5, 0x4000_0102),
        &[("reason", "acl"), ("reasoncode", "258"), ("direction", "ingress")],
    );
    check(&ports(5, 0x4000_03e7), &[("reason", "999")]);
    check(&ports(5, 9), &[("reason", "-"), ("reasoncode", "-")]);
    check(&ports(1, 2), &[("direction", "-")]);
    check(&ports(5, 5), &[("direction", "ingress")]);
    check(&ports(0, 5), &[("direction", "egress")]);
    let entity = sample(1, &[7, 0x0200_0001, 100, 1000, 0, 1, 2], &frame);
    check(&entity, &[("datasource", "2.1"), ("direction", "-")]);
}

#[test]
fn discarded_packets() {
    let records = [
        header(&ethernet(0x0800, &ipv4(6, TCP))),
        (1036, words(&[3])),
        (1037, [words(&[12]), string("edge-in"), words(&[1])].concat()),
        (1038, string("tcp_v4_rcv")),
        (1041, [string("l3_drops"), string("blackhole_route")].concat()),
        (1042, string("TCP_CSUM")),
    ];
    check(
        &sample(5, &[1, 0, 5, 0, 5, 0, 258], &records),
        &[
            ("reason", "acl"),
            ("reasoncode", "258"),
            ("inputifindex", "5"),
            ("outputifindex", "unknown"),
            ("datasource", "5"),
            ("direction", "ingress"),
            ("queueindex", "3"),
            ("aclnumber", "12"),
            ("aclname", "edge-in"),
            ("acldirection", "ingress"),
            ("function", "tcp_v4_rcv"),
            ("hwtrapgroup", "l3_drops"),
            ("hwtrap", "blackhole_route"),
            ("linuxdropreason", "TCP_CSUM"),
            ("ipsource", "10.0.0.1"),
        ],
    );
}

#[test]
fn rtflow_attributes() {
    check(
        &flowmote_vectors::named("rtflow"),
        &[
            ("datasource", "web1"),
            ("requests", "1"),
            ("frames", "-"),
            ("bytes", "-"),
            ("inputifindex", "-"),
            ("rtflow:s", "xyz"),
            ("rtflow:m", "020000000001"),
            ("rtflow:i", "192.0.2.9"),
            ("rtflow:j", "2001:db8::9"),
            ("rtflow:k", "5"),
            ("rtflow:l", "6"),
            ("rtflow:n", "0.5"),
            ("rtflow:o", "0.125"),
            ("rtflow:p", "-"),
        ],
    );
}
