//! The layout of a ring block: `struct tpacket_block_desc`, then for each packet
//! `struct tpacket3_hdr`, `struct sockaddr_ll`, `struct virtio_net_hdr` and the bytes kept
//! (include/uapi/linux/if_packet.h). Every offset is checked against the block.

use super::packet::{Origin, PacketKind, VlanTag};
use super::segments::Offload;

/// A position within a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    offset: usize,
    /// Packets from here on, as the block descriptor counts them.
    left: u32,
    /// Packets before it.
    passed: u32,
}

/// One skb of the ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// The bytes kept, link-layer header first.
    pub(super) bytes: &'a [u8],
    /// `skb->len`: the length of a super-packet as a whole, without a VLAN tag that was removed.
    pub(super) length: u32,
    /// Nanoseconds since 1970 (CLOCK_REALTIME).
    pub(super) timestamp_ns: u64,
    /// The VLAN tag that kernel or driver removed from the bytes.
    pub(super) stripped_tag: Option<VlanTag>,
    pub(super) kind: PacketKind,
    pub(super) origin: Origin,
    /// ifIndex of the interface.
    pub(super) if_index: u32,
    /// ARPHRD_* of the interface.
    pub(super) hardware_type: u16,
    /// `None` without PACKET_VNET_HDR.
    pub(super) offload: Option<Offload>,
}

/// An inconsistency in the block, after which the rest of it cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The number of packets that are lost by it.
    pub(super) packets: u32,
}

impl Cursor {
    /// The first packet of a block.
    ///
    /// # Errors
    /// If the block is too short for its descriptor.
    pub(super) fn start(block: &[u8]) -> Result<Self, Malformed> {
        let left = u32_at(block, BLOCK_PACKETS);
        let offset = u32_at(block, BLOCK_FIRST_PACKET);
        match (left, offset) {
            (Some(left), Some(offset)) => Ok(Self { offset: offset as usize, left, passed: 0 }),
            _ => Err(Malformed { packets: 0 }),
        }
    }

    /// Number of packets of the block before the next one.
    pub(super) fn passed(&self) -> u32 {
        self.passed
    }

    /// Returns true if the whole block was read.
    pub(super) fn is_done(&self) -> bool {
        self.left == 0
    }

    /// Returns the packet at the cursor and moves to the next one. `vnet`: PACKET_VNET_HDR is on.
    /// `None` for room that the kernel reserved and did not fill, which it counts as a drop.
    ///
    /// # Errors
    /// If the packet does not lie within the block, which ends the walk.
    pub(super) fn next<'a>(
        &mut self,
        block: &'a [u8],
        vnet: bool,
    ) -> Result<Option<Frame<'a>>, Malformed> {
        let Some(frame) = self.frame(block, vnet) else {
            // Bounded by the headers that fit into the block, whatever its descriptor claims.
            let possible = u32::try_from(block.len() / HEADERS).unwrap_or(u32::MAX);
            let packets = core::mem::take(&mut self.left).min(possible);
            return Err(Malformed { packets });
        };
        Ok(frame)
    }

    /// Like [`next`](Self::next); the outer `None` is an inconsistency.
    fn frame<'a>(&mut self, block: &'a [u8], vnet: bool) -> Option<Option<Frame<'a>>> {
        let packet = block.get(self.offset..)?;
        let headers: &[u8; HEADERS] = packet.first_chunk()?;
        let next = u32_at(headers, 0)? as usize;
        // When the virtio_net_hdr cannot describe an skb (UDP_SEGMENT, Linux 6.1 and before),
        // tpacket_rcv drops it after prb_fill_curr_block has reserved room and set next offset and
        // VLAN flags. All else is what was there before, an earlier packet once the ring is full.
        if u32_at(headers, 20)? & TP_STATUS_USER == 0 {
            self.step(next)?;
            return Some(None);
        }
        let mac = usize::from(u16_at(headers, 24)?);
        let snaplen = u32_at(headers, 12)? as usize;
        let bytes = packet.get(mac..)?.get(..snaplen)?;
        let frame = Frame {
            bytes,
            length: u32_at(headers, 16)?,
            timestamp_ns: u64::from(u32_at(headers, 4)?) * 1_000_000_000
                + u64::from(u32_at(headers, 8)?),
            stripped_tag: stripped_tag(headers),
            kind: PacketKind::from_kernel(*headers.get(SOCKADDR + 10)?),
            origin: Origin::Unknown,
            if_index: u32_at(headers, SOCKADDR + 4)?,
            hardware_type: u16_at(headers, SOCKADDR + 8)?,
            offload: if vnet { Some(offload(packet, mac)?) } else { None },
        };
        self.step(next)?;
        Some(Some(frame))
    }

    /// Moves to the next packet. In the last one of a block the offset is 0 (prb_close_block).
    fn step(&mut self, next: usize) -> Option<()> {
        let left = self.left.checked_sub(1)?;
        if left > 0 {
            // A smaller offset would lead back into this packet and read it twice.
            self.offset = self.offset.checked_add((next >= HEADERS).then_some(next)?)?;
        }
        self.left = left;
        self.passed = self.passed.saturating_add(1);
        Some(())
    }
}

