//! Sleep, and the interrupts that end it.
//!
//! Interrupts are masked in the processor and never acknowledged in the GIC. All are
//! level-triggered: the line falls when the device has been served, and until then WFI returns
//! immediately. So no wake-up is lost between the last check of the devices and WFI.

use core::arch::asm;
use core::ptr;

/// Enables the interrupts of timer, console and network devices at the processor.
pub(crate) fn enable_interrupts() {
    for (register, value) in [
        (GICD_CTLR, 1),
        (gicd_isenabler(TIMER), 1 << (TIMER % 32)),
        (gicd_isenabler(UART), 1 << (UART % 32)),
        // The 32 virtio slots have interrupts 48 to 79.
        (gicd_isenabler(VIRTIO), 0xffff_0000),
        (gicd_isenabler(VIRTIO + 16), 0x0000_ffff),
        (GICC_PMR, 0xff),
        (GICC_CTLR, 1),
    ] {
        // SAFETY: a register of the GICv2, mapped as device memory, which only this function
        // accesses.
        unsafe { ptr::write_volatile(register as *mut u32, value) };
    }
}

/// Sleeps until a device or the timer asserts its interrupt.
pub(crate) fn wait_for_interrupt() {
    // SAFETY: WFI changes no state. Without `nomem` the compiler reads memory that devices write
    // only after it.
    unsafe { asm!("dsb sy", "wfi", options(nostack)) };
}

const fn gicd_isenabler(interrupt: usize) -> usize {
    GICD_ISENABLER + interrupt / 32 * 4
}

// GICv2 (IHI 0048B): distributor at 0x0800_0000, processor interface at 0x0801_0000.
const GICD_CTLR: usize = 0x0800_0000;
const GICD_ISENABLER: usize = 0x0800_0100;
const GICC_CTLR: usize = 0x0801_0000;
const GICC_PMR: usize = 0x0801_0004;
/// The virtual timer: private peripheral interrupt 11.
const TIMER: usize = 16 + 11;
/// Shared peripheral interrupt 1.
const UART: usize = 32 + 1;
/// The first virtio slot: shared peripheral interrupt 16.
const VIRTIO: usize = 32 + 16;

struct Alone;
critical_section::set_impl!(Alone);

// SAFETY: there is one processor and it takes no interrupts, so nothing can preempt a section.
unsafe impl critical_section::Impl for Alone {
    unsafe fn acquire() -> critical_section::RawRestoreState {}

    unsafe fn release(_: critical_section::RawRestoreState) {}
}
