//! Maximum use of the stack: painted at the start, so that words that changed were in use.

use core::ptr;

use super::machine::{STACK_BEGIN, STACK_END};

/// Paints the free part of the stack. Call it once, before any deep call.
#[inline(never)]
pub(crate) fn paint_stack() {
    let here = 0u64;
    let free = (&raw const here as usize).saturating_sub(BELOW);
    for address in (bounds().0..free).step_by(size_of::<u64>()) {
        // SAFETY: aligned, within the stack, and below the frame of this function, so nothing live
        // is overwritten.
        unsafe { ptr::write_volatile(address as *mut u64, PAINT) };
    }
}

/// Returns the maximum stack use in bytes.
pub(crate) fn stack_used() -> usize {
    let (begin, end) = bounds();
    // SAFETY: aligned and within the stack, and any bytes are a valid `u64`.
    let is_paint = |address: &usize| unsafe { ptr::read_volatile(*address as *const u64) } == PAINT;
    let painted = (begin..end).step_by(size_of::<u64>()).take_while(is_paint).count();
    end - begin - painted * size_of::<u64>()
}

fn bounds() -> (usize, usize) {
    (&raw const STACK_BEGIN as usize, &raw const STACK_END as usize)
}

/// Margin below the variables of this function, larger than the rest of its frame.
const BELOW: usize = 512;
const PAINT: u64 = 0xcccc_cccc_cccc_cccc;
