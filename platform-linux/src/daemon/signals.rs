//! The signals that the daemon handles.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A descriptor that delivers the signals, which are blocked everywhere else.
#[derive(Debug)]
pub(crate) struct Signals {
    file: SignalFd,
}

impl Signals {
    /// Blocks the signals for the calling thread. To be called before any thread is started:
    /// threads inherit the mask, and a thread that does not block a signal may take it.
    ///
    /// # Errors
    /// EMFILE and ENFILE: no descriptor is left.
    pub(crate) fn block() -> io::Result<Self> {
        let mask = SigSet::from_iter(HANDLED);
        mask.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self { file: SignalFd::with_flags(&mask, flags)? })
    }

    /// Takes the next pending signal.
    pub(crate) fn next(&mut self) -> Option<Signal> {
        let info = self.file.read_signal().ok().flatten()?;
        Signal::try_from(i32::try_from(info.ssi_signo).ok()?).ok()
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// SIGPIPE is missing because Rust's runtime already ignores it: the reader of the log may close
/// its end at any time.
const HANDLED: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{Events, Wakeup};
    use flowmote_core::Instant;
    use nix::sys::pthread::{pthread_kill, pthread_self};

    /// Runs in its own thread, the only one whose signals are blocked.
    #[test]
    fn signal_wakes_and_is_delivered_once() {
        let delivered = std::thread::spawn(|| {
            let mut signals = Signals::block().unwrap();
            let mut events = Events::new().unwrap();
            events.watch(&signals, Wakeup::Signal).unwrap();
            assert_eq!(signals.next(), None);
            pthread_kill(pthread_self(), Signal::SIGHUP).unwrap();
            assert_eq!(events.wait(Instant::ZERO, None).unwrap(), 1);
            (events.woken(0), signals.next(), signals.next())
        });
        let expected = (Some(Wakeup::Signal), Some(Signal::SIGHUP), None);
        assert_eq!(delivered.join().unwrap(), expected);
    }
}
