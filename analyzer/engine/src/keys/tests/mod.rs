//! Keys, functions and filters on literal packets.

mod filters;
mod functions;
mod packets;
mod properties;
mod records;
mod stored;
mod text;

use flowmote_decoder::{Datagram, Sample};

use super::{
    Context, Expression, Filter, KeyBuffer, KeyInfo, Keys, Packet, Value, catalogue, fields,
    functions,
};
use crate::lookup::Lookup;

/// A flow sample of port 5, received there and sent by port 9, with these records.
pub(super) fn flow_sample(records: &[(u32, Vec<u8>)]) -> Vec<u8> {
    sample(1, &[7, 5, 100, 1000, 0, 5, 9], records)
}

/// A datagram with one sample: number, fixed words, records.
pub(super) fn sample(format: u32, fixed: &[u32], records: &[(u32, Vec<u8>)]) -> Vec<u8> {
    let mut body = words(fixed);
    body.extend(words(&[records.len() as u32]));
    for (format, record) in records {
        body.extend(words(&[*format, record.len() as u32]));
        body.extend(record);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let mut datagram = words(&[5, 1, 0xc000_0201, 0, 1, 1000, 1, format, body.len() as u32]);
    datagram.extend(body);
    datagram
}

pub(super) fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_be_bytes()).collect()
}

/// A `sampled_header` of an Ethernet frame.
pub(super) fn header(frame: &[u8]) -> (u32, Vec<u8>) {
    let length = frame.len() as u32;
    let mut record = words(&[1, length + 4, 4, length]);
    record.extend(frame);
    (1, record)
}

pub(super) fn string(text: &str) -> Vec<u8> {
    let mut bytes = words(&[text.len() as u32]);
    bytes.extend(text.as_bytes());
    bytes.resize(bytes.len().next_multiple_of(4), 0);
    bytes
}

/// Calls `check` with the packet of the first sample.
pub(super) fn with<T>(datagram: &[u8], check: impl FnOnce(&Packet<'_>) -> T) -> T {
    let datagram = Datagram::parse(datagram).expect("a datagram");
    let packet = match datagram.samples().next().expect("a sample").expect("whole") {
        Sample::Flow(sample) => Packet::flow(datagram.agent_address, &sample),
        Sample::Discarded(sample) => Packet::discarded(datagram.agent_address, &sample),
        Sample::RtFlow(sample) => Packet::rtflow(datagram.agent_address, &sample),
        other => panic!("{other:?}"),
    };
    check(&packet)
}

/// The published text of a key, by evaluation and by its bytes, which must agree.
pub(super) fn read(packet: &Packet<'_>, context: &Context<'_>, key: &str) -> Option<String> {
    let expression = Expression::parse(key).unwrap_or_else(|error| panic!("{key}: {error}"));
    let text = expression.eval(packet, context).map(|value| value.to_string());
    let keys = Keys::parse(key).expect("one key is a list");
    let mut buffer = KeyBuffer::new();
    let written = keys.write(packet, context, &mut buffer);
    assert_eq!(written.then(|| keys.text(buffer.bytes(), ",")), text, "{key}");
    text
}

/// Checks the text of each key; `-` is an absent key.
pub(super) fn check(datagram: &[u8], expected: &[(&str, &str)]) {
    check_in(datagram, &Context::new(&Lookup::default()), expected);
}

pub(super) fn check_in(datagram: &[u8], context: &Context<'_>, expected: &[(&str, &str)]) {
    with(datagram, |packet| {
        for (key, text) in expected {
            let found = read(packet, context, key);
            assert_eq!(found.as_deref().unwrap_or("-"), *text, "{key}");
        }
    });
}

pub(super) fn accepts(datagram: &[u8], filter: &str) -> bool {
    let filter = Filter::parse(filter).unwrap_or_else(|error| panic!("{filter}: {error}"));
    with(datagram, |packet| filter.matches(packet, &Context::new(&Lookup::default())))
}

pub(super) const MACS: &[u8] = &[2, 0, 0, 0, 0, 0xbb, 2, 0, 0, 0, 0, 0xaa];
/// 10.0.0.1 to 10.0.0.2, TTL 64, don't fragment, DSCP AF11 with ECN 1; the protocol is appended.
pub(super) fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = 20 + payload.len() as u16;
    let [high, low] = length.to_be_bytes();
    let mut header = vec![
        0x45, 0x29, high, low, 0x12, 0x34, 0x40, 0, 64, protocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
    ];
    header.extend(payload);
    header
}

/// 40001 to 443, SYN and ACK.
pub(super) const TCP: &[u8] =
    &[0x9c, 0x41, 1, 0xbb, 0, 0, 0, 1, 0, 0, 0, 2, 0x50, 0x12, 0x10, 0, 0, 0, 0, 0];

pub(super) fn udp(src: u16, dst: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len() as u16;
    let mut header: Vec<u8> =
        [src, dst, length, 0].iter().flat_map(|it| it.to_be_bytes()).collect();
    header.extend(payload);
    header
}

pub(super) fn ethernet(ether_type: u16, payload: &[u8]) -> Vec<u8> {
    [MACS, &ether_type.to_be_bytes(), payload].concat()
}

/// Ethernet, IPv4, TCP.
pub(super) fn tcp_packet() -> Vec<u8> {
    flow_sample(&[header(&ethernet(0x0800, &ipv4(6, &[TCP, b"data"].concat())))])
}
