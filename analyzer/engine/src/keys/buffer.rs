//! Keys as bytes: equal keys are equal bytes, and the bytes alone contain the text.

use core::net::{Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use flowmote_decoder::MacAddress;

use super::value::{Value, number};

/// A key in the making, reused from packet to packet.
///
/// Each field is a tag and its content. A number is the shortest form of its big-endian bytes. Text
/// that is the text of a number is stored as one, so that equal texts are equal bytes.
#[derive(Clone, Debug)]
pub struct KeyBuffer {
    /// The fields, and zeros after them. Enough for an IPv6 5-tuple.
    short: [u8; SHORT],
    /// Bytes in `short`; [`SPILLED`] if the fields are in `long`.
    length: usize,
    /// The fields that have no room in `short`, and those before them.
    long: Vec<u8>,
}

impl Default for KeyBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl PartialEq for KeyBuffer {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for KeyBuffer {}

impl KeyBuffer {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self { short: [0; SHORT], length: 0, long: Vec::new() }
    }

    /// The fields so far.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        self.short.get(..self.length).unwrap_or(&self.long)
    }

    /// The fields and zeros after them, if they have at most `N` bytes.
    #[inline]
    pub(crate) fn padded<const N: usize>(&self) -> Option<&[u8; N]> {
        if self.length <= N { self.short.first_chunk() } else { None }
    }

    /// A key of any bytes, for tests of tables.
    #[cfg(test)]
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut key = Self::new();
        key.extend(bytes);
        key
    }

    /// Removes all fields; the memory stays.
    #[inline]
    pub fn clear(&mut self) {
        self.short = [0; SHORT];
        self.length = 0;
    }

    /// Appends a field. Text is cut after 1,024 bytes.
    #[inline]
    pub fn push(&mut self, value: &Value<'_>) {
        match value {
            Value::V4(address) => self.v4(*address),
            Value::Number(number) => self.number(*number),
            other => self.rare(other),
        }
    }

    #[inline]
    pub(super) fn v4(&mut self, address: Ipv4Addr) {
        self.field(V4, address.octets());
    }

    /// The bytes of a number without leading zeros.
    #[inline]
    pub(super) fn number(&mut self, number: u64) {
        let zeros = number.leading_zeros() / 8;
        let digits = number.checked_shl(8 * zeros).unwrap_or_default().to_be_bytes();
        let length = 8 - zeros;
        let room = self.short.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut::<9>);
        // Without a loop: the bytes after the digits are zero.
        if let Some([tag, place @ ..]) = room {
            *tag = NUMBER + length as u8;
            *place = digits;
            self.length += 1 + length as usize;
        } else {
            self.spill(&[NUMBER + length as u8]);
            self.spill(digits.get(..length as usize).unwrap_or_default());
        }
    }

    /// Out of line, so that the common kinds stay small where they are written.
    #[inline(never)]
    fn rare(&mut self, value: &Value<'_>) {
        match value {
            Value::V4(address) => self.v4(*address),
            Value::V6(address) => self.field(V6, address.octets()),
            Value::Mac(address) => self.field(MAC, address.0),
            Value::Number(number) => self.number(*number),
            Value::Signed(signed) => match u64::try_from(*signed) {
                Ok(unsigned) => self.number(unsigned),
                Err(_) => self.field(SIGNED, signed.to_be_bytes()),
            },
            Value::Float(float) => self.field(FLOAT, float.to_bits().to_be_bytes()),
            Value::Bool(flag) => self.append([if *flag { TRUE } else { FALSE }]),
            Value::Bits { value, width } => {
                self.field(BITS, [*width]);
                self.append(value.to_be_bytes());
            }
            Value::Text(text) => match number(text) {
                Some(number) => self.number(number),
                None => self.text(text),
            },
        }
    }

    #[inline]
    fn field<const N: usize>(&mut self, tag: u8, content: [u8; N]) {
        self.append([tag]);
        self.append(content);
    }

    #[inline]
    fn append<const N: usize>(&mut self, part: [u8; N]) {
        match self.short.get_mut(self.length..).and_then(<[u8]>::first_chunk_mut) {
            Some(place) => {
                *place = part;
                self.length += N;
            }
            None => self.spill(&part),
        }
    }

    fn text(&mut self, text: &str) {
        let cut = text.get(..text.floor_char_boundary(MAX_TEXT)).unwrap_or_default();
        self.field(TEXT, (cut.len() as u16).to_be_bytes());
        self.extend(cut.as_bytes());
    }

    fn extend(&mut self, part: &[u8]) {
        match self.short.get_mut(self.length..).and_then(|room| room.get_mut(..part.len())) {
            Some(place) => {
                place.copy_from_slice(part);
                self.length += part.len();
            }
            None => self.spill(part),
        }
    }

    /// Appends to the long form, to which the fields so far are moved.
    #[cold]
    #[inline(never)]
    fn spill(&mut self, part: &[u8]) {
        if let Some(short) = self.short.get(..self.length) {
            self.long.clear();
            self.long.extend_from_slice(short);
            self.length = SPILLED;
        }
        self.long.extend_from_slice(part);
    }
}

/// Reads the fields of a key from its bytes. Ends at bytes that no [`KeyBuffer`] wrote.
pub fn fields(bytes: &[u8]) -> impl Iterator<Item = Value<'_>> {
    let mut rest = bytes;
    core::iter::from_fn(move || field(&mut rest))
}

fn field<'a>(rest: &mut &'a [u8]) -> Option<Value<'a>> {
    let [tag] = take(rest)?;
    Some(match tag {
        V4 => Value::V4(Ipv4Addr::from_octets(take(rest)?)),
        V6 => Value::V6(Ipv6Addr::from_octets(take(rest)?)),
        MAC => Value::Mac(MacAddress(take(rest)?)),
        SIGNED => Value::Signed(i64::from_be_bytes(take(rest)?)),
        FLOAT => Value::Float(f64::from_bits(u64::from_be_bytes(take(rest)?))),
        FALSE => Value::Bool(false),
        TRUE => Value::Bool(true),
        BITS => {
            let [width] = take(rest)?;
            Value::Bits { width, value: u32::from_be_bytes(take(rest)?) }
        }
        TEXT => {
            let len = u16::from_be_bytes(take(rest)?);
            let (text, after) = rest.split_at_checked(len.into())?;
            *rest = after;
            Value::Text(Cow::Borrowed(str::from_utf8(text).ok()?))
        }
        NUMBER.. => {
            let (digits, after) = rest.split_at_checked((tag - NUMBER).into())?;
            *rest = after;
            let mut bytes = [0; 8];
            bytes
                .get_mut(8 - digits.len().min(8)..)?
                .copy_from_slice(digits.get(..8.min(digits.len()))?);
            Value::Number(u64::from_be_bytes(bytes))
        }
        _ => return None,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

const V4: u8 = 1;
const V6: u8 = 2;
const MAC: u8 = 3;
const SIGNED: u8 = 4;
const FLOAT: u8 = 5;
const FALSE: u8 = 6;
const TRUE: u8 = 7;
const BITS: u8 = 8;
const TEXT: u8 = 9;
/// Plus the number of bytes, 0 to 8.
const NUMBER: u8 = 16;
/// Bytes of a key that is made without the heap.
const SHORT: usize = 64;
/// The length of a key in the long form: larger than any in the short form.
const SPILLED: usize = usize::MAX;
/// Longest text in a key, bytes.
const MAX_TEXT: usize = 1024;
