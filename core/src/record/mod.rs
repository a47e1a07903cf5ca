//! The records of samples, each with its fields in the order of the specification.
//!
//! A record knows its `data_format` and how to write its body; the sample around it writes the
//! length. Flow records and counter records are two number spaces and two traits, so that one
//! cannot stand where the other belongs. A vendor's own record is one more implementation.

pub(crate) mod codes;
pub mod counter;
pub mod flow;
#[cfg(test)]
pub(crate) mod testing;

use crate::xdr::Encoder;

/// The `data_format` word: SMI private enterprise code in bits 31-12, format in bits 11-0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DataFormat(u32);

impl DataFormat {
    /// A format of the enterprise (0: sFlow itself); only the low 20 and 12 bits are kept.
    #[must_use]
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self((enterprise << 12) | (format & 0xFFF))
    }

    /// A format of sFlow itself, enterprise 0.
    #[must_use]
    pub const fn standard(format: u32) -> Self {
        Self::new(0, format)
    }

    /// The word on the wire.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }
}

/// A record of a flow sample (`flow_data`) or of a discarded packet.
pub trait FlowRecord {
    /// The number under which collectors know the record.
    fn format(&self) -> DataFormat;

    /// Writes the body, without data_format and length.
    fn encode(&self, xdr: &mut Encoder<'_>);
}

/// A record of a counter sample (`counter_data`).
pub trait CounterRecord {
    /// The number under which collectors know the record.
    fn format(&self) -> DataFormat;

    /// Writes the body, without data_format and length.
    fn encode(&self, xdr: &mut Encoder<'_>);
}

/// The count word in front of `items`; a list too long for it fits no buffer either.
fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
