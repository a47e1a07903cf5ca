//! An image that is linked and never run. It takes the address of every public function of `core`,
//! of the firmware library and of the switch, so that the compiler must assume arguments of any
//! value. The panic handler calls an undefined function, so the image links only if no panic can be
//! reached.
//!
//! Code for smoltcp is not included, because smoltcp itself can panic. `tests/firmware/no_panic.rs`
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

/// Takes the addresses of functions, so that they are linked for any arguments.
#[macro_export]
macro_rules! keep {
    ($($function:expr),* $(,)?) => {
        ::core::hint::black_box([$($function as *const ()),*])
    };
}

/// The entry point.
#[unsafe(no_mangle)]
pub extern "C" fn _start() {
    core_entries::keep_all();
    records::keep_all();
    baremetal::keep_all();
    switch_entries::keep_all();
    #[cfg(feature = "index")]
    black_box(indexed(black_box(&[1, 2, 3]), black_box(7)));
}

/// The control: a slice index, which must not link.
#[cfg(feature = "index")]
fn indexed(bytes: &[u8], at: usize) -> u8 {
    bytes[at]
}

unsafe extern "C" {
    /// Undefined: the linker reports it if a panic can be reached.
    safe fn flowmote_a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    flowmote_a_panic_can_be_reached()
}

/// The image never runs, so its critical sections may be empty.
struct NoInterrupts;
critical_section::set_impl!(NoInterrupts);

// SAFETY: the image never runs, so no section is ever entered.
unsafe impl critical_section::Impl for NoInterrupts {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        0
    }

    unsafe fn release(_: critical_section::RawRestoreState) {}
}
