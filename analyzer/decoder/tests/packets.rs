//! Protocol headers of sampled packets, on literal bytes.

use core::net::Ipv6Addr;

use flowmote_decoder::packet::{FiveTuple, Layer, Layers};
use flowmote_decoder::{MacAddress, flow};
use flowmote_vectors::unhex;

const MACS: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const IPV6: &[u8] = &[
    0x60, 0x12, 0x34, 0x56, 0, 0, 17, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
];
const TCP: &[u8] = &[0x9c, 0x41, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0x10, 0, 0, 0, 0, 0];

/// An IPv4 header with a total length of 0, as segmentation offload leaves it.
fn ipv4(protocol: u8) -> Vec<u8> {
    with_checksum([
        0x45, 0xb8, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ])
}

/// The header with the checksum of RFC 1071 in bytes 10 and 11, which are 0 before.
fn with_checksum(header: [u8; 20]) -> Vec<u8> {
    let words = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let checksum = !(((sum & 0xffff) + (sum >> 16)) as u16);
    let [high, low] = checksum.to_be_bytes();
    let mut header = header.to_vec();
    header[10..12].copy_from_slice(&[high, low]);
    header
}

fn udp(dst_port: u16) -> Vec<u8> {
    let [high, low] = dst_port.to_be_bytes();
    vec![0xd4, 0x31, high, low, 0, 0, 0, 0]
}

/// A network service header of so many words, on path 7.
fn nsh(words: u8, next_protocol: u8) -> Vec<u8> {
    let mut header = vec![0x0f, 0xc0 | words, 1, next_protocol, 0, 0, 7, 254];
    header.resize(usize::from(words) * 4, 0x5a);
    header
}

fn packet(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn names(packet: &[u8]) -> Vec<&'static str> {
    check_steps(1, packet);
    Layers::ethernet(packet).map(|layer| layer.name()).collect()
}

/// Steps over the layers as far as the iterator goes, whole and cut at every byte.
fn check_steps(header_protocol: u32, packet: &[u8]) {
    for length in 0..=packet.len() {
        let mut layers = Layers::new(header_protocol, &packet[..length]);
        let mut steps = layers.clone();
        loop {
            let protocol = layers.next().map(|layer| layer.protocol());
            assert_eq!(steps.step(), protocol, "{length} of {packet:02x?}");
            assert_eq!(steps.rest(), layers.rest(), "{length} of {packet:02x?}");
            if protocol.is_none() {
                break;
            }
        }
    }
}

fn five_tuple(packet: &[u8]) -> Option<FiveTuple> {
    FiveTuple::from_layers(Layers::ethernet(packet))
}

#[test]
fn ethernet_ipv4_tcp_is_read_to_the_payload() {
    let packet = packet(&[MACS, &[8, 0], &ipv4(6), TCP, b"data"]);
    let layers: Vec<_> = Layers::ethernet(&packet).collect();
    let [Layer::Ethernet(ethernet), Layer::Ipv4(ip), Layer::Tcp(tcp), Layer::Payload(b"data")] =
        layers[..]
    else {
        panic!("{layers:?}")
    };
    assert_eq!(ethernet.dst, MacAddress([2, 0, 0, 0, 0, 1]));
    assert_eq!((ip.tos, ip.id, ip.ttl, ip.dont_fragment), (0xb8, 0x1234, 64, true));
    assert_eq!((tcp.src_port, tcp.dst_port, tcp.flags), (40001, 443, Some(0x12)));
    assert_eq!((tcp.sequence, tcp.acknowledgment, tcp.window), (Some(1), Some(2), Some(4096)));
    let flow = five_tuple(&packet).unwrap();
    assert_eq!(
        (flow.src.to_string(), flow.dst.to_string()),
        ("10.0.0.1".into(), "10.0.0.2".into())
    );
    assert_eq!((flow.protocol, flow.src_port, flow.dst_port), (6, 40001, 443));
}

