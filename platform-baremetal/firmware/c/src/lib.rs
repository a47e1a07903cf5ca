//! The agent for C firmware: `libflowmote.a` and `flowmote.h`.
//!
//! State is memory of the caller. Interrupts touch the samplers and the queue, which are made to
//! be shared; the main loop touches the rest. No reference to the whole state is ever made, so
//! the two never hold overlapping references.
//!
//! Every function of the interface demands that pointers are valid for what its text says, and that
//! a state lives as long as it is used. Unsafe code is what C makes necessary: arguments are
//! pointers, and are trusted as far as the header says and no further. Null and misaligned pointers
//! are refused.
#![no_std]
#![expect(
    clippy::missing_safety_doc,
    reason = "flowmote.h says it once: pointers are valid, states live for ever"
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

/// The critical section of the firmware.
struct Firmware;
critical_section::set_impl!(Firmware);

unsafe extern "C" {
    safe fn flowmote_enter_critical() -> u32;
    safe fn flowmote_exit_critical(state: u32);
}

// SAFETY: the header demands of the two functions what `Impl` does.
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

/// Cannot be reached, see `tests/firmware/c_interface.rs`; a library without it does not build.
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    #[cfg(feature = "prove")]
    flowmote_a_panic_can_be_reached();
    #[cfg(not(feature = "prove"))]
    loop {
        core::hint::spin_loop();
    }
}
