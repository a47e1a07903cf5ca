//! The board: which peripheral is where, its clock, and sleeping.
#![allow(unsafe_code, reason = "places the peripherals, reads the painted stack")]

use cortex_m::Peripherals;
use cortex_m::interrupt::InterruptNumber;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m::peripheral::{NVIC, SCB, SYST};
use flowmote_core::Instant;

use crate::registers::Registers;
use crate::serial::Serial;

/// What an end station uses of the board.
#[derive(Debug)]
pub struct Board {
    /// UART0, the console.
    pub serial: Uart0,
    /// The time since power-on.
    pub clock: Clock,
    /// Waits for the next interrupt.
    pub sleeper: Sleeper,
}

/// The time since power-on, from a counter that wraps after 49 days: look at it oftener.
#[derive(Debug)]
pub struct Clock {
    fpgaio: Registers<FPGAIO>,
    last: u32,
    wraps: u32,
}

/// The serial port of the console.
pub type Uart0 = Serial<0x4000_4000>;

/// Sleeps until an interrupt is pending or a time is over.
pub struct Sleeper {
    systick: SYST,
}

/// Interrupts that the image listens to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Interrupt {
    /// UART0 received a byte.
    SerialReceive = 0,
    /// The Ethernet controller.
    Ethernet = 13,
}

impl Board {
    /// The board, once; its interrupts are enabled in the NVIC, and the console is open.
    #[must_use]
    pub fn take() -> Option<Self> {
        let mut core = Peripherals::take()?;
        core.SYST.set_clock_source(SystClkSource::Core);
        // SAFETY: UART0 of the memory map; only here, and `Peripherals::take` succeeds once.
        let mut serial = unsafe { Uart0::new() };
        // SAFETY: the FPGA system control block of the memory map, of which nobody else uses the counter.
        let mut fpgaio = unsafe { Registers::<FPGAIO>::new() };
        fpgaio.write(FPGAIO_PRESCALE, TICKS_PER_MILLI - 1);
        fpgaio.write(FPGAIO_COUNTER, 0);
        serial.start(Clock::HZ, 115_200);
        listen(Interrupt::SerialReceive);
        listen(Interrupt::Ethernet);
        // The counter runs, and interrupts, only while it is enabled.
        core.SYST.enable_interrupt();
        let clock = Clock { fpgaio, last: 0, wraps: 0 };
        let sleeper = Sleeper { systick: core.SYST };
        Some(Self { serial, clock, sleeper })
    }
}

impl Clock {
    /// The clock of the board and of the processor.
    pub const HZ: u32 = 25_000_000;

    /// The time since power-on. The counter is set to count milliseconds, so that a carry is all
    /// that is left of the library's `Clock64`.
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
    /// Sleeps until an interrupt is pending, at most to the time `until`, and never longer than
    /// half a second; not at all if `busy` says so, which is asked with interrupts off.
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
            // Its only purpose was to end the sleep.
            SCB::clear_pendst();
        });
    }
}

impl Sleeper {
    /// The timer that it sleeps by, for another use.
    #[must_use]
    pub fn into_systick(self) -> SYST {
        self.systick
    }
}

/// The deepest that the stack has been, in bytes: cortex-m-rt has painted it at reset.
#[must_use]
pub fn stack_used() -> usize {
    let bottom = cortex_m_rt::heap_start() as usize;
    let mut words = (bottom..RAM_END).step_by(4).map(|at| at as *const u32);
    let is_paint = |word: *const u32| {
        // SAFETY: between the last static and the end of RAM, aligned; there is the stack, and
        // reading the part of it below our frame disturbs nobody.
        (unsafe { word.read_volatile() }) == PAINT
    };
    words.position(|word| !is_paint(word)).map_or(0, |unused| RAM_END - bottom - unused * 4)
}

impl core::fmt::Debug for Sleeper {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Sleeper")
    }
}

/// Takes this interrupt again after [`ignore`].
pub fn listen(interrupt: Interrupt) {
    // SAFETY: no critical section is built on the mask of an interrupt.
    unsafe { NVIC::unmask(interrupt) };
}

/// Does not take this interrupt until [`listen`].
pub fn ignore(interrupt: Interrupt) {
    NVIC::mask(interrupt);
}

/// Has the handler of an interrupt run now.
pub fn raise(interrupt: Interrupt) {
    NVIC::pend(interrupt);
}

/// Forgets that an interrupt is pending, for a main loop that runs with interrupts off and looks
/// at the peripherals itself.
pub fn forget_interrupts() {
    NVIC::unpend(Interrupt::SerialReceive);
    NVIC::unpend(Interrupt::Ethernet);
}

/// Says why on the console and resets the board.
pub fn fail(serial: &mut Uart0, reason: &str) -> ! {
    serial.text("fatal: ").text(reason).text("\n");
    SCB::sys_reset()
}

/// The panic handler of an image: the only thing to do is to start over.
pub fn panicked() -> ! {
    cortex_m::interrupt::disable();
    // SAFETY: nobody else runs any more.
    let mut serial = unsafe { Uart0::new() };
    fail(&mut serial, "panic")
}

// SAFETY: the numbers are those of table 4-1 of DAI 0385.
unsafe impl InterruptNumber for Interrupt {
    fn number(self) -> u16 {
        self as u16
    }
}

/// As memory.x has it.
const RAM_END: usize = 0x2001_0000;
/// Of cortex-m-rt's feature paint-stack.
const PAINT: u32 = 0xcccc_cccc;
const TICKS_PER_MILLI: u32 = Clock::HZ / 1000;
const FPGAIO: usize = 0x4002_8000;
const FPGAIO_COUNTER: usize = 0x18;
const FPGAIO_PRESCALE: usize = 0x1c;
/// Milliseconds, because SysTick has 24 bits.
const LONGEST: u32 = 500;
