//! An image that is linked and never run: it takes the address of every public entry of `core`, of
//! this library's own code, and of the switch built on it, so all of it is there for arguments of
//! any value. The panic handler calls a function that does not exist. So if it links, no panic can
//! be reached.
//!
//! What belongs to smoltcp is not in it: smoltcp itself can panic. `tests/firmware/no_panic.rs`
//! builds it, checks that no entry is missing, and that the feature `index` does not link.
#![allow(unsafe_code, reason = "names symbols for the linker")]
#![no_std]
#![no_main]

mod baremetal;
mod core_entries;
mod records;
mod switch_entries;

#[cfg(feature = "index")]
use core::hint::black_box;

/// Takes the addresses of functions, so that they are linked whatever they are called with.
#[macro_export]
macro_rules! keep {
    ($($function:expr),* $(,)?) => {
        ::core::hint::black_box([$($function as *const ()),*])
    };
}

/// Where linking begins.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    core_entries::keep_all();
    records::keep_all();
    baremetal::keep_all();
    switch_entries::keep_all();
    #[cfg(feature = "index")]
    black_box(indexed(black_box(&[1, 2, 3]), black_box(7)));
}

/// What must not link.
#[cfg(feature = "index")]
fn indexed(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}

unsafe extern "C" {
    /// Exists nowhere: the linker names it if a panic can be reached.
    safe fn flowmote_a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    flowmote_a_panic_can_be_reached()
}

/// The image never runs, so its critical sections may be empty.
struct NoInterrupts;
critical_section::set_impl!(NoInterrupts);

// SAFETY: nothing is run, so nothing can interrupt it.
unsafe impl critical_section::Impl for NoInterrupts {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        0
    }

    unsafe fn release(_: critical_section::RawRestoreState) {}
}
