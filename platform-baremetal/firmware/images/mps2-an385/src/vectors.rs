//! The interrupt vectors: as many as images listen to, where the board has 32 and cortex-m-rt would
//! reserve 240.
#![allow(unsafe_code, reason = "places the interrupt vectors")]

use crate::board::Interrupt;

unsafe extern "C" {
    /// cortex-m-rt's, or the image's own.
    fn DefaultHandler();
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
// SAFETY of the names: they are those that cortex-m-rt asks for, and nobody else defines them.
static __INTERRUPTS: [unsafe extern "C" fn(); COUNT] = [DefaultHandler; COUNT];

/// The last one that is ever enabled, and those before it.
const COUNT: usize = Interrupt::Ethernet as usize + 1;
