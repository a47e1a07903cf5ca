//! Datagrams of agent 10.0.0.1, built from words.
#![allow(dead_code, reason = "each test file uses a part")]

/// A datagram with these samples.
pub(crate) fn datagram(sub_agent_id: u32, sequence_number: u32, samples: &[Vec<u32>]) -> Vec<u8> {
    let uptime = 1000 * sequence_number;
    let header = [5, 1, 0x0a00_0001, sub_agent_id, sequence_number, uptime, samples.len() as u32];
    header.iter().chain(samples.iter().flatten()).flat_map(|word| word.to_be_bytes()).collect()
}

/// A sample or record: format, length in bytes, content.
pub(crate) fn structure(format: u32, content: &[u32]) -> Vec<u32> {
    [&[format, 4 * content.len() as u32], content].concat()
}

/// A flow sample (1) of data source 0:3, 1 in 100, with one record.
pub(crate) fn flow_sample(record: &[u32]) -> Vec<u32> {
    structure(1, &[&[1, 3, 100, 100, 0, 3, 0, 1], record].concat())
}

/// `sampled_ipv4` (3): 1500 bytes of TCP from `source`, port 40000, to 10.0.0.2, port 443.
pub(crate) fn ipv4(source: u32) -> Vec<u32> {
    structure(3, &[1500, 6, source, 0x0a00_0002, 40_000, 443, 0x10, 0])
}

/// A counter sample (2) of data source 0:3 with these records.
pub(crate) fn counter_sample(sequence_number: u32, records: &[Vec<u32>]) -> Vec<u32> {
    structure(2, &[&[sequence_number, 3, records.len() as u32], &records.concat()[..]].concat())
}

/// `if_counters` (1) of ifIndex 3: `octets` and `packets` received, output counters unknown.
pub(crate) fn if_counters(octets: u32, packets: u32) -> Vec<u32> {
    let input = [3, 6, 0, 1_000_000_000, 1, 3, 0, octets, packets, 0, 0, 0, 0, u32::MAX];
    structure(1, &[&input[..], &[u32::MAX; 8]].concat())
}

/// `port_name` (1005) with a name of four bytes.
pub(crate) fn port_name(name: [u8; 4]) -> Vec<u32> {
    structure(1005, &[4, u32::from_be_bytes(name)])
}
