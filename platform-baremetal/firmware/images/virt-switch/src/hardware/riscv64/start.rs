//! Before and after `main`: exceptions, the stack, the end.

use core::fmt::Write;
use core::panic::PanicInfo;

use riscv::register::{mcause, mepc};
use riscv_rt::{TrapFrame, entry};

use crate::hardware::Serial;

#[entry]
fn start() -> ! {
    crate::image::main()
}

/// Interrupts stay masked, so every trap is a fault.
#[unsafe(export_name = "ExceptionHandler")]
fn fault(_: &mut TrapFrame) -> ! {
    panic!("exception {} at {:#x}", mcause::read().code(), mepc::read());
}

/// Prints the reason and ends the machine; tests check both.
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    let _ = writeln!(Serial::open(), "\n{info}");
    super::processor::end()
}

unsafe extern "C" {
    /// The lowest byte of the stack, defined by the linker script of riscv-rt.
    #[link_name = "__estack"]
    pub(in crate::hardware) static STACK_BEGIN: u8;
    /// The byte after the highest one.
    #[link_name = "__sstack"]
    pub(in crate::hardware) static STACK_END: u8;
}
