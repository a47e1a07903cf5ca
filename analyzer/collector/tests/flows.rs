//! Tests of `--format flows` as a process: the names and values of goflow2.

mod capture;
mod process;

use capture::capture;
use flowmote_vectors::all as vectors;
use process::run;
use serde_json::{Value, json};

/// The output of goflow2 (netsampler/goflow2 at 6d92c9e, format json, default fields) for each vector,
/// preceded by the name of the vector. Vectors that goflow2 refuses are left out.
const GOFLOW2: &str = include_str!("data/goflow2.txt");

/// Values that differ on purpose: vector, field, our value.
fn differences() -> Vec<(&'static str, &'static str, Value)> {
    vec![
        // goflow2 reads the first segment of the path only, and what follows as communities.
        ("flow-0-1003", "dst_as", json!(16_779_272)),
        ("flow-0-1003", "bgp_communities", json!([16_779_529, 16_779_786])),
        ("flow-0-1003", "as_path", json!([16_778_501, 16_778_758, 16_779_015, 16_779_272])),
        ("gateway-ipv6-3seg", "dst_as", json!(64_518)),
        ("gateway-ipv6-3seg", "bgp_communities", json!([4_259_840_001_u32, 4_294_967_041_u32])),
        ("gateway-ipv6-3seg", "as_path", json!([64_514, 64_515, 64_516, 64_517, 64_518])),
        // goflow2 takes nothing from sampled_ethernet (2), and no flags from sampled_ipv4 (3).
        ("flow-0-2", "bytes", json!(16_777_473)),
        ("flow-0-2", "src_mac", json!("02:00:00:00:00:02")),
        ("flow-0-2", "dst_mac", json!("02:00:00:00:00:03")),
        ("flowparser-unit-parse-sampled-ethernet", "bytes", json!(64)),
        ("flowparser-unit-parse-sampled-ethernet", "etype", json!("IPv4")),
        ("flowparser-unit-parse-sampled-ethernet", "src_mac", json!("aa:bb:cc:dd:ee:ff")),
        ("flowparser-unit-parse-sampled-ethernet", "dst_mac", json!("11:22:33:44:55:66")),
        ("flowparser-unit-parse-sampled-ipv4", "tcp_flags", json!(2)),
        // A layer of goflow2 without a name, for a frame of eight bytes.
        ("flowparser-unit-parse-raw-packet-header", "layer_size", json!([])),
        // goflow2 never fills in the type of ICMP.
        ("goflow2-decode", "icmp_type", json!(8)),
    ]
}

/// The flows of a datagram.
fn flows(payload: &[u8]) -> Vec<Value> {
    let read = run(&["read", "-", "--format", "flows"], &capture(&[payload.to_vec()]));
    assert_eq!(read.code, Some(0), "{}", read.stderr);
    read.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The names in the order in which an object was written.
fn names(line: &str) -> Vec<&str> {
    let parts = line.split("\":").map(|part| part.rsplit('"').next().unwrap());
    parts.filter(|name| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).collect()
}

#[test]
fn flows_are_those_of_goflow2() {
    let mut differences = differences();
    let mut compared = 0;
    for (name, payload) in vectors() {
        let theirs: Vec<Value> = GOFLOW2
            .lines()
            .filter_map(|line| line.split_once(' '))
            .filter(|(vector, _)| *vector == name)
            .map(|(_, line)| serde_json::from_str(line).unwrap())
            .collect();
        if theirs.is_empty() {
            continue;
        }
        let ours = flows(&payload);
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            compare(&name, ours, theirs, &mut differences);
            compared += 1;
        }
    }
    assert_eq!(compared, 127);
    assert!(differences.is_empty(), "no longer different: {differences:?}");
}

