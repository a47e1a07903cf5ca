//! Keys of InfiniBand: the base transport header of RoCEv2, or its record.

use flowmote_decoder::flow::ExtendedIbBth;

use super::{KeyInfo, Section, header};
use crate::keys::header::{Header, Protocol};
use crate::keys::kind::Kind;
use crate::keys::packet::Packet;
use crate::keys::value::Value;

macro_rules! key {
    ($($row:expr),* $(,)?) => { header(Section::InfiniBand, $($row),*) };
}

pub(super) const KEYS: &[KeyInfo] = &[
    key!("ibbt_offset", Kind::Number, "bytes before the base transport header", |p, n| {
        Some(bth(p, n)?.offset.into())
    }),
    key!("ibbtopcode", Kind::Number, "operation and transport", |p, n| {
        opcode(p, n).map(Value::from)
    }),
    key!("ibbtopname", Kind::Text, "name of the operation: `SEND_ONLY`, `ACKNOWLEDGE`", |p, n| {
        Some(operation_name(opcode(p, n)?))
    }),
    key!(
        "ibbtoptransport",
        Kind::Text,
        "name of the transport: `RC`, `UC`, `RD`, `UD`, `CNP`, `XRC`",
        |p, n| { Some(transport_name(opcode(p, n)?)) }
    ),
    key!("ibbtdestqp", Kind::Number, "destination queue pair", |p, n| match bth(p, n) {
        Some(bth) => bth.u24(5).map(Value::from),
        None => Some(fields(p, n)?.dst_qp.into()),
    }),
    key!("ibbtpkey", Kind::Number, "partition key", |p, n| match bth(p, n) {
        Some(bth) => bth.u16(2).map(Value::from),
        None => Some(fields(p, n)?.pkey.into()),
    }),
    key!("ibbtpsn", Kind::Number, "packet sequence number", |p, n| {
        bth(p, n)?.u24(9).map(Value::from)
    }),
    key!("ibbtack", Kind::Bool, "an acknowledgment is requested", |p, n| {
        Some((bth(p, n)?.u8(8)? & 0x80 != 0).into())
    }),
    key!("ibbttver", Kind::Number, "version of the header", |p, n| {
        Some((bth(p, n)?.u8(1)? & 0x0f).into())
    }),
    key!("ibbtse", Kind::Bool, "solicited event", |p, n| {
        Some((bth(p, n)?.u8(1)? & 0x80 != 0).into())
    }),
    key!("ibbtm", Kind::Bool, "migration request", |p, n| {
        Some((bth(p, n)?.u8(1)? & 0x40 != 0).into())
    }),
    key!("ibbtrdmalen", Kind::Number, "bytes of the RDMA transfer, in its first packet", |p, n| {
        let bth = bth(p, n)?;
        has_reth(bth.u8(0)?).then(|| bth.u32(24).map(Value::from))?
    }),
    key!(
        "ibbtaethack",
        Kind::Text,
        "result in an acknowledgment: `ACK`, `RNR_NAK`, `NAK`",
        |p, n| {
            let bth = bth(p, n)?;
            has_aeth(bth.u8(0)?).then(|| acknowledgment(bth.u8(12)?))?
        }
    ),
];

/// The base transport header after the UDP header number `instance`.
pub(super) fn bth<'a>(packet: &Packet<'a>, instance: u8) -> Option<Header<'a>> {
    let udp = packet.header(Protocol::Udp, instance)?;
    let bth = udp.part(8)?;
    (udp.u16(2)? == ROCE && bth.bytes.len() >= BTH_LEN).then_some(bth)
}

fn fields(packet: &Packet<'_>, instance: u8) -> Option<ExtendedIbBth> {
    if instance == 0 { packet.record() } else { None }
}

fn opcode(packet: &Packet<'_>, instance: u8) -> Option<u8> {
    match bth(packet, instance) {
        Some(bth) => bth.u8(0),
        None => Some(fields(packet, instance)?.opcode as u8),
    }
}

/// The three upper bits of the code; congestion notification is one code (Annex A17).
fn transport_name<'p>(opcode: u8) -> Value<'p> {
    Value::from(match opcode {
        0x00..=0x1f => "RC",
        0x20..=0x3f => "UC",
        0x40..=0x5f => "RD",
        0x60..=0x7f => "UD",
        0xa0..=0xbf => "XRC",
        CNP => "CNP",
        other => return (other >> 5).into(),
    })
}

/// The five lower bits of the code.
fn operation_name<'p>(opcode: u8) -> Value<'p> {
    let code = opcode & 0x1f;
    Value::from(match code {
        _ if opcode == CNP => "CNP",
        0 => "SEND_FIRST",
        1 => "SEND_MIDDLE",
        2 => "SEND_LAST",
        3 => "SEND_LAST_WITH_IMMEDIATE",
        4 => "SEND_ONLY",
        5 => "SEND_ONLY_WITH_IMMEDIATE",
        6 => "RDMA_WRITE_FIRST",
        7 => "RDMA_WRITE_MIDDLE",
        8 => "RDMA_WRITE_LAST",
        9 => "RDMA_WRITE_LAST_WITH_IMMEDIATE",
        10 => "RDMA_WRITE_ONLY",
        11 => "RDMA_WRITE_ONLY_WITH_IMMEDIATE",
        12 => "RDMA_READ_REQUEST",
        13 => "RDMA_READ_RESPONSE_FIRST",
        14 => "RDMA_READ_RESPONSE_MIDDLE",
        15 => "RDMA_READ_RESPONSE_LAST",
        16 => "RDMA_READ_RESPONSE_ONLY",
        17 => "ACKNOWLEDGE",
        18 => "ATOMIC_ACKNOWLEDGE",
        19 => "COMPARE_SWAP",
        20 => "FETCH_ADD",
        21 => "RESYNC",
        22 => "SEND_LAST_WITH_INVALIDATE",
        23 => "SEND_ONLY_WITH_INVALIDATE",
        _ => return code.into(),
    })
}

/// Reliable and unreliable connections: only there the extended headers follow directly.
fn is_connection(opcode: u8) -> bool {
    opcode < 0x40
}

fn has_reth(opcode: u8) -> bool {
    is_connection(opcode) && matches!(opcode & 0x1f, 6 | 10 | 11 | 12)
}

fn has_aeth(opcode: u8) -> bool {
    is_connection(opcode) && matches!(opcode & 0x1f, 13 | 15..=18)
}

fn acknowledgment<'p>(syndrome: u8) -> Option<Value<'p>> {
    Some(Value::from(match syndrome >> 5 & 3 {
        0 => "ACK",
        1 => "RNR_NAK",
        3 => "NAK",
        _ => return None,
    }))
}

/// UDP port of RoCEv2.
const ROCE: u16 = 4791;
const BTH_LEN: usize = 12;
/// Congestion notification packet.
const CNP: u8 = 0x81;
