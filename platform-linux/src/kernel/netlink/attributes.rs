//! Netlink attributes: `struct nlattr` (linux/netlink.h), length and type, then a value.

use netlink_packet_core::NlasIterator;

/// Iterates over the attributes: type without `NLA_F_NESTED` and `NLA_F_NET_BYTEORDER`, and value.
/// Ends at the first attribute whose length is impossible.
pub(crate) fn attributes(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    NlasIterator::new(bytes).map_while(|attribute| {
        let attribute = attribute.ok()?;
        let end = usize::from(attribute.length());
        Some((attribute.kind(), attribute.into_inner().get(4..end)?))
    })
}

/// The value of the first attribute of type `kind`.
pub(crate) fn find(bytes: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(bytes).find_map(|(found, value)| (found == kind).then_some(value))
}

/// Appends an attribute and its padding to a message or to the value of a nested attribute.
pub(crate) fn push_attribute(bytes: &mut Vec<u8>, kind: u16, value: &[u8]) {
    let value = value.get(..usize::from(u16::MAX - 4)).unwrap_or(value);
    let length = u16::try_from(value.len().saturating_add(4)).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_ne_bytes());
    bytes.extend_from_slice(&kind.to_ne_bytes());
    bytes.extend_from_slice(value);
    bytes.resize(bytes.len().next_multiple_of(4), 0);
}

// Values are in host byte order, except those of nfnetlink, which are big-endian.

pub(crate) fn as_u8(value: &[u8]) -> Option<u8> {
    value.first().copied()
}

pub(crate) fn as_u16(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_ne_bytes)
}

pub(crate) fn as_u32(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_ne_bytes)
}

pub(crate) fn as_u64(value: &[u8]) -> Option<u64> {
    value.first_chunk().copied().map(u64::from_ne_bytes)
}

pub(crate) fn as_u16_be(value: &[u8]) -> Option<u16> {
    value.first_chunk().copied().map(u16::from_be_bytes)
}

pub(crate) fn as_u32_be(value: &[u8]) -> Option<u32> {
    value.first_chunk().copied().map(u32::from_be_bytes)
}

/// A MAC address of six bytes; `None` for the addresses of other media (InfiniBand: 20 bytes).
pub(crate) fn as_mac(value: &[u8]) -> Option<[u8; 6]> {
    value.try_into().ok()
}

/// A string up to its first NUL; `None` if it is empty or not UTF-8.
pub(crate) fn as_str(value: &[u8]) -> Option<&str> {
    let text = value.split(|&byte| byte == 0).next()?;
    core::str::from_utf8(text).ok().filter(|text| !text.is_empty())
}

/// The bytes of several attributes.
#[cfg(test)]
pub(super) fn all_of(list: &[(u16, &[u8])]) -> Vec<u8> {
    let mut bytes = Vec::new();
    list.iter().for_each(|(kind, value)| push_attribute(&mut bytes, *kind, value));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn attributes_are_aligned_and_without_flag_bits() {
        let bytes = [5, 0, 3, 0x80, 7, 0xa5, 0xa5, 0xa5, 8, 0, 4, 0, 1, 0, 0, 0];
        let found: Vec<_> = attributes(&bytes).collect();
        assert_eq!(found, [(3, [7].as_slice()), (4, &[1, 0, 0, 0])]);
        assert_eq!(find(&bytes, 4).and_then(as_u32), Some(1));
        assert_eq!(find(&bytes, 5), None);
    }

    #[test]
    fn impossible_length_ends_the_iteration() {
        for length in [0, 3, 9] {
            assert_eq!(attributes(&[length, 0, 3, 0, 1, 2, 3, 4]).count(), 0, "length {length}");
        }
    }

    #[test]
    fn values_that_are_too_short_are_none() {
        assert_eq!(as_u8(&[]), None);
        assert_eq!(as_u16(&[1]), None);
        assert_eq!(as_u32(&[1, 2, 3]), None);
        assert_eq!(as_u64(&[0; 7]), None);
        assert_eq!(as_mac(&[0; 20]), None);
        assert_eq!(as_str(b"\0a"), None);
        assert_eq!(as_str(b"eth0\0\xff"), Some("eth0"));
        assert_eq!(as_str(b"\xff"), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_yield_a_bounded_number_of_attributes(bytes: Vec<u8>) {
            prop_assert!(attributes(&bytes).count() <= bytes.len() / 4 + 1);
        }
    }
}
