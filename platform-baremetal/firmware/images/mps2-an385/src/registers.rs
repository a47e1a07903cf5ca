//! Memory-mapped registers: all `unsafe` of this crate.
#![allow(unsafe_code, reason = "reads and writes the registers")]

/// A block of 32-bit registers of one peripheral. Where it is belongs to its type, so that it takes
/// no memory and addresses are constants.
#[derive(Debug)]
pub(crate) struct Registers<const BASE: usize>(());

impl<const BASE: usize> Registers<BASE> {
    /// # Safety
    /// From `BASE` on there is the register block of one peripheral, at least as long as the
    /// largest offset that the owner uses, and touching it has no effect on memory of Rust.
    pub(crate) const unsafe fn new() -> Self {
        Self(())
    }

    #[inline]
    pub(crate) fn read(&self, offset: usize) -> u32 {
        let register = (BASE + offset) as *const u32;
        // SAFETY: a register of the peripheral, by the promise made to `new`; word-aligned, since
        // block and offsets are.
        unsafe { register.read_volatile() }
    }

    #[inline]
    pub(crate) fn write(&mut self, offset: usize, value: u32) {
        let register = (BASE + offset) as *mut u32;
        // SAFETY: as in `read`.
        unsafe { register.write_volatile(value) }
    }
}
