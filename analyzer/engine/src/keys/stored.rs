//! Packets that are kept after their datagram is gone.
//!
//! A stored packet is a fixed part, its facts, and bytes: its records as received, with the captured
//! header cut after what keys read. The common keys of a packet with one IP header are read from the
//! facts. For everything else the packet is decoded again.

use core::cell::OnceCell;
use core::net::{Ipv4Addr, Ipv6Addr};

use flowmote_decoder::flow::{ExtendedTcpInfo, SampledHeader};
use flowmote_decoder::packet::FiveTuple;
use flowmote_decoder::structure::Numbered;
use flowmote_decoder::{Flow, FlowRecord, FlowRecords, Interface, Port, RtFlow, Text};

use super::buffer::KeyBuffer;
use super::catalogue::{ip_transport, port, protocol};
use super::common::Common;
use super::context::Context;
use super::expression::Expression;
use super::header::Protocol;
use super::packet::Packet;
use super::records::Records;
use super::subject::Subject;
use super::traffic::{Connection, Passed, Traffic, way};
use super::value::{Value, address};
use crate::source::Source;

/// The fixed part of a stored packet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Facts {
    /// Bytes of the frame; 0 if the packet is not plain.
    pub(crate) bytes: u32,
    /// Input and output interface in the compact encoding.
    input: u32,
    output: u32,
    /// Addresses of IPv4. Of IPv6: `src` is the place of both in the bytes.
    src: u32,
    dst: u32,
    sport: u16,
    dport: u16,
    /// Protocol in IP.
    protocol: u8,
    /// Flags.
    shape: u8,
    /// What flow records have beside: flags of TCP, and those in [`beside`].
    beside: u8,
    /// Bytes of the frame that are not of the IP packet.
    around: u8,
}

/// Flags of [`Facts`].
mod shape {
    /// The bytes begin with a head.
    pub(super) const HEAD: u8 = 1;
    /// The fields of the facts are valid.
    pub(super) const PLAIN: u8 = 2;
    pub(super) const V4: u8 = 4;
    pub(super) const V6: u8 = 8;
    pub(super) const TCP: u8 = 16;
    pub(super) const UDP: u8 = 32;
    pub(super) const SCTP: u8 = 64;
    pub(super) const DISCARDED: u8 = 128;
}

/// Flags of [`Facts`] beside those of TCP.
mod beside {
    /// The flags of TCP and the bytes around the IP packet are valid.
    pub(super) const TRAFFIC: u8 = 64;
    /// The sample has the state of a connection.
    pub(super) const STATE: u8 = 128;
    pub(super) const TCP_FLAGS: u8 = 0x3f;
}

impl Facts {
    fn is(&self, flag: u8) -> bool {
        self.shape & flag != 0
    }

    /// What a flow record has of the packet. `None` if its bytes have to be decoded for it.
    #[inline]
    pub(crate) fn passed(&self, source: &Source, raw: &[u8]) -> Option<Passed> {
        if self.is(shape::HEAD) || self.beside & beside::TRAFFIC == 0 {
            return None;
        }
        let (src, dst) = if self.is(shape::V4) {
            let address = |bits| Ipv4Addr::from_bits(bits).into();
            (address(self.src), address(self.dst))
        } else {
            let (src, rest) = raw.get(self.src as usize..)?.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*src).into(), Ipv6Addr::from(*rest.first_chunk::<16>()?).into())
        };
        let Self { sport: src_port, dport: dst_port, protocol, .. } = *self;
        let traffic = Traffic {
            tuple: FiveTuple { src, dst, protocol, src_port, dst_port },
            bytes: self.bytes.saturating_sub(self.around.into()).into(),
            tcp_flags: self.beside & beside::TCP_FLAGS,
        };
        let [input, output] = [self.input, self.output].map(Interface::from_compact);
        let direction = way(source.data_source, Some((input.port(), output.port())));
        let reason = match output.port() {
            Port::Discarded(reason) => Some(reason),
            _ => None,
        };
        let has_state = self.beside & beside::STATE != 0 && self.is(shape::TCP);
        let connection = has_state.then(|| Connection::read(FlowRecords::stored(5, raw)));
        Some(Passed { traffic, direction, reason, connection: connection.flatten() })
    }

    fn note_traffic(&mut self, bytes: u64, tcp_flags: u8) {
        let around = u64::from(self.bytes).checked_sub(bytes).map(u8::try_from);
        if let Some(Ok(around)) = around {
            self.around = around;
            self.beside |= tcp_flags | beside::TRAFFIC;
        }
    }

    /// True for a packet that the device discarded.
    pub(crate) fn is_discarded(&self) -> bool {
        self.is(shape::DISCARDED)
    }
}

