//! Samples that wait a moment until the host has looked up what it knows about their packets.

use std::fmt;

use flowmote_core::record::flow::{
    ExtendedEntities, ExtendedTcpInfo, HeaderProtocol, SampledHeader,
};
use flowmote_core::{
    DataFormat, DataSource, Encoder, FlowRecord, FlowSample, Instant, Interface, SampleMeta,
};

use crate::entities::Entities;

/// Adds what the host knows about packets to their samples.
pub trait Annotator: fmt::Debug {
    /// Sets the notes of samples, of at most [`ROOM`] in one call. Must not block: the samples are
    /// encoded when it returns.
    fn annotate(&mut self, now: Instant, entities: &Entities, samples: &mut [Waiting]);
}

/// The records that an [`Annotator`] adds to a sample.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes {
    /// The TCP connection of the packet.
    pub tcp: Option<ExtendedTcpInfo>,
    /// The services or containers that sent and received it.
    pub entities: Option<ExtendedEntities>,
}

impl Notes {
    /// The records in the order in which they are sent.
    pub fn records(&self) -> impl Iterator<Item = &dyn FlowRecord> {
        let tcp = self.tcp.as_ref().map(|record| record as &dyn FlowRecord);
        let entities = self.entities.as_ref().map(|record| record as &dyn FlowRecord);
        tcp.into_iter().chain(entities)
    }
}

/// A sampled packet, copied.
///
/// Its records are kept as bytes, so that a sample of any module can wait.
#[derive(Debug)]
pub struct Waiting {
    source: DataSource,
    meta: SampleMeta,
    sides: (Interface, Interface),
    protocol: HeaderProtocol,
    frame_length: u32,
    stripped: u32,
    /// Bytes of the header, which is in `bytes` first.
    header: usize,
    /// Format and end in `bytes` of the encoded records.
    records: [(DataFormat, usize); RECORDS],
    count: usize,
    bytes: [u8; BYTES],
    /// Set by the annotator.
    pub notes: Notes,
}

impl Waiting {
    /// Copies a sample; `None` if it has no packet or too many records.
    fn of(sample: &FlowSample<'_>) -> Option<Self> {
        let header = sample.header?;
        let mut waiting = Self {
            source: sample.source,
            meta: sample.meta,
            sides: (sample.input, sample.output),
            protocol: header.protocol,
            frame_length: header.frame_length,
            stripped: header.stripped,
            header: header.header.len().min(MAX_HEADER),
            records: [(DataFormat::standard(0), 0); RECORDS],
            count: 0,
            bytes: [0; BYTES],
            notes: Notes::default(),
        };
        let kept = header.header.get(..waiting.header)?;
        waiting.bytes.get_mut(..waiting.header)?.copy_from_slice(kept);
        waiting.copy_records(sample.records)?;
        Some(waiting)
    }

    fn copy_records(&mut self, records: &[&dyn FlowRecord]) -> Option<()> {
        let mut end = self.header;
        for record in records {
            let mut xdr = Encoder::new(self.bytes.get_mut(end..)?);
            record.encode(&mut xdr);
            if xdr.overflowed() {
                return None;
            }
            end += xdr.len();
            *self.records.get_mut(self.count)? = (record.format(), end);
            self.count += 1;
        }
        Some(())
    }

    /// The data source at which the packet was sampled.
    #[must_use]
    pub fn source(&self) -> DataSource {
        self.source
    }

    /// The interface on which the packet was received.
    #[must_use]
    pub fn input(&self) -> Interface {
        self.sides.0
    }

    /// The interface by which it is sent.
    #[must_use]
    pub fn output(&self) -> Interface {
        self.sides.1
    }

    /// The kind of header with which the packet begins.
    #[must_use]
    pub fn protocol(&self) -> HeaderProtocol {
        self.protocol
    }

    /// The first bytes of the packet, at most 256.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        self.bytes.get(..self.header).unwrap_or_default()
    }

    /// Passes the sample with its notes to `emit`.
    fn with_flow_sample(&self, emit: impl FnOnce(&FlowSample<'_>)) {
        let mut start = self.header;
        let copies = self.records.map(|(format, end)| {
            let body = self.bytes.get(start..end).unwrap_or_default();
            start = end;
            Copied { format, body }
        });
        let own = copies.iter().take(self.count).map(|copy| copy as &dyn FlowRecord);
        let mut records: [&dyn FlowRecord; RECORDS + 2] = [&NOTHING; RECORDS + 2];
        let mut count = 0;
        for (slot, record) in records.iter_mut().zip(own.chain(self.notes.records())) {
            *slot = record;
            count += 1;
        }
        emit(&FlowSample {
            source: self.source,
            meta: self.meta,
            input: self.sides.0,
            output: self.sides.1,
            header: Some(SampledHeader {
                protocol: self.protocol,
                frame_length: self.frame_length,
                stripped: self.stripped,
                header: self.header(),
            }),
            records: records.get(..count).unwrap_or_default(),
        });
    }
}

/// A record that was encoded before.
#[derive(Clone, Copy, Debug)]
struct Copied<'a> {
    format: DataFormat,
    body: &'a [u8],
}

const NOTHING: Copied<'static> = Copied { format: DataFormat::standard(0), body: &[] };

impl FlowRecord for Copied<'_> {
    fn format(&self) -> DataFormat {
        self.format
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.opaque_fixed(self.body);
    }
}

