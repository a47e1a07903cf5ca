//! Sleep, and the interrupts that end it.
//!
//! Interrupts are masked in the hart (mstatus.MIE) and enabled one by one (mie), so they end WFI
//! and have no other effect. Interrupts pending in the PLIC are claimed after the sleep and before
//! the devices are served: a later request becomes pending again, and WFI returns immediately.

use core::ptr;

use riscv::register::mie;

/// Enables the interrupts of timer, console and network devices at the hart.
pub(crate) fn enable_interrupts() {
    for source in SOURCES {
        // SAFETY: a priority register of the PLIC, which only this function accesses.
        unsafe { ptr::write_volatile((PLIC_PRIORITY + 4 * source) as *mut u32, 1) };
    }
    let enabled = SOURCES.fold(0u32, |bits, source| bits | 1 << source);
    for (register, value) in [(PLIC_ENABLE, enabled), (PLIC_THRESHOLD, 0)] {
        // SAFETY: an enable or threshold register of the PLIC, which only this function accesses.
        unsafe { ptr::write_volatile(register as *mut u32, value) };
    }
    // SAFETY: mstatus.MIE stays off, so the enabled interrupt is never taken as a trap.
    unsafe { mie::set_mtimer() };
    // SAFETY: mstatus.MIE stays off here as well.
    unsafe { mie::set_mext() };
}

/// Sleeps until a device or the timer asserts its interrupt.
pub(crate) fn wait_for_interrupt() {
    riscv::asm::wfi();
    for _ in SOURCES {
        // SAFETY: the claim register of the PLIC; reading it claims an interrupt, which only this
        // function does.
        let source = unsafe { ptr::read_volatile(PLIC_CLAIM as *const u32) };
        if source == 0 {
            break;
        }
        // SAFETY: the same register; writing the claimed number completes the interrupt.
        unsafe { ptr::write_volatile(PLIC_CLAIM as *mut u32, source) };
    }
}

/// Ends the machine.
pub(crate) fn end() -> ! {
    // SAFETY: the register of VIRT_TEST, for which this value means power off.
    unsafe { ptr::write_volatile(0x0010_0000 as *mut u32, 0x5555) };
    loop {
        riscv::asm::wfi();
    }
}

/// Interrupts 1 to 8 are those of the virtio slots, 10 is that of the UART.
const SOURCES: core::ops::RangeInclusive<usize> = 1..=10;
// VIRT_PLIC; context 0 is machine mode of the first hart.
const PLIC_PRIORITY: usize = 0x0c00_0000;
const PLIC_ENABLE: usize = 0x0c00_2000;
const PLIC_THRESHOLD: usize = 0x0c20_0000;
const PLIC_CLAIM: usize = 0x0c20_0004;
