//! Link types of captures: the header before the network layer.

use crate::packet::Layers;

/// The headers of a captured packet.
pub(super) enum Link<'a> {
    /// The headers from the first that the decoder reads, after those of the link type alone.
    Layers(Layers<'a>),
    /// A packet without a network layer: too short, encrypted, management of the link.
    Nothing,
    /// The link type is not supported.
    Unsupported,
}

/// Removes the headers that only captures have: those of the link type `number`, a number of
/// <https://www.tcpdump.org/linktypes.html>.
pub(super) fn link(number: u16, packet: &[u8]) -> Link<'_> {
    let layers = match number {
        ETHERNET => Some(Layers::ethernet(packet)),
        RAW | RAW_BSD | RAW_OPENBSD | IPV4 | IPV6 => Some(Layers::ip(packet)),
        // The number of an address family differs between systems; the version of IP does not.
        NULL | LOOP => packet.get(4..).map(Layers::ip),
        // The EtherType is at the end of the 16 bytes.
        LINUX_SLL => after_type(packet, 14, 16),
        // The EtherType is at the start of the 20 bytes.
        LINUX_SLL2 => after_type(packet, 0, 20),
        NFLOG => nflog(packet).map(Layers::ip),
        PPP | PPP_HDLC if !is_cisco_hdlc(packet) => Some(ppp(packet)),
        // A direction in the place of the address byte.
        PPP_PPPD => packet.get(1..).map(|rest| ppp(rest.strip_prefix(&[3]).unwrap_or(rest))),
        PPP_WITH_DIRECTION => packet.get(1..).map(ppp),
        // Address, control, EtherType.
        PPP | PPP_HDLC | CISCO_HDLC => after_type(packet, 2, 4),
        PPPOE => Some(Layers::ether_type(0x8864, packet)),
        IEEE80211 => ieee80211(packet),
        RADIOTAP => length_le(packet, 2).and_then(|length| ieee80211(packet.get(length..)?)),
        JUNIPER_ETHER | JUNIPER_PPPOE | JUNIPER_PPP | JUNIPER_CHDLC => juniper(number, packet),
        _ => return Link::Unsupported,
    };
    layers.map_or(Link::Nothing, Link::Layers)
}

/// The headers after a header of `length` bytes that holds an EtherType at `at`.
fn after_type(packet: &[u8], at: usize, length: usize) -> Option<Layers<'_>> {
    let ether_type = u16::from_be_bytes(*packet.get(at..)?.first_chunk()?);
    Some(Layers::ether_type(ether_type, packet.get(length..)?))
}

fn length_le(packet: &[u8], at: usize) -> Option<usize> {
    Some(u16::from_le_bytes(*packet.get(at..)?.first_chunk()?).into())
}

/// PPP, with or without address and control bytes.
fn ppp(packet: &[u8]) -> Layers<'_> {
    /// The `header_protocol` of PPP in sFlow.
    const HEADER_PROTOCOL: u32 = 7;
    Layers::new(HEADER_PROTOCOL, packet)
}

/// Both link types of PPP also carry Cisco's HDLC, with the address of unicast or multicast.
fn is_cisco_hdlc(packet: &[u8]) -> bool {
    matches!(packet, [0x0f | 0x8f, 0, ..])
}

