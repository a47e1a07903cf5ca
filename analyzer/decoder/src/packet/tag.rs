//! Tags between the addresses of an Ethernet frame and its type.

use super::layer::layer;
use super::{Layer, Next, Read, take};

layer! {
    /// A VLAN tag (IEEE 802.1Q, 802.1ad).
    Vlan {
        /// EtherType of the tag: 0x8100, 0x88a8, 0x9100, 0x9200 or 0x9300.
        tpid: u16,
        /// Priority code point, 0..=7.
        priority: u8,
        /// Drop eligible indicator.
        drop_eligible: bool,
        /// VLAN id, 0..=4095.
        id: u16,
        /// EtherType of the next header.
        ether_type: u16,
    }
}

layer! {
    /// Cisco's VN-tag, EtherType 0x8926: a virtual interface behind a port.
    VnTag {
        /// True from the switch to the virtual interface.
        downstream: bool,
        /// True if the destination is a list of interfaces.
        pointer: bool,
        /// Destination virtual interface, or list of them, 14 bits.
        dst_vif: u16,
        /// True if the frame returns to the port that it came from.
        looped: bool,
        /// Source virtual interface, 12 bits.
        src_vif: u16,
        /// EtherType of the next header.
        ether_type: u16,
    }
}

layer! {
    /// E-tag of a port extender (IEEE 802.1BR), EtherType 0x893f.
    ETag {
        /// Priority code point, 0..=7.
        priority: u8,
        /// Drop eligible indicator.
        drop_eligible: bool,
        /// E-channel that the frame came from, with its extension: 20 bits.
        ingress_channel: u32,
        /// E-channel, with its group bits and its extension: 22 bits.
        channel: u32,
        /// EtherType of the next header.
        ether_type: u16,
    }
}

layer! {
    /// Service tag of a backbone bridge (IEEE 802.1ah), EtherType 0x88e7. The customer's frame
    /// follows.
    ITag {
        /// Priority code point, 0..=7.
        priority: u8,
        /// Drop eligible indicator.
        drop_eligible: bool,
        /// Backbone service instance, 24 bits.
        service: u32,
    }
}

#[inline(always)]
pub(super) fn vlan(tpid: u16, rest: &mut &[u8]) -> Option<(Vlan, Next)> {
    let [tci_high, tci_low, high, low] = take(rest)?;
    let tci = u16::from_be_bytes([tci_high, tci_low]);
    let ether_type = u16::from_be_bytes([high, low]);
    let tag = Vlan {
        tpid,
        priority: tci_high >> 5,
        drop_eligible: tci & 0x1000 != 0,
        id: tci & 0x0fff,
        ether_type,
    };
    Some((tag, Next::from_ether_type(ether_type)))
}

pub(super) fn vn_tag<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [dst_high, dst_low, src_high, src_low, high, low] = take(rest)?;
    let ether_type = u16::from_be_bytes([high, low]);
    let tag = VnTag {
        downstream: dst_high & 0x80 != 0,
        pointer: dst_high & 0x40 != 0,
        dst_vif: u16::from_be_bytes([dst_high & 0x3f, dst_low]),
        looped: src_high & 0x80 != 0,
        src_vif: u16::from_be_bytes([src_high & 0x0f, src_low]),
        ether_type,
    };
    Some((Layer::VnTag(tag), Next::from_ether_type(ether_type)))
}

pub(super) fn e_tag<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let channel = |high, low| u32::from(u16::from_be_bytes([high, low]));
    let [in_high, in_low, ch_high, ch_low, in_extension, extension, high, low] = take(rest)?;
    let ether_type = u16::from_be_bytes([high, low]);
    let tag = ETag {
        priority: in_high >> 5,
        drop_eligible: in_high & 0x10 != 0,
        // The extension is the more significant part (IEEE 802.1BR, 11.4).
        ingress_channel: u32::from(in_extension) << 12 | channel(in_high & 0x0f, in_low),
        channel: u32::from(extension) << 14 | channel(ch_high & 0x3f, ch_low),
        ether_type,
    };
    Some((Layer::ETag(tag), Next::from_ether_type(ether_type)))
}

pub(super) fn i_tag<'a>(rest: &mut &'a [u8]) -> Read<'a> {
    let [flags, a, b, c] = take(rest)?;
    let service = u32::from_be_bytes([0, a, b, c]);
    let tag = ITag { priority: flags >> 5, drop_eligible: flags & 0x10 != 0, service };
    Some((Layer::ITag(tag), Next::Ethernet))
}
