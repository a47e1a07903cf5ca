//! Checks that every record must pass, and the values in the synthetic vectors.

use std::{vec, vec::Vec};

use flowmote_vectors::unhex;

use crate::record::counter::{IfCounters, IfDirection, IfType};
use crate::record::{CounterRecord, DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// Checks a flow record against the one record of a synthetic datagram.
pub(crate) fn flow_vector(record: &dyn FlowRecord, datagram: &str) {
    // Datagram header, sample head, flow_sample up to its records.
    let (format, body) = record_at(datagram, 28 + 8 + 32);
    assert_eq!(record.format().word(), format, "data_format");
    check(&|xdr| record.encode(xdr), &body);
}

/// Checks a counter record against the one record of a synthetic datagram.
pub(crate) fn counter_vector(record: &dyn CounterRecord, datagram: &str) {
    // Datagram header, sample head, counters_sample up to its records.
    let (format, body) = record_at(datagram, 28 + 8 + 12);
    assert_eq!(record.format().word(), format, "data_format");
    check(&|xdr| record.encode(xdr), &body);
}

/// Checks a flow record against literal bytes.
pub(crate) fn flow_bytes(record: &dyn FlowRecord, format: DataFormat, body: &[u8]) {
    assert_eq!(record.format(), format);
    check(&|xdr| record.encode(xdr), body);
}

/// Checks a counter record against literal bytes.
pub(crate) fn counter_bytes(record: &dyn CounterRecord, format: DataFormat, body: &[u8]) {
    assert_eq!(record.format(), format);
    check(&|xdr| record.encode(xdr), body);
}

/// Returns the 32-bit value of the n-th field in the synthetic vectors.
pub(crate) const fn word(n: u32) -> u32 {
    0x0100_0000 + n * 0x0101
}

/// Returns the 64-bit value of the n-th field in the synthetic vectors.
pub(crate) const fn hyper(n: u64) -> u64 {
    (n << 32) | n
}

/// Returns the MAC address of the n-th field in the synthetic vectors.
pub(crate) const fn mac(n: u8) -> [u8; 6] {
    [2, 0, 0, 0, 0, n]
}

/// The record of the vector `ctr-0-1`, which other vectors contain too.
pub(crate) const IF_COUNTERS: IfCounters = IfCounters {
    if_index: word(1),
    if_type: IfType::new(word(2)),
    if_speed: hyper(3),
    if_direction: IfDirection::new(word(4)),
    if_status: word(5),
    if_in_octets: hyper(6),
    if_in_ucast_pkts: word(7),
    if_in_multicast_pkts: word(8),
    if_in_broadcast_pkts: word(9),
    if_in_discards: word(10),
    if_in_errors: word(11),
    if_in_unknown_protos: word(12),
    if_out_octets: hyper(13),
    if_out_ucast_pkts: word(14),
    if_out_multicast_pkts: word(15),
    if_out_broadcast_pkts: word(16),
    if_out_discards: word(17),
    if_out_errors: word(18),
    if_promiscuous_mode: word(19),
};

/// Encodes after other bytes into buffers of every size, and compares the body.
fn check(encode: &dyn Fn(&mut Encoder<'_>), body: &[u8]) {
    const BEFORE: [u8; 4] = [0xde, 0xad, 0xbe, 0xef];
    assert!(!body.is_empty() && body.len().is_multiple_of(4));
    for room in 0..body.len() {
        let mut buffer = vec![0xa5; BEFORE.len() + room];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.opaque_fixed(&BEFORE);
        encode(&mut xdr);
        assert!(xdr.overflowed(), "{room} bytes are too few");
        assert!(xdr.written().starts_with(&BEFORE));
    }
    for spare in [0, 7] {
        let mut buffer = vec![0xa5; BEFORE.len() + body.len() + spare];
        let mut xdr = Encoder::new(&mut buffer);
        xdr.opaque_fixed(&BEFORE);
        encode(&mut xdr);
        assert!(!xdr.overflowed());
        assert_eq!(&xdr.written()[BEFORE.len()..], body);
        assert!(buffer[BEFORE.len() + body.len()..].iter().all(|&byte| byte == 0xa5));
    }
}

/// Returns `data_format` and body of the record whose head is at `offset`.
fn record_at(datagram: &str, offset: usize) -> (u32, Vec<u8>) {
    let bytes = unhex(datagram);
    let word = |offset: usize| *bytes[offset..].first_chunk::<4>().unwrap();
    let length = u32::from_be_bytes(word(offset + 4)) as usize;
    let body = bytes[offset + 8..][..length].to_vec();
    assert_eq!(offset + 8 + length, bytes.len(), "one record, the last of its datagram");
    (u32::from_be_bytes(word(offset)), body)
}
