//! What samples are about: data sources and the interfaces that a packet used.

/// The thing that a sample describes, `sFlowDataSource`: the key on which everything hangs.
///
/// Ordered by class, then index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DataSource {
    class: SourceClass,
    index: u32,
}

impl DataSource {
    /// The physical host, `2:1`, by the custom of the Host sFlow agent.
    pub const HOST: Self = Self { class: SourceClass::PhysicalEntity, index: 1 };

    /// A data source of any class.
    #[must_use]
    pub const fn new(class: SourceClass, index: u32) -> Self {
        Self { class, index }
    }

    /// An interface, `0:ifIndex`.
    #[must_use]
    pub const fn interface(if_index: u32) -> Self {
        Self { class: SourceClass::Interface, index: if_index }
    }

    /// A logical entity such as a virtual machine, a container or an application, `3:n`.
    #[must_use]
    pub const fn logical(index: u32) -> Self {
        Self { class: SourceClass::LogicalEntity, index }
    }

    /// The class of the data source.
    #[must_use]
    pub const fn class(self) -> SourceClass {
        self.class
    }

    /// The index within the class: ifIndex, VLAN id or entity number.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Class and index in one number of the same order, compared at once.
    #[inline]
    pub(crate) const fn ordinal(self) -> u64 {
        ((self.class as u64) << 32) | self.index as u64
    }

    /// The word of the compact encoding: class in bits 31-24, index in bits 23-0; `None` if the
    /// index needs more (then the whole agent must use [`Encoding::Expanded`](crate::Encoding)).
    #[must_use]
    pub const fn compact(self) -> Option<u32> {
        if self.index > MAX_COMPACT_INDEX {
            return None;
        }
        Some(((self.class as u32) << 24) | self.index)
    }
}

/// `sFlowDataSource` classes; the last is an addition of the sFlow host structures text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum SourceClass {
    /// ifIndex; index 0 stands for all ports.
    Interface = 0,
    /// smonVlanDataSource: VLAN id 1-4094.
    Vlan = 1,
    /// entPhysicalEntry: a physical host.
    PhysicalEntity = 2,
    /// entLogicalEntry: a virtual machine, container or application.
    LogicalEntity = 3,
}

/// The largest index that the compact encoding can carry (rule A19: compact must be used when
/// every index is below 2^24).
pub const MAX_COMPACT_INDEX: u32 = 0x00FF_FFFF;

/// One side of the way of a packet through the device: `input` or `output` of a flow sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Interface {
    /// Not known.
    #[default]
    Unknown,
    /// A port, by ifIndex (1 to 0x3FFFFFFE).
    Index(u32),
    /// No port: the packet was made by the device itself (input) or was meant for it (output).
    Internal,
    /// The packet was discarded, output only; see [`DropReason`](crate::DropReason).
    Discarded(crate::DropReason),
    /// Sent to this many ports, output only; 0: more than one, number unknown.
    Multiple(u32),
}

impl Interface {
    /// Format and value of the expanded encoding; internal is 0xFFFFFFFF there (errata).
    #[must_use]
    pub const fn expanded(self) -> (u32, u32) {
        match self {
            Self::Unknown => (0, 0),
            Self::Index(index) => (0, index),
            Self::Internal => (0, 0xFFFF_FFFF),
            Self::Discarded(reason) => (1, reason.code()),
            Self::Multiple(count) => (2, count),
        }
    }

    /// The word of the compact encoding: format in bits 31-30, value in bits 29-0; a value that
    /// does not fit becomes unknown.
    #[must_use]
    pub const fn compact(self) -> u32 {
        if let Self::Internal = self {
            return 0x3FFF_FFFF;
        }
        let (format, value) = self.expanded();
        if value >= 0x3FFF_FFFF {
            return format << 30;
        }
        (format << 30) | value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DropReason;

    #[test]
    fn compact_source_splits_at_bit_24() {
        assert_eq!(DataSource::interface(0x00FF_FFFF).compact(), Some(0x00FF_FFFF));
        assert_eq!(DataSource::interface(0x0100_0000).compact(), None);
        assert_eq!(DataSource::HOST.compact(), Some(0x0200_0001));
        assert_eq!(DataSource::logical(150_000).compact(), Some(0x0302_49F0));
    }

    #[test]
    fn interface_words_are_those_of_the_text() {
        assert_eq!(Interface::Index(2).compact(), 2);
        assert_eq!(Interface::Discarded(DropReason::ACL).compact(), 0x4000_0102);
        assert_eq!(Interface::Multiple(7).compact(), 0x8000_0007);
        assert_eq!(Interface::Multiple(0).compact(), 0x8000_0000);
        assert_eq!(Interface::Internal.compact(), 0x3FFF_FFFF);
        assert_eq!(Interface::Internal.expanded(), (0, 0xFFFF_FFFF));
        assert_eq!(Interface::Unknown.compact(), 0);
        assert_eq!(Interface::Index(0x3FFF_FFFF).compact(), 0);
    }
}
