//! Guesses at protocols that no field names: below the bottom label of MPLS, in GTP-U, in L2TPv3,
//! and where a sampled header is evidently not what the agent declared.
//!
//! A guess must be borne out by the bytes, else they are payload: addresses are never invented. IPv4
//! is taken by its version, its length and its header checksum; IPv6 by its version and its length;
//! Ethernet by its type, and by the same checks of what the type announces.

use super::{Next, skip};

/// How far the bytes bear out a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Evidence {
    /// They contradict it.
    None,
    /// The capture ends before the bytes that would decide.
    Cut,
    /// An EtherType that is in use, without more to check.
    Type,
    /// A length and a checksum, or another pattern of at least 32 bits.
    Content,
}

/// The rest of a packet: the captured bytes, and the number of those on the wire after them.
#[derive(Clone, Copy, Debug)]
struct Rest<'a> {
    bytes: &'a [u8],
    beyond: usize,
}

/// Finds the protocol below the bottom label. A pseudowire's control word (RFC 4385) is taken from
/// `rest`.
///
/// MPLS has no field for the protocol. RFC 4385 separates a control word from IP by its first four bits,
/// but a pseudowire without control word begins with a MAC address, which may have any.
pub(super) fn below_mpls(rest: &mut &[u8], beyond: usize) -> Next {
    let here = Rest { bytes: rest, beyond };
    let inner = here.control_word();
    let (ethernet, inner_ethernet) = (here.ethernet(), inner.map(Rest::ethernet));
    // The strongest evidence first: two checksums, then a length, then a type alone.
    let (word, next) = match (here.ipv4(), ethernet, inner_ethernet) {
        (Evidence::Content, ..) => (0, Next::Ipv4),
        (_, Evidence::Content, _) => (0, Next::Ethernet),
        (_, _, Some(Evidence::Content)) => (CONTROL_WORD, Next::Ethernet),
        _ if inner.map(Rest::ipv4) == Some(Evidence::Content) => (CONTROL_WORD, Next::Ipv4),
        (_, Evidence::Cut, _) | (_, _, Some(Evidence::Cut)) => (0, Next::Payload),
        _ if here.ipv6() == Evidence::Content => (0, Next::Ipv6),
        (_, _, Some(Evidence::Type)) => (CONTROL_WORD, Next::Ethernet),
        (_, Evidence::Type, _) => (0, Next::Ethernet),
        _ => (0, Next::Payload),
    };
    // Evidence for what follows the control word means that it is there.
    let _ = skip(rest, word);
    next
}

/// Finds IP or Ethernet, for tunnels that carry either without naming it.
pub(super) fn ip_or_ethernet(rest: &[u8], beyond: usize) -> Next {
    let rest = Rest { bytes: rest, beyond };
    let content = |evidence| evidence == Evidence::Content;
    match () {
        () if content(rest.ipv4()) => Next::Ipv4,
        () if content(rest.ethernet()) => Next::Ethernet,
        () if content(rest.ipv6()) => Next::Ipv6,
        () => Next::Payload,
    }
}

/// Finds the Ethernet frame in L2TPv3, where cookie (0, 4 or 8 bytes) and sublayer (0 or 4) are
/// agreed upon beforehand (RFC 3931), and takes them from `rest`.
pub(super) fn l2tp_frame(rest: &mut &[u8], beyond: usize) -> Next {
    for words in [0, 4, 8, 12] {
        let Some(bytes) = rest.get(words..) else { break };
        if (Rest { bytes, beyond }).ethernet() == Evidence::Content {
            *rest = bytes;
            return Next::Ethernet;
        }
    }
    Next::Payload
}

/// Corrects the first protocol of a sampled header, if its bytes contradict `claimed` and bear out
/// another one.
#[cold]
pub(super) fn first(claimed: Next, packet: &[u8], beyond: usize) -> Next {
    let rest = Rest { bytes: packet, beyond };
    if claimed == Next::Ethernet {
        return rest.bare_ip().unwrap_or(claimed);
    }
    match ip_or_ethernet(packet, beyond) {
        Next::Payload => claimed,
        found => found,
    }
}

impl<'a> Rest<'a> {
    /// Bytes left on the wire.
    fn left(self) -> usize {
        self.bytes.len().saturating_add(self.beyond)
    }

    fn skip(self, len: usize) -> Option<Self> {
        self.bytes.get(len..).map(|bytes| Self { bytes, ..self })
    }

    /// What bytes that are missing mean: nothing, if the packet continues after the capture.
    fn missing(self) -> Evidence {
        if self.beyond > 0 { Evidence::Cut } else { Evidence::None }
    }

    /// The bytes after a control word; `None` without one.
    fn control_word(self) -> Option<Self> {
        let first = self.bytes.first()?;
        if first >> 4 == 0 { self.skip(CONTROL_WORD) } else { None }
    }

    /// A length word agrees with the bytes left. Agents count the FCS and removed tags differently.
    fn fits(self, length: usize) -> bool {
        length <= self.left().saturating_add(SLACK)
    }

    fn ipv4(self) -> Evidence {
        let [first, _, high, low, ..] = *self.bytes else { return self.missing() };
        let header_length = usize::from(first & 0x0f) * 4;
        if first >> 4 != 4 || header_length < 20 {
            return Evidence::None;
        }
        let Some(header) = self.bytes.get(..header_length) else { return self.missing() };
        let length = usize::from(u16::from_be_bytes([high, low]));
        // 0 is left by segmentation offload.
        let fits = length == 0 || (length >= header_length && self.fits(length));
        if fits && checksum_is_right(header) { Evidence::Content } else { Evidence::None }
    }

