//! Lookups of names in the background, so that the event loop never waits for a name server.
//!
//! Only getaddrinfo(3) follows nsswitch.conf, and it blocks. So each lookup runs in a thread of its
//! own, which wakes the loop through a socket when it ends. Without names there are no threads.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use crate::kernel::capabilities;

/// Starts lookups and collects their answers.
#[derive(Debug)]
pub struct Resolver {
    answers: Receiver<Answer>,
    sender: Sender<Answer>,
    /// Readable when an answer waits: one byte for each.
    notified: UnixDatagram,
    notifier: UnixDatagram,
    /// Number of the next question.
    next: Cell<u64>,
    /// Questions whose answer was not taken yet.
    pending: Cell<u32>,
}

/// The outcome of a lookup.
#[derive(Debug)]
pub struct Answer {
    /// The number that [`Resolver::start`] returned, unique for each call.
    pub question: u64,
    /// At least one address, in the order of getaddrinfo(3).
    pub addresses: io::Result<Vec<SocketAddr>>,
}

impl Resolver {
    /// Creates a resolver without pending lookups.
    ///
    /// # Errors
    /// EMFILE and ENFILE: no descriptor is left.
    pub fn new() -> io::Result<Self> {
        let (sender, answers) = channel();
        let (notified, notifier) = UnixDatagram::pair()?;
        notified.set_nonblocking(true)?;
        notifier.set_nonblocking(true)?;
        Ok(Self { answers, sender, notified, notifier, next: Cell::new(0), pending: Cell::new(0) })
    }

    /// Starts the lookup of `name` and returns its number, which the [`Answer`] repeats.
    ///
    /// # Errors
    /// EAGAIN if no thread can be started; an error with a text if 8 lookups are pending.
    pub fn start(&self, name: &str, port: u16) -> io::Result<u64> {
        if self.pending.get() >= MAX_PENDING {
            return Err(io::Error::other(format!("{MAX_PENDING} lookups are pending already")));
        }
        let question = self.next.get();
        let (name, sender) = (name.to_owned(), self.sender.clone());
        let notifier = self.notifier.try_clone()?;
        thread::Builder::new().name("resolver".into()).stack_size(STACK).spawn(move || {
            // A name server may take minutes, and the daemon gives up capabilities meanwhile.
            capabilities::give_up_all();
            let addresses = lookup(&name, port);
            // Fails only at the end of the daemon, when the receiver is gone.
            let _ = sender.send(Answer { question, addresses });
            let _ = notifier.send(&[0]);
        })?;
        self.next.set(question.wrapping_add(1));
        self.pending.set(self.pending.get().saturating_add(1));
        Ok(question)
    }

    /// Takes the next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        let mut byte = [0];
        // Clears one wake-up. The answer itself comes through the channel.
        let _ = self.notified.recv(&mut byte);
        let answer = self.answers.try_recv().ok()?;
        self.pending.set(self.pending.get().saturating_sub(1));
        Some(answer)
    }
}

impl AsFd for Resolver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.notified.as_fd()
    }
}

/// Looks a name up and blocks until the answer is there.
///
/// # Errors
/// Those of getaddrinfo(3), and `NotFound` for a name without an address.
pub fn lookup(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = (name, port).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// Bytes. glibc's resolver puts a packet of 64 KiB on the stack, and NSS modules add theirs.
const STACK: usize = 256 * 1024;
/// Limit for the case that no name server responds: below the `TasksMax` of the systemd unit.
const MAX_PENDING: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use nix::poll::{PollFd, PollFlags, poll};

    fn wait(resolver: &Resolver) -> Answer {
        loop {
            let mut readable = [PollFd::new(resolver.as_fd(), PollFlags::POLLIN)];
            assert_ne!(poll(&mut readable, 60_000_u16).unwrap(), 0, "no answer");
            if let Some(answer) = resolver.answer() {
                return answer;
            }
        }
    }

    #[test]
    fn each_question_gets_its_own_answer() {
        let resolver = Resolver::new().unwrap();
        assert!(resolver.answer().is_none());
        let questions = [resolver.start("localhost", 7), resolver.start("192.0.2.1", 8)];
        let [first, second] = questions.map(Result::unwrap);
        assert_ne!(first, second);
        for _ in 0..2 {
            let answer = wait(&resolver);
            let addresses = answer.addresses.unwrap();
            if answer.question == first {
                assert!(addresses.iter().all(|at| at.ip().is_loopback() && at.port() == 7));
            } else {
                assert_eq!(answer.question, second);
                assert_eq!(addresses, ["192.0.2.1:8".parse().unwrap()]);
            }
        }
        assert!(resolver.answer().is_none());
    }

    #[test]
    fn number_of_threads_is_limited() {
        let resolver = Resolver::new().unwrap();
        for _ in 0..MAX_PENDING {
            resolver.start("127.0.0.1", 1).unwrap();
        }
        let error = resolver.start("127.0.0.1", 1).unwrap_err();
        assert_eq!(error.to_string(), "8 lookups are pending already");
        wait(&resolver);
        resolver.start("127.0.0.1", 1).unwrap();
    }
}
