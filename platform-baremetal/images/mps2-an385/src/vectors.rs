//! The interrupt vectors: 32 as the board has, where cortex-m-rt would reserve 240.

unsafe extern "C" {
    /// cortex-m-rt's, or the image's own.
    fn DefaultHandler();
}

#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
// SAFETY of the names: they are those that cortex-m-rt asks for, and nobody else defines them.
static __INTERRUPTS: [unsafe extern "C" fn(); 32] = [DefaultHandler; 32];
