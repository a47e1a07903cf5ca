//! Before and after `main`: page table, exceptions, the stack, the end.

use core::fmt::Write;
use core::panic::PanicInfo;

use aarch64_rt::{
    ExceptionHandlers, InitialPagetable, entry, exception_handlers, initial_pagetable,
};
use smccc::Hvc;
use smccc::psci::system_off;

use crate::hardware::Serial;

// Blocks of 1 GiB at the same address: devices below, RAM above. The attributes are those of the
// Armv8-A VMSA: valid block, access flag; index 0 of DEFAULT_MAIR is Device-nGnRE, 1 is normal
// memory, inner shareable.
initial_pagetable!({
    let mut blocks = [0; 512];
    blocks[0] = VALID | ACCESSED | UNPRIVILEGED_NEVER_EXECUTES;
    blocks[1] = RAM | VALID | ACCESSED | INDEX_1 | INNER_SHAREABLE | NON_GLOBAL;
    InitialPagetable(blocks)
});

const RAM: usize = 0x4000_0000;
const VALID: usize = 1;
const INDEX_1: usize = 1 << 2;
const INNER_SHAREABLE: usize = 3 << 8;
const ACCESSED: usize = 1 << 10;
const NON_GLOBAL: usize = 1 << 11;
const UNPRIVILEGED_NEVER_EXECUTES: usize = 1 << 54;

entry!(start);

fn start(_: u64, _: u64, _: u64, _: u64) -> ! {
    crate::image::main()
}

exception_handlers!(Exceptions);

/// Interrupts stay masked and only end the sleep of the processor. So every exception is a fault,
/// for which the default is to panic.
struct Exceptions;

impl ExceptionHandlers for Exceptions {}

/// Prints the reason and ends the machine; tests check both.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Serial::open(), "\n{info}");
    let _ = system_off::<Hvc>();
    loop {
        super::processor::wait_for_interrupt();
    }
}

unsafe extern "C" {
    /// The lowest byte of the stack, defined by the linker script of aarch64-rt.
    #[link_name = "boot_stack_begin"]
    pub(in crate::hardware) static STACK_BEGIN: u8;
    /// The byte after the highest one.
    #[link_name = "boot_stack_end"]
    pub(in crate::hardware) static STACK_END: u8;
}