/// The packet in an NFLOG message: family, version and resource, then attributes with a length of 4
/// or more, a type and padding to a multiple of 4.
fn nflog(packet: &[u8]) -> Option<&[u8]> {
    const PAYLOAD: u16 = 9;
    let mut rest = packet.get(4..)?;
    loop {
        let (head, _) = rest.split_first_chunk::<4>()?;
        let (length, kind) = nflog_attribute(*head);
        let value = rest.get(4..length)?;
        if kind == PAYLOAD {
            return Some(value);
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
}

/// Length and type of an attribute. Both are in the byte order of the machine that wrote the capture,
/// which no field declares. Types are small numbers, so the order is that which gives one.
fn nflog_attribute([a, b, c, d]: [u8; 4]) -> (usize, u16) {
    let (length, kind) = match (c, d) {
        (0, _) => (u16::from_be_bytes([a, b]), u16::from(d)),
        _ => (u16::from_le_bytes([a, b]), u16::from_le_bytes([c, d])),
    };
    (length.into(), kind)
}

/// The LLC header in a data frame of IEEE 802.11; `None` for other frames and encrypted ones.
fn ieee80211(frame: &[u8]) -> Option<Layers<'_>> {
    let [kind, flags] = *frame.first_chunk()?;
    // Version 0, type data, and not one of the subtypes without content.
    if kind & 0x4f != 0x08 || flags & PROTECTED != 0 {
        return None;
    }
    let quality = kind & 0x80 != 0;
    let four_addresses = flags & BOTH_DIRECTIONS == BOTH_DIRECTIONS;
    let mut length = if four_addresses { 30 } else { 24 };
    if quality {
        length += if flags & ORDER != 0 { 6 } else { 2 };
    }
    let mut content = frame.get(length..)?;
    // Some drivers pad the header to a multiple of 4.
    if !content.starts_with(SNAP) && content.get(2..).is_some_and(|rest| rest.starts_with(SNAP)) {
        content = content.get(2..)?;
    }
    /// Below 0x0600 a length: the header that follows is LLC.
    const LLC: u16 = 0;
    Some(Layers::ether_type(LLC, content))
}

/// Removes the header of a Juniper router: magic number, flags, then extensions with their length.
fn juniper(number: u16, packet: &[u8]) -> Option<Layers<'_>> {
    let ([b'M', b'G', b'C', flags], mut rest) = packet.split_first_chunk::<4>()? else {
        return None;
    };
    if flags & EXTENSIONS != 0 {
        let (length, after) = rest.split_first_chunk::<2>()?;
        rest = after.get(usize::from(u16::from_be_bytes(*length))..)?;
    }
    if flags & NO_LINK_LAYER != 0 {
        // The address family, then the packet.
        return rest.get(4..).map(Layers::ip);
    }
    match number {
        JUNIPER_PPP => Some(ppp(rest)),
        JUNIPER_CHDLC => after_type(rest, 2, 4),
        _ => Some(Layers::ethernet(rest)),
    }
}

/// The first bytes of LLC with SNAP.
const SNAP: &[u8] = &[0xaa, 0xaa, 3];

/// Flags of IEEE 802.11, in the second byte.
const BOTH_DIRECTIONS: u8 = 0x03;
const PROTECTED: u8 = 0x40;
const ORDER: u8 = 0x80;

/// Flags of Juniper, as libpcap and tcpdump read them.
const EXTENSIONS: u8 = 0x80;
const NO_LINK_LAYER: u8 = 0x02;

/// Link types, `LINKTYPE_` of libpcap.
const NULL: u16 = 0;
const ETHERNET: u16 = 1;
const PPP: u16 = 9;
const RAW_BSD: u16 = 12;
const RAW_OPENBSD: u16 = 14;
const PPP_HDLC: u16 = 50;
const PPPOE: u16 = 51;
pub(super) const RAW: u16 = 101;
const CISCO_HDLC: u16 = 104;
const IEEE80211: u16 = 105;
const LOOP: u16 = 108;
const LINUX_SLL: u16 = 113;
const RADIOTAP: u16 = 127;
const PPP_PPPD: u16 = 166;
const JUNIPER_PPPOE: u16 = 167;
const JUNIPER_ETHER: u16 = 178;
const JUNIPER_PPP: u16 = 179;
const JUNIPER_CHDLC: u16 = 181;
const PPP_WITH_DIRECTION: u16 = 204;
const IPV4: u16 = 228;
const IPV6: u16 = 229;
const NFLOG: u16 = 239;
const LINUX_SLL2: u16 = 276;
