//! The generic timer: time since boot, and the alarm that ends a sleep.

use core::arch::asm;

use flowmote_core::Instant;

/// The virtual counter of the processor, which starts with the machine.
#[derive(Debug)]
pub(crate) struct Clock {
    /// Ticks per second; 62.5 MHz on QEMU.
    frequency: u64,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let frequency: u64;
        // SAFETY: reading CNTFRQ_EL0 has no effect.
        unsafe {
            asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack));
        }
        Self { frequency: frequency.max(1) }
    }

    /// Returns the counter value.
    pub(crate) fn ticks(&self) -> u64 {
        let ticks: u64;
        // SAFETY: reading CNTVCT_EL0 has no effect. The barrier keeps the processor from reading it
        // before earlier instructions.
        unsafe {
            asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack));
        }
        ticks
    }

    pub(crate) fn now(&self) -> Instant {
        let ticks = self.ticks();
        let (seconds, rest) = (ticks / self.frequency, ticks % self.frequency);
        // No overflow: the remainder is below a frequency of 32 bits.
        Instant::from_millis(seconds * 1000 + rest * 1000 / self.frequency)
    }

    /// Sets the timer to assert its interrupt from `deadline` on; `None`: never.
    pub(crate) fn wake_at(&self, deadline: Option<Instant>) {
        let ticks = deadline.map_or(u64::MAX, |deadline| {
            let (seconds, millis) = (deadline.as_millis() / 1000, deadline.as_millis() % 1000);
            // Rounded up, so that the deadline has passed when the alarm fires.
            let rest = (millis * self.frequency).div_ceil(1000);
            seconds.saturating_mul(self.frequency).saturating_add(rest)
        });
        // SAFETY: only this clock uses the virtual timer, and its interrupt is masked, so it is
        // never taken as an exception.
        unsafe {
            asm!(
                "msr cntv_cval_el0, {ticks}",
                "msr cntv_ctl_el0, {enable}",
                "isb",
                ticks = in(reg) ticks,
                enable = in(reg) 1u64,
                options(nomem, nostack),
            );
        }
    }
}
