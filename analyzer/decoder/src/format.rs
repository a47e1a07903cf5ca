//! Numbers of samples and records.

use core::fmt;

/// The `data_format` word of a sample or record: enterprise and format.
///
/// Samples, flow records and counter records are three separate number spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DataFormat(pub u32);

impl DataFormat {
    /// Combines an SMI private enterprise code (20 bits) and a format (12 bits).
    pub const fn new(enterprise: u32, format: u32) -> Self {
        Self(enterprise << 12 | format & 0xfff)
    }

    /// SMI private enterprise code; 0 is sFlow.org.
    pub const fn enterprise(self) -> u32 {
        self.0 >> 12
    }

    /// Number within the enterprise, 0..=4095.
    pub const fn format(self) -> u32 {
        self.0 & 0xfff
    }
}

/// Written `enterprise:format`.
impl fmt::Display for DataFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.enterprise(), self.format())
    }
}