fn compare(
    vector: &str,
    ours: &Value,
    theirs: &Value,
    differences: &mut Vec<(&'static str, &'static str, Value)>,
) {
    let (ours, theirs) = (ours.as_object().unwrap(), theirs.as_object().unwrap());
    assert_eq!(ours.len(), theirs.len(), "{vector}");
    for (field, theirs) in theirs {
        let ours = &ours[field];
        let listed = differences.iter().position(|(name, key, _)| (*name, *key) == (vector, field));
        match field.as_str() {
            _ if listed.is_some() => {
                let (_, _, expected) = differences.swap_remove(listed.unwrap());
                assert_eq!(*ours, expected, "{vector} {field}");
                assert_ne!(ours, theirs, "{vector} {field}");
            }
            // goflow2 takes the length of the TCP header from its flags.
            "layer_size" => {
                let (ours, theirs) = (ours.as_array().unwrap(), theirs.as_array().unwrap());
                assert_eq!(ours.len(), theirs.len(), "{vector} {field}");
                let tcp = usize::from(ours.len() > 2 && theirs.last() != Some(&json!(8)));
                let upper = ours.len() - tcp;
                assert_eq!(ours[..upper], theirs[..upper], "{vector} {field}");
            }
            "time_received_ns" | "time_flow_start_ns" | "time_flow_end_ns" => {
                assert_eq!(*ours, json!(1_700_000_000_000_000_000_u64), "{vector}");
            }
            _ => assert_eq!(ours, theirs, "{vector} {field}"),
        }
    }
}

#[test]
fn fields_have_the_order_of_goflow2() {
    let read = run(&["read", "-", "--format", "flows"], &capture(&[packet(&[])]));
    assert_eq!(names(read.text().trim()), names(GOFLOW2.lines().next().unwrap()));
}

/// A datagram with a flow sample of this Ethernet frame.
fn packet(frame: &[u8]) -> Vec<u8> {
    let padded = frame.len().next_multiple_of(4) as u32;
    let words = [
        [5, 1, 0xc000_0201, 0, 7, 1000, 1].as_slice(),
        &[1, 32 + 8 + 16 + padded, 1, 9, 1000, 5000, 0, 1, 2, 1],
        &[1, 16 + padded, 1, frame.len() as u32 + 4, 4, frame.len() as u32],
    ];
    let mut payload: Vec<u8> = words.concat().iter().flat_map(|word| word.to_be_bytes()).collect();
    payload.extend(frame);
    payload.resize(payload.len().next_multiple_of(4), 0);
    payload
}

fn ethernet(ether_type: u16, content: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];
    frame.extend(ether_type.to_be_bytes());
    frame.extend(content);
    frame
}

/// IPv4 from 198.51.100.1 to 203.0.113.2 with four bytes of options.
fn ipv4(protocol: u8, fragment: u16, content: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x46, 0x10];
    packet.extend((24 + content.len() as u16).to_be_bytes());
    packet.extend([0, 77]);
    packet.extend(fragment.to_be_bytes());
    packet.extend([63, protocol, 0, 0, 198, 51, 100, 1, 203, 0, 113, 2, 0x94, 4, 0, 0]);
    // Below MPLS, only a header with the right checksum is recognised as IPv4.
    let words = packet.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    let sum: u32 = words.sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(content);
    packet
}

