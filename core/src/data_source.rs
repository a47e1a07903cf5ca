//! Data sources, and the interfaces that a packet used: section 3.6.

use crate::drop_reason::DropReason;

/// The origin of samples, `sFlowDataSource`: the key of all state in an agent.
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

    /// Creates a data source of any class.
    #[must_use]
    pub const fn new(class: SourceClass, index: u32) -> Self {
        Self { class, index }
    }

    /// Creates the data source of an interface, `0:ifIndex`.
    #[must_use]
    pub const fn interface(if_index: u32) -> Self {
        Self { class: SourceClass::Interface, index: if_index }
    }

    /// Creates the data source of a virtual machine, a container or an application, `3:index`.
    #[must_use]
    pub const fn logical(index: u32) -> Self {
        Self { class: SourceClass::LogicalEntity, index }
    }

    /// Returns the class.
    #[must_use]
    pub const fn class(self) -> SourceClass {
        self.class
    }

    /// Returns the index within the class: ifIndex, VLAN id or entity number.
    #[must_use]
    pub const fn index(self) -> u32 {
        self.index
    }

    /// Returns class and index as one number of the same order, for comparisons in one step.
    #[inline]
    pub(crate) const fn ordinal(self) -> u64 {
        ((self.class as u64) << 32) | self.index as u64
    }

    /// Returns the word of the compact encoding: class in bits 31-24, index in bits 23-0. `None` if
    /// the index needs more bits: then the whole agent must use
    /// [`Encoding::Expanded`](crate::Encoding).
    #[must_use]
    pub const fn compact(self) -> Option<u32> {
        if self.index > MAX_COMPACT_INDEX {
            return None;
        }
        Some(((self.class as u32) << 24) | self.index)
    }
}

/// The class of a data source. The last is an addition of the sFlow host structures.
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

/// The largest index that the compact encoding can hold, 2^24 - 1 (rule A19).
pub const MAX_COMPACT_INDEX: u32 = 0x00FF_FFFF;

/// A port of a packet's path through the device: `input` or `output` of a flow sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Interface {
    /// Unknown, 0 on the wire.
    #[default]
    Unknown,
    /// A port, by ifIndex (1 to 0x3FFFFFFE).
    Index(u32),
    /// No port: the device itself sent the packet (input) or was its destination (output).
    Internal,
    /// The packet was discarded, output only.
    Discarded(DropReason),
    /// Sent to this many ports, output only; 0: several, number unknown.
    Multiple(u32),
}

impl Interface {
    /// Returns format and value of the expanded encoding. `Internal` is 0xFFFFFFFF there (errata).
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

    /// Returns the word of the compact encoding: format in bits 31-30, value in bits 29-0. A value
    /// that does not fit becomes unknown.
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

    #[test]
    fn compact_source_has_24_bits_of_index() {
        assert_eq!(DataSource::interface(0x00FF_FFFF).compact(), Some(0x00FF_FFFF));
        assert_eq!(DataSource::interface(0x0100_0000).compact(), None);
        assert_eq!(DataSource::HOST.compact(), Some(0x0200_0001));
        assert_eq!(DataSource::logical(150_000).compact(), Some(0x0302_49F0));
    }

    #[test]
    fn interface_words_are_those_of_the_specification() {
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
