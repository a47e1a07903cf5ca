//! The question of a DNS message in UDP.
//!
//! Nothing in the message is trusted: the name is read up to its end, to the end of the capture or
//! to 255 bytes, and compression, which a question cannot have, ends it.

use super::catalogue::udp_payload;
use super::header::Header;
use super::packet::Packet;
use super::text::ShortText;
use super::value::Value;

/// A DNS message, to or from port 53.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a>(Header<'a>);

impl<'a> Message<'a> {
    pub(super) fn of(packet: &Packet<'a>) -> Option<Self> {
        let (udp, message) = udp_payload(packet)?;
        let is_dns = udp.u16(0)? == PORT || udp.u16(2)? == PORT;
        (is_dns && message.bytes.len() >= HEADER).then_some(Self(message))
    }

    pub(super) fn is_response(self) -> bool {
        self.0.u8(2).is_some_and(|flags| flags & 0x80 != 0)
    }

    /// The result, in a response only.
    pub(super) fn response_code(self) -> Option<u8> {
        if self.is_response() { self.0.u8(3).map(|flags| flags & 0x0f) } else { None }
    }

    /// The queried name. Bytes that are not printable ASCII, and dots within a label, are written
    /// as `\` and three decimal digits (RFC 4343). The root is a dot.
    pub(super) fn name(self) -> Option<ShortText<256>> {
        let mut name = ShortText::new();
        for label in self.labels()? {
            let whole =
                (name.as_str().is_empty() || name.push(".")) && push_label(&mut name, label?);
            if !whole {
                return None;
            }
        }
        if name.as_str().is_empty() {
            name.push(".");
        }
        Some(name)
    }

    pub(super) fn query_type(self) -> Option<u16> {
        let mut at = HEADER;
        for label in self.labels()? {
            at += 1 + label?.len();
        }
        self.0.u16(at + 1)
    }

    /// The labels of the first question; `None` in place of one that is cut off or invalid.
    fn labels(self) -> Option<impl Iterator<Item = Option<&'a [u8]>>> {
        let questions = self.0.u16(4)?;
        let mut rest = self.0.bytes.get(HEADER..)?;
        let labels = core::iter::from_fn(move || match rest.split_first() {
            Some((0, _)) => None,
            Some((&length @ 1..=63, after)) => {
                let label = after.split_at_checked(length.into());
                rest = label.map_or(&[0], |(_, after)| after);
                Some(label.map(|(label, _)| label))
            }
            _ => {
                rest = &[0];
                Some(None)
            }
        });
        (questions > 0).then_some(labels)
    }
}

fn push_label(name: &mut ShortText<256>, label: &[u8]) -> bool {
    label.iter().all(|byte| match byte {
        b'.' | b'\\' | 0..=b' ' | 0x7f.. => {
            use core::fmt::Write;
            write!(name, "\\{byte:03}").is_ok()
        }
        _ => name.push(char::from(*byte).encode_utf8(&mut [0; 4])),
    })
}

/// The name of a type of question; its number if it has none here.
pub(super) fn type_name<'p>(query_type: u16) -> Value<'p> {
    Value::from(match query_type {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        13 => "HINFO",
        15 => "MX",
        16 => "TXT",
        17 => "RP",
        24 => "SIG",
        25 => "KEY",
        28 => "AAAA",
        29 => "LOC",
        33 => "SRV",
        35 => "NAPTR",
        37 => "CERT",
        39 => "DNAME",
        41 => "OPT",
        43 => "DS",
        44 => "SSHFP",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        50 => "NSEC3",
        51 => "NSEC3PARAM",
        52 => "TLSA",
        53 => "SMIMEA",
        59 => "CDS",
        60 => "CDNSKEY",
        61 => "OPENPGPKEY",
        64 => "SVCB",
        65 => "HTTPS",
        99 => "SPF",
        249 => "TKEY",
        250 => "TSIG",
        251 => "IXFR",
        252 => "AXFR",
        255 => "ANY",
        256 => "URI",
        257 => "CAA",
        other => return other.into(),
    })
}

const PORT: u16 = 53;
/// Bytes before the questions.
const HEADER: usize = 12;
