//! Hardware counters, accumulated to 64 bits.

/// One counter of a MAC or switch chip, whose register wraps or is cleared by reading.
///
/// Read it at least once in the time that the register takes to wrap or to stop at its end: 34 s
/// for 32 bits of octets at 1 Gbit/s, 8.6 s for 30 bits. Counters that start over with the chip,
/// because it was reset, need a new `MibCounter` and
/// [`Agent::counters_reset`](flowmote_core::Agent::counters_reset).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct MibCounter {
    total: u64,
    /// The register at the last look; stays 0 where reading clears.
    last: u32,
    /// The bits of the register that count; `None`: reading clears it.
    mask: Option<u32>,
}

impl MibCounter {
    /// A register that reading clears.
    #[must_use]
    pub const fn clear_on_read() -> Self {
        Self { total: 0, last: 0, mask: None }
    }

    /// A register of so many `bits` (1 to 32) that counts on and wraps, and reads `start` now.
    #[must_use]
    pub const fn wrapping(bits: u32, start: u32) -> Self {
        let unused = if bits < 32 { 32_u32.wrapping_sub(bits) } else { 0 };
        Self { total: 0, last: start, mask: Some(u32::MAX.wrapping_shr(unused)) }
    }

    /// Takes what the register read, and returns the total.
    pub fn read(&mut self, register: u32) -> u64 {
        let more = match self.mask {
            None => register,
            Some(mask) => register.wrapping_sub(self.last) & mask,
        };
        self.last = register;
        self.add(more.into())
    }

    /// Adds what was counted elsewhere, such as the upper bits of a wide register that reading
    /// clears, and returns the total.
    pub fn add(&mut self, more: u64) -> u64 {
        self.total = self.total.wrapping_add(more);
        self.total
    }

    /// The total at the last look.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleared_registers_add_up() {
        let mut counter = MibCounter::clear_on_read();
        assert_eq!(counter.read(5), 5);
        assert_eq!(counter.read(5), 10);
        assert_eq!(counter.read(0), 10);
        assert_eq!(counter.read(u32::MAX), 10 + u64::from(u32::MAX));
    }

    #[test]
    fn wrapping_registers_give_their_differences() {
        let mut counter = MibCounter::wrapping(32, u32::MAX - 1);
        assert_eq!(counter.read(u32::MAX), 1);
        assert_eq!(counter.read(3), 5);
        assert_eq!(counter.read(3), 5);
        let mut narrow = MibCounter::wrapping(16, 0xFFFE);
        assert_eq!(narrow.read(2), 4);
        assert_eq!(narrow.total(), 4);
    }
}
