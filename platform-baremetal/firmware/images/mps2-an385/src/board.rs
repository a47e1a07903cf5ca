//! The board: addresses of the peripherals, the clock, and sleep.
#![allow(unsafe_code, reason = "places the peripherals, reads the painted stack")]

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB, SYST};
use flowmote_core::Instant;

use crate::registers::Registers;
use crate::serial::Serial;

/// The parts of the board that an end station uses.
#[derive(Debug)]
pub struct Board {
    /// UART0, the console.
    pub serial: Uart0,
    /// The time since power-on.
    pub clock: Clock,
    /// Sleep until the next interrupt.
    pub sleeper: Sleeper,
}

/// The time since power-on, from a counter that wraps after 49 days and must be read more often.
#[derive(Debug)]
pub struct Clock {
    fpgaio: Registers<FPGAIO>,
    last: u32,
    wraps: u32,
}

/// The serial port of the console.
pub type Uart0 = Serial<0x4000_4000>;

/// Sleep until an interrupt is pending or a time has passed.
pub struct Sleeper {
    systick: SYST,
}

/// The interrupts that the image enables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    /// UART0 received a byte.
    SerialReceive = 0,
    /// The Ethernet controller.
    Ethernet = 13,
}

impl Board {
    /// Returns the board, with interrupts enabled in the NVIC and the console open; `None` on
    /// further calls.
    #[must_use]
    pub fn take() -> Option<Self> {
        let mut core = Peripherals::take()?;
        core.SYST.set_clock_source(SystClkSource::Core);
        // SAFETY: UART0 is at this address, and `Peripherals::take` succeeds only once, so this is
        // its only owner.
        let mut serial = unsafe { Uart0::new() };
        // SAFETY: the FPGA system control block is at this address, and only `Clock` uses its
        // counter.
        let mut fpgaio = unsafe { Registers::<FPGAIO>::new() };
        fpgaio.write(FPGAIO_PRESCALE, TICKS_PER_MILLI - 1);
        fpgaio.write(FPGAIO_COUNTER, 0);
        serial.start(Clock::HZ, 115_200);
        listen(Interrupt::SerialReceive);
        listen(Interrupt::Ethernet);
        // Only enables the exception: SysTick counts and fires during a sleep, while it is enabled.
        core.SYST.enable_interrupt();
        let clock = Clock { fpgaio, last: 0, wraps: 0 };
        let sleeper = Sleeper { systick: core.SYST };
        Some(Self { serial, clock, sleeper })
    }
}

impl Clock {
    /// The clock of the board and of the processor.
    pub const HZ: u32 = 25_000_000;

    /// Returns the time since power-on. The counter is set to count milliseconds, so that a carry
    /// replaces the library's `Clock64`.
    pub fn now(&mut self) -> Instant {
        let millis = self.fpgaio.read(FPGAIO_COUNTER);
        if millis < self.last {
            self.wraps += 1;
        }
        self.last = millis;
        Instant::from_millis(u64::from(self.wraps) << 32 | u64::from(millis))
    }
}

impl Sleeper {
    /// Sleeps until an interrupt is pending, at most until the time `until` and half a second. Does
    /// not sleep if `busy` returns true. `busy` runs with interrupts off, so that none is missed.
    pub fn sleep(&mut self, now: Instant, until: Option<Instant>, busy: impl FnOnce() -> bool) {
        let millis = until.map_or(LONGEST, |until| until.since(now).as_millis());
        let ticks = millis.min(LONGEST) * TICKS_PER_MILLI;
        cortex_m::interrupt::free(|_| {
            if ticks == 0 || busy() {
                return;
            }
            self.systick.set_reload(ticks);
            self.systick.clear_current();
            self.systick.enable_counter();
            cortex_m::asm::wfi();
            self.systick.disable_counter();
            // The exception was only to end the sleep: WFI wakes even with interrupts off.
            SCB::clear_pendst();
        });
    }
}

impl Sleeper {
    /// Returns the timer, for another use.
    #[must_use]
    pub fn into_systick(self) -> SYST {
        self.systick
    }
}

/// Returns the maximum stack use in bytes, from the paint that cortex-m-rt applied at reset.
#[must_use]
pub fn stack_used() -> usize {
    let bottom = cortex_m_rt::heap_start() as usize;
    let mut words = (bottom..RAM_END).step_by(4).map(|at| at as *const u32);
    let is_paint = |word: *const u32| {
        // SAFETY: aligned, and between the last static and the end of RAM, which is the stack. Any
        // bytes are a valid `u32`, and reading has no effect.
        (unsafe { word.read_volatile() }) == PAINT
    };
    words.position(|word| !is_paint(word)).map_or(0, |unused| RAM_END - bottom - unused * 4)
}

impl core::fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sleeper")
    }
}

/// Enables an interrupt.
pub fn listen(interrupt: Interrupt) {
    // SAFETY: critical sections here use PRIMASK, none relies on the mask of a single interrupt.
    unsafe { NVIC::unmask(interrupt) };
}

/// Disables an interrupt until [`listen`].
pub fn ignore(interrupt: Interrupt) {
    NVIC::mask(interrupt);
}

/// Makes an interrupt pending, so that its handler runs.
pub fn raise(interrupt: Interrupt) {
    NVIC::pend(interrupt);
}

/// Clears pending interrupts, for a main loop that runs with interrupts off and polls the
/// peripherals itself.
pub fn forget_interrupts() {
    NVIC::unpend(Interrupt::SerialReceive);
    NVIC::unpend(Interrupt::Ethernet);
}

/// Prints the reason on the console and resets the board.
pub fn fail(serial: &mut Uart0, reason: &str) -> ! {
    serial.text("fatal: ").text(reason).text("\n");
    SCB::sys_reset()
}

/// The panic handler of an image, which restarts it.
pub fn panicked() -> ! {
    cortex_m::interrupt::disable();
    // SAFETY: interrupts are off and the panicking code does not continue, so the other owner of
    // the UART never uses it again.
    let mut serial = unsafe { Uart0::new() };
    fail(&mut serial, "panic")
}

// SAFETY: the numbers are those of DAI 0385, table 4-1.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// End of RAM, as in memory.x.
const RAM_END: usize = 0x2001_0000;
/// The value of cortex-m-rt's feature `paint-stack`.
const PAINT: u32 = 0xcccc_cccc;
const TICKS_PER_MILLI: u32 = Clock::HZ / 1000;
const FPGAIO: usize = 0x4002_8000;
const FPGAIO_COUNTER: usize = 0x18;
const FPGAIO_PRESCALE: usize = 0x1c;
/// Longest sleep in milliseconds: 24 bits of SysTick at 25 MHz are 671 ms.
const LONGEST: u32 = 500;