impl Packet<'_> {
    /// The largest number of bytes that [`store`](Packet::store) appends.
    pub(crate) fn stored_bytes(&self) -> usize {
        let records = self.records.0.map_or(0, |records| records.remaining().len());
        let values = self.rtflow.map_or(0, |flow| flow.datasource.0.len() + flow.bytes().len());
        // The pad of the last record may be missing.
        HEAD + records + values + 4
    }

    /// Appends what is needed to read any key later. Returns the facts.
    pub(crate) fn store(&self, raw: &mut Vec<u8>) -> Facts {
        let begin = raw.len();
        let mut facts = Facts::default();
        if let Some(flow) = self.rtflow {
            facts.shape = shape::HEAD;
            words(raw, [RTFLOW, flow.num_values, flow.datasource.0.len() as u32, 0, 0, 0]);
            raw.extend_from_slice(flow.datasource.0);
            raw.extend_from_slice(flow.bytes());
            return facts;
        }
        let Some(records) = self.records.0 else { return facts };
        let (input, output) = self.interfaces.unwrap_or((UNKNOWN, UNKNOWN));
        let ports = compact(input).zip(compact(output));
        let version = records.version();
        if version != 5 || ports.is_none() || self.discarded.is_some() {
            facts.shape |= shape::HEAD;
            let reason = self.discarded.unwrap_or_default();
            words(raw, [version.into(), input.format, input.value, output.format, output.value]);
            words(raw, [reason]);
        }
        if self.discarded.is_some() {
            facts.shape |= shape::DISCARDED;
        }
        if version != 5 {
            raw.extend_from_slice(records.remaining());
            return facts;
        }
        let header = self.store_records(records, raw, &mut facts).map(|at| at - begin);
        (facts.input, facts.output) = ports.unwrap_or_default();
        if let (Some(_), Some(header)) = (ports, header) {
            // A packet that has no facts is read from its bytes.
            let _ = self.note_facts(header, &mut facts);
        }
        facts
    }

    /// Appends the records. Returns where the header begins that was captured.
    fn store_records(
        &self,
        records: FlowRecords<'_>,
        raw: &mut Vec<u8>,
        facts: &mut Facts,
    ) -> Option<usize> {
        let (begin, mut place) = (raw.len(), None);
        for record in records.flatten() {
            match self.sampled {
                Some(header) if place.is_none() && record.data_format() == HEADER => {
                    place = Some(raw.len() + 24);
                    self.store_header(&header, &record, raw);
                }
                _ => {
                    if record.data_format() == STATE {
                        facts.beside |= beside::STATE;
                    }
                    words(raw, [record.data_format().0, record.bytes().len() as u32]);
                    raw.extend_from_slice(record.bytes());
                }
            }
            let pad = (raw.len() - begin).wrapping_neg() % 4;
            raw.extend_from_slice(ZEROS.get(..pad).unwrap_or_default());
        }
        place
    }

    fn store_header(&self, header: &SampledHeader<'_>, record: &FlowRecord<'_>, raw: &mut Vec<u8>) {
        let needed = self.headers.needed();
        let cut = header.header.get(..needed).unwrap_or(header.header);
        let length = 16 + cut.len() as u32;
        let SampledHeader { protocol, frame_length, stripped, .. } = *header;
        words(raw, [record.data_format().0, length, protocol, frame_length, stripped, length - 16]);
        raw.extend_from_slice(cut);
    }

    /// Notes the values of common keys; `None` if they are not those of one IP header.
    #[inline]
    fn note_facts(&self, header: usize, facts: &mut Facts) -> Option<()> {
        let Some((ip, tcp)) = self.headers.tcp_in_v4() else {
            return self.note_facts_of_any(header, facts);
        };
        facts.bytes = self.sampled?.frame_length;
        (facts.src, facts.dst) = (ip.u32(12)?, ip.u32(16)?);
        (facts.sport, facts.dport) = (tcp.u16(0)?, tcp.u16(2)?);
        facts.protocol = 6;
        facts.shape |= shape::PLAIN | shape::V4 | shape::TCP;
        facts.note_traffic(self.ip_bytes(Protocol::Ipv4, ip)?, Traffic::tcp_flags(tcp));
        Some(())
    }

    /// Out of line, so that the common packets stay small.
    #[inline(never)]
    fn note_facts_of_any(&self, header: usize, facts: &mut Facts) -> Option<()> {
        if !self.headers.is_plain() {
            return None;
        }
        facts.bytes = self.sampled?.frame_length;
        let mut flags = shape::PLAIN;
        if let Some((_, version, ip)) = self.headers.ip(0) {
            facts.protocol = protocol(self, 0)?;
            if version == Protocol::Ipv4 {
                (facts.src, facts.dst) = (ip.u32(12)?, ip.u32(16)?);
                // After an extension header the number in IPv4 is another one.
                ip.u8(9).filter(|first| *first == facts.protocol)?;
                flags |= shape::V4;
            } else {
                facts.src = u32::try_from(header).ok()? + u32::from(ip.offset) + 8;
                ip.v6(24)?;
                flags |= shape::V6;
            }
            if let Some(ports) = ip_transport(self, 0) {
                (facts.sport, facts.dport) = (ports.u16(0)?, ports.u16(2)?);
                flags |= self.transport_flag();
            }
            if let Some(traffic) = self.traffic() {
                facts.note_traffic(traffic.bytes, traffic.tcp_flags);
            }
        }
        facts.shape |= flags;
        Some(())
    }

    fn transport_flag(&self) -> u8 {
        let has = |protocol| self.headers.get(protocol, 0).is_some();
        match () {
            () if has(Protocol::Tcp) => shape::TCP,
            () if has(Protocol::Udp) => shape::UDP,
            () => shape::SCTP,
        }
    }
}

