//! Why a packet was discarded.

/// A `drop_reason` code (section 6 of the sheet); the list is open-ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct DropReason(u32);

impl DropReason {
    /// Reason not known.
    pub const UNKNOWN: Self = Self(256);
    /// Denied by an access list.
    pub const ACL: Self = Self(258);

    /// A reason by its number.
    #[must_use]
    pub const fn new(code: u32) -> Self {
        Self(code)
    }

    /// The number on the wire.
    #[must_use]
    pub const fn code(self) -> u32 {
        self.0
    }
}
