//! Time since boot, from a hardware tick that wraps.

use core::cell::Cell;

use critical_section::Mutex;
use flowmote_core::Instant;

/// Extends a free-running tick, such as SysTick or a 32-bit timer, to 64 bits.
///
/// Pass it the tick at least once per period: a 24-bit SysTick at 25 MHz wraps in 671 ms, a 32-bit
/// timer at 1 MHz in 71 minutes. If the main loop can be slower than that, call it from the wrap
/// interrupt as well, through [`SharedClock`]. Milliseconds are exact at every rate.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Clock64 {
    /// Ticks since boot, up to the last call.
    ticks: u64,
    /// The tick of the last call.
    last: u32,
    period: u64,
    ticks_per_second: u32,
    /// The same time as whole seconds, and in `rest` the ticks of the current second. Kept so that
    /// no 64-bit division is needed, which takes a kilobyte of flash on a Cortex-M3.
    seconds: u64,
    rest: u32,
}

impl Clock64 {
    /// A clock whose tick counts up from 0 to `period - 1` (2^24, 2^32, reload value + 1) and was
    /// 0 at boot. A period above 2^32 counts as 2^32.
    #[must_use]
    pub const fn new(period: u64, ticks_per_second: u32) -> Self {
        let period = if period > MAX_PERIOD { MAX_PERIOD } else { period };
        Self { ticks: 0, last: 0, period, ticks_per_second, seconds: 0, rest: 0 }
    }

    /// Advances to the register value `tick` and returns the ticks since boot.
    pub fn ticks(&mut self, tick: u32) -> u64 {
        let (last, tick) = (u64::from(self.last), u64::from(tick).min(self.period.wrapping_sub(1)));
        let wrap = if tick < last { self.period } else { 0 };
        let elapsed = tick.wrapping_add(wrap).wrapping_sub(last);
        self.ticks = self.ticks.wrapping_add(elapsed);
        self.last = tick as u32;
        self.count(elapsed as u32);
        self.ticks
    }

    /// As [`ticks`](Self::ticks), for a tick that counts down from `period - 1` to 0, as SysTick
    /// does.
    pub fn ticks_down(&mut self, tick: u32) -> u64 {
        let top = self.period.wrapping_sub(1) as u32;
        self.ticks(top.saturating_sub(tick))
    }

    /// Advances to the register value `tick` and returns the time since boot, which stays 0 for a
    /// clock of 0 ticks per second.
    pub fn now(&mut self, tick: u32) -> Instant {
        self.ticks(tick);
        self.instant()
    }

    /// As [`now`](Self::now), for a tick that counts down.
    pub fn now_down(&mut self, tick: u32) -> Instant {
        self.ticks_down(tick);
        self.instant()
    }

    /// Adds `elapsed` ticks, fewer than a period, to seconds and rest.
    fn count(&mut self, elapsed: u32) {
        let rate = self.ticks_per_second;
        let seconds = elapsed.checked_div(rate).unwrap_or_default();
        let more = elapsed.checked_rem(rate).unwrap_or_default();
        // `more` and `rest` are both below the rate, so they complete at most one second.
        let missing = rate.wrapping_sub(self.rest);
        let full = rate > 0 && more >= missing;
        self.rest = if full { more.wrapping_sub(missing) } else { self.rest.wrapping_add(more) };
        self.seconds = self.seconds.wrapping_add(seconds.into()).wrapping_add(full.into());
    }

    fn instant(&self) -> Instant {
        let millis = thousandths(self.rest, self.ticks_per_second);
        Instant::from_millis(self.seconds.wrapping_mul(1000).wrapping_add(millis.into()))
    }
}

/// Returns `part * 1000 / whole` for a `part` below `whole`, else 0. Long division by bits: the
/// quotient has only ten, and a 64-bit division would take a kilobyte of flash.
fn thousandths(part: u32, whole: u32) -> u32 {
    if part >= whole {
        return 0;
    }
    let mut rest = u64::from(part).wrapping_mul(1000);
    let mut divisor = u64::from(whole) << 10;
    let mut quotient = 0_u32;
    for _ in 0..10 {
        divisor >>= 1;
        quotient <<= 1;
        if rest >= divisor {
            rest = rest.wrapping_sub(divisor);
            quotient |= 1;
        }
    }
    quotient
}

/// A [`Clock64`] shared by interrupts and the main loop, read in a critical section.
///
/// ```
/// use flowmote_baremetal::{Clock64, SharedClock};
///
/// static CLOCK: SharedClock = SharedClock::new(Clock64::new(1 << 24, 25_000_000));
/// # let systick = || 25_000;
/// let now = CLOCK.now(systick);
/// assert_eq!(now.as_millis(), 1);
/// ```
#[derive(Debug)]
pub struct SharedClock {
    clock: Mutex<Cell<Clock64>>,
}

