//! The epoll instance on which the daemon sleeps, and the reasons to wake up.

use std::io;
use std::os::fd::AsFd;

use flowmote_core::Instant;
use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

/// The reason of a wake-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wakeup {
    /// A signal is pending.
    Signal,
    /// rtnetlink notifications are pending.
    Links,
    /// The resolver has a result.
    Resolver,
    /// The socket of a collector has an error.
    Collectors,
    /// The status socket, the listener of metrics or a client of one of them.
    Visitor {
        /// The number under which the descriptor was registered.
        token: u32,
    },
    /// A descriptor of a module is readable or has an error.
    Module {
        /// Position in the list of modules.
        module: u16,
        /// The number under which the module registered the descriptor.
        token: u32,
    },
}

/// An epoll instance, level-triggered except where it is asked not to be: what is left unread wakes the
/// loop again.
#[derive(Debug)]
pub(crate) struct Events {
    epoll: Epoll,
    ready: [EpollEvent; BATCH],
}

impl Events {
    /// Creates an instance that watches nothing yet.
    ///
    /// # Errors
    /// EMFILE and ENFILE: no descriptor is left. ENOMEM.
    pub(crate) fn new() -> io::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        Ok(Self { epoll, ready: [EpollEvent::empty(); BATCH] })
    }

    /// Watches a descriptor for input and errors, until it is closed.
    ///
    /// # Errors
    /// ENOMEM, and ENOSPC beyond `/proc/sys/fs/epoll/max_user_watches`.
    pub(crate) fn watch(&self, file: impl AsFd, wakeup: Wakeup) -> io::Result<()> {
        Ok(self.epoll.add(file, EpollEvent::new(EpollFlags::EPOLLIN, wakeup.word()))?)
    }

    /// Watches a descriptor for input, until it is closed. Each arrival wakes the loop once, whether it
    /// is read or not.
    ///
    /// # Errors
    /// Those of [`watch`](Self::watch).
    pub(crate) fn watch_arrivals(&self, file: impl AsFd, wakeup: Wakeup) -> io::Result<()> {
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLET;
        Ok(self.epoll.add(file, EpollEvent::new(flags, wakeup.word()))?)
    }

    /// Watches a descriptor for errors only, until it is closed: what arrives on it is not read.
    ///
    /// # Errors
    /// Those of [`watch`](Self::watch).
    pub(crate) fn watch_errors(&self, file: impl AsFd, wakeup: Wakeup) -> io::Result<()> {
        // EPOLLERR need not be requested.
        Ok(self.epoll.add(file, EpollEvent::new(EpollFlags::empty(), wakeup.word()))?)
    }

    /// Watches a descriptor that is [watched](Self::watch) for room to write instead of input.
    ///
    /// # Errors
    /// ENOENT: it is not watched.
    pub(crate) fn watch_room(&self, file: impl AsFd, wakeup: Wakeup) -> io::Result<()> {
        let mut event = EpollEvent::new(EpollFlags::EPOLLOUT, wakeup.word());
        Ok(self.epoll.modify(file, &mut event)?)
    }

    /// Ends the watch of a descriptor. Closing it does not, as long as a mapping holds the file.
    pub(crate) fn unwatch(&self, file: impl AsFd) {
        // ENOENT if it was not watched.
        let _ = self.epoll.delete(file);
    }

    /// Sleeps until an event or `deadline`, without limit if there is no deadline. Returns the
    /// number of events, which [`woken`](Self::woken) lists.
    ///
    /// # Errors
    /// EBADF, EFAULT or EINVAL only: an invalid descriptor or argument, which is a bug.
    pub(crate) fn wait(&mut self, now: Instant, deadline: Option<Instant>) -> io::Result<usize> {
        match self.epoll.wait(&mut self.ready, timeout(now, deadline)) {
            Ok(count) => Ok(count),
            Err(Errno::EINTR) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns an event of the last [`wait`](Self::wait) by its number, counted from 0.
    #[must_use]
    pub(crate) fn woken(&self, number: usize) -> Option<Wakeup> {
        self.ready.get(number).map(|event| Wakeup::from_word(event.data()))
    }
}

impl Wakeup {
    /// Packs the reason into the `data` word of an epoll event: the kind above, the token below.
    fn word(self) -> u64 {
        let (kind, token) = match self {
            Self::Signal => (SIGNAL, 0),
            Self::Links => (LINKS, 0),
            Self::Resolver => (RESOLVER, 0),
            Self::Collectors => (COLLECTORS, 0),
            Self::Visitor { token } => (VISITORS, token),
            Self::Module { module, token } => (FIRST_MODULE + u32::from(module), token),
        };
        u64::from(kind) << 32 | u64::from(token)
    }

    fn from_word(word: u64) -> Self {
        match (word >> 32) as u32 {
            SIGNAL => Self::Signal,
            LINKS => Self::Links,
            RESOLVER => Self::Resolver,
            COLLECTORS => Self::Collectors,
            VISITORS => Self::Visitor { token: word as u32 },
            kind => Self::Module { module: (kind - FIRST_MODULE) as u16, token: word as u32 },
        }
    }
}

fn timeout(now: Instant, deadline: Option<Instant>) -> EpollTimeout {
    let Some(deadline) = deadline else { return EpollTimeout::NONE };
    // The clock is rounded down to whole milliseconds, so one more makes sure that the deadline
    // is past when the wait ends.
    let wait = if deadline > now { deadline.since(now).as_millis().saturating_add(1) } else { 0 };
    EpollTimeout::try_from(wait.min(MAX_WAIT)).unwrap_or(EpollTimeout::ZERO)
}

const SIGNAL: u32 = 0;
const LINKS: u32 = 1;
const RESOLVER: u32 = 2;
const COLLECTORS: u32 = 3;
const VISITORS: u32 = 4;
/// The kinds of modules follow in the order of their list.
const FIRST_MODULE: u32 = 5;
const BATCH: usize = 64;
/// One hour: below the limit of epoll_wait(2), an `int` of milliseconds, and a negligible load.
const MAX_WAIT: u32 = 3_600_000;

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    const MODULE: Wakeup = Wakeup::Module { module: 2, token: 7 };

    #[test]
    fn wakeup_survives_its_word() {
        let last = Wakeup::Module { module: u16::MAX, token: u32::MAX };
        let own = [Wakeup::Signal, Wakeup::Links, Wakeup::Resolver, Wakeup::Collectors];
        let visitor = Wakeup::Visitor { token: u32::MAX };
        for wakeup in own.into_iter().chain([visitor, MODULE, last]) {
            assert_eq!(Wakeup::from_word(wakeup.word()), wakeup);
        }
    }

    #[test]
    fn readable_descriptor_wakes_until_it_is_read() {
        let (mut events, (one, other)) = (Events::new().unwrap(), UnixDatagram::pair().unwrap());
        events.watch(&one, MODULE).unwrap();
        let (now, immediately) = (Instant::ZERO, Some(Instant::ZERO));
        assert_eq!(events.wait(now, immediately).unwrap(), 0);
        other.send(&[1]).unwrap();
        for _ in 0..2 {
            assert_eq!(events.wait(now, None).unwrap(), 1);
            assert_eq!((events.woken(0), events.woken(BATCH)), (Some(MODULE), None));
        }
        one.recv(&mut [0xa5]).unwrap();
        assert_eq!(events.wait(now, immediately).unwrap(), 0);
        drop(other);
        drop(one);
        assert_eq!(events.wait(now, immediately).unwrap(), 0, "closing ends the watch");
    }

    #[test]
    fn arrival_wakes_once_whether_it_is_read_or_not() {
        let (mut events, (one, other)) = (Events::new().unwrap(), UnixDatagram::pair().unwrap());
        events.watch_arrivals(&one, MODULE).unwrap();
        for _ in 0..2 {
            other.send(&[1]).unwrap();
            assert_eq!(events.wait(Instant::ZERO, None).unwrap(), 1);
            assert_eq!(events.wait(Instant::ZERO, Some(Instant::ZERO)).unwrap(), 0);
        }
    }

    #[test]
    fn watch_for_errors_ignores_what_arrives() {
        let (mut events, (one, other)) = (Events::new().unwrap(), UnixDatagram::pair().unwrap());
        events.watch_errors(&one, Wakeup::Collectors).unwrap();
        other.send(&[1]).unwrap();
        assert_eq!(events.wait(Instant::ZERO, Some(Instant::ZERO)).unwrap(), 0);
    }

    #[test]
    fn wait_ends_after_the_deadline() {
        let at = Instant::from_millis;
        assert_eq!(timeout(at(5), None), EpollTimeout::NONE);
        assert_eq!(timeout(at(5), Some(at(5))), EpollTimeout::ZERO);
        assert_eq!(timeout(at(5), Some(at(3))), EpollTimeout::ZERO);
        assert_eq!(timeout(at(5), Some(at(105))), EpollTimeout::from(101u8));
        assert_eq!(timeout(at(0), Some(at(u64::MAX))), EpollTimeout::try_from(MAX_WAIT).unwrap());
    }
}
