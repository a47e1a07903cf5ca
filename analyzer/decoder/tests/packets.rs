//! Protocol headers of sampled packets, on literal bytes.

use core::net::Ipv6Addr;

use flowmote_decoder::packet::{FiveTuple, Layer, Layers};
use flowmote_decoder::{MacAddress, flow};

const MACS: &[u8] = &[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
const IPV6: &[u8] = &[
    0x60, 0x12, 0x34, 0x56, 0, 0, 17, 64, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
    0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2,
];
const TCP: &[u8] = &[0x9c, 0x41, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0x10, 0, 0, 0, 0, 0];

/// An IPv4 header with a total length of 0, as segmentation offload leaves it.
fn ipv4(protocol: u8) -> Vec<u8> {
    vec![0x45, 0xb8, 0, 0, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]
}

fn udp(dst_port: u16) -> Vec<u8> {
    let [high, low] = dst_port.to_be_bytes();
    vec![0xd4, 0x31, high, low, 0, 0, 0, 0]
}

fn packet(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

fn names(packet: &[u8]) -> Vec<&'static str> {
    Layers::ethernet(packet).map(|layer| layer.name()).collect()
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
