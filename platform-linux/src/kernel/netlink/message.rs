//! Netlink messages: `struct nlmsghdr` (linux/netlink.h) and a body.

use std::io;

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkBuffer};

use super::attributes::push_attribute;

/// A request under construction: message type, flags, the fixed header of its family, attributes.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    kind: u16,
    flags: u16,
    body: Vec<u8>,
}

impl Request {
    /// A request of message type `kind` with the fixed `header` of its family.
    ///
    /// `NLM_F_ACK` is always set, so that every reply ends in `NLMSG_ERROR` or `NLMSG_DONE`.
    pub(crate) fn new(kind: u16, flags: u16, header: &[u8]) -> Self {
        Self { kind, flags: flags | NLM_F_REQUEST | NLM_F_ACK, body: header.to_vec() }
    }

    /// Appends an attribute. The value is cut at 65,531 bytes; the callers' have a few hundred.
    pub(crate) fn attribute(mut self, kind: u16, value: &[u8]) -> Self {
        push_attribute(&mut self.body, kind, value);
        self
    }

    /// The message with its header. The port id is 0: the kernel fills in the sender's.
    pub(super) fn bytes(&self, sequence: u32) -> Vec<u8> {
        let length = u32::try_from(self.body.len().saturating_add(16)).unwrap_or(u32::MAX);
        let mut bytes = Vec::with_capacity(self.body.len().saturating_add(16));
        bytes.extend_from_slice(&length.to_ne_bytes());
        bytes.extend_from_slice(&self.kind.to_ne_bytes());
        bytes.extend_from_slice(&self.flags.to_ne_bytes());
        bytes.extend_from_slice(&sequence.to_ne_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

/// One message of a datagram, without its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// `nlmsg_type`: below 16 a control message (`NLMSG_*`), else defined by the family.
    pub(crate) kind: u16,
    /// `NLM_F_*`.
    pub(crate) flags: u16,
    /// The sequence number of the request that this replies to; 0 in a notification.
    pub(crate) sequence: u32,
    /// The fixed header of the family, then attributes.
    pub(crate) body: &'a [u8],
}

/// Iterator over the messages of a datagram. An impossible length yields one error and ends it.
#[derive(Clone, Debug)]
pub(crate) struct Messages<'a> {
    rest: &'a [u8],
}

impl<'a> Messages<'a> {
    pub(crate) fn new(datagram: &'a [u8]) -> Self {
        Self { rest: datagram }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<Message<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = core::mem::take(&mut self.rest);
        if bytes.is_empty() {
            return None;
        }
        let Ok(packet) = NetlinkBuffer::new_checked(bytes) else {
            return Some(Err(Malformed));
        };
        let length = usize::try_from(packet.length()).unwrap_or(usize::MAX);
        // Messages are aligned to NLMSG_ALIGNTO; the padding is not part of the length.
        let next = length.checked_next_multiple_of(4).unwrap_or(usize::MAX);
        self.rest = bytes.get(next..).unwrap_or_default();
        Some(Ok(Message {
            kind: packet.message_type(),
            flags: packet.flags(),
            sequence: packet.sequence_number(),
            body: packet.payload(),
        }))
    }
}

/// A message whose lengths or attributes contradict its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The result in the body of a `NLMSG_ERROR` or `NLMSG_DONE`: 0 or a negative errno.
pub(super) fn status(body: &[u8]) -> io::Result<()> {
    let Some(code) = body.first_chunk().copied().map(i32::from_ne_bytes) else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    if code < 0 { Err(io::Error::from_raw_os_error(code.saturating_neg())) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn datagram_with_two_messages() {
        let two = [
            [17, 0, 0, 0, 16, 0, 2, 0, 7, 0, 0, 0, 0, 0, 0, 0].as_slice(),
            &[0xa5, 0, 0, 0],
            &[16, 0, 0, 0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0],
        ]
        .concat();
        let mut messages = Messages::new(&two);
        let first = Message { kind: 16, flags: 2, sequence: 7, body: &[0xa5] };
        let second = Message { kind: 3, flags: 0, sequence: 8, body: &[] };
        assert_eq!(messages.next(), Some(Ok(first)));
        assert_eq!(messages.next(), Some(Ok(second)));
        assert_eq!(messages.next(), None);
    }

    #[test]
    fn impossible_length_ends_the_datagram() {
        for length in [0_u8, 15, 21, 255] {
            let mut bytes = [0xa5; 20];
            bytes[..4].copy_from_slice(&[length, 0, 0, 0]);
            let messages: Vec<_> = Messages::new(&bytes).collect();
            assert_eq!(messages, [Err(Malformed)], "length {length}");
        }
    }

    #[test]
    fn request_bytes() {
        let request = Request::new(18, 0x300, &[1, 2, 3, 4]).attribute(29, &[9]);
        let bytes = [
            28, 0, 0, 0, 18, 0, 5, 3, 6, 0, 0, 0, 0, 0, 0, 0, // header, sequence 6
            1, 2, 3, 4, 5, 0, 29, 0, 9, 0, 0, 0,
        ];
        assert_eq!(request.bytes(6), bytes);
    }

    #[test]
    fn negative_status_is_an_errno() {
        assert!(status(&[0; 4]).is_ok());
        let error = status(&(-19_i32).to_ne_bytes()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(19));
        assert!(status(&i32::MIN.to_ne_bytes()).is_err());
        assert_eq!(status(&[0; 3]).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_yield_a_bounded_number_of_messages(bytes: Vec<u8>) {
            prop_assert!(Messages::new(&bytes).count() <= bytes.len() / 16 + 1);
        }
    }
}
