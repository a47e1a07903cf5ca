//! Memory-mapped registers: all `unsafe` of this crate.

/// A block of 32-bit registers of one peripheral.
#[derive(Debug)]
pub(crate) struct Registers {
    base: usize,
}

impl Registers {
    /// # Safety
    /// From `base` on there is the register block of one peripheral, at least as long as the
    /// largest offset that the owner uses, and touching it has no effect on memory of Rust.
    pub(crate) const unsafe fn at(base: usize) -> Self {
        Self { base }
    }

    #[inline]
    pub(crate) fn read(&self, offset: usize) -> u32 {
        let register = (self.base + offset) as *const u32;
        // SAFETY: a register of the peripheral, by the promise made to `at`; word-aligned, since
        // block and offsets are.
        unsafe { register.read_volatile() }
    }

    #[inline]
    pub(crate) fn write(&mut self, offset: usize, value: u32) {
        let register = (self.base + offset) as *mut u32;
        // SAFETY: as in `read`.
        unsafe { register.write_volatile(value) }
    }
}
