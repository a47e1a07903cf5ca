//! What the program writes into the ring for a dropped packet.

/// A dropped packet, borrowed from the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Event<'a> {
    /// Nanoseconds since the host booted, suspend not included (CLOCK_MONOTONIC).
    pub(super) time_ns: u64,
    /// Address of the place in the kernel.
    pub(super) location: u64,
    /// Number of the reason; 0 before Linux 5.17.
    pub(super) reason: u32,
    /// Bytes of the packet from the start of `header` on.
    pub(super) length: u32,
    /// ifIndex of the interface that the packet was received on or is to leave by; 0: none.
    pub(super) device: u32,
    /// ifIndex of the interface that the packet arrived on; 0 for one of this host.
    pub(super) input: u32,
    /// EtherType.
    pub(super) protocol: u16,
    /// The first bytes of the packet.
    pub(super) header: &'a [u8],
}

impl<'a> Event<'a> {
    /// Parses an event; `None` if it is shorter than the program writes them.
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let part = |at: i16| bytes.get(usize::try_from(at).ok()?..);
        let word = |at| part(at)?.first_chunk().copied().map(u32::from_ne_bytes);
        let double = |at| part(at)?.first_chunk().copied().map(u64::from_ne_bytes);
        Some(Self {
            time_ns: double(TIME)?,
            location: double(LOCATION)?,
            reason: word(REASON)?,
            length: word(LENGTH)?,
            device: word(DEVICE)?,
            input: word(INPUT)?,
            // As it is in memory: big-endian.
            protocol: u16::from_be((word(PROTOCOL)? & 0xffff) as u16),
            header: part(HEADER)?.get(..word(COPIED)? as usize)?,
        })
    }
}

// Offsets in bytes.
pub(super) const TIME: i16 = 0;
pub(super) const LOCATION: i16 = 8;
pub(super) const REASON: i16 = 16;
pub(super) const LENGTH: i16 = 20;
pub(super) const DEVICE: i16 = 24;
pub(super) const INPUT: i16 = 28;
pub(super) const PROTOCOL: i16 = 32;
pub(super) const COPIED: i16 = 36;
pub(super) const HEADER: i16 = 40;
/// The largest `headerBytes` that the configuration accepts.
pub(super) const HEADER_BYTES: u32 = 256;
/// Bytes of an event.
pub(super) const BYTES: u32 = 40 + HEADER_BYTES;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_its_fields_in_place() {
        let mut bytes = [0xa5; BYTES as usize];
        bytes[..8].copy_from_slice(&5_u64.to_ne_bytes());
        bytes[8..16].copy_from_slice(&0xffff_ffff_8000_0000_u64.to_ne_bytes());
        for (at, value) in [(16, 3_u32), (20, 1514), (24, 7), (28, 8), (36, 2)] {
            bytes[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        }
        bytes[32..36].copy_from_slice(&u32::from(0x0800_u16.to_be()).to_ne_bytes());
        let expected = Event {
            time_ns: 5,
            location: 0xffff_ffff_8000_0000,
            reason: 3,
            length: 1514,
            device: 7,
            input: 8,
            protocol: 0x0800,
            header: &[0xa5; 2],
        };
        assert_eq!(Event::parse(&bytes), Some(expected));
        bytes[36..40].copy_from_slice(&257_u32.to_ne_bytes());
        assert_eq!(Event::parse(&bytes), None, "more than there is");
        assert_eq!(Event::parse(&bytes[..39]), None);
    }
}
