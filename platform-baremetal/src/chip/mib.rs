//! Hardware counters, accumulated to 64 bits.

/// One counter of a MAC or switch chip whose register wraps or is cleared by reading.
///
/// Read the register before it can wrap or saturate: within 34 s for 32 bits of octets at 1 Gbit/s,
/// 8.6 s for 30 bits. After a reset of the chip use a new `MibCounter` and call
/// [`Agent::counters_reset`](flowmote_core::Agent::counters_reset).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MibCounter {
    total: u64,
    /// The register value of the last read.
    last: u32,
    /// Mask of the bits that the register implements; `None`: reading clears it.
    mask: Option<u32>,
}

impl MibCounter {
    /// Creates a counter for a register that reading clears.
    #[must_use]
    pub const fn clear_on_read() -> Self {
        Self { total: 0, last: 0, mask: None }
    }

    /// Creates a counter for a register of `bits` bits (1 to 32) that wraps and now reads `start`.
    #[must_use]
    pub const fn wrapping(bits: u32, start: u32) -> Self {
        let unused = if bits < 32 { 32_u32.wrapping_sub(bits) } else { 0 };
        Self { total: 0, last: start, mask: Some(u32::MAX.wrapping_shr(unused)) }
    }

    /// Adds the increase since the last read, given the register value, and returns the total.
    pub fn read(&mut self, register: u32) -> u64 {
        let more = match self.mask {
            None => register,
            Some(mask) => register.wrapping_sub(self.last) & mask,
        };
        self.last = register;
        self.add(more.into())
    }

    /// Adds `more` and returns the total: for values that do not fit 32 bits, such as a wide
    /// register that reading clears.
    pub fn add(&mut self, more: u64) -> u64 {
        self.total = self.total.wrapping_add(more);
        self.total
    }

    /// Returns the total as of the last read.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_on_read_registers_are_summed() {
        let mut counter = MibCounter::clear_on_read();
        assert_eq!(counter.read(5), 5);
        assert_eq!(counter.read(5), 10);
        assert_eq!(counter.read(0), 10);
        assert_eq!(counter.read(u32::MAX), 10 + u64::from(u32::MAX));
    }

    #[test]
    fn wrapping_registers_contribute_differences() {
        let mut counter = MibCounter::wrapping(32, u32::MAX - 1);
        assert_eq!(counter.read(u32::MAX), 1);
        assert_eq!(counter.read(3), 5);
        assert_eq!(counter.read(3), 5);
        let mut narrow = MibCounter::wrapping(16, 0xFFFE);
        assert_eq!(narrow.read(2), 4);
        assert_eq!(narrow.total(), 4);
    }
}
