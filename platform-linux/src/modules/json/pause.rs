//! Pauses between reads while many datagrams arrive.

use std::io;

use flowmote_core::{Duration, Instant};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::modules::module::World;

/// A timer that takes the place of the sockets in the event loop.
///
/// A wake-up costs as much as dozens of messages. At 10,000 messages a second, one every 5 ms instead
/// of one each leaves a fiftieth of them.
#[derive(Debug, Default)]
pub(super) struct Pause {
    timer: Option<TimerFd>,
    is_active: bool,
    last_wakeup: Option<Instant>,
}

impl Pause {
    /// Notes a wake-up by a socket. Returns true if pauses are worth it: the one before was shorter
    /// ago than a pause.
    pub(super) fn is_worth_it(&mut self, now: Instant) -> bool {
        let last = self.last_wakeup.replace(now);
        !self.is_active && last.is_some_and(|last| now.since(last) <= PAUSE)
    }

    /// Begins a series of pauses: the event loop is woken with `token` after each.
    pub(super) fn begin(&mut self, world: &World<'_>, token: u32) -> io::Result<()> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            vacant => {
                let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
                let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
                world.watch(&timer, token)?;
                vacant.insert(timer)
            }
        };
        let interval = TimeSpec::new(0, i64::from(PAUSE.as_millis()) * 1_000_000);
        timer.set(Expiration::Interval(interval), TimerSetTimeFlags::empty())?;
        self.is_active = true;
        Ok(())
    }

    /// Notes the end of one pause.
    pub(super) fn over(&self) {
        // An error only means that the event loop is woken once more.
        let _ = self.timer.as_ref().map(TimerFd::wait);
    }

    /// Ends the series.
    pub(super) fn end(&mut self) {
        let _ = self.timer.as_ref().map(TimerFd::unset);
        self.is_active = false;
    }
}

/// Short enough that a receive queue of the usual size, twice 208 KiB or about 330 messages, holds
/// those of 60,000 a second.
const PAUSE: Duration = Duration::from_millis(5);
