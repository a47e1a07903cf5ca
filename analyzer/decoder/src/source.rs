//! Data sources of samples; input and output interfaces of packets.

use core::fmt;

/// A data source: the object that a sampler or poller observes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataSource {
    /// 0 interface, 1 VLAN, 2 physical entity, 3 logical entity; undefined values are accepted.
    pub class: u32,
    /// ifIndex, VLAN id or entity number; class 0 with index 0 stands for all ports.
    pub index: u32,
}

impl DataSource {
    /// Splits the word of the compact encoding: 8 bits of class, 24 of index.
    pub const fn from_compact(word: u32) -> Self {
        Self { class: word >> 24, index: word & 0x00ff_ffff }
    }
}

/// Written `class:index`.
impl fmt::Display for DataSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.class, self.index)
    }
}

/// The input or output of a sampled packet, as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Interface {
    /// Meaning of `value`: 0 an interface, 1 a reason for a discard, 2 a number of interfaces.
    pub format: u32,
    /// 30 bits in the compact encoding, 32 in the expanded one.
    pub value: u32,
}

impl Interface {
    /// The value of format 0 for "no interface". Defined for the compact encoding; some agents send
    /// it in expanded samples too, where the value is `0xffff_ffff`.
    const INTERNAL: u32 = 0x3fff_ffff;

    /// Splits the word of the compact encoding: 2 bits of format, 30 of value.
    pub const fn from_compact(word: u32) -> Self {
        Self { format: word >> 30, value: word & 0x3fff_ffff }
    }

    /// The meaning of format and value.
    pub const fn port(self) -> Port {
        match (self.format, self.value) {
            (0, 0) => Port::Unknown,
            (0, Self::INTERNAL | u32::MAX) => Port::Internal,
            (0, index) => Port::Index(index),
            (1, reason) => Port::Discarded(reason),
            (2, count) => Port::Multiple(count),
            (format, value) => Port::Undefined { format, value },
        }
    }
}

/// The meaning of an [`Interface`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Port {
    /// Unknown interface (both words 0).
    Unknown,
    /// ifIndex of an interface.
    Index(u32),
    /// No interface: sent (input) or received (output) by the device itself.
    Internal,
    /// Discarded; [`drop_reason_name`](crate::drop_reason_name) names the reason.
    Discarded(u32),
    /// Sent to this number of interfaces; 0 is an unknown number above 1.
    Multiple(u32),
    /// A format that sFlow does not define.
    #[expect(missing_docs, reason = "the two words of Interface")]
    Undefined { format: u32, value: u32 },
}

impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Unknown => f.write_str("unknown"),
            Self::Index(index) => write!(f, "{index}"),
            Self::Internal => f.write_str("internal"),
            Self::Discarded(reason) => match crate::drop_reason_name(reason) {
                Some(name) => write!(f, "discarded: {name}"),
                None => write!(f, "discarded: {reason}"),
            },
            Self::Multiple(0) => f.write_str("several"),
            Self::Multiple(count) => write!(f, "{count} interfaces"),
            Self::Undefined { format, value } => write!(f, "format {format} value {value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_interface_words_are_split() {
        let port = |word| Interface::from_compact(word).port();
        assert_eq!(port(0x0000_0002), Port::Index(2));
        assert_eq!(port(0x4000_0102), Port::Discarded(258));
        assert_eq!(port(0x8000_0007), Port::Multiple(7));
        assert_eq!(port(0x8000_0000), Port::Multiple(0));
        assert_eq!(port(0x3fff_ffff), Port::Internal);
        assert_eq!(port(0xc000_0001), Port::Undefined { format: 3, value: 1 });
    }

    #[test]
    fn both_internal_values_are_accepted_in_expanded_samples() {
        for value in [0x3fff_ffff, 0xffff_ffff] {
            assert_eq!(Interface { format: 0, value }.port(), Port::Internal);
        }
    }
}
