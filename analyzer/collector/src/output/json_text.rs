//! JSON syntax: names, values, brackets and commas.

use core::fmt::Display;
use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write as _;

use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Address, DataFormat, MacAddress, Text};
use flowmote_engine::is_printable;

use super::numbers::Put;

/// A buffer of JSON objects, one per line.
#[derive(Debug, Default)]
pub(super) struct JsonText {
    out: Vec<u8>,
    /// The current object or list is not empty, so the next item needs a comma.
    more: bool,
}

impl JsonText {
    /// The bytes written so far.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Ends the object of a line.
    pub(super) fn end_line(&mut self) {
        self.out.extend_from_slice(b"}\n");
        self.more = false;
    }

    /// Writes bytes that no known field covers, if there are any.
    pub(super) fn leftover(&mut self, name: &str, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.bytes(name, bytes);
        }
    }

    /// Begins a named object or list; without a name if `name` is empty.
    pub(super) fn begin(&mut self, name: &str, bracket: u8) {
        self.key(name);
        self.out.push(bracket);
        self.more = false;
    }

    /// Ends an object or list.
    pub(super) fn end(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.more = true;
    }

    pub(super) fn number(&mut self, name: &str, value: impl itoa::Integer) {
        self.key(name);
        self.out.put_decimal(value);
    }

    /// Writes a string without escaping it.
    pub(super) fn string(&mut self, name: &str, value: &str) {
        self.key(name);
        self.out.push(b'"');
        self.out.extend_from_slice(value.as_bytes());
        self.out.push(b'"');
    }

    /// Writes a value as a string without escaping it.
    pub(super) fn shown(&mut self, name: &str, value: impl Display) {
        self.key(name);
        self.quoted(value);
    }

    pub(super) fn format(&mut self, name: &str, format: DataFormat) {
        self.key(name);
        self.data_format(format);
    }

    pub(super) fn quoted_number(&mut self, number: u32) {
        self.out.push(b'"');
        self.out.put_decimal(number);
        self.out.push(b'"');
    }

    fn data_format(&mut self, format: DataFormat) {
        self.out.push(b'"');
        self.out.put_decimal(format.enterprise());
        self.out.push(b':');
        self.out.put_decimal(format.format());
        self.out.push(b'"');
    }

    pub(super) fn address(&mut self, address: Address) {
        match address {
            Address::V4(address) => {
                self.out.push(b'"');
                self.out.put_ipv4(address);
                self.out.push(b'"');
            }
            other => self.quoted(other),
        }
    }

    pub(super) fn socket_address(&mut self, address: SocketAddr) {
        match address {
            SocketAddr::V4(address) => {
                self.out.push(b'"');
                self.out.put_ipv4(*address.ip());
                self.out.push(b':');
                self.out.put_decimal(address.port());
                self.out.push(b'"');
            }
            other => self.quoted(other),
        }
    }

    /// Writes a time in seconds, with microseconds.
    pub(super) fn seconds(&mut self, time: Duration) {
        self.out.put_decimal(time.as_secs());
        self.out.push(b'.');
        self.out.put_six_digits(time.subsec_micros());
    }

    #[inline]
    pub(super) fn mac(&mut self, address: MacAddress) {
        self.out.push(b'"');
        self.out.put_mac(address);
        self.out.push(b'"');
    }

    pub(super) fn text(&mut self, name: &str, text: Text<'_>) {
        self.key(name);
        self.escaped(text);
    }

    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.key(name);
        self.hex(bytes);
    }

    /// Writes a comma if needed, and the name. Items of a list have an empty name.
    #[inline]
    pub(super) fn key(&mut self, name: &str) {
        if self.more {
            self.out.push(b',');
        }
        self.more = true;
        if !name.is_empty() {
            self.out.push(b'"');
            self.out.extend_from_slice(name.as_bytes());
            self.out.extend_from_slice(b"\":");
        }
    }

    /// Writes a comma if needed, and a name in parts. Items of a list have an empty name.
    pub(super) fn key_of(&mut self, parts: &[&str]) {
        self.key("");
        if parts.iter().any(|part| !part.is_empty()) {
            self.out.push(b'"');
            parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
            self.out.extend_from_slice(b"\":");
        }
    }

    /// Begins the object or list whose name was written.
    pub(super) fn open(&mut self, bracket: u8) {
        self.out.push(bracket);
        self.more = false;
    }

    pub(super) fn put(&mut self, value: impl Display) {
        // Writing to memory does not fail.
        let _ = write!(self.out, "{value}");
    }

    pub(super) fn quoted(&mut self, value: impl Display) {
        self.out.push(b'"');
        self.put(value);
        self.out.push(b'"');
    }

    fn hex(&mut self, bytes: &[u8]) {
        self.out.push(b'"');
        self.out.put_hex(bytes);
        self.out.push(b'"');
    }

    /// Writes text from the network. Invalid UTF-8 becomes U+FFFD, because JSON must be UTF-8. What a
    /// terminal or a reader of lines interprets is escaped, which JSON permits for every character.
    pub(super) fn escaped(&mut self, text: Text<'_>) {
        self.out.push(b'"');
        for chunk in text.0.utf8_chunks() {
            chunk.valid().chars().for_each(|c| self.character(c));
            if !chunk.invalid().is_empty() {
                self.out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
        self.out.push(b'"');
    }

    /// Text from the network as part of a name.
    pub(super) fn escape(text: Text<'_>) -> String {
        let mut json = Self::default();
        json.escaped(text);
        let quoted = String::from_utf8_lossy(&json.out);
        quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
    }

    fn character(&mut self, c: char) {
        match c {
            '"' | '\\' => self.out.extend([b'\\', c as u8]),
            c if is_printable(c) => {
                self.out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            }
            // Characters beyond U+FFFF are two escapes, a surrogate pair (RFC 8259, section 7).
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    self.put(format_args!("\\u{unit:04x}"));
                }
            }
        }
    }

    /// Writes a number as formatted by `shown`. JSON has no NaN and no infinity: both become `null`.
    fn float(&mut self, value: f64, shown: impl Display) {
        if value.is_finite() { self.put(shown) } else { self.put("null") }
    }

    pub(super) fn scalar(&mut self, value: Value<'_>) {
        match value {
            Value::U32(value) => self.out.put_decimal(value),
            Value::U64(value) => self.out.put_decimal(value),
            Value::I32(value) => self.out.put_decimal(value),
            Value::I64(value) => self.out.put_decimal(value),
            Value::Percentage(value) => self.out.put_decimal(value.0),
            Value::F32(value) => self.float(value.into(), value),
            Value::F64(value) => self.float(value, value),
            Value::Bool(value) => self.put(value),
            Value::Text(value) => self.escaped(value),
            Value::Latin1(value) => {
                self.out.push(b'"');
                value.chars().for_each(|c| self.character(c));
                self.out.push(b'"');
            }
            Value::Bytes(value) => self.hex(value),
            Value::Mac(value) => self.mac(value),
            Value::Ipv4(value) => self.address(Address::V4(value)),
            Value::Ipv6(value) => self.quoted(value),
            Value::Address(value) => self.address(value),
            Value::Uuid(value) => self.quoted(value),
            Value::Format(value) => self.data_format(value),
        }
    }
}