fn stripped_tag(headers: &[u8; HEADERS]) -> Option<VlanTag> {
    let status = u32_at(headers, 20)?;
    if status & TP_STATUS_VLAN_VALID == 0 {
        return None;
    }
    let tpid = match status & TP_STATUS_VLAN_TPID_VALID {
        0 => VlanTag::TPID_8021Q,
        _ => u16_at(headers, 36)?,
    };
    Some(VlanTag { tpid, tci: u32_at(headers, 32)? as u16 })
}

/// Reads the `virtio_net_hdr`, which tpacket_rcv (net/packet/af_packet.c) puts right before the
/// frame, after the other headers.
fn offload(packet: &[u8], mac: usize) -> Option<Offload> {
    let start = mac.checked_sub(VNET_HEADER).filter(|start| *start >= HEADERS)?;
    let header: &[u8; VNET_HEADER] = packet.get(start..)?.first_chunk()?;
    let [flags, gso_type, _, _, s0, s1, c0, c1, _, _] = *header;
    Some(Offload {
        udp: gso_type & !VIRTIO_NET_HDR_GSO_ECN == VIRTIO_NET_HDR_GSO_UDP_L4,
        gso_size: match gso_type {
            VIRTIO_NET_HDR_GSO_NONE => 0,
            _ => u16::from_ne_bytes([s0, s1]),
        },
        checksum_start: (flags & VIRTIO_NET_HDR_F_NEEDS_CSUM != 0)
            .then_some(u16::from_ne_bytes([c0, c1])),
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|word| u16::from_ne_bytes(*word))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|word| u32::from_ne_bytes(*word))
}

// `struct tpacket_block_desc`.
const BLOCK_PACKETS: usize = 12;
const BLOCK_FIRST_PACKET: usize = 16;

/// `struct tpacket3_hdr` is 48 bytes, `struct sockaddr_ll` 20.
const SOCKADDR: usize = 48;
const HEADERS: usize = SOCKADDR + 20;
const VNET_HEADER: usize = 10;

const TP_STATUS_USER: u32 = 1 << 0;
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
const TP_STATUS_VLAN_TPID_VALID: u32 = 1 << 6;

