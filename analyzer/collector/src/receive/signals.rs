//! Signals as a pollable file descriptor.

use core::time::Duration;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// A signalfd of SIGINT, SIGTERM, SIGHUP and SIGUSR1. They stay blocked after this value is dropped.
pub(crate) struct Signals {
    fd: SignalFd,
}

/// The reasons for which [`Signals::wait`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wake<const N: usize> {
    /// For each descriptor, if it is readable.
    pub(crate) readable: [bool; N],
    /// Number of SIGINT and SIGTERM: end.
    pub(crate) ends: u32,
    /// SIGHUP: reopen files, or end.
    pub(crate) hangup: bool,
    /// SIGUSR1: print the counts.
    pub(crate) report: bool,
}

impl Signals {
    /// Blocks the signals in this thread. Call it before starting threads, which inherit the mask: an
    /// unblocked thread would die of the signal.
    pub(crate) fn block() -> io::Result<Self> {
        let signals = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGUSR1];
        let mask: SigSet = signals.into_iter().collect();
        mask.thread_block()?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Self { fd: SignalFd::with_flags(&mask, flags)? })
    }

    /// Waits until one of `fds` is readable, a signal arrives, or `timeout` has passed.
    pub(crate) fn wait<const N: usize>(
        &self,
        fds: [Option<BorrowedFd<'_>>; N],
        timeout: Option<Duration>,
    ) -> io::Result<Wake<N>> {
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
        let mut wake = Wake { readable: [false; N], ends: 0, hangup: false, report: false };
        match poll(&mut polled, timeout) {
            Ok(_) => {
                // Descriptors that are absent were not polled. The signalfd is the last one.
                let mut ready = polled.iter().map(|fd| fd.any().unwrap_or(true));
                wake.readable = fds.map(|fd| fd.is_some() && ready.next().unwrap_or(false));
            }
            // Another signal, such as SIGWINCH after a resize of the terminal.
            Err(Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        self.take(&mut wake);
        Ok(wake)
    }

    /// Takes all pending signals.
    fn take<const N: usize>(&self, wake: &mut Wake<N>) {
        while let Ok(Some(signal)) = self.fd.read_signal() {
            match Signal::try_from(signal.ssi_signo.cast_signed()) {
                Ok(Signal::SIGHUP) => wake.hangup = true,
                Ok(Signal::SIGUSR1) => wake.report = true,
                _ => wake.ends += 1,
            }
        }
    }
}
