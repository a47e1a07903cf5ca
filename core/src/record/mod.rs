//! The records of samples, each with its fields in the order of the specification (sections 4 and
//! 5).
//!
//! A record returns its `data_format` and writes its body; the sample around it writes the length.
//! Flow records and counter records have separate number spaces, hence two traits: the compiler
//! refuses a record of the wrong kind. A vendor's record is one more implementation of a trait.

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
    /// Creates a format from the enterprise (20 bits, 0: sFlow) and the number (12 bits). Higher
    /// bits are dropped.
    #[must_use]
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self((enterprise << 12) | (format & 0xFFF))
    }

    /// Creates a format of sFlow, enterprise 0.
    #[must_use]
    pub const fn standard(format: u32) -> Self {
        Self::new(0, format)
    }

    /// Returns the word on the wire.
    #[must_use]
    pub const fn word(self) -> u32 {
        self.0
    }
}

/// A record of a flow sample (`flow_data`) or of a discarded packet.
pub trait FlowRecord {
    /// Returns the number by which collectors recognise the record.
    fn format(&self) -> DataFormat;

    /// Writes the body, without `data_format` and length.
    fn encode(&self, xdr: &mut Encoder<'_>);
}

/// A record of a counter sample (`counter_data`).
pub trait CounterRecord {
    /// Returns the number by which collectors recognise the record.
    fn format(&self) -> DataFormat;

    /// Writes the body, without `data_format` and length.
    fn encode(&self, xdr: &mut Encoder<'_>);
}

/// Returns the count word of a list. A list that is too long for it overflows the buffer anyway.
fn count<T>(items: &[T]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
