//! Faults in datagrams, as values that can be counted.

use core::fmt;

/// A fault inside a datagram. All items before it were whole and have been returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Malformed {
    /// The kind of fault.
    pub kind: MalformedKind,
    /// Offset where reading stopped, in bytes from the start of the datagram.
    pub offset: usize,
}

impl Malformed {
    /// The same fault, seen from the list around the item: if an item is cut short, the count of
    /// the list is wrong.
    pub(crate) fn in_list(self) -> Self {
        match self.kind {
            MalformedKind::RecordShort => Self { kind: MalformedKind::FieldOverrun, ..self },
            _ => self,
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}", self.kind, self.offset)
    }
}

impl core::error::Error for Malformed {}

/// The kinds of [`Malformed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MalformedKind {
    /// The datagram ends before all declared samples; the walk ends.
    SamplesMissing,
    /// Words between samples belong to none of them. If all samples after them end exactly with the
    /// datagram, the walk continues there.
    StrayBytes,
    /// A sample's length is beyond the end of the datagram; the walk ends.
    SampleOverrun,
    /// A sample is shorter than its fixed part; the walk continues with the next sample.
    SampleShort,
    /// A sample ends before all declared records; its walk ends.
    RecordsMissing,
    /// A record's length is beyond the end of its sample; its walk ends.
    RecordOverrun,
    /// A record lacks fields that every published form of it has.
    RecordShort,
    /// A length or count inside a structure is beyond the structure's end.
    FieldOverrun,
    /// The discriminant of a union is unknown, so its length is, and the rest of the structure
    /// cannot be found. In versions 2 and 4 samples and records are unions too.
    UnknownUnion,
    /// Record lists nest deeper than [`Cursor::MAX_DEPTH`](crate::xdr::Cursor::MAX_DEPTH).
    TooDeep,
}

impl MalformedKind {
    /// Every kind, in the order of declaration.
    pub const ALL: [Self; 10] = [
        Self::SamplesMissing,
        Self::StrayBytes,
        Self::SampleOverrun,
        Self::SampleShort,
        Self::RecordsMissing,
        Self::RecordOverrun,
        Self::RecordShort,
        Self::FieldOverrun,
        Self::UnknownUnion,
        Self::TooDeep,
    ];

    /// Stable name, as the collector prints it in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::SamplesMissing => "samples_missing",
            Self::StrayBytes => "stray_bytes",
            Self::SampleOverrun => "sample_overrun",
            Self::SampleShort => "sample_short",
            Self::RecordsMissing => "records_missing",
            Self::RecordOverrun => "record_overrun",
            Self::RecordShort => "record_short",
            Self::FieldOverrun => "field_overrun",
            Self::UnknownUnion => "unknown_union",
            Self::TooDeep => "too_deep",
        }
    }
}

impl fmt::Display for MalformedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A reason to refuse a whole datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Error {
    /// The datagram ends within its header.
    Short,
    /// The version is none of 2, 4 and 5.
    Version(u32),
    /// The agent's address type is none of 0 (unknown), 1 (IPv4), 2 (IPv6).
    AddressType(u32),
    /// Not sFlow but Cisco's NetFlow, of this version.
    NetFlow(u8),
    /// Not sFlow but IPFIX (RFC 7011).
    Ipfix,
}

impl Error {
    /// Every error, in the order of declaration, with any value.
    pub const ALL: [Self; 5] =
        [Self::Short, Self::Version(0), Self::AddressType(0), Self::NetFlow(0), Self::Ipfix];

    /// Stable name, as the collector prints it in text and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Short => "datagram_short",
            Self::Version(_) => "version",
            Self::AddressType(_) => "address_type",
            Self::NetFlow(_) => "netflow",
            Self::Ipfix => "ipfix",
        }
    }

    /// The error of a datagram of another version, as sFlow and its neighbours define it.
    ///
    /// NetFlow and IPFIX have versions of 16 bits. NetFlow counts its records in the next 16, IPFIX its
    /// bytes.
    pub(crate) fn of_version(version: u32, payload: &[u8]) -> Self {
        let [_, kind, high, low] = version.to_be_bytes();
        let number = usize::from(u16::from_be_bytes([high, low]));
        let len = payload.len();
        let records = |header: usize, record: usize| {
            number > 0 && len >= header && len <= header + number * record
        };
        match (version >> 16, kind) {
            (1, 1) if records(16, 52) => Self::NetFlow(1),
            (5, 5) if records(24, 48) => Self::NetFlow(5),
            (7, 7) if records(24, 52) => Self::NetFlow(7),
            // Records of versions 8 and 9 have any length; a template may have no record.
            (8, 8) if len >= 28 => Self::NetFlow(8),
            (9, 9) if len >= 20 => Self::NetFlow(9),
            (10, 10) if len >= 16 && number >= len => Self::Ipfix,
            _ => Self::Version(version),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => f.write_str("shorter than a datagram header"),
            Self::Version(version) => {
                write!(f, "sFlow version {version}, only 2, 4 and 5 are known")
            }
            Self::AddressType(kind) => write!(f, "agent address type {kind}, only 0, 1, 2 exist"),
            Self::NetFlow(version) => write!(f, "NetFlow v{version}, not sFlow"),
            Self::Ipfix => f.write_str("IPFIX, not sFlow"),
        }
    }
}

impl core::error::Error for Error {}
