//! The fields of an element. All values are strings.

use core::fmt::Display;
use core::net::{IpAddr, Ipv6Addr};

use flowmote_decoder::visit::{Field, Shape, Value, Visitor};
use flowmote_decoder::{Address, DataFormat, MacAddress, Text};

use super::super::json_text::JsonText;
use super::super::numbers::Put;
use super::names::Names;

/// Writes fields of a sample or of an element.
#[derive(Debug)]
pub(super) struct Element<'o> {
    pub(super) out: &'o mut JsonText,
    /// Before every name.
    pub(super) prefix: &'static str,
}

impl Element<'_> {
    pub(super) fn key(&mut self, name: &str) {
        self.out.key_of(&[self.prefix, name]);
    }

    /// Writes a value that needs no escapes.
    pub(super) fn put(&mut self, name: &str, value: impl Display) {
        self.key(name);
        self.out.quoted(value);
    }

    pub(super) fn number(&mut self, name: &str, value: u32) {
        self.key(name);
        self.out.quoted_number(value);
    }

    /// Writes a text; nothing if it is empty.
    pub(super) fn text(&mut self, name: &str, text: Text<'_>) {
        if !text.0.is_empty() {
            self.any_text(name, text);
        }
    }

    pub(super) fn any_text(&mut self, name: &str, text: Text<'_>) {
        self.key(name);
        self.out.escaped(text);
    }

    pub(super) fn tag(&mut self, name: &str, format: DataFormat) {
        self.put(name, format_args!("{}:{}", format.enterprise(), format.format()));
    }

    /// Writes a MAC address as twelve digits.
    pub(super) fn mac(&mut self, name: &str, address: MacAddress) {
        self.key(name);
        let out = self.out.buffer();
        out.push(b'"');
        out.put_hex(&address.0);
        out.push(b'"');
    }

    /// Writes an address, of IPv6 all groups with all digits; `-` if it is unknown.
    pub(super) fn address(&mut self, name: &str, address: Address) {
        match address {
            Address::Unknown => self.put(name, "-"),
            Address::V4(address) => self.put(name, address),
            Address::V6(address) => self.put(name, groups(address)),
        }
    }

    pub(super) fn ip(&mut self, name: &str, address: IpAddr) {
        self.address(name, address.into());
    }

    /// Writes a field of a record. The form of some depends on their name.
    fn scalar(&mut self, name: &str, value: Value<'_>) {
        match (name, value) {
            ("", _) => {}
            ("status", Value::U32(code)) => match STATUS.get(code as usize) {
                Some(status) => self.put(name, status),
                None => self.put(name, format_args!("<out-of-range={code}>")),
            },
            ("tcpinfo_direction", Value::U32(code)) => {
                self.put(name, DIRECTIONS.get(code as usize).unwrap_or(&"<bad value>"));
            }
            ("openflow_datapath_id", Value::U64(id)) => self.put(name, format_args!("{id:016x}")),
            ("portState", Value::Bytes(states)) => {
                for (name, state) in PORT_STATES.iter().zip(states) {
                    self.number(name, u32::from(*state));
                }
            }
            ("memcache_op_key", Value::Text(key)) => self.put(name, UrlEncoded(key.0)),
            ("src_user" | "dst_user", Value::Bytes(user)) => self.any_text(name, Text(user)),
            ("src_user" | "dst_user" | "url" | "host", Value::Text(text)) => {
                self.any_text(name, text);
            }
            (_, Value::Text(text)) => self.text(name, text),
            (_, value) => self.plain(name, value),
        }
    }

    /// Writes a value in the form that all fields of its type have.
    pub(super) fn plain(&mut self, name: &str, value: Value<'_>) {
        match value {
            Value::U32(value) => self.number(name, value),
            Value::U64(value) => self.put(name, value),
            Value::I32(value) => self.put(name, value),
            Value::I64(value) => self.put(name, value),
            Value::F32(value) => self.put(name, format_args!("{value:.3}")),
            Value::F64(value) => self.put(name, format_args!("{value:.3}")),
            Value::Bool(value) => self.put(name, value),
            Value::Percentage(value) => match value.percent() {
                Some(percent) => self.put(name, format_args!("{percent:.2}")),
                None => self.put(name, "unknown"),
            },
            Value::Text(value) => self.any_text(name, value),
            // The bytes as sent, like `sflowtool`.
            Value::Latin1(value) => self.any_text(name, Text(value.0)),
            Value::Bytes(value) => self.bytes(name, value),
            Value::Mac(value) => self.mac(name, value),
            Value::Ipv4(value) => self.put(name, value),
            Value::Ipv6(value) => self.put(name, groups(value)),
            Value::Address(value) => self.address(name, value),
            Value::Uuid(value) => self.put(name, value),
            Value::Format(value) => self.tag(name, value),
        }
    }

    /// Writes bytes as pairs of upper-case digits with dashes between them.
    pub(super) fn bytes(&mut self, name: &str, bytes: &[u8]) {
        self.key(name);
        let out = self.out.buffer();
        out.push(b'"');
        for (at, byte) in bytes.iter().enumerate() {
            if at != 0 {
                out.push(b'-');
            }
            out.extend(
                [byte >> 4, byte & 0x0f].map(|digit| b"0123456789ABCDEF"[usize::from(digit)]),
            );
        }
        out.push(b'"');
    }
}

/// A visitor that writes the fields of a record with the names of a list.
pub(super) struct Named<'e, 'o> {
    element: &'e mut Element<'o>,
    names: core::slice::Iter<'static, &'static str>,
}

impl<'e, 'o> Named<'e, 'o> {
    pub(super) fn new(element: &'e mut Element<'o>, names: &'static Names) -> Self {
        if let Some((name, value)) = names.kind {
            element.put(name, value);
        }
        Self { element, names: names.fields.iter() }
    }
}

impl Visitor for Named<'_, '_> {
    fn value(&mut self, _: Field, value: Value<'_>) {
        if let Some(name) = self.names.next() {
            self.element.scalar(name, value);
        }
    }

    fn open(&mut self, _: Field, _: Shape) {}

    fn close(&mut self, _: Shape) {}
}

/// A key in which all characters other than letters and digits are written as `%XX`, spaces as `+`.
struct UrlEncoded<'a>(&'a [u8]);

impl Display for UrlEncoded<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => write!(f, "{}", char::from(*byte)),
            b' ' | b'\t'..=b'\r' => f.write_str("+"),
            byte => write!(f, "%{byte:02X}"),
        })
    }
}

/// The eight groups of an address with leading zeros.
fn groups(address: Ipv6Addr) -> impl Display {
    let [a, b, c, d, e, f, g, h] = address.segments();
    format!("{a:04x}:{b:04x}:{c:04x}:{d:04x}:{e:04x}:{f:04x}:{g:04x}:{h:04x}")
}

/// Names of `app_status`; the spelling of the last one is that of `sflowtool`.
const STATUS: [&str; 11] = [
    "SUCCESS",
    "OTHER",
    "TIMEOUT",
    "INTERNAL_ERROR",
    "BAD_REQUEST",
    "FORBIDDEN",
    "TOO_LARGE",
    "NOT_IMPLEMENTED",
    "NOT_FOUND",
    "UNAVAILABLE",
    "UNATHORIZED",
];

/// Directions of `extended_tcp_info` (2209).
const DIRECTIONS: [&str; 3] = ["unknown", "received", "sent"];

/// The bytes of the port state in `lag_port_stats` (7).
const PORT_STATES: [&str; 4] =
    ["actorAdminPortState", "actorOperPortState", "partnerAdminPortState", "partnerOperPortState"];