/// The samples that wait, in the order in which they were taken.
#[derive(Debug)]
pub(super) struct WaitingRoom {
    /// Has room for [`ROOM`] from the start, so that a sample causes no allocation.
    samples: Vec<Waiting>,
}

impl WaitingRoom {
    pub(super) fn new() -> Self {
        Self { samples: Vec::with_capacity(ROOM) }
    }

    /// Copies a sample into the room. Returns false if it cannot wait.
    pub(super) fn enter(&mut self, sample: &FlowSample<'_>) -> bool {
        Waiting::of(sample).map(|waiting| self.samples.push(waiting)).is_some()
    }

    pub(super) fn is_full(&self) -> bool {
        self.samples.len() >= ROOM
    }

    pub(super) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The samples, for the annotator.
    pub(super) fn samples(&mut self) -> &mut [Waiting] {
        &mut self.samples
    }

    /// Passes all samples to `emit`, in their order.
    pub(super) fn release(&mut self, mut emit: impl FnMut(&FlowSample<'_>)) {
        self.samples.drain(..).for_each(|waiting| waiting.with_flow_sample(&mut emit));
    }
}

/// Samples that wait at most. The replies to as many requests fit the receive queue of a netlink
/// socket of default size, and more in a batch cost no less each.
pub const ROOM: usize = 64;
/// The largest `headerBytes` that the configuration accepts.
const MAX_HEADER: usize = 256;
/// Records of a packet in addition to its header: tag, time, and those of a switch chip.
const RECORDS: usize = 6;
/// Header and records of a sample.
const BYTES: usize = MAX_HEADER + 160;

#[cfg(test)]
mod tests {
    use super::*;
    use flowmote_core::record::flow::{ExtendedSwitch, ExtendedTimestamp, PacketDirection};

    const TCP: ExtendedTcpInfo = ExtendedTcpInfo {
        dir: PacketDirection::SENT,
        snd_mss: 1448,
        rcv_mss: 536,
        unacked: 3,
        lost: 0,
        retrans: 2,
        pmtu: 1500,
        rtt: 400,
        rttvar: 20,
        snd_cwnd: 10,
        reordering: 3,
        min_rtt: 300,
    };

    fn sample<'a>(records: &'a [&'a dyn FlowRecord], header: &'a [u8]) -> FlowSample<'a> {
        FlowSample {
            source: DataSource::interface(7),
            meta: SampleMeta { sampling_rate: 100, sample_pool: 1234, drops: 5 },
            input: Interface::Index(7),
            output: Interface::Internal,
            header: Some(SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: 1518,
                stripped: 4,
                header,
            }),
            records,
        }
    }

    /// Format and body of each record.
    fn encoded(records: &[&dyn FlowRecord]) -> Vec<(DataFormat, Vec<u8>)> {
        let body = |record: &dyn FlowRecord| {
            let mut buffer = [0xa5; 256];
            let mut xdr = Encoder::new(&mut buffer);
            record.encode(&mut xdr);
            xdr.written().to_vec()
        };
        records.iter().map(|record| (record.format(), body(*record))).collect()
    }

    #[test]
    fn samples_leave_as_they_came_with_their_notes_at_the_end() {
        let (header, time) = ([0x5a; 60], ExtendedTimestamp { nanoseconds: 1 << 40 });
        let switch = ExtendedSwitch { src_vlan: Some(12), ..Default::default() };
        let (plain, tagged): ([&dyn FlowRecord; 1], [&dyn FlowRecord; 2]) =
            ([&time], [&switch, &time]);
        let mut room = WaitingRoom::new();
        assert!(room.is_empty() && room.enter(&sample(&plain, &header)));
        assert!(room.enter(&sample(&tagged, &header)));
        let [_, second] = room.samples() else { panic!() };
        assert_eq!(second.header(), header);
        second.notes.tcp = Some(TCP);
        let mut left = Vec::new();
        room.release(|sample| {
            let packet = sample.header.unwrap();
            assert_eq!((sample.source, sample.meta.drops), (DataSource::interface(7), 5));
            assert_eq!((sample.input, sample.output), (Interface::Index(7), Interface::Internal));
            assert_eq!(
                (packet.header, packet.frame_length, packet.stripped),
                (&header[..], 1518, 4)
            );
            left.push(encoded(sample.records));
        });
        assert_eq!(left, [encoded(&plain), encoded(&[&switch, &time, &TCP])]);
        assert!(room.is_empty());
    }

    #[test]
    fn sample_without_packet_or_with_too_many_records_does_not_wait() {
        let mut room = WaitingRoom::new();
        assert!(!room.enter(&FlowSample { header: None, ..sample(&[], &[]) }));
        let time: &dyn FlowRecord = &ExtendedTimestamp { nanoseconds: 0 };
        assert!(room.enter(&sample(&[time; RECORDS], &[0; 256])));
        assert!(!room.enter(&sample(&[time; RECORDS + 1], &[0; 14])));
        let tcp: &dyn FlowRecord = &TCP;
        assert!(!room.enter(&sample(&[tcp; RECORDS], &[0; 256])), "288 bytes of records");
        assert_eq!(room.samples.len(), 1);
    }

    #[test]
    fn room_is_full_and_never_allocates() {
        let mut room = WaitingRoom::new();
        let capacity = room.samples.capacity();
        for number in 0..ROOM {
            assert!(!room.is_full(), "{number}");
            assert!(room.enter(&sample(&[], &[0; 60])));
        }
        assert!(room.is_full());
        assert_eq!(room.samples.capacity(), capacity);
    }
}