/// IPv6 from 2001:db8::1 to 2001:db8::2 with traffic class 0xab and flow label 0x12345.
fn ipv6(next_header: u8, content: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x6a, 0xb1, 0x23, 0x45];
    packet.extend((content.len() as u16).to_be_bytes());
    packet.extend([next_header, 64]);
    for last in [1, 2] {
        packet.extend([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    packet.extend(content);
    packet
}

/// TCP from port 1000 to 80 with SYN and ACK, and twelve bytes of options.
fn tcp() -> Vec<u8> {
    let mut segment =
        vec![0x03, 0xe8, 0, 80, 0, 0, 0, 1, 0, 0, 0, 2, 0x80, 0x12, 0, 100, 0, 0, 0, 0];
    segment.extend([1; 12]);
    segment
}

/// Asserts that the flow of a frame has these values, among others.
fn assert_flow(frame: &[u8], expected: &Value) {
    let flow = flows(&packet(frame)).remove(0);
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(flow[field], *value, "{field} of {flow}");
    }
}

#[test]
fn headers_fill_the_fields_of_the_outermost_packet() {
    let label = |label: u32, bottom: u32, ttl: u32| (label << 12 | bottom << 8 | ttl).to_be_bytes();
    let stack = [label(100, 0, 255), label(200, 1, 64)].concat();
    assert_flow(
        &ethernet(0x8847, &[stack, ipv4(6, 0x4000, &tcp())].concat()),
        &json!({
            "bytes": 82, "packets": 1, "etype": "IPv4", "proto": "TCP",
            "src_mac": "02:00:00:00:00:01", "dst_mac": "02:00:00:00:00:02",
            "src_addr": "198.51.100.1", "dst_addr": "203.0.113.2", "src_port": 1000, "dst_port": 80,
            "tcp_flags": 0x12, "ip_flags": 2, "ip_tos": 16, "ip_ttl": 63, "fragment_id": 77,
            "in_if": 1, "out_if": 2, "mpls_label": [100, 200], "mpls_ttl": [255, 64],
            "layer_stack": ["Ethernet", "MPLS", "IPv4", "TCP"], "layer_size": [14, 8, 24, 32],
        }),
    );
    let inner = ethernet(0x0800, &ipv4(17, 0, &[0x03, 0xe8, 0, 53, 0, 8, 0, 0]));
    let gre = [&[0, 0, 0x65, 0x58][..], &inner].concat();
    assert_flow(
        &ethernet(0x86dd, &ipv6(47, &gre)),
        &json!({
            "etype": "IPv6", "proto": "GRE", "src_addr": "2001:db8::1", "src_port": 0,
            "ip_tos": 0xab, "ipv6_flow_label": 0x12345, "ip_ttl": 64,
            "layer_stack": ["Ethernet", "IPv6", "GRE", "Ethernet", "IPv4", "UDP"],
            "layer_size": [14, 40, 4, 14, 24, 8],
        }),
    );
    // A pseudowire with a control word: the addresses are those of the outer frame.
    let mut inner = ethernet(0x0800, &ipv4(6, 0, &tcp()));
    inner[5] = 9;
    let pseudowire = [&label(300, 1, 64)[..], &[0; 4], &inner].concat();
    assert_flow(
        &ethernet(0x8847, &pseudowire),
        &json!({
            "dst_mac": "02:00:00:00:00:02", "src_mac": "02:00:00:00:00:01", "dst_port": 80,
            "mpls_label": [300], "layer_stack": ["Ethernet", "MPLS", "Ethernet", "IPv4", "TCP"],
        }),
    );
    let tags = [0x00, 10, 0x81, 0, 0x60, 20, 8, 6];
    assert_flow(
        &ethernet(0x88a8, &tags),
        &json!({"vlan_id": 20, "etype": "ARP", "proto": "HOPOPT", "src_net": "invalid Prefix"}),
    );
}

#[test]
fn extension_headers_and_fragments_have_their_fields() {
    let segments: Vec<u8> = (0..32).collect();
    let routing = [&[6, 4, 4, 1, 1, 0, 0, 0][..], &segments, &tcp()].concat();
    assert_flow(
        &ethernet(0x86dd, &ipv6(43, &routing)),
        &json!({
            "proto": "TCP", "dst_port": 80, "ipv6_routing_header_seg_left": 1,
            "ipv6_routing_header_addresses":
                ["1:203:405:607:809:a0b:c0d:e0f", "1011:1213:1415:1617:1819:1a1b:1c1d:1e1f"],
            "layer_stack": ["Ethernet", "IPv6", "IPv6HeaderRouting", "TCP"],
            "layer_size": [14, 40, 40, 32],
        }),
    );
    let fragment = [&[17, 0, 0x05, 0xa9, 0, 1, 0x11, 0x70][..], b"content"].concat();
    assert_flow(
        &ethernet(0x86dd, &ipv6(44, &fragment)),
        &json!({
            "proto": "UDP", "src_port": 0, "fragment_id": 70_000, "fragment_offset": 181,
            "ip_flags": 1, "layer_stack": ["Ethernet", "IPv6", "IPv6HeaderFragment"],
        }),
    );
    assert_flow(
        &ethernet(0x0800, &ipv4(17, 0x20b9, b"content")),
        &json!({"proto": "UDP", "fragment_offset": 185, "ip_flags": 1, "src_port": 0}),
    );
    for (ether_type, packet, kind) in [
        (0x0800, ipv4(1, 0, &[3, 1, 0, 0, 0, 0, 0, 0]), "ICMP"),
        (0x86dd, ipv6(58, &[3, 1, 0, 0, 0, 0, 0, 0]), "ICMPv6"),
    ] {
        let frame = ethernet(ether_type, &packet);
        let flow = flows(&self::packet(&frame)).remove(0);
        assert_eq!((&flow["icmp_type"], &flow["icmp_code"]), (&json!(3), &json!(1)));
        assert_eq!(flow["layer_stack"][2], kind);
    }
}
