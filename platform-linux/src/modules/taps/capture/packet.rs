//! The samples that a tap delivers.

use flowmote_core::SampleMeta;

/// One sampled wire packet. Samples of one super-packet share its header bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// The first bytes of the frame, at most the `header_bytes` of the tap. A VLAN tag that kernel
    /// or driver removed is put back. In a sample of a super-packet the lengths and sequence
    /// numbers in the header are those of the super-packet, since the kernel has no others.
    pub header: &'a [u8],
    /// Bytes of one frame on the wire, FCS and tag included; never those of a super-packet.
    pub frame_length: u32,
    /// Bytes of `frame_length` removed before `header` was taken: 4 (the FCS) on Ethernet, 0 on
    /// interfaces without link-layer header.
    pub stripped: u32,
    /// Direction and destination as classified by the kernel.
    pub kind: PacketKind,
    /// Where a packet that is sent came from.
    pub origin: Origin,
    /// The outer VLAN tag, whether it had been removed or not.
    pub vlan: Option<VlanTag>,
    /// Time of capture in the kernel: nanoseconds since 1970 (CLOCK_REALTIME).
    pub timestamp_ns: u64,
    /// ifIndex of the interface.
    pub if_index: u32,
    /// ARPHRD_* of the interface: 1 Ethernet, 772 loopback (Ethernet too), 65534 none (tun; the
    /// header begins with IP).
    pub hardware_type: u16,
    /// Rate, pool and drops for the flow sample.
    pub meta: SampleMeta,
}

/// `sll_pkttype`, packet(7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PacketKind {
    /// Received, addressed to this host.
    Host,
    /// Received, broadcast on the link.
    Broadcast,
    /// Received, multicast on the link.
    Multicast,
    /// Received in promiscuous mode or on a bridge port, addressed to another host.
    OtherHost,
    /// Sent by this host.
    Outgoing,
    /// Another value of `sll_pkttype`.
    Other(u8),
}

impl PacketKind {
    pub(super) fn from_kernel(kind: u8) -> Self {
        match kind {
            libc::PACKET_HOST => Self::Host,
            libc::PACKET_BROADCAST => Self::Broadcast,
            libc::PACKET_MULTICAST => Self::Multicast,
            libc::PACKET_OTHERHOST => Self::OtherHost,
            libc::PACKET_OUTGOING => Self::Outgoing,
            other => Self::Other(other),
        }
    }
}

/// Where a packet that is sent came from, as the kernel has noted it in the skb.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Origin {
    /// Not noted: a packet socket does not show it, and a received packet comes from the wire.
    #[default]
    Unknown,
    /// This host has made it.
    Host,
    /// It was received on the interface with this ifIndex, and forwarded.
    Interface(u32),
}

/// An 802.1Q or 802.1ad tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct VlanTag {
    /// Tag protocol: 0x8100 (802.1Q) or 0x88a8 (802.1ad).
    pub tpid: u16,
    /// Priority (bits 15-13), drop eligible (bit 12), VLAN id (bits 11-0).
    pub tci: u16,
}

impl VlanTag {
    pub(super) const TPID_8021Q: u16 = 0x8100;
    pub(super) const TPID_8021AD: u16 = 0x88a8;
    /// Bytes of a tag in a frame.
    pub(super) const BYTES: u32 = 4;

    /// VLAN id, 0 (priority tag only) to 4095.
    #[must_use]
    pub fn id(self) -> u16 {
        self.tci & 0x0fff
    }

    /// Priority code point, 0 to 7.
    #[must_use]
    pub fn priority(self) -> u8 {
        (self.tci >> 13) as u8
    }

    /// The outer tag in the bytes of an Ethernet frame.
    pub(super) fn in_frame(bytes: &[u8]) -> Option<Self> {
        let [t0, t1, c0, c1] = *bytes.get(ADDRESSES..)?.first_chunk()?;
        let tpid = u16::from_be_bytes([t0, t1]);
        matches!(tpid, Self::TPID_8021Q | Self::TPID_8021AD)
            .then_some(Self { tpid, tci: u16::from_be_bytes([c0, c1]) })
    }

    /// Writes `bytes` with this tag after the addresses into `frame` and returns what fits. A frame
    /// too short for addresses is returned unchanged.
    pub(super) fn put_back<'a>(self, bytes: &'a [u8], frame: &'a mut [u8]) -> &'a [u8] {
        let Some((addresses, rest)) = bytes.split_at_checked(ADDRESSES) else {
            return bytes;
        };
        let tag = [self.tpid.to_be_bytes(), self.tci.to_be_bytes()];
        let tagged = addresses.iter().chain(tag.as_flattened()).chain(rest);
        let written = frame.iter_mut().zip(tagged).map(|(to, from)| *to = *from).count();
        frame.get(..written).unwrap_or_default()
    }
}

/// Destination and source address.
const ADDRESSES: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: VlanTag = VlanTag { tpid: 0x88a8, tci: 0xa064 };
    const FRAME: [u8; 16] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0, 0x45, 0];

    #[test]
    fn tag_is_put_between_addresses_and_type() {
        let mut scratch = [0xa5; 32];
        let tagged = TAG.put_back(&FRAME, &mut scratch);
        let expected =
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x88, 0xa8, 0xa0, 0x64, 0x08, 0, 0x45, 0];
        assert_eq!(tagged, expected);
        assert_eq!(VlanTag::in_frame(tagged), Some(TAG));
        assert_eq!((TAG.id(), TAG.priority()), (100, 5));
    }

    #[test]
    fn header_with_tag_keeps_its_limit() {
        let mut scratch = [0xa5; 16];
        let tagged = TAG.put_back(&FRAME, &mut scratch);
        assert_eq!(tagged, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x88, 0xa8, 0xa0, 0x64]);
    }

    #[test]
    fn runt_is_unchanged() {
        assert_eq!(TAG.put_back(&FRAME[..11], &mut [0xa5; 16]), &FRAME[..11]);
        assert_eq!(VlanTag::in_frame(&FRAME[..15]), None);
        assert_eq!(VlanTag::in_frame(&FRAME), None);
    }

    #[test]
    fn kinds_match_sll_pkttype() {
        let kinds = [0, 1, 2, 3, 4, 5].map(PacketKind::from_kernel);
        let expected = [
            PacketKind::Host,
            PacketKind::Broadcast,
            PacketKind::Multicast,
            PacketKind::OtherHost,
            PacketKind::Outgoing,
            PacketKind::Other(5),
        ];
        assert_eq!(kinds, expected);
    }
}