    fn ipv6(self) -> Evidence {
        let Some((header, _)) = self.bytes.split_first_chunk::<40>() else { return self.missing() };
        let [first, _, _, _, high, low, _, hop_limit, src, ..] = *header;
        let length = 40 + usize::from(u16::from_be_bytes([high, low]));
        // There is no checksum, so the length must agree both ways; frames are padded to 60 bytes.
        let agrees = self.fits(length) && self.left() <= length + SLACK;
        let sound = first >> 4 == 6 && hop_limit != 0 && src != 0xff;
        if sound && agrees { Evidence::Content } else { Evidence::None }
    }

    fn ethernet(self) -> Evidence {
        let Some((header, _)) = self.bytes.split_first_chunk::<14>() else { return self.missing() };
        let [.., src, _, _, _, _, _, high, low] = *header;
        let Some(content) = self.skip(14) else { return self.missing() };
        // A source address is never a group.
        if src & 1 == 1 { Evidence::None } else { content.of_type([high, low], TAGS) }
    }

    /// Checks the content that an EtherType announces, after at most `tags` VLAN tags.
    fn of_type(self, ether_type: [u8; 2], tags: u8) -> Evidence {
        match u16::from_be_bytes(ether_type) {
            0x0800 => self.ipv4(),
            0x86dd => self.ipv6(),
            0x0806 => self.begins_with(&[0, 1, 8, 0, 6, 4]),
            0x8863 | 0x8864 => self.begins_with(&[0x11]).min_type(),
            0x8100 | 0x88a8 | 0x9100 | 0x9200 | 0x9300 if tags > 0 => match *self.bytes {
                [_, _, high, low, ..] => {
                    self.skip(4).map_or(Evidence::None, |rest| rest.of_type([high, low], tags - 1))
                }
                _ => self.missing(),
            },
            length @ 3..=0x05dc => self.llc(length.into()),
            ether_type if IN_USE.contains(&ether_type) => Evidence::Type,
            _ => Evidence::None,
        }
    }

    /// IEEE 802.2: the length of the frame, and the same access point twice in an unnumbered frame.
    fn llc(self, length: usize) -> Evidence {
        let [dsap, ssap, control, ..] = *self.bytes else { return self.missing() };
        let padded = self.left() <= length + SLACK || self.left() <= 46 + SLACK;
        let sound = dsap == ssap && dsap != 0 && control == 3 && padded && self.fits(length);
        if sound { Evidence::Content } else { Evidence::None }
    }

    fn begins_with(self, start: &[u8]) -> Evidence {
        match self.bytes.get(..start.len()) {
            Some(bytes) if bytes == start => Evidence::Content,
            Some(_) => Evidence::None,
            None => self.missing(),
        }
    }

    /// IP where an agent declares Ethernet: the type is unknown, and IP is borne out.
    fn bare_ip(self) -> Option<Next> {
        let ether_type = match *self.bytes {
            [_, _, _, _, _, _, _, _, _, _, _, _, high, low, ..] => u16::from_be_bytes([high, low]),
            _ => return None,
        };
        let known = !matches!(Next::from_ether_type(ether_type), Next::Payload | Next::Llc);
        match (self.ipv4(), self.ipv6()) {
            _ if known => None,
            (Evidence::Content, _) => Some(Next::Ipv4),
            (_, Evidence::Content) => Some(Next::Ipv6),
            (Evidence::Cut, _) | (_, Evidence::Cut) if self.looks_like_ip() => Some(Next::Payload),
            _ => None,
        }
    }

    fn looks_like_ip(self) -> bool {
        matches!(self.bytes.first().map(|first| first >> 4), Some(4 | 6))
    }
}

impl Evidence {
    /// At most the evidence of a type.
    fn min_type(self) -> Self {
        if self == Self::Content { Self::Type } else { self }
    }
}

/// RFC 1071: the sum of a header with its checksum is all ones.
fn checksum_is_right(header: &[u8]) -> bool {
    let words = header.as_chunks::<2>().0.iter().map(|word| u32::from(u16::from_be_bytes(*word)));
    // At most 30 words of 16 bits; two folds are enough.
    let sum: u32 = words.sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    (folded & 0xffff) + (folded >> 16) == 0xffff
}

/// Bytes of a pseudowire's control word.
const CONTROL_WORD: usize = 4;

/// Bytes by which a length may differ from what is left: FCS, tags that hardware removed, and in a
/// pseudowire the padding of a short frame.
const SLACK: usize = 12;

/// VLAN tags of a frame that is guessed at.
const TAGS: u8 = 4;

/// EtherTypes without a content that could be checked in a few bytes: MPLS, LLDP, slow protocols,
/// EAPOL, MACsec, CFM, PTP, backbone bridges, port extenders, RARP, FCoE, PROFINET, loopback.
const IN_USE: [u16; 16] = [
    0x8847, 0x8848, 0x88cc, 0x8809, 0x888e, 0x88e5, 0x8902, 0x88f7, 0x88e7, 0x893f, 0x8926, 0x8035,
    0x8906, 0x8914, 0x8892, 0x9000,
];
