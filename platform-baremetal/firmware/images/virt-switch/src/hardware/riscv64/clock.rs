//! The timer of the CLINT: time since boot, and the alarm that ends a sleep.

use core::ptr;

use flowmote_core::Instant;
use riscv::register::{minstret, time};

/// The timer of the CLINT, which starts with the machine.
#[derive(Debug)]
pub(crate) struct Clock;

impl Clock {
    pub(crate) fn new() -> Self {
        Self
    }

    /// Returns retired instructions, the unit of the load figures. Without `-icount` QEMU returns
    /// the ticks of its host instead.
    pub(crate) fn ticks(&self) -> u64 {
        minstret::read64()
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::from_millis(time::read64() / TICKS_PER_MILLI)
    }

    /// Sets the timer to assert its interrupt from `deadline` on; `None`: never.
    pub(crate) fn wake_at(&self, deadline: Option<Instant>) {
        let ticks = deadline
            .map_or(u64::MAX, |deadline| deadline.as_millis().saturating_mul(TICKS_PER_MILLI));
        // SAFETY: a register of the CLINT that only this clock accesses. Its interrupt is masked,
        // so it is never taken as a trap.
        unsafe { ptr::write_volatile(MTIMECMP as *mut u64, ticks) };
    }
}

/// RISCV_ACLINT_DEFAULT_TIMEBASE_FREQ: 10 MHz.
const TICKS_PER_MILLI: u64 = 10_000;
/// VIRT_CLINT, registers of the first hart.
const MTIMECMP: usize = 0x0200_4000;
