//! Names to addresses, without the event loop ever waiting for a name server.
//!
//! getaddrinfo(3) is the one call that honours nsswitch.conf, and it blocks; so a thread lives as
//! long as one question takes, and tells its answer through a socket that the loop watches. With
//! addresses instead of names no thread is ever made.

use std::cell::Cell;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Asks for addresses in the background.
#[derive(Debug)]
pub struct Resolver {
    answers: Receiver<Answer>,
    sender: Sender<Answer>,
    /// A byte in here for each answer.
    bell: UnixDatagram,
    ringer: UnixDatagram,
    /// Number of the next question.
    next: Cell<u64>,
    /// Questions whose answer was not taken yet.
    open: Cell<u32>,
}

/// What became of a question.
#[derive(Debug)]
pub struct Answer {
    /// The number of the question; no two questions have the same.
    pub question: u64,
    /// At least one address, in the order that the system's resolver prefers.
    pub addresses: io::Result<Vec<SocketAddr>>,
}

impl Resolver {
    /// A resolver with nothing to do.
    ///
    /// # Errors
    /// When the process may open no more files.
    pub fn new() -> io::Result<Self> {
        let (sender, answers) = channel();
        let (bell, ringer) = UnixDatagram::pair()?;
        bell.set_nonblocking(true)?;
        ringer.set_nonblocking(true)?;
        Ok(Self { answers, sender, bell, ringer, next: Cell::new(0), open: Cell::new(0) })
    }

    /// Asks for the addresses of `name` and returns the number of the question; the answer comes
    /// as [`Answer`] with the same number.
    ///
    /// # Errors
    /// When no thread can be made, or when many questions hang already.
    pub fn ask(&self, name: &str, port: u16) -> io::Result<u64> {
        if self.open.get() >= MAX_OPEN {
            return Err(io::Error::other(format!("{MAX_OPEN} names are being looked up already")));
        }
        let question = self.next.get();
        let (name, sender) = (name.to_owned(), self.sender.clone());
        let ringer = self.ringer.try_clone()?;
        thread::Builder::new().name("resolver".into()).stack_size(STACK).spawn(move || {
            let addresses = lookup(&name, port);
            // The receiver lives as long as the daemon; at its end nobody wants the answer.
            let _ = sender.send(Answer { question, addresses });
            let _ = ringer.send(&[0]);
        })?;
        self.next.set(question.wrapping_add(1));
        self.open.set(self.open.get().saturating_add(1));
        Ok(question)
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        let mut byte = [0];
        // Only the wake-up; that the answer is there is what the channel says.
        let _ = self.bell.recv(&mut byte);
        let answer = self.answers.try_recv().ok()?;
        self.open.set(self.open.get().saturating_sub(1));
        Some(answer)
    }
}

impl AsFd for Resolver {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}

/// Resolves a name and waits for it: for `flowmote check` and for the thread.
///
/// # Errors
/// What the system's resolver says, or that it knows no address.
pub fn lookup(name: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let addresses: Vec<_> = (name, port).to_socket_addrs()?.collect();
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the name has no address"));
    }
    Ok(addresses)
}

/// glibc's resolver wants room for a packet and the NSS modules.
const STACK: usize = 256 * 1024;
/// Threads at a time, should the name servers hang: below the limit of tasks in the systemd unit.
const MAX_OPEN: u32 = 8;

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
        let questions = [resolver.ask("localhost", 7), resolver.ask("192.0.2.1", 8)];
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
    fn threads_do_not_pile_up() {
        let resolver = Resolver::new().unwrap();
        for _ in 0..MAX_OPEN {
            resolver.ask("127.0.0.1", 1).unwrap();
        }
        let error = resolver.ask("127.0.0.1", 1).unwrap_err();
        assert_eq!(error.to_string(), "8 names are being looked up already");
        wait(&resolver);
        resolver.ask("127.0.0.1", 1).unwrap();
    }
}