impl<'a> Packet<'a> {
    /// The packet of these facts and bytes.
    pub(crate) fn restore(source: &Source, facts: &Facts, raw: &'a [u8]) -> Self {
        let (agent, data_source) = (source.agent, Some(source.data_source));
        if !facts.is(shape::HEAD) {
            let ports = [facts.input, facts.output].map(Interface::from_compact);
            let records = Records(Some(FlowRecords::stored(5, raw)));
            return Self::new(agent, data_source, Some(ports.into()), None, None, records);
        }
        let (head, rest) = raw.split_at_checked(HEAD).unwrap_or((&[], &[]));
        let mut head = head.as_chunks().0.iter().map(|word| u32::from_be_bytes(*word));
        let [kind, a, b, c, d, reason] = [(); 6].map(|()| head.next().unwrap_or_default());
        if kind == RTFLOW {
            let (name, values) = rest.split_at_checked(b as usize).unwrap_or_default();
            let flow = RtFlow::stored(Text(name), a, values);
            return Self::new(agent, None, None, None, Some(flow), Records(None));
        }
        let ports = (Interface { format: a, value: b }, Interface { format: c, value: d });
        let reason = facts.is_discarded().then_some(reason);
        let records = Records(Some(FlowRecords::stored(kind as u8, rest)));
        Self::new(agent, data_source, Some(ports), reason, None, records)
    }
}

/// A stored packet as a subject. It is restored for the first key that needs it.
pub(crate) struct Stored<'a> {
    source: &'a Source,
    facts: &'a Facts,
    raw: &'a [u8],
    context: &'a Context<'a>,
    packet: OnceCell<Packet<'a>>,
}

impl<'a> Stored<'a> {
    #[inline]
    pub(crate) fn new(
        source: &'a Source,
        facts: &'a Facts,
        raw: &'a [u8],
        context: &'a Context<'a>,
    ) -> Self {
        Self { source, facts, raw, context, packet: OnceCell::new() }
    }