#[test]
fn udp_is_found_after_two_tags_and_ipv6_extensions() {
    let mut ip = IPV6.to_vec();
    ip[6] = 0;
    // Hop-by-hop options of 8 bytes, then destination options of 16.
    let hop = [60, 0, 1, 4, 0, 0, 0, 0];
    let destination = [17, 1, 1, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let tags = [0x88, 0xa8, 0xe0, 0x64, 0x81, 0, 0x10, 0x0a, 0x86, 0xdd];
    let packet = packet(&[MACS, &tags, &ip, &hop, &destination, &udp(53), b"q"]);
    let expected =
        ["ethernet", "vlan", "vlan", "ipv6", "ipv6_extension", "ipv6_extension", "udp", "payload"];
    assert_eq!(names(&packet), expected);
    let Some(Layer::Vlan(outer)) = Layers::ethernet(&packet).nth(1) else { panic!() };
    assert_eq!((outer.tpid, outer.priority, outer.id), (0x88a8, 7, 100));
    let flow = five_tuple(&packet).unwrap();
    assert_eq!((flow.protocol, flow.src_port, flow.dst_port), (17, 54321, 53));
    assert_eq!(flow.dst, "2001:db8::2".parse::<Ipv6Addr>().unwrap());
}

#[test]
fn later_fragments_have_no_ports() {
    let mut ip = ipv4(17);
    ip[6..8].copy_from_slice(&[0, 2]);
    let v4 = packet(&[MACS, &[8, 0], &ip, &udp(53)]);
    assert_eq!(names(&v4), ["ethernet", "ipv4", "payload"]);
    assert_eq!(five_tuple(&v4).unwrap().dst_port, 0);

    let mut ip = IPV6.to_vec();
    ip[6] = 44;
    let v6 = packet(&[MACS, &[0x86, 0xdd], &ip, &[17, 0, 0, 8, 0, 0, 0, 1], &udp(53)]);
    assert_eq!(names(&v6), ["ethernet", "ipv6", "ipv6_extension", "payload"]);
    let flow = five_tuple(&v6).unwrap();
    assert_eq!((flow.protocol, flow.dst_port), (17, 0));
}

#[test]
fn ip_options_are_skipped_and_frame_padding_is_not_payload() {
    let mut ip = ipv4(17);
    ip[0] = 0x46;
    ip[3] = 32;
    ip.extend([1, 1, 1, 0]);
    let packet = packet(&[MACS, &[8, 0], &ip, &udp(53), &[0; 18]]);
    assert_eq!(names(&packet), ["ethernet", "ipv4", "udp"]);
    assert_eq!(five_tuple(&packet).unwrap().dst_port, 53);
}

#[test]
fn arp_and_llc_are_read() {
    let arp = [
        8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 2, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
    ];
    let request = packet(&[MACS, &arp, &[0; 18]]);
    let layers: Vec<_> = Layers::ethernet(&request).collect();
    let [_, Layer::Arp(arp)] = layers[..] else { panic!("{layers:?}") };
    assert_eq!((arp.operation, arp.target_ip.octets()), (1, [10, 0, 0, 1]));
    assert_eq!(five_tuple(&request), None);

    let bpdu = packet(&[MACS, &[0, 38, 0x42, 0x42, 3], &[0; 35]]);
    assert_eq!(names(&bpdu), ["ethernet", "llc", "payload"]);
    let snap = packet(&[MACS, &[0, 60, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0], &ipv4(1), &[8, 0, 0, 0]]);
    assert_eq!(names(&snap), ["ethernet", "llc", "ipv4", "icmp"]);
}

#[test]
fn headers_inside_tunnels_are_read() {
    let inner = packet(&[MACS, &[8, 0], &ipv4(6), TCP]);
    let vxlan = [8, 0, 0, 0, 0, 0x12, 0x34, 0];
    let geneve = [1, 0, 0x65, 0x58, 0, 0x12, 0x34, 0, 0, 0, 0, 0];
    let gre = [0x20, 0, 0x65, 0x58, 0, 0, 0, 7];
    let gtp = [0x34, 255, 0, 40, 0, 0, 0, 9, 0, 0, 0, 0x85, 1, 0, 0, 0];
    let mpls = [0, 1, 0x10, 64, 0, 1, 0x11, 64];
    let pppoe = [0x11, 0, 0, 5, 0, 42, 0, 0x21];
    let outer = [MACS, &[8, 0], &ipv4(17)].concat();
    for (packet, expected) in [
        (packet(&[&outer, &udp(4789), &vxlan, &inner]), &["udp", "vxlan", "ethernet"][..]),
        (packet(&[&outer, &udp(6081), &geneve, &inner]), &["udp", "geneve", "ethernet"]),
        (packet(&[MACS, &[8, 0], &ipv4(47), &gre, &inner]), &["gre", "ethernet"]),
        (packet(&[&outer, &udp(2152), &gtp, &ipv4(6), TCP]), &["udp", "gtp_u"]),
        (packet(&[MACS, &[8, 0], &ipv4(4), &ipv4(6), TCP]), &[]),
        (packet(&[MACS, &[0x88, 0x47], &mpls, &ipv4(6), TCP]), &["mpls", "mpls"]),
        (packet(&[MACS, &[0x88, 0x64], &pppoe, &ipv4(6), TCP]), &["pppoe", "ppp"]),
    ] {
        let names = names(&packet);
        assert!(names.ends_with(&["ipv4", "tcp"]), "{names:?}");
        let from = names.len() - 2 - expected.len();
        assert_eq!(&names[from..names.len() - 2], expected);
    }
}

#[test]
fn five_tuple_of_a_tunnel_is_that_of_the_outer_packet() {
    let inner = packet(&[MACS, &[8, 0], &ipv4(6), TCP]);
    let packet =
        packet(&[MACS, &[8, 0], &ipv4(17), &udp(4789), &[8, 0, 0, 0, 0, 0x12, 0x34, 0], &inner]);
    let vni = Layers::ethernet(&packet).find_map(|layer| match layer {
        Layer::Vxlan(vxlan) => Some(vxlan.vni),
        _ => None,
    });
    assert_eq!(vni, Some(0x1234));
    assert_eq!(five_tuple(&packet).unwrap().dst_port, 4789);
}

#[test]
fn packet_cut_anywhere_keeps_the_headers_before() {
    let whole = packet(&[MACS, &[0x81, 0, 0, 5, 8, 0], &ipv4(6), TCP]);
    for len in 0..whole.len() {
        let layers: Vec<_> = Layers::ethernet(&whole[..len]).collect();
        let last = layers.last().map(Layer::name);
        let flow = five_tuple(&whole[..len]);
        match len {
            0..38 => assert_eq!((last, flow), (Some("truncated"), None), "{len}"),
            38..42 => assert_eq!(flow.unwrap().src_port, 0, "{len}"),
            // The first four bytes of TCP are enough for the ports.
            _ => assert_eq!((last, flow.unwrap().src_port), (Some("tcp"), 40001), "{len}"),
        }
    }
}

#[test]
fn first_header_depends_on_the_header_protocol() {
    let ip = packet(&[&ipv4(6), TCP]);
    for (protocol, bytes) in [(11, &ip[..]), (7, &[&[0xff, 3, 0, 0x21], &ip[..]].concat())] {
        let layers = Layers::new(protocol, bytes);
        assert_eq!(FiveTuple::from_layers(layers).unwrap().dst_port, 443);
    }
    let v6 = packet(&[IPV6, &udp(53)]);
    assert_eq!(FiveTuple::from_layers(Layers::new(12, &v6)).unwrap().dst_port, 53);
    let token_ring: Vec<_> = Layers::new(2, &ip).collect();
    assert_eq!(token_ring, [Layer::Payload(&ip)]);
    assert_eq!(core::mem::size_of::<flow::SampledHeader<'_>>(), 32, "three words and a slice");
}

/// An Ethernet frame from 198.51.100.1:1000 to 203.0.113.2:80, without its addresses.
const INNER: &str = "08004500002c0001000040061494c6336401cb00710203e80050000000010000000150100200\
    0000000061626364";

/// The layers of an MPLS packet with `inner` below the bottom label.
fn below_mpls(inner: &[u8]) -> (Vec<&'static str>, Option<FiveTuple>) {
    let packet = packet(&[MACS, &[0x88, 0x47, 0, 0x12, 0xc1, 0x3d], inner]);
    (names(&packet)[2..].to_vec(), five_tuple(&packet))
}

fn is_inner(flow: Option<FiveTuple>) -> bool {
    let key =
        flow.map(|flow| (flow.src.to_string(), flow.dst.to_string(), flow.src_port, flow.dst_port));
    key == Some(("198.51.100.1".into(), "203.0.113.2".into(), 1000, 80))
}

/// The MAC address of an inner frame may look like IP or like a control word.
#[test]
fn pseudowire_is_ethernet_whatever_its_first_byte() {
    let ethernet = ["ethernet", "ipv4", "tcp", "payload"];
    for first in 0..=255u8 {
        let macs = [first, 0, 0x5e, 0, 0x53, 2, 2, 0, 0, 0, 0, 1];
        for word in [&[][..], &[0; 4], &[0, 0, 0x12, 0x34]] {
            let (names, flow) = below_mpls(&packet(&[word, &macs, &unhex(INNER)]));
            assert_eq!(names, ethernet, "{first:#x} after {word:?}");
            assert!(is_inner(flow), "{first:#x}: {flow:?}");
            let tag = [0x81, 0, 0, 5];
            let (names, flow) = below_mpls(&packet(&[word, &macs, &tag, &unhex(INNER)]));
            assert_eq!(names[..3], ["ethernet", "vlan", "ipv4"], "{first:#x}");
            assert!(is_inner(flow), "{first:#x}: {flow:?}");
        }
    }
}

/// Neither IP nor Ethernet is borne out: no address is invented.
#[test]
fn unknown_content_of_a_pseudowire_is_payload() {
    for first in 0..=255u8 {
        for ether_type in [[0x12, 0x34], [8, 0], [0x86, 0xdd], [8, 6], [0x81, 0], [0, 50]] {
            let macs = [first, 0, 0x5e, 0, 0, 2, 2, 0, 0, 0, 0, 1];
            let (names, flow) = below_mpls(&packet(&[&macs, &ether_type, &[0x5a; 50]]));
            assert_eq!((names, flow), (vec!["payload"], None), "{first:#x} {ether_type:x?}");
        }
    }
}

#[test]
fn ip_below_mpls_needs_checksum_and_length() {
    let whole = unhex(&INNER[4..]);
    assert_eq!(below_mpls(&whole).0, ["ipv4", "tcp", "payload"]);
    for (at, to) in [(11, 0), (3, 0x80), (0, 0x55), (0, 0x41)] {
        let mut wrong = whole.clone();
        wrong[at] = to;
        assert_eq!(below_mpls(&wrong), (vec!["payload"], None), "byte {at}: {to:#x}");
    }
    // A total length beyond the packet, with a right checksum.
    let long = with_checksum([0x45, 0, 1, 0, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    assert_eq!(below_mpls(&packet(&[&long, &udp(53)])).0, ["payload"]);

    let v6 = |length: u8, payload: usize| {
        let mut ip = IPV6.to_vec();
        ip[5] = length;
        below_mpls(&packet(&[&ip, &udp(53), &vec![0; payload]])).0
    };
    assert_eq!(v6(58, 50), ["ipv6", "udp", "payload"]);
    assert_eq!(v6(58, 54), ["ipv6", "udp", "payload"], "a checksum of the frame follows");
    for (length, payload) in [(58, 80), (58, 30), (0, 50)] {
        assert_eq!(v6(length, payload), ["payload"], "{length} of {payload}");
    }
}

/// The bytes that were not captured count as well.
#[test]
fn length_on_the_wire_is_that_of_the_frame() {
    let mut ip = IPV6.to_vec();
    ip[4..6].copy_from_slice(&[5, 0]);
    let header = packet(&[MACS, &[0x88, 0x47, 0, 0x12, 0xc1, 0x3d], &ip, &udp(53)]);
    let layers = |frame_length: u32, stripped: u32| {
        let whole = (frame_length - stripped) as usize;
        let layers = Layers::captured(1, &header, whole);
        layers.map(|layer| layer.name()).nth(2).unwrap()
    };
    let length = 18 + 40 + 0x500;
    for (frame_length, stripped) in [(length, 0), (length + 4, 4), (length + 4, 0), (length, 4)] {
        assert_eq!(layers(frame_length, stripped), "ipv6", "{frame_length} {stripped}");
    }
    assert_eq!(layers(length + 100, 0), "payload");
    assert_eq!(layers(length - 100, 0), "payload");
}

#[test]
fn frames_of_other_kinds_in_a_pseudowire_are_recognised() {
    let macs = [0x60, 0, 0x5e, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    let arp = [
        8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 0, 0, 0, 10, 0, 0, 1,
    ];
    assert_eq!(below_mpls(&packet(&[&macs, &arp, &[0; 18]])).0, ["ethernet", "arp"]);
    let bpdu = [0, 38, 0x42, 0x42, 3];
    assert_eq!(below_mpls(&packet(&[&macs, &bpdu, &[0; 43]])).0[..2], ["ethernet", "llc"]);
    let lldp = packet(&[&macs, &[0x88, 0xcc], &[2; 60]]);
    assert_eq!(below_mpls(&lldp).0, ["ethernet", "payload"]);
    assert_eq!(below_mpls(&packet(&[&[0; 4], &lldp])).0, ["ethernet", "payload"]);
    let group = [0x60, 0, 0x5e, 0, 0, 2, 3, 0, 0, 0, 0, 1];
    assert_eq!(below_mpls(&packet(&[&group, &[0x88, 0xcc], &[2; 60]])).0, ["payload"]);
}

#[test]
fn mislabelled_headers_are_taken_as_what_they_are() {
    let first = |protocol, bytes: &[u8]| Layers::new(protocol, bytes).next().unwrap().name();
    let v4 = unhex(&INNER[4..]);
    let mut v6 = packet(&[IPV6, &udp(53)]);
    v6[5] = 8;
    let ethernet = packet(&[MACS, &unhex(INNER)]);
    for protocol in [0, 1, 11, 12, 19, 77] {
        assert_eq!(first(protocol, &v4), "ipv4", "{protocol}");
        assert_eq!(first(protocol, &v6), "ipv6", "{protocol}");
        assert_eq!(first(protocol, &ethernet), "ethernet", "{protocol}");
    }
    let other = [0x5a; 60];
    for (protocol, name) in [(0, "payload"), (1, "ethernet"), (11, "truncated"), (19, "payload")] {
        assert_eq!(first(protocol, &other), name, "{protocol}");
    }
    // Numbers of other link types are never IP.
    for protocol in 2..=10 {
        if protocol != 7 {
            assert_eq!(first(protocol, &v4), "payload", "{protocol}");
        }
    }
}

/// A header of each kind, and what is expected between the outer Ethernet header and the inner TCP.
#[test]
fn tags_and_tunnels_lead_to_the_inner_packet() {
    let frame = [MACS, &unhex(INNER)].concat();
    let ip = frame[14..].to_vec();
    let gre = |head: &[u8]| packet(&[&[8, 0], &ipv4(47), head]);
    let udp = |port| packet(&[&[8, 0], &ipv4(17), &udp(port)]);
    let inner = ["ethernet", "ipv4", "tcp", "payload"];
    for (outer, inside, expected) in [
        (vec![0x93, 0, 0, 0x37, 8, 0], &ip, &["vlan"][..]),
        (
            vec![0x91, 0, 0, 1, 0x92, 0, 0, 2, 0x88, 0xa8, 0, 3, 8, 0],
            &ip,
            &["vlan", "vlan", "vlan"],
        ),
        (vec![0x89, 0x26, 6, 0x40, 0, 0, 8, 0], &ip, &["vn_tag"]),
        (vec![0x89, 0x3f, 0xe1, 0x23, 0x1a, 0xbc, 2, 1, 8, 0], &ip, &["e_tag"]),
        (vec![0x88, 0xe7, 0x70, 1, 2, 3], &frame, &["i_tag", "ethernet"]),
        (gre(&[0, 0, 0x88, 0xbe]), &frame, &["ipv4", "gre", "ethernet"]),
        (
            gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0xa4, 7, 0, 0, 0, 9]),
            &frame,
            &["ipv4", "gre", "erspan", "ethernet"],
        ),
        (
            gre(&[0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 7, 0, 0, 0, 9, 0, 0, 0, 0]),
            &frame,
            &["ipv4", "gre", "erspan", "ethernet"],
        ),
        (
            gre(&[
                0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x20, 5, 0, 7, 0, 0, 0, 9, 0, 0, 8, 1, 1, 2, 3, 4,
                5, 6, 7, 8,
            ]),
            &ip,
            &["ipv4", "gre", "erspan"],
        ),
        (gre(&[0x20, 1, 0x64, 0, 0, 58, 7, 0]), &frame, &["ipv4", "gre", "eoip", "ethernet"]),
        (udp(6635), &[&[0, 0, 0x11, 0x3d], &ip[..]].concat(), &["ipv4", "udp", "mpls"]),
        (
            [&udp(4790)[..], &[0x0c, 0, 0, 1, 0, 0, 5, 0]].concat(),
            &ip,
            &["ipv4", "udp", "vxlan_gpe"],
        ),
        (
            [&udp(4790)[..], &[0x0c, 0, 0, 3, 0, 0, 5, 0]].concat(),
            &frame,
            &["ipv4", "udp", "vxlan_gpe", "ethernet"],
        ),
        (
            [&udp(4790)[..], &[0x0c, 0, 0, 4, 0, 0, 5, 0], &nsh(6, 1)].concat(),
            &ip,
            &["ipv4", "udp", "vxlan_gpe", "nsh"],
        ),
        ([&[0x89, 0x4f][..], &nsh(2, 3)].concat(), &frame, &["nsh", "ethernet"]),
        (
            [&udp(1701)[..], &[0x40, 2, 0, 9, 0, 1, 0, 2, 0xff, 3, 0, 0x21]].concat(),
            &ip,
            &["ipv4", "udp", "l2tp", "ppp"],
        ),
        (
            [&udp(1701)[..], &[0, 3, 0, 0, 0, 0, 0, 7]].concat(),
            &frame,
            &["ipv4", "udp", "l2tp", "ethernet"],
        ),
        (
            packet(&[&[8, 0], &ipv4(115), &[0, 0, 0, 7, 1, 2, 3, 4, 0, 0, 0, 0]]),
            &frame,
            &["ipv4", "l2tp", "ethernet"],
        ),
    ] {
        let names = names(&packet(&[MACS, &outer, inside]));
        let from_ip = &inner[1..];
        let expected = [&["ethernet"], expected, from_ip].concat();
        assert_eq!(names, expected);
    }
}

#[test]
fn fields_of_tags_are_read() {
    let layer = |bytes: &[u8]| Layers::ethernet(packet(&[MACS, bytes]).leak()).nth(1).unwrap();
    let Layer::VnTag(vn) = layer(&[0x89, 0x26, 0xc6, 0x40, 0x80, 5, 8, 0]) else { panic!() };
    assert_eq!((vn.downstream, vn.pointer, vn.looped), (true, true, true));
    assert_eq!((vn.dst_vif, vn.src_vif, vn.ether_type), (0x640, 5, 0x0800));
    let Layer::ETag(e) = layer(&[0x89, 0x3f, 0xf1, 0x23, 0x1a, 0xbc, 2, 1, 8, 0]) else { panic!() };
    assert_eq!((e.priority, e.drop_eligible, e.ether_type), (7, true, 0x0800));
    assert_eq!((e.ingress_channel, e.channel), (0x2123, 0x5abc));
    let Layer::ITag(i) = layer(&[0x88, 0xe7, 0x70, 1, 2, 3]) else { panic!() };
    assert_eq!((i.priority, i.drop_eligible, i.service), (3, true, 0x01_0203));
}

#[test]
fn fields_of_tunnels_are_read() {
    let layer = |outer: &[u8], at: usize| {
        Layers::ethernet(packet(&[MACS, &[8, 0], outer]).leak()).nth(at).unwrap()
    };
    let gre = |head: &[u8]| layer(&packet(&[&ipv4(47), head]), 3);
    let Layer::Erspan(two) = gre(&[0x10, 0, 0x88, 0xbe, 0, 0, 0, 1, 0x10, 5, 0xa5, 7, 0, 0, 0, 9])
    else {
        panic!()
    };
    assert_eq!((two.version, two.vlan, two.session, two.cut), (1, 5, 0x107, true));
    assert_eq!(two.timestamp, None);
    let three = [0x10, 0, 0x22, 0xeb, 0, 0, 0, 1, 0x2f, 0xff, 0, 7, 0, 0, 0, 9, 0, 0, 0, 0];
    let Layer::Erspan(three) = gre(&three) else { panic!() };
    assert_eq!((three.version, three.vlan, three.timestamp), (2, 4095, Some(9)));
    let Layer::Eoip(eoip) = gre(&[0x20, 1, 0x64, 0, 0, 58, 7, 1]) else { panic!() };
    assert_eq!(eoip.tunnel_id, 263);
    let l2tp = |bytes: &[u8]| layer(&packet(&[&ipv4(17), &udp(1701), bytes]), 3);
    // Length, sequence numbers and offset.
    let Layer::L2tp(two) = l2tp(&[0x4a, 2, 0, 9, 0, 1, 0, 2, 0, 0, 0, 0, 0, 1, 9, 0, 0x21]) else {
        panic!()
    };
    assert_eq!((two.version, two.tunnel_id, two.session_id), (2, Some(1), 2));
    let Layer::L2tp(three) = l2tp(&[0, 3, 0, 0, 1, 0, 0, 2]) else { panic!() };
    assert_eq!((three.version, three.tunnel_id, three.session_id), (3, None, 0x0100_0002));
}

/// The port of a tunnel may be that of a client: fixed bits distinguish the two.
#[test]
fn datagrams_that_only_have_the_port_of_a_tunnel_are_payload() {
    for port in [4789, 8472, 4790, 6081, 2152, 1701] {
        let answer = packet(&[MACS, &[8, 0], &ipv4(17), &udp(port), &[0xf7; 60]]);
        assert_eq!(names(&answer)[3..], ["payload"], "{port}");
    }
    // The group extension of VXLAN fills the reserved bytes.
    let group = packet(&[
        MACS,
        &[8, 0],
        &ipv4(17),
        &udp(4789),
        &[0x88, 0, 0, 9, 0, 0, 5, 0],
        MACS,
        &[8, 0],
    ]);
    assert_eq!(names(&group)[3..5], ["vxlan", "ethernet"]);
    let control =
        packet(&[MACS, &[8, 0], &ipv4(17), &udp(1701), &[0xc8, 2, 0, 12, 0, 1, 0, 0, 0, 0, 0, 0]]);
    assert_eq!(names(&control)[3..], ["l2tp"]);
}

#[test]
fn service_header_has_path_and_index() {
    let header = nsh(2, 4);
    let frame = packet(&[MACS, &[0x89, 0x4f], &header, &nsh(6, 1), &ipv4(6)]);
    let layers: Vec<_> = Layers::ethernet(&frame).collect();
    let Layer::Nsh(first) = layers[1] else { panic!("{layers:?}") };
    assert_eq!((first.path, first.index), (7, 254));
    assert_eq!((first.metadata_type, first.next_protocol), (1, 4));
    assert_eq!(names(&frame)[1..4], ["nsh", "nsh", "ipv4"]);
    // Another version, and a length that does not cover the path.
    for wrong in [[0x4f, 0xc2], [0x0f, 0xc1]] {
        let header = [&wrong[..], &header[2..]].concat();
        assert_eq!(names(&packet(&[MACS, &[0x89, 0x4f], &header]))[1..], ["payload"]);
    }
    assert_eq!(names(&frame[..14 + 7])[1..], ["truncated"]);
}

#[test]
fn ieee80211_frames_are_read_to_the_packet() {
    let (a, b, c, d) =
        ([2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3], [2, 0, 0, 0, 0, 4]);
    let snap = [0xaa, 0xaa, 3, 0, 0, 0, 8, 0];
    let ip = unhex(&INNER[4..]);
    let mac = MacAddress;
    // Direction, then destination and source.
    for (flags, fourth, dst, src) in
        [(0, &[][..], a, b), (1, &[], c, b), (2, &[], a, c), (3, &d, c, d), (0x80 | 2, &[], a, c)]
    {
        let head = [&[8, flags, 0, 0], &a[..], &b, &c, &[0x10, 0], fourth].concat();
        let frame = packet(&[&head, &snap, &ip]);
        let layers: Vec<_> = Layers::new(15, &frame).collect();
        let Layer::Ieee80211(header) = layers[0] else { panic!("{layers:?}") };
        assert_eq!((header.dst, header.src), (Some(mac(dst)), Some(mac(src))), "{flags}");
        assert_eq!((header.receiver, header.transmitter), (mac(a), Some(mac(b))));
        assert_eq!((header.frame_type, usize::from(header.length)), (2, head.len()));
        assert!(is_inner(FiveTuple::from_layers(Layers::new(15, &frame))));
        // Behind the delimiter of an A-MPDU.
        let ampdu = packet(&[&[0; 4], &frame]);
        assert_eq!(Layers::new(16, &ampdu).collect::<Vec<_>>(), layers);
    }
    let names = |protocol, frame: &[u8]| -> Vec<_> {
        check_steps(protocol, frame);
        Layers::new(protocol, frame).map(|layer| layer.name()).collect()
    };
    let qos = |control: u8, flags: u8, sequence: u8, more: &[u8]| {
        let head = [&[control, flags, 0, 0], &a[..], &b, &c, &[sequence, 0]].concat();
        packet(&[&head, more, &snap, &ip])
    };
    let whole = ["ieee80211", "llc", "ipv4", "tcp", "payload"];
    assert_eq!(names(15, &qos(0x88, 1, 0, &[5, 0])), whole, "QoS");
    assert_eq!(names(15, &qos(0x88, 0x81, 0, &[5, 0, 1, 2, 3, 4])), whole, "HT control");
    assert_eq!(names(15, &qos(8, 0x41, 0, &[])), ["ieee80211", "payload"], "encrypted");
    assert_eq!(names(15, &qos(8, 1, 1, &[])), ["ieee80211", "payload"], "a later fragment");
    assert_eq!(names(15, &qos(0x48, 1, 0, &[])), ["ieee80211", "payload"], "without body");
    assert_eq!(names(15, &qos(0x80, 0, 0, &[])), ["ieee80211", "payload"], "a beacon");
    assert_eq!(names(15, &[0xb4, 0, 0, 0, 2, 0, 0, 0, 0, 1]), ["ieee80211"], "a control frame");
    // 2048 would be the type of IPv4 in Ethernet.
    for length in [60, 2048u16] {
        let subframe = packet(&[&a, &b, &length.to_be_bytes(), &snap, &ip]);
        let expected = ["ethernet", "llc", "ipv4", "tcp", "payload"];
        assert_eq!(names(17, &subframe), expected);
        let aggregate = packet(&[&[0x88, 1, 0, 0], &a, &b, &c, &[0, 0, 0x80, 0], &subframe]);
        assert_eq!(names(15, &aggregate)[1..], expected);
    }
}

#[test]
fn steps_are_the_layers_of_the_common_protocols() {
    let tag: &[u8] = &[0x81, 0, 0x20, 5];
    for protocol in [6, 17, 1, 132, 47, 99] {
        check_steps(1, &packet(&[MACS, &[8, 0], &ipv4(protocol), TCP, b"data"]));
        check_steps(1, &packet(&[MACS, tag, &[8, 0], &ipv4(protocol), TCP]));
    }
    check_steps(1, &packet(&[MACS, &[0x86, 0xdd], IPV6, &udp(53), b"data"]));
    check_steps(11, &packet(&[&ipv4(17), &udp(4789), &[8, 0, 0, 0, 0, 0, 9, 0], MACS, &[8, 6]]));
}
