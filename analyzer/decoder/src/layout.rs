//! The layout of records, in one byte.

/// How records and their fields are laid out.
///
/// Samples, lists of records, records and cursors hold it. In version 5 it is the depth and nothing
/// else, so that no version is copied or compared there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout(u8);

/// The records of versions 2 and 4, which have no lengths: those that follow in a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Items {
    /// The packet, then the number of extended structures, then those.
    Packet,
    /// Extended structures.
    Extended,
    /// The counters of a type of interface, 0 to 7.
    Counters(u8),
}

impl Layout {
    /// As specified for version 5, in a sample.
    pub(crate) const VERSION_5: Self = Self(0);
    /// As in version 5, but without the pads of MAC addresses.
    pub(crate) const UNPADDED: Self = Self(0x0f);

    /// The fields of version 2 or 4.
    pub(crate) const fn legacy(version: u8) -> Self {
        Self(version << 4)
    }

    /// A list of records of version 2 or 4.
    pub(crate) const fn list(version: u8, items: Items) -> Self {
        Self(version << 4 | items.code())
    }

    /// In a list of records that is itself in a record with this layout.
    pub(crate) const fn nested(self) -> Self {
        Self(self.depth() + 1)
    }

    /// Record lists around a record; bounded by [`Cursor::MAX_DEPTH`](crate::xdr::Cursor::MAX_DEPTH).
    #[inline]
    pub(crate) const fn depth(self) -> u8 {
        if self.0 < Self::UNPADDED.0 { self.0 } else { 0 }
    }

    /// Version of the datagram: 2, 4 or 5.
    #[inline]
    pub(crate) const fn version(self) -> u8 {
        match self.0 >> 4 {
            0 => 5,
            1..=3 => 2,
            _ => 4,
        }
    }

    /// True for versions 2 and 4.
    #[inline]
    pub(crate) const fn is_legacy(self) -> bool {
        self.0 > Self::UNPADDED.0
    }

    /// The records that follow, in a list of version 2 or 4.
    pub(crate) const fn items(self) -> Items {
        match self.0 & 0x0f {
            0 => Items::Packet,
            1 => Items::Extended,
            code => Items::Counters(code & 7),
        }
    }
}

impl Items {
    const fn code(self) -> u8 {
        match self {
            Self::Packet => 0,
            Self::Extended => 1,
            Self::Counters(kind) => 8 | kind & 7,
        }
    }
}
