//! Messages of `application/vnd.amazon.eventstream`: headers and a payload, each part with a checksum.

use flate2::Crc;

/// A message with text headers.
pub(super) fn message(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (name, value) in headers {
        encoded.push(name.len() as u8);
        encoded.extend(name.as_bytes());
        encoded.push(TEXT);
        encoded.extend((value.len() as u16).to_be_bytes());
        encoded.extend(value.as_bytes());
    }
    let total = PRELUDE + encoded.len() + payload.len() + CHECKSUM;
    let mut message = Vec::with_capacity(total);
    message.extend((total as u32).to_be_bytes());
    message.extend((encoded.len() as u32).to_be_bytes());
    message.extend(checksum(&message));
    message.extend(encoded);
    message.extend(payload);
    message.extend(checksum(&message));
    message
}

/// An event with JSON.
pub(super) fn event(kind: &str, payload: &[u8]) -> Vec<u8> {
    let headers =
        [(":message-type", "event"), (":event-type", kind), (":content-type", "application/json")];
    message(&headers, payload)
}

/// The CRC-32 of all bytes so far.
fn checksum(bytes: &[u8]) -> [u8; CHECKSUM] {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum().to_be_bytes()
}

/// The two lengths, and their checksum.
const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;
/// The type of a header that is a text.
const TEXT: u8 = 7;

#[cfg(test)]
mod tests {
    use super::*;

    /// The message without headers and payload that the tests of the SDKs have.
    #[test]
    fn empty_message_is_that_of_the_specification() {
        assert_eq!(
            message(&[], b""),
            [0, 0, 0, 0x10, 0, 0, 0, 0, 5, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff,]
        );
    }

    #[test]
    fn headers_and_payload_have_their_lengths() {
        let message = message(&[(":a", "bc")], b"{}");
        assert_eq!(message.len(), 12 + 8 + 2 + 4);
        assert_eq!(message[..8], [0, 0, 0, 26, 0, 0, 0, 8]);
        assert_eq!(message[12..22], *b"\x02:a\x07\x00\x02bc{}");
        assert_eq!(message[22..], checksum(&message[..22]));
    }
}
