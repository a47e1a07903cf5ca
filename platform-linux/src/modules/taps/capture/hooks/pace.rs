//! When the ring of the hooks is read.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

/// Has the ring read some time after its first event, so that many events cost one wake-up, as the
/// blocks of a packet socket do.
#[derive(Debug)]
pub struct Pace {
    timer: TimerFd,
    is_set: bool,
}

impl Pace {
    /// A timer that is not set.
    ///
    /// # Errors
    /// EMFILE, ENFILE, ENOMEM.
    pub fn new() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        Ok(Self { timer: TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?, is_set: false })
    }

    /// Notes that the ring has woken the loop. Returns true if it is to be read immediately: it was
    /// waited for already, and fills before the time is over.
    pub fn woken(&mut self) -> bool {
        if self.is_set {
            return true;
        }
        // EINVAL only, for a time that is none: then the ring is read at once.
        let wait = Expiration::OneShot(TimeSpec::new(0, WAIT_NS));
        self.is_set = self.timer.set(wait, TimerSetTimeFlags::empty()).is_ok();
        !self.is_set
    }

    /// Notes that the ring was read, to its end or not.
    pub fn read(&mut self, more: bool) {
        let result = match more {
            true => {
                self.timer.set(Expiration::OneShot(TimeSpec::new(0, 1)), TimerSetTimeFlags::empty())
            }
            false => self.timer.unset(),
        };
        self.is_set = more && result.is_ok();
    }
}

impl AsFd for Pace {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.timer.as_fd()
    }
}

/// As the retire time of a packet socket's ring.
const WAIT_NS: i64 = 50_000_000;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

    fn is_ready(pace: &Pace, timeout: PollTimeout) -> bool {
        let mut files = [PollFd::new(pace.as_fd(), PollFlags::POLLIN)];
        poll(&mut files, timeout).unwrap() == 1
    }

    #[test]
    fn first_wakeup_sets_the_timer_and_the_second_reads() {
        let mut pace = Pace::new().unwrap();
        assert!(!is_ready(&pace, PollTimeout::ZERO), "not set");
        assert!(!pace.woken());
        assert!(is_ready(&pace, PollTimeout::NONE));
        assert!(pace.woken(), "the ring fills");
        pace.read(false);
        assert!(!is_ready(&pace, PollTimeout::ZERO), "nothing is left");
        assert!(!pace.woken(), "the next event");
    }

    #[test]
    fn rest_is_read_in_the_next_turn() {
        let mut pace = Pace::new().unwrap();
        pace.woken();
        pace.read(true);
        assert!(is_ready(&pace, PollTimeout::NONE));
        pace.read(false);
        assert!(!is_ready(&pace, PollTimeout::ZERO));
    }
}
