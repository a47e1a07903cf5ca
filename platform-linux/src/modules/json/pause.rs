//! Pauses between reads while many datagrams arrive.

use std::io;

use flowmote_core::{Duration, Instant};
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use crate::kernel::sys::udp::ReceiveQueue;
use crate::modules::module::World;

/// A timer that takes the place of the sockets in the event loop.
///
/// A wake-up costs as much as dozens of messages. At 10,000 messages a second, one every 10 ms instead
/// of one each leaves a hundredth of them; with a queue of more than the usual size, half of that.
#[derive(Debug, Default)]
pub(super) struct Pause {
    timer: Option<TimerFd>,
    is_active: bool,
    length: Duration,
    last_wakeup: Option<Instant>,
}

impl Pause {
    /// Notes a wake-up by a socket. Returns true if pauses are worth it: the one before was shorter
    /// ago than a pause.
    pub(super) fn is_worth_it(&mut self, now: Instant) -> bool {
        let last = self.last_wakeup.replace(now);
        !self.is_active && last.is_some_and(|last| now.since(last) <= FIRST)
    }

    /// Begins a series of pauses: the event loop is woken with `token` after each.
    pub(super) fn begin(&mut self, world: &World<'_>, token: u32) -> io::Result<()> {
        if self.timer.is_none() {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
            world.watch(&timer, token)?;
            self.timer = Some(timer);
        }
        self.set(FIRST)?;
        self.is_active = true;
        Ok(())
    }

    fn set(&mut self, length: Duration) -> io::Result<()> {
        let Some(timer) = &self.timer else { return Ok(()) };
        let interval = TimeSpec::new(0, i64::from(length.as_millis()) * 1_000_000);
        timer.set(Expiration::Interval(interval), TimerSetTimeFlags::empty())?;
        self.length = length;
        Ok(())
    }

    /// Notes the end of one pause.
    pub(super) fn over(&self) {
        // An error only means that the event loop is woken once more.
        let _ = self.timer.as_ref().map(TimerFd::wait);
    }

    /// Adapts the length of the pauses to what the fullest of the queues held at the end of one.
    pub(super) fn follow(&mut self, queues: impl Iterator<Item = ReceiveQueue>) {
        let Some(quarters) = queues.map(quarters).max() else { return };
        let length = following(self.length, quarters);
        if length != self.length {
            // An error leaves the timer as it was.
            let _ = self.set(length);
        }
    }

    /// Ends the series.
    pub(super) fn end(&mut self) {
        let _ = self.timer.as_ref().map(TimerFd::unset);
        self.is_active = false;
    }
}

/// Full quarters of the memory of a queue.
fn quarters(queue: ReceiveQueue) -> u64 {
    u64::from(queue.used) * 4 / u64::from(queue.size.max(1))
}

/// The pause after one that has filled this many quarters of a queue. Twice as many messages still fit
/// then.
fn following(length: Duration, quarters: u64) -> Duration {
    let millis = length.as_millis();
    Duration::from_millis(match quarters {
        0 => (millis * 2).min(LONGEST),
        1 => millis,
        _ => (millis / 2).max(SHORTEST),
    })
}

/// The first pause of a series. A receive queue of the usual size, twice 208 KiB or about 330 messages,
/// holds those of 60,000 a second.
const FIRST: Duration = Duration::from_millis(5);
/// Milliseconds of the longest pause, which delays a sample.
const LONGEST: u32 = 20;
/// Milliseconds of the shortest one.
const SHORTEST: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds of the pauses while messages arrive, each of which takes `memory` bytes of a queue
    /// of the usual size.
    fn settled(per_second: u32, memory: u32) -> (u32, u32) {
        let mut length = FIRST;
        let mut pauses = [0; 20].map(|_| {
            let used = per_second * length.as_millis() / 1000 * memory;
            length = following(length, quarters(ReceiveQueue { used, size: 425_984, losses: 0 }));
            length.as_millis()
        });
        pauses.reverse();
        (pauses[0], pauses[1])
    }

    #[test]
    fn pauses_fill_between_a_quarter_and_a_half_of_a_queue() {
        for (per_second, memory, expected) in [
            (300, 1280, 20),
            (6_000, 1280, 20),
            (10_000, 1280, 10),
            (25_000, 1280, 5),
            (60_000, 1280, 2),
            (500_000, 1280, 1),
            (10_000, 4352, 4),
        ] {
            let found = settled(per_second, memory);
            assert_eq!(found, (expected, expected), "{per_second} of {memory}");
        }
    }
}
