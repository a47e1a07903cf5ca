//! Ethernet frames without FCS, and their 802.1Q tag.

use flowmote_core::DropReason;

/// Largest payload that the switch forwards in bytes, from after the EtherType to the FCS.
pub const MTU: usize = 1500;

/// A received frame whose lengths have been checked.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Destination and source address.
    pub addresses: &'a [u8; 12],
    /// Priority, DEI and VLAN id of the 802.1Q tag, if there is one.
    pub tci: Option<u16>,
    /// The frame from the EtherType on, without the tag: 2 to 2 + [`MTU`] bytes.
    pub body: &'a [u8],
    /// The whole frame.
    pub bytes: &'a [u8],
}

impl<'a> Frame<'a> {
    /// Parses a frame.
    ///
    /// # Errors
    /// PKT_TOO_SMALL if there is no EtherType, VLAN_PARSING if none follows the tag,
    /// PKT_TOO_BIG if the payload is above [`MTU`].
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DropReason> {
        let (addresses, rest) = bytes.split_first_chunk().ok_or(DropReason::PKT_TOO_SMALL)?;
        let (tci, body) = match rest {
            [] | [_] => return Err(DropReason::PKT_TOO_SMALL),
            [0x81, 0x00, high, low, body @ ..] => (Some(u16::from_be_bytes([*high, *low])), body),
            [0x81, 0x00, ..] => return Err(DropReason::VLAN_PARSING),
            body => (None, body),
        };
        match body.len() {
            0 | 1 => Err(DropReason::VLAN_PARSING),
            length if length > 2 + MTU => Err(DropReason::PKT_TOO_BIG),
            _ => Ok(Self { addresses, tci, body, bytes }),
        }
    }

    /// Returns the destination address.
    #[must_use]
    pub fn destination(&self) -> [u8; 6] {
        let [a, b, c, d, e, f, ..] = *self.addresses;
        [a, b, c, d, e, f]
    }

    /// Returns the source address.
    #[must_use]
    pub fn source(&self) -> [u8; 6] {
        let [.., a, b, c, d, e, f] = *self.addresses;
        [a, b, c, d, e, f]
    }
}

/// Returns true for group addresses, broadcast included.
#[must_use]
pub(crate) fn is_multicast(address: [u8; 6]) -> bool {
    let [first, ..] = address;
    first & 1 != 0
}

pub(crate) const BROADCAST: [u8; 6] = [0xff; 6];

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    fn bytes(tag: &[u8], payload: usize) -> Vec<u8> {
        let mut bytes = [&[1; 6][..], &[2; 6], tag, &[0x88, 0xb5]].concat();
        bytes.resize(bytes.len() + payload, 0xa5);
        bytes
    }

    #[test]
    fn tag_is_removed() {
        let untagged = bytes(&[], 46);
        let frame = Frame::parse(&untagged).unwrap();
        assert_eq!((frame.destination(), frame.source(), frame.tci), ([1; 6], [2; 6], None));
        let tagged = bytes(&[0x81, 0, 0xa0, 0x64], 46);
        let frame = Frame::parse(&tagged).unwrap();
        assert_eq!(frame.tci, Some(0xa064));
        assert_eq!(frame.body, &untagged[12..]);
        assert_eq!(frame.bytes, tagged);
    }

    #[test]
    fn size_limits_are_exact() {
        let tag = [0x81, 0, 0, 1];
        assert!(Frame::parse(&bytes(&[], MTU)).is_ok());
        assert!(Frame::parse(&bytes(&tag, MTU)).is_ok());
        assert_eq!(Frame::parse(&bytes(&[], MTU + 1)).unwrap_err(), DropReason::PKT_TOO_BIG);
        assert_eq!(Frame::parse(&bytes(&tag, MTU + 1)).unwrap_err(), DropReason::PKT_TOO_BIG);
    }

    #[test]
    fn truncated_frames_are_refused() {
        let tagged = bytes(&[0x81, 0, 0, 1], 0);
        for length in 0..tagged.len() {
            let reason = Frame::parse(&tagged[..length]).unwrap_err();
            let small = length < 14;
            let expected = if small { DropReason::PKT_TOO_SMALL } else { DropReason::VLAN_PARSING };
            assert_eq!(reason, expected, "{length} bytes");
        }
        assert!(Frame::parse(&tagged).is_ok());
    }
}