// include/uapi/linux/virtio_net.h
const VIRTIO_NET_HDR_F_NEEDS_CSUM: u8 = 1;
const VIRTIO_NET_HDR_GSO_NONE: u8 = 0;
const VIRTIO_NET_HDR_GSO_UDP_L4: u8 = 5;
const VIRTIO_NET_HDR_GSO_ECN: u8 = 0x80;

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of two packets as the kernel lays them out: an untagged super-packet, then a
    /// frame whose tag was removed. All other bytes are 0xa5.
    fn block() -> Vec<u8> {
        let mut block = vec![0xa5; 512];
        put(&mut block, 12, &2_u32.to_ne_bytes());
        put(&mut block, 16, &48_u32.to_ne_bytes());
        packet(&mut block, 48, 200, 60_000, 1);
        packet(&mut block, 248, 0, 60, 1 | TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID);
        put(&mut block, 48 + 82, &[1, 1, 0, 66, 0xa8, 5, 34, 0, 16, 0]);
        put(&mut block, 248 + 82, &[0; 10]);
        block
    }

    fn packet(block: &mut [u8], at: usize, next: u32, length: u32, status: u32) {
        for (field, value) in [next, 7, 9, 64, length, status].into_iter().enumerate() {
            put(block, at + 4 * field, &value.to_ne_bytes());
        }
        put(block, at + 24, &92_u16.to_ne_bytes());
        put(block, at + 32, &0x2064_u32.to_ne_bytes());
        put(block, at + 36, &0x88a8_u16.to_ne_bytes());
        put(block, at + 52, &7_u32.to_ne_bytes());
        put(block, at + 56, &1_u16.to_ne_bytes());
        put(block, at + 58, &[4]);
    }

    fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
        block[at..at + bytes.len()].copy_from_slice(bytes);
    }

    #[test]
    fn reads_both_packets_and_ends() {
        let block = block();
        let mut cursor = Cursor::start(&block).unwrap();
        let first = cursor.next(&block, true).unwrap().unwrap();
        assert_eq!((first.bytes.len(), first.length), (64, 60_000));
        assert_eq!(first.timestamp_ns, 7_000_000_009);
        assert_eq!((first.kind, first.if_index), (PacketKind::Outgoing, 7));
        assert_eq!((first.hardware_type, cursor.passed()), (1, 1));
        assert_eq!(first.stripped_tag, None);
        let offload = Offload { udp: false, gso_size: 1448, checksum_start: Some(34) };
        assert_eq!(first.offload, Some(offload));
        assert!(!cursor.is_done());
        let second = cursor.next(&block, true).unwrap().unwrap();
        assert_eq!(second.stripped_tag, Some(VlanTag { tpid: 0x88a8, tci: 0x2064 }));
        assert_eq!(second.offload.unwrap().gso_size, 0);
        assert!(cursor.is_done());
    }

    #[test]
    fn tag_without_tpid_is_8021q() {
        let mut block = block();
        put(&mut block, 48 + 20, &(TP_STATUS_USER | TP_STATUS_VLAN_VALID).to_ne_bytes());
        let frame = Cursor::start(&block).unwrap().next(&block, false).unwrap().unwrap();
        assert_eq!(frame.stripped_tag, Some(VlanTag { tpid: 0x8100, tci: 0x2064 }));
        assert_eq!(frame.offload, None);
    }

    #[test]
    fn room_that_was_not_filled_is_no_packet() {
        // With and without a tag, whatever an earlier packet has left there.
        for status in [0, TP_STATUS_VLAN_VALID | TP_STATUS_VLAN_TPID_VALID] {
            let mut block = block();
            put(&mut block, 48 + 20, &status.to_ne_bytes());
            put(&mut block, 48 + 24, &0xffff_u16.to_ne_bytes());
            let mut cursor = Cursor::start(&block).unwrap();
            assert_eq!(cursor.next(&block, true), Ok(None));
            assert_eq!(cursor.next(&block, true).unwrap().unwrap().length, 60);
            assert!(cursor.is_done());
        }
    }

    #[test]
    fn inconsistent_block_is_counted_and_not_followed() {
        // Offset, wrong value, number of packets that cannot be read then.
        let lies: &[(usize, u32, u32)] = &[
            (16, 500, 2),               // first packet beyond the block
            (16, u32::MAX, 2),          // far beyond
            (48, 8, 2),                 // next packet within this one
            (48, 0, 2),                 // no next packet although two are announced
            (48 + 12, 400, 2),          // more bytes kept than the block has
            (48 + 24, 0xffff, 2),       // frame beyond the block
            (48 + 24, 70, 2),           // virtio_net_hdr within the headers
            (248 + 12, 0xffff_ffff, 1), // only the second one is wrong
        ];
        for &(at, value, lost) in lies {
            let mut block = block();
            put(&mut block, at, &value.to_ne_bytes());
            let mut cursor = Cursor::start(&block).unwrap();
            let mut malformed = 0;
            while !cursor.is_done() {
                if let Err(error) = cursor.next(&block, true) {
                    malformed += error.packets;
                }
            }
            assert_eq!(malformed, lost, "lie {value} at {at}");
        }
    }

    #[test]
    fn claimed_number_of_packets_is_bounded_by_the_block() {
        let mut block = block();
        put(&mut block, 12, &u32::MAX.to_ne_bytes());
        let mut cursor = Cursor::start(&block).unwrap();
        assert!(cursor.next(&block, true).is_ok());
        assert_eq!(cursor.next(&block, true), Err(Malformed { packets: 7 }));
        assert!(cursor.is_done());
    }

    #[test]
    fn block_shorter_than_its_descriptor_is_malformed() {
        assert_eq!(Cursor::start(&[0xa5; 19]), Err(Malformed { packets: 0 }));
    }
}
