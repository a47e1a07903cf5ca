//! Names to addresses, without the event loop ever waiting for a name server.
//!
//! getaddrinfo(3) is the one call that honours nsswitch.conf, and it blocks; so a thread lives as
//! long as one question takes, and tells its answer through a socket that the loop watches. With
//! addresses instead of names no thread is ever made.

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
}

/// What became of a question.
#[derive(Debug)]
pub struct Answer {
    /// The number that the question was asked with.
    pub id: usize,
    /// The first address that the system's resolver prefers.
    pub address: io::Result<SocketAddr>,
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
        Ok(Self { answers, sender, bell, ringer })
    }

    /// Asks for the address of `name`; the answer comes as [`Answer`] with the same `id`.
    ///
    /// # Errors
    /// When no thread can be made.
    pub fn ask(&self, id: usize, name: &str, port: u16) -> io::Result<()> {
        let (name, sender) = (name.to_owned(), self.sender.clone());
        let ringer = self.ringer.try_clone()?;
        thread::Builder::new().name("resolver".into()).stack_size(STACK).spawn(move || {
            let address = lookup(&name, port);
            // The receiver lives as long as the daemon; at its end nobody wants the answer.
            let _ = sender.send(Answer { id, address });
            let _ = ringer.send(&[0]);
        })?;
        Ok(())
    }

    /// The next answer, if there is one.
    pub fn answer(&self) -> Option<Answer> {
        let mut byte = [0];
        // Only the wake-up; that the answer is there is what the channel says.
        let _ = self.bell.recv(&mut byte);
        self.answers.try_recv().ok()
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
pub fn lookup(name: &str, port: u16) -> io::Result<SocketAddr> {
    let none = || io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    (name, port).to_socket_addrs()?.next().ok_or_else(none)
}

/// glibc's resolver wants room for a packet and the NSS modules.
const STACK: usize = 256 * 1024;