impl Visitor for JsonText {
    fn value(&mut self, field: Field, value: Value<'_>) {
        self.key(field.name);
        self.scalar(value);
    }

    fn open(&mut self, field: Field, shape: Shape) {
        self.begin(field.name, if shape == Shape::List { b'[' } else { b'{' });
    }

    fn close(&mut self, shape: Shape) {
        self.end(if shape == Shape::List { b']' } else { b'}' });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json_of(text: &[u8]) -> String {
        let mut json = JsonText::default();
        json.escaped(Text(text));
        String::from_utf8(core::mem::take(json.buffer())).unwrap()
    }

    #[test]
    fn every_character_is_read_back_as_sent() {
        // All of the first 12,288, where most controls and separators are, then a part.
        for c in
            (char::MIN..=char::MAX).filter(|c| *c < '\u{3000}' || u32::from(*c).is_multiple_of(61))
        {
            let shown = json_of(c.encode_utf8(&mut [0; 4]).as_bytes());
            assert_eq!(serde_json::from_str::<String>(&shown).unwrap(), c.to_string(), "{shown}");
            assert!(shown.chars().all(is_printable), "{shown:?}");
        }
    }

    #[test]
    fn what_a_terminal_or_a_reader_of_lines_interprets_is_escaped() {
        // CSI of the C1 set, DEL, line separator, override of direction, no width, a tag.
        let text = "a\u{9b}\x7f\u{2028}\u{202e}\u{200b}\u{e0041}\"\\ä中";
        let shown = "\"a\\u009b\\u007f\\u2028\\u202e\\u200b\\udb40\\udc41\\\"\\\\ä中\"";
        assert_eq!(json_of(text.as_bytes()), shown);
        assert_eq!(json_of(b"a\xff\xc3b"), "\"a\u{fffd}\u{fffd}b\"");
    }
}
