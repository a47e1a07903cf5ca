//! The agent for C firmware: `libflowmote.a` and `flowmote.h`.
//!
//! State is memory of the caller. Interrupts access the samplers and the queue, which are built to
//! be shared; only the main loop accesses the rest. No reference to the whole state is ever made,
//! so the two never hold overlapping references.
//!
//! The header states once what every `SAFETY` comment here relies on: a pointer is valid for what
//! the function documents, a state lives as long as it is used, and "main loop" functions do not
//! interrupt one another. Everything else is checked: null and misaligned pointers, and states that
//! were never initialised.
#![no_std]
#![expect(
    clippy::missing_safety_doc,
    reason = "the requirements on pointers and states are in flowmote.h, once for all functions"
)]
#![allow(unsafe_code, reason = "arguments and states are pointers of C")]

mod agent;
mod codes;
mod counters;
mod packets;
mod pointers;
mod state;
mod udp;

pub use agent::*;
pub use codes::*;
pub use counters::*;
pub use packets::*;
pub use state::*;
pub use udp::*;

/// The critical section that the firmware implements in C.
struct Firmware;
critical_section::set_impl!(Firmware);

unsafe extern "C" {
    safe fn flowmote_enter_critical() -> u32;
    safe fn flowmote_exit_critical(state: u32);
}

// SAFETY: the header requires of the two functions what `Impl` requires: they nest, and between
// them no interrupt calls the library.
unsafe impl critical_section::Impl for Firmware {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        flowmote_enter_critical()
    }

    unsafe fn release(state: critical_section::RawRestoreState) {
        flowmote_exit_critical(state);
    }
}

#[cfg(feature = "prove")]
unsafe extern "C" {
    safe fn flowmote_a_panic_can_be_reached() -> !;
}

/// Unreachable, as `tests/firmware/c_interface.rs` proves; a static library must have a handler.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "prove")]
    flowmote_a_panic_can_be_reached();
    #[cfg(not(feature = "prove"))]
    loop {
        core::hint::spin_loop();
    }
}
