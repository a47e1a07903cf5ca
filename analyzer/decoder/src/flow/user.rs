//! Names of users in a declared character set.

use crate::value::{Latin1, Text};
use crate::visit::{Field, Kind, Value, Visitor};
use crate::xdr::{Cursor, Wire};

/// One user of `extended_user` (0:1004), visited as two fields: character set and name.
///
/// The name is visited as text if it is valid in its character set, else as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct User<'a> {
    /// IANA MIBenum of the character set: 3 US-ASCII, 4 ISO 8859-1, 106 UTF-8; 0 unknown, and in
    /// versions 2 and 4.
    pub charset: u32,
    /// The name as sent; empty if unknown.
    pub name: &'a [u8],
}

impl<'a> User<'a> {
    /// The name as text, or as bytes if it is not valid in its character set.
    pub fn value(self) -> Value<'a> {
        let text = Value::Text(Text(self.name));
        let printable = |byte: &u8| matches!(byte, b' '..=b'~');
        match self.charset {
            // Nearly all sets agree on the printable characters of ASCII.
            _ if self.name.iter().all(printable) => text,
            US_ASCII if self.name.is_ascii() => text,
            UNKNOWN | UTF_8 if str::from_utf8(self.name).is_ok() => text,
            ISO_8859_1 => Value::Latin1(Latin1(self.name)),
            _ => Value::Bytes(self.name),
        }
    }
}

impl<'a> Wire<'a> for User<'a> {
    const MIN: usize = 8;

    fn read(cursor: &mut Cursor<'a>) -> Option<Self> {
        let charset = if cursor.version() >= 5 { u32::read(cursor)? } else { UNKNOWN };
        <&[u8]>::read(cursor).map(|name| Self { charset, name })
    }

    fn unknown(_: Kind) -> Self {
        Self { charset: UNKNOWN, name: &[] }
    }

    fn visit(cursor: &mut Cursor<'a>, field: Field, visitor: &mut dyn Visitor) {
        let charset = if field.name == "src_user" { "src_charset" } else { "dst_charset" };
        let mut user = Self::unknown(field.kind);
        if cursor.version() >= 5 {
            let Some(number) = u32::read(cursor) else { return };
            let kind = Kind::Enumeration;
            visitor.value(Field { name: charset, kind }, Value::U32(number));
            user.charset = number;
        }
        if let Some(name) = <&[u8]>::read(cursor) {
            visitor.value(field, Self { name, ..user }.value());
        }
    }
}

const UNKNOWN: u32 = 0;
const US_ASCII: u32 = 3;
const ISO_8859_1: u32 = 4;
const UTF_8: u32 = 106;
