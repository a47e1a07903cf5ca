//! SIGINT, SIGTERM and SIGHUP as a pollable file descriptor.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A signalfd of the signals that end the program. They stay blocked after this value is dropped.
pub(crate) struct Signals {
    fd: SignalFd,
}

impl Signals {
    /// Blocks the signals in this thread. Call it before starting threads, which inherit the mask: an
    /// unblocked thread would die of the signal.
    pub(crate) fn block() -> io::Result<Self> {
        let mask: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        mask.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { fd: SignalFd::with_flags(&mask, flags)? })
    }

    /// Takes a pending signal; true if there was one.
    pub(crate) fn pending(&self) -> bool {
        matches!(self.fd.read_signal(), Ok(Some(_)))
    }

    /// Waits until one of `fds` is readable, a signal arrives, or `timeout` has passed.
    ///
    /// Returns for each of `fds` if it is readable; `None` after a signal.
    pub(crate) fn wait<const N: usize>(
        &self,
        fds: [Option<BorrowedFd<'_>>; N],
        timeout: Option<Duration>,
    ) -> io::Result<Option<[bool; N]>> {
        let timeout = match timeout {
            // Round up to milliseconds: rounding down would poll in a busy loop for the last one.
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
            // Another signal, such as SIGWINCH after a resize of the terminal.
            Err(Errno::EINTR) => return Ok((!self.pending()).then_some([false; N])),
            Err(errno) => return Err(errno.into()),
        }
        // Descriptors that are absent were not polled. The signalfd is the last one.
        let mut ready = polled.iter().map(|fd| fd.any().unwrap_or(true));
        let readable = fds.map(|fd| fd.is_some() && ready.next().unwrap_or(false));
        Ok((!self.pending()).then_some(readable))
    }
}
