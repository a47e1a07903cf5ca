//! SIGINT, SIGTERM and SIGHUP as something to poll.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// The signals that ask for an end; blocked for the process from the making of this value on.
pub(crate) struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// To be called before any thread is started, so that all of them block the signals.
    pub(crate) fn block() -> io::Result<Self> {
        let mask: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        mask.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { fd: SignalFd::with_flags(&mask, flags)? })
    }

    /// True if a signal asks for an end.
    pub(crate) fn pending(&self) -> bool {
        matches!(self.fd.read_signal(), Ok(Some(_)))
    }

    /// Sleeps until one of `fds` is readable, a signal arrives or `timeout` is over.
    ///
    /// Tells which of `fds` are readable; `None` for a signal, which asks for the end.
    pub(crate) fn wait<const N: usize>(
        &self,
        fds: [Option<BorrowedFd<'_>>; N],
        timeout: Option<Duration>,
    ) -> io::Result<Option<[bool; N]>> {
        let timeout = match timeout {
            // rounded up, lest the last millisecond is spent without sleep
            Some(timeout) => PollTimeout::try_from(timeout + Duration::from_micros(999))
                .unwrap_or(PollTimeout::MAX),
            None => PollTimeout::NONE,
        };
        let own = Some(self.fd.as_fd());
        let mut polled: Vec<PollFd<'_>> = fds
            .into_iter()
            .chain([own])
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        match poll(&mut polled, timeout) {
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok((!self.pending()).then_some([false; N])),
            Err(errno) => return Err(errno.into()),
        }
        let mut ready = polled.iter().map(|fd| fd.any().unwrap_or(true));
        let readable = fds.map(|fd| fd.is_some() && ready.next().unwrap_or(false));
        Ok((!self.pending()).then_some(readable))
    }
}