    fn packet(&self) -> &Packet<'a> {
        self.packet.get_or_init(|| Packet::restore(self.source, self.facts, self.raw))
    }

    #[inline]
    fn common(&self, of: &Expression) -> Option<Common> {
        of.common().filter(|_| self.facts.is(shape::PLAIN))
    }

    /// A number of at most 32 bits among the facts.
    #[inline]
    fn word(&self, common: Common) -> Option<u32> {
        let facts = self.facts;
        let port = |flag, port: u16| facts.is(flag).then(|| port.into());
        let any = shape::TCP | shape::UDP | shape::SCTP;
        match common {
            Common::Bytes => Some(facts.bytes),
            Common::Frames => Some(1),
            Common::Protocol => facts.is(shape::V4 | shape::V6).then(|| facts.protocol.into()),
            Common::V4Protocol => facts.is(shape::V4).then(|| facts.protocol.into()),
            Common::Sport => port(any, facts.sport),
            Common::Dport => port(any, facts.dport),
            Common::TcpSport => port(shape::TCP, facts.sport),
            Common::TcpDport => port(shape::TCP, facts.dport),
            Common::UdpSport => port(shape::UDP, facts.sport),
            Common::UdpDport => port(shape::UDP, facts.dport),
            _ => None,
        }
    }

    #[inline]
    fn v4(&self, common: Common) -> Option<Ipv4Addr> {
        let bits = match common {
            Common::Src | Common::V4Src => self.facts.src,
            Common::Dst | Common::V4Dst => self.facts.dst,
            _ => return None,
        };
        self.facts.is(shape::V4).then(|| Ipv4Addr::from_bits(bits))
    }

    fn v6(&self, common: Common) -> Option<Ipv6Addr> {
        let at = match common {
            Common::Src | Common::V6Src => 0,
            Common::Dst | Common::V6Dst => 16,
            _ => return None,
        };
        let bytes = self.raw.get(self.facts.src as usize + at..)?.first_chunk()?;
        self.facts.is(shape::V6).then(|| Ipv6Addr::from_octets(*bytes))
    }

    /// Any other value among the facts.
    fn rare(&self, common: Common) -> Option<Value<'static>> {
        let interface = |word| Some(port(Interface::from_compact(word).port()));
        let data_source = self.source.data_source;
        match common {
            Common::Agent => address(self.source.agent),
            Common::DataSource if data_source.class == 0 => Some(data_source.index.into()),
            Common::DataSource => {
                Some(format!("{}.{}", data_source.class, data_source.index).into())
            }
            Common::Input => interface(self.facts.input),
            Common::Output => interface(self.facts.output),
            other => self.v6(other).map(Value::V6),
        }
    }
}

impl Subject for Stored<'_> {
    #[inline]
    fn value<'s>(&'s self, of: &'s Expression) -> Option<Value<'s>> {
        let Some(common) = self.common(of) else { return of.eval(self.packet(), self.context) };
        let number = self.word(common).map(Value::from);
        number.or_else(|| self.v4(common).map(Value::V4)).or_else(|| self.rare(common))
    }

    #[inline]
    fn number(&self, of: &Expression) -> Option<f64> {
        match self.common(of).and_then(|common| self.word(common)) {
            Some(word) => Some(word.into()),
            None => self.value(of)?.number(),
        }
    }

    #[inline]
    fn write(&self, of: &Expression, buffer: &mut KeyBuffer) -> bool {
        let Some(common) = self.common(of) else {
            return of.write(self.packet(), self.context, buffer);
        };
        if let Some(address) = self.v4(common) {
            buffer.v4(address);
        } else if let Some(word) = self.word(common) {
            buffer.number(word.into());
        } else if let Some(value) = self.rare(common) {
            buffer.push(&value);
        } else {
            return false;
        }
        true
    }
}

/// The interface in one word; `None` if it does not fit.
fn compact(interface: Interface) -> Option<u32> {
    let Interface { format, value } = interface;
    (format < 4 && value < 1 << 30).then_some(format << 30 | value)
}

/// Appends several words together.
#[inline]
fn words<const N: usize>(raw: &mut Vec<u8>, words: [u32; N]) {
    raw.extend_from_slice(words.map(u32::to_be_bytes).as_flattened());
}

const UNKNOWN: Interface = Interface { format: 0, value: 0 };
/// The largest pad of a record.
const ZEROS: [u8; 3] = [0; 3];
const HEADER: flowmote_decoder::DataFormat = <SampledHeader<'_> as Numbered<'_, Flow>>::FORMAT;
const STATE: flowmote_decoder::DataFormat = <ExtendedTcpInfo as Numbered<'_, Flow>>::FORMAT;
/// Bytes of a head: version, interfaces, reason of a discard.
const HEAD: usize = 24;
/// In place of the version: the number of values and the length of the name follow.
const RTFLOW: u32 = 0;
