//! The interrupt vectors, only up to the last enabled interrupt: the board has 32, and cortex-m-rt
//! would reserve 240.
#![allow(unsafe_code, reason = "places the interrupt vectors")]

use crate::board::Interrupt;

unsafe extern "C" {
    /// Defined by cortex-m-rt or by the image.
    fn DefaultHandler();
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
// SAFETY of the names: cortex-m-rt requires them under the feature `device`, and no other crate
// here defines them.
static __INTERRUPTS: [unsafe extern "C" fn(); COUNT] = [DefaultHandler; COUNT];

/// Number of vectors: up to the highest interrupt that is ever enabled.
const COUNT: usize = Interrupt::Ethernet as usize + 1;
