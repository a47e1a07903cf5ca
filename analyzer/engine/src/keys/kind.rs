//! Kinds of values, by which literals are read and documentation is made.

use core::fmt;

/// The kind of values that a key has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// IPv4 address.
    V4,
    /// IPv6 address.
    V6,
    /// Address of either version.
    Ip,
    /// MAC address.
    Mac,
    /// Number.
    Number,
    /// An ifIndex, or one of `internal`, `multiple`, `unknown` and `discard`.
    Port,
    /// `true` or `false`.
    Bool,
    /// Picture of this number of bits.
    Bits(u8),
    /// Text.
    Text,
    /// Not known before a packet is read.
    Any,
}

impl Kind {
    /// The kind of a value that is of one kind or the other.
    pub(super) fn or(self, other: Self) -> Self {
        match (self, other) {
            _ if self == other => self,
            (Self::V4 | Self::V6 | Self::Ip, Self::V4 | Self::V6 | Self::Ip) => Self::Ip,
            (Self::Number | Self::Port, Self::Number | Self::Port) => Self::Port,
            _ => Self::Any,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4 => f.write_str("IPv4 address"),
            Self::V6 => f.write_str("IPv6 address"),
            Self::Ip => f.write_str("IP address"),
            Self::Mac => f.write_str("MAC address"),
            Self::Number => f.write_str("number"),
            Self::Port => f.write_str("port"),
            Self::Bool => f.write_str("true or false"),
            Self::Bits(width) => write!(f, "{width} bits"),
            Self::Text => f.write_str("text"),
            Self::Any => f.write_str("any"),
        }
    }
}
