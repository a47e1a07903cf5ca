//! What the one thread sleeps on: an epoll instance and the signals.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use flowmote_core::Instant;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// Why the loop woke up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wakeup {
    /// [`Signals::next`] has one.
    Signal,
    /// The kernel tells of interfaces or addresses.
    Links,
    /// A name was resolved.
    Resolver,
    /// The tap of this ifIndex has packets, or an error.
    Tap(u32),
}

/// An epoll instance whose events say what they are about.
#[derive(Debug)]
pub(crate) struct Events {
    epoll: Epoll,
    ready: [EpollEvent; BATCH],
}

impl Events {
    /// An instance that watches nothing yet.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, ready: [EpollEvent::empty(); BATCH] })
    }

    /// Watches a file for input and errors; closing the file ends it.
    ///
    /// # Errors
    /// When the kernel has no memory for it.
    pub(crate) fn watch(&self, file: impl AsFd, wakeup: Wakeup) -> io::Result<()> {
        Ok(self.epoll.add(file, EpollEvent::new(EpollFlags::EPOLLIN, wakeup.word()))?)
    }

    /// Sleeps until something happens, `deadline` at the latest; for ever without one. Returns
    /// how many things [`woken`](Self::woken) has to tell.
    ///
    /// # Errors
    /// None that a correct program meets.
    pub(crate) fn wait(&mut self, now: Instant, deadline: Option<Instant>) -> io::Result<usize> {
        match self.epoll.wait(&mut self.ready, timeout(now, deadline)) {
            Ok(count) => Ok(count),
            Err(Errno::EINTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// The thing with this number that the last [`wait`](Self::wait) returned for.
    #[must_use]
    pub(crate) fn woken(&self, number: usize) -> Option<Wakeup> {
        self.ready.get(number).map(|event| Wakeup::from_word(event.data()))
    }
}

impl Wakeup {
    /// Interfaces are numbered from 1 in 31 bits, so the rest is free.
    fn word(self) -> u64 {
        match self {
            Self::Tap(if_index) => u64::from(if_index),
            Self::Signal => SIGNAL,
            Self::Links => LINKS,
            Self::Resolver => RESOLVER,
        }
    }

    fn from_word(word: u64) -> Self {
        match word {
            SIGNAL => Self::Signal,
            LINKS => Self::Links,
            RESOLVER => Self::Resolver,
            if_index => Self::Tap(if_index as u32),
        }
    }
}

/// The signals that the daemon obeys, blocked everywhere else.
#[derive(Debug)]
pub(crate) struct Signals {
    file: SignalFd,
}

impl Signals {
    /// Blocks the signals, before any thread is made, so that they arrive here only.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub(crate) fn block() -> io::Result<Self> {
        let mask = SigSet::from_iter(OBEYED);
        mask.thread_block()?;
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Self { file: SignalFd::with_flags(&mask, flags)? })
    }

    /// The next signal that came.
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

fn timeout(now: Instant, deadline: Option<Instant>) -> EpollTimeout {
    let Some(deadline) = deadline else { return EpollTimeout::NONE };
    // The clock has whole milliseconds, rounded down, so one more makes sure that it is past.
    let wait = if deadline > now { deadline.since(now).as_millis().saturating_add(1) } else { 0 };
    EpollTimeout::try_from(wait.min(MAX_WAIT)).unwrap_or(EpollTimeout::ZERO)
}

/// Not SIGPIPE, which Rust's runtime ignores already: who reads the log may go.
const OBEYED: [Signal; 4] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP, Signal::SIGUSR1];
const SIGNAL: u64 = 1 << 32;
const LINKS: u64 = 2 << 32;
const RESOLVER: u64 = 3 << 32;
const BATCH: usize = 64;
/// Far below what epoll can wait, and often enough for nobody to notice.
const MAX_WAIT: u32 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::pthread::{pthread_kill, pthread_self};
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn a_wakeup_survives_its_word() {
        for wakeup in
            [Wakeup::Signal, Wakeup::Links, Wakeup::Resolver, Wakeup::Tap(1), Wakeup::Tap(u32::MAX)]
        {
            assert_eq!(Wakeup::from_word(wakeup.word()), wakeup);
        }
    }

    #[test]
    fn what_is_readable_wakes_until_it_is_read() {
        let (mut events, (one, other)) = (Events::new().unwrap(), UnixDatagram::pair().unwrap());
        events.watch(&one, Wakeup::Tap(7)).unwrap();
        let (now, at_once) = (Instant::ZERO, Some(Instant::ZERO));
        assert_eq!(events.wait(now, at_once).unwrap(), 0);
        other.send(&[1]).unwrap();
        for _ in 0..2 {
            assert_eq!(events.wait(now, None).unwrap(), 1);
            assert_eq!((events.woken(0), events.woken(BATCH)), (Some(Wakeup::Tap(7)), None));
        }
        one.recv(&mut [0xa5]).unwrap();
        assert_eq!(events.wait(now, at_once).unwrap(), 0);
        drop(other);
        drop(one);
        assert_eq!(events.wait(now, at_once).unwrap(), 0, "a closed file is watched no more");
    }

    /// In a thread of its own, whose signals alone are blocked.
    #[test]
    fn a_signal_wakes_and_is_told_once() {
        let told = std::thread::spawn(|| {
            let mut signals = Signals::block().unwrap();
            let mut events = Events::new().unwrap();
            events.watch(&signals, Wakeup::Signal).unwrap();
            assert_eq!(signals.next(), None);
            pthread_kill(pthread_self(), Signal::SIGHUP).unwrap();
            assert_eq!(events.wait(Instant::ZERO, None).unwrap(), 1);
            (events.woken(0), signals.next(), signals.next())
        });
        let expected = (Some(Wakeup::Signal), Some(Signal::SIGHUP), None);
        assert_eq!(told.join().unwrap(), expected);
    }

    #[test]
    fn the_wait_ends_behind_the_deadline() {
        let at = Instant::from_millis;
        assert_eq!(timeout(at(5), None), EpollTimeout::NONE);
        assert_eq!(timeout(at(5), Some(at(5))), EpollTimeout::ZERO);
        assert_eq!(timeout(at(5), Some(at(3))), EpollTimeout::ZERO);
        assert_eq!(timeout(at(5), Some(at(105))), EpollTimeout::from(101u8));
        assert_eq!(timeout(at(0), Some(at(u64::MAX))), EpollTimeout::try_from(MAX_WAIT).unwrap());
    }
}