impl SharedClock {
    /// Shares a clock.
    #[must_use]
    pub const fn new(clock: Clock64) -> Self {
        Self { clock: Mutex::new(Cell::new(clock)) }
    }

    /// Returns the time since boot. `tick` reads the register, which counts up; it runs within the
    /// critical section, because an older value passed after a newer one would look like a wrap.
    pub fn now(&self, tick: impl FnOnce() -> u32) -> Instant {
        self.with(|clock| clock.now(tick()))
    }

    /// As [`now`](Self::now), for a register that counts down.
    pub fn now_down(&self, tick: impl FnOnce() -> u32) -> Instant {
        self.with(|clock| clock.now_down(tick()))
    }

    fn with(&self, ask: impl FnOnce(&mut Clock64) -> Instant) -> Instant {
        critical_section::with(|section| {
            let cell = self.clock.borrow(section);
            let mut clock = cell.get();
            let now = ask(&mut clock);
            cell.set(clock);
            now
        })
    }
}

/// Number of values of a 32-bit register.
const MAX_PERIOD: u64 = 1 << 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_24_bit_tick_is_exact_for_sixty_days() {
        let mut clock = Clock64::new(1 << 24, 25_000_000);
        let step = (1 << 24) - 1; // the longest permitted interval
        let mut tick = 0u64;
        let end = 60 * 86_400 * 25_000_000;
        while tick < end {
            tick += step;
            let now = clock.now((tick % (1 << 24)) as u32);
            assert_eq!(now.as_millis(), tick / 25_000);
        }
        assert!(clock.now((tick % (1 << 24)) as u32).as_millis() > u64::from(u32::MAX));
    }

    #[test]
    fn a_down_counter_may_have_any_period() {
        let mut clock = Clock64::new(25_000, 25_000_000);
        assert_eq!(clock.ticks_down(24_999), 0);
        assert_eq!(clock.ticks_down(0), 24_999);
        assert_eq!(clock.ticks_down(24_999), 25_000);
        assert_eq!(clock.now_down(24_999).as_millis(), 1);
        assert_eq!(
            clock.now_down(25_500).as_millis(),
            1,
            "a tick above the period counts as the top"
        );
    }

    #[test]
    fn a_32_bit_tick_wraps() {
        let mut clock = Clock64::new(1 << 32, 1_000_000);
        assert_eq!(clock.ticks(u32::MAX), u64::from(u32::MAX));
        assert_eq!(clock.ticks(4), (1 << 32) + 4);
        assert_eq!(clock.ticks(4), (1 << 32) + 4);
    }

    #[test]
    fn every_rate_gives_exact_milliseconds() {
        let rates = [1_u32, 7, 999, 1000, 32_768, 11_059_200, 4_294_968, 216_000_001, u32::MAX];
        for rate in rates {
            let mut clock = Clock64::new(1 << 32, rate);
            let mut ticks = 0_u64;
            for step in (0..20_000_u64).map(|at| at * 104_729 % u64::from(u32::MAX)) {
                ticks += step;
                let exact = u128::from(ticks) * 1000 / u128::from(rate);
                let now = clock.now(ticks as u32).as_millis();
                assert_eq!(u128::from(now), exact, "{rate} Hz after {ticks} ticks");
            }
        }
    }

    #[test]
    fn thousandths_are_exact_at_every_edge() {
        for whole in [1, 2, 3, 999, 1000, 1001, 11_059_200, 1 << 31, u32::MAX - 1, u32::MAX] {
            for thousandth in 0..1000_u64 {
                let edge = (thousandth * u64::from(whole)).div_ceil(1000) as u32;
                for part in [edge.saturating_sub(1), edge, edge + 1, whole - 1] {
                    let part = part.min(whole - 1);
                    let exact = u64::from(part) * 1000 / u64::from(whole);
                    assert_eq!(u64::from(thousandths(part, whole)), exact, "{part} of {whole}");
                }
            }
        }
        assert_eq!((thousandths(0, 0), thousandths(5, 5)), (0, 0));
    }

    #[test]
    fn zero_and_oversized_periods_do_not_panic() {
        assert_eq!(Clock64::new(0, 0).now(7), Instant::ZERO);
        assert_eq!(
            Clock64::new(u64::MAX, 1).now_down(7).as_millis(),
            (u64::from(u32::MAX) - 7) * 1000
        );
    }

    #[test]
    fn a_shared_clock_reads_within_the_section() {
        static CLOCK: SharedClock = SharedClock::new(Clock64::new(1000, 1000));
        assert_eq!(CLOCK.now(|| 999).as_millis(), 999);
        assert_eq!(CLOCK.now(|| 0).as_millis(), 1000);
        assert_eq!(CLOCK.now_down(|| 998).as_millis(), 1001);
    }
}
