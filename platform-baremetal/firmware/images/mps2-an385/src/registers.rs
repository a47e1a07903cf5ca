//! Memory-mapped registers.
#![allow(unsafe_code, reason = "reads and writes the registers")]

/// The block of 32-bit registers of one peripheral. The base address is part of the type, so the
/// value takes no memory and addresses are constants.
#[derive(Debug)]
pub(crate) struct Registers<const BASE: usize>(());

impl<const BASE: usize> Registers<BASE> {
    /// # Safety
    /// `BASE` must be the register block of one peripheral, longer than the largest offset that the
    /// owner uses, and access to it must not affect memory that Rust knows.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }

    #[inline]
    pub(crate) fn read(&self, offset: usize) -> u32 {
        let register = (BASE + offset) as *const u32;
        // SAFETY: a register of the peripheral, as promised to `new`, and aligned to a word, as
        // block and offsets are.
        unsafe { register.read_volatile() }
    }

    #[inline]
    pub(crate) fn write(&mut self, offset: usize, value: u32) {
        let register = (BASE + offset) as *mut u32;
        // SAFETY: as in `read`; access to it does not affect memory that Rust knows, as promised to
        // `new`.
        unsafe { register.write_volatile(value) }
    }
}
