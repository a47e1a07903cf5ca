//! How deep the stack has been: it is painted at the start, and what is no longer paint was used.

use core::ptr;

use super::machine::{STACK_BEGIN, STACK_END};

/// Paints what is free. To be called once, before anything deep.
#[inline(never)]
pub(crate) fn paint_stack() {
    let here = 0u64;
    let free = (&raw const here as usize).saturating_sub(BELOW);
    for address in (bounds().0..free).step_by(size_of::<u64>()) {
        // SAFETY: aligned, within the stack, and below all that this function has on it.
        unsafe { ptr::write_volatile(address as *mut u64, PAINT) };
    }
}

/// The most bytes that were ever in use.
pub(crate) fn stack_used() -> usize {
    let (begin, end) = bounds();
    // SAFETY: aligned and within the stack; whatever is there is a number.
    let is_paint = |address: &usize| unsafe { ptr::read_volatile(*address as *const u64) } == PAINT;
    let painted = (begin..end).step_by(size_of::<u64>()).take_while(is_paint).count();
    end - begin - painted * size_of::<u64>()
}

fn bounds() -> (usize, usize) {
    (&raw const STACK_BEGIN as usize, &raw const STACK_END as usize)
}

/// More than a frame without arrays has below its variables.
const BELOW: usize = 512;
const PAINT: u64 = 0xcccc_cccc_cccc_cccc;
