//! A writer of MaxMind databases: a binary tree of networks, a data section, and metadata.

use core::net::IpAddr;

/// A database of these networks and their records, as MaxMind DB file format 2.0 has it.
pub(crate) fn mmdb(database_type: &str, networks: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let (mut nodes, mut data) = (vec![[Record::Empty; 2]], Vec::<u8>::new());
    for (network, record) in networks {
        insert(&mut nodes, network, data.len());
        data.extend(record);
    }
    let count = nodes.len();
    let mut file = Vec::new();
    for record in nodes.iter().flatten() {
        let value = match record {
            Record::Empty => count,
            Record::Node(node) => *node,
            Record::Data(offset) => count + SEPARATOR + offset,
        };
        file.extend(&(value as u32).to_be_bytes()[1..]);
    }
    file.extend([0; SEPARATOR]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    file.extend(map(&[
        ("binary_format_major_version", short(2)),
        ("binary_format_minor_version", short(0)),
        ("build_epoch", vec![0, 2]),
        ("database_type", text(database_type)),
        ("description", map(&[("en", text("a test"))])),
        ("ip_version", short(6)),
        ("languages", vec![0, 4]),
        ("node_count", number(count as u32)),
        ("record_size", short(24)),
    ]));
    file
}

#[derive(Clone, Copy)]
enum Record {
    Empty,
    Node(usize),
    Data(usize),
}

/// Networks of IPv4 are those of IPv6 below ::/96.
fn insert(nodes: &mut Vec<[Record; 2]>, network: &str, data: usize) {
    let (address, length) = network.split_once('/').expect("a prefix length");
    let length: u32 = length.parse().expect("a prefix length");
    let (bits, length) = match address.parse().expect("an address") {
        IpAddr::V4(v4) => (v4.to_bits().into(), length + 96),
        IpAddr::V6(v6) => (v6.to_bits(), length),
    };
    let mut node = 0;
    for depth in 0..length {
        let bit = (bits >> (127 - depth) & 1) as usize;
        if depth + 1 == length {
            nodes[node][bit] = Record::Data(data);
        } else if let Record::Node(next) = nodes[node][bit] {
            node = next;
        } else {
            nodes.push([Record::Empty; 2]);
            nodes[node][bit] = Record::Node(nodes.len() - 1);
            node = nodes.len() - 1;
        }
    }
}

pub(crate) fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let members_of = members.iter().flat_map(|(name, value)| [text(name), value.clone()].concat());
    core::iter::once(7 << 5 | members.len() as u8).chain(members_of).collect()
}

/// A text of less than 285 bytes; from 29 on the length has a byte of its own.
pub(crate) fn text(text: &str) -> Vec<u8> {
    let head = match text.len() {
        length @ 0..29 => vec![2 << 5 | length as u8],
        length => vec![2 << 5 | 29, u8::try_from(length - 29).expect("a short text")],
    };
    [&head, text.as_bytes()].concat()
}

/// A number of 16 bits.
fn short(number: u16) -> Vec<u8> {
    [&[5 << 5 | 2], number.to_be_bytes().as_slice()].concat()
}

/// A number of 32 bits.
pub(crate) fn number(number: u32) -> Vec<u8> {
    [&[6 << 5 | 4], number.to_be_bytes().as_slice()].concat()
}

const SEPARATOR: usize = 16;
