//! What the programs at the tc hooks write into the ring for an skb with a chosen packet.

use crate::modules::taps::capture::packet::{PacketKind, VlanTag};

/// One skb, borrowed from the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Event<'a> {
    /// Nanoseconds since the host booted, suspend not included (CLOCK_MONOTONIC).
    pub(in super::super) time_ns: u64,
    /// N of 1 in N when the packet was chosen.
    pub(in super::super) rate: u32,
    /// Packets that were chosen.
    pub(in super::super) choices: u32,
    /// Packets that the skb is on the wire.
    pub(in super::super) packets: u32,
    /// ifIndex of the interface.
    pub(in super::super) if_index: u32,
    /// ifIndex of the interface on which the packet was received (`skb->skb_iif`); 0: it was made by
    /// this host.
    pub(in super::super) input: u32,
    /// `skb->len`: the length of a super-packet as a whole, without a tag that was removed.
    pub(in super::super) length: u32,
    /// Payload bytes of a full segment; 0 if the skb is one packet.
    pub(in super::super) gso_size: u16,
    pub(in super::super) kind: PacketKind,
    /// The VLAN tag that kernel or driver removed from the bytes.
    pub(in super::super) stripped_tag: Option<VlanTag>,
    /// The first bytes of the packet, link-layer header first.
    pub(in super::super) header: &'a [u8],
}

impl<'a> Event<'a> {
    /// Parses an event; `None` if it is not as the programs write them.
    pub(in super::super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let part = |at: i16| bytes.get(usize::try_from(at).ok()?..);
        let word = |at| part(at)?.first_chunk().copied().map(u32::from_ne_bytes);
        let double = |at| part(at)?.first_chunk().copied().map(u64::from_ne_bytes);
        let tag = VlanTag {
            // As it is in memory: big-endian.
            tpid: u16::from_be((word(TAG_PROTOCOL)? & 0xffff) as u16),
            tci: word(TAG)? as u16,
        };
        Some(Self {
            time_ns: double(TIME)?,
            rate: u32::try_from(double(RANGE)?.checked_add(1)? / 2).ok()?,
            choices: word(CHOICES)?,
            packets: word(PACKETS)?.max(1),
            if_index: word(INTERFACE)?,
            input: word(INPUT)?,
            length: word(LENGTH)?,
            gso_size: u16::try_from(word(GSO_SIZE)?).unwrap_or(u16::MAX),
            kind: PacketKind::from_kernel(u8::try_from(word(KIND)?).ok()?),
            stripped_tag: (word(TAGGED)? != 0).then_some(tag),
            header: part(HEADER)?.get(..word(COPIED)? as usize)?,
        })
    }
}

// Offsets in bytes.
pub(super) const TIME: i16 = 0;
pub(super) const RANGE: i16 = 8;
pub(super) const CHOICES: i16 = 16;
pub(super) const PACKETS: i16 = 20;
pub(super) const INTERFACE: i16 = 24;
pub(super) const INPUT: i16 = 28;
pub(super) const LENGTH: i16 = 32;
pub(super) const GSO_SIZE: i16 = 36;
pub(super) const KIND: i16 = 40;
pub(super) const TAGGED: i16 = 44;
pub(super) const TAG: i16 = 48;
pub(super) const TAG_PROTOCOL: i16 = 52;
pub(super) const COPIED: i16 = 56;
pub(super) const HEADER: i16 = 64;
/// The largest `headerBytes` that the configuration accepts, so that a change needs no other program.
pub(super) const HEADER_BYTES: u32 = 256;
/// Bytes of an event.
pub(in super::super) const BYTES: u32 = HEADER as u32 + HEADER_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> Vec<u8> {
        let mut bytes = vec![0xa5; BYTES as usize];
        bytes[..8].copy_from_slice(&5_u64.to_ne_bytes());
        bytes[8..16].copy_from_slice(&799_u64.to_ne_bytes());
        let words = [2, 3, 7, 8, 4410, 1448, 4, 1, 0x2064, u32::from(0x88a8_u16.to_be()), 2];
        for (word, value) in words.into_iter().enumerate() {
            bytes[16 + 4 * word..][..4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn event_has_its_fields_in_place() {
        let expected = Event {
            time_ns: 5,
            rate: 400,
            choices: 2,
            packets: 3,
            if_index: 7,
            input: 8,
            length: 4410,
            gso_size: 1448,
            kind: PacketKind::Outgoing,
            stripped_tag: Some(VlanTag { tpid: 0x88a8, tci: 0x2064 }),
            header: &[0xa5; 2],
        };
        assert_eq!(Event::parse(&event()), Some(expected));
    }

    #[test]
    fn tag_is_there_only_if_the_skb_has_one() {
        let mut bytes = event();
        bytes[44..48].fill(0);
        assert_eq!(Event::parse(&bytes).unwrap().stripped_tag, None);
    }

    #[test]
    fn event_that_is_too_short_is_none() {
        let mut bytes = event();
        assert_eq!(Event::parse(&bytes[..65]), None);
        bytes[56..60].copy_from_slice(&257_u32.to_ne_bytes());
        assert_eq!(Event::parse(&bytes), None, "more than there is");
    }
}
