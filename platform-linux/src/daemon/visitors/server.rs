//! A listening socket and a bounded number of clients, each with one request and one reply.
//!
//! Everything is non-blocking and bounded: a client costs one read of a small request or one write
//! per wake-up, and is cut off at its deadline. While all places are taken, further clients wait in
//! the kernel's queue, so that none of them can wake the loop.

use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixListener;

use flowmote_core::{Duration, Instant};

use crate::events::{Events, Wakeup};

/// A non-blocking listening socket.
pub(super) trait Listener: AsFd + fmt::Debug {
    /// Accepts the next client. Its connection does not block.
    fn accept(&self) -> io::Result<File>;
}

/// What a client has requested so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// More is needed.
    Incomplete,
    /// The snapshot in this format.
    Snapshot(Format),
    /// Nothing that there is; the reply to it.
    Refused(Vec<u8>),
}

/// The formats of the snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// A JSON document.
    Json,
    /// Prometheus text in a reply of HTTP.
    Prometheus {
        /// Only the head of the reply.
        head_only: bool,
    },
}

/// A listener with its clients.
#[derive(Debug)]
pub(super) struct Server {
    listener: Box<dyn Listener>,
    parse: fn(&[u8]) -> Request,
    /// Token of the listener. Those of its clients follow.
    token: u32,
    clients: [Option<Client>; MAX_CLIENTS],
    accepting: Accepting,
    /// Clients that got no complete reply.
    failed: u64,
}

#[derive(Debug)]
struct Client {
    /// The connection: read(2) and write(2) are the same for all kinds of streams.
    stream: File,
    state: State,
    since: Instant,
}

#[derive(Debug)]
enum State {
    Reading(Vec<u8>),
    Writing { reply: Vec<u8>, sent: usize },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Accepting {
    /// The listener is watched.
    Now,
    /// All places are taken.
    Full,
    /// No descriptor was left, and the client still waits: watching would not let the loop sleep.
    From(Instant),
}

impl Server {
    /// Number of tokens of a server: one for the listener and one for each client.
    pub(super) const TOKENS: u32 = MAX_CLIENTS as u32 + 1;

    /// Accepts clients of a listener from now on, under this token. Those of its
    /// clients follow it.
    ///
    /// # Errors
    /// Those of [`Events::watch`].
    pub(super) fn new(
        listener: Box<dyn Listener>,
        parse: fn(&[u8]) -> Request,
        token: u32,
        events: &Events,
    ) -> io::Result<Self> {
        events.watch(listener.as_fd(), Wakeup::Visitor { token })?;
        let clients = [const { None }; MAX_CLIENTS];
        Ok(Self { listener, parse, token, clients, accepting: Accepting::Now, failed: 0 })
    }

    /// Clients that got no complete reply: cut off, left, or not accepted because no descriptor was free.
    pub(super) fn failed(&self) -> u64 {
        self.failed
    }

    /// Handles a wake-up under one of the tokens. Returns a request of that client for a snapshot,
    /// which [`reply`](Self::reply) ends.
    pub(super) fn ready(&mut self, now: Instant, token: u32, events: &Events) -> Option<Format> {
        let Some(place) = token.checked_sub(self.token + 1) else {
            self.accept(now, events);
            return None;
        };
        match self.receive(place, events)? {
            Request::Incomplete => None,
            Request::Snapshot(format) => Some(format),
            Request::Refused(reply) => {
                self.reply(token, reply, events);
                None
            }
        }
    }

    /// Continues with a client. Returns what it has requested so far, unless its reply is being
    /// written or it has left.
    fn receive(&mut self, place: u32, events: &Events) -> Option<Request> {
        let Client { stream, state, .. } = self.clients.get_mut(place as usize)?.as_mut()?;
        let State::Reading(bytes) = state else {
            self.write(place, events);
            return None;
        };
        if read(stream, bytes).is_err() {
            self.close(place, events, false);
            return None;
        }
        Some((self.parse)(bytes))
    }

    /// Sends the reply to a request that [`ready`](Self::ready) has returned.
    pub(super) fn reply(&mut self, token: u32, reply: Vec<u8>, events: &Events) {
        let Some(place) = token.checked_sub(self.token + 1) else { return };
        if let Some(Some(client)) = self.clients.get_mut(place as usize) {
            client.state = State::Writing { reply, sent: 0 };
            self.write(place, events);
        }
    }

    /// When to call [`expire`](Self::expire). `None` while there is no client.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let retry = match self.accepting {
            Accepting::From(time) => Some(time),
            Accepting::Now | Accepting::Full => None,
        };
        let clients = self.clients.iter().flatten();
        clients.map(|client| client.deadline(self.accepting)).chain(retry).min()
    }

    /// Cuts off the clients whose time is over.
    pub(super) fn expire(&mut self, now: Instant, events: &Events) {
        // That of the first one that leaves would give the others more time.
        let accepting = self.accepting;
        for place in 0..MAX_CLIENTS as u32 {
            let client = self.clients.get(place as usize).and_then(Option::as_ref);
            if client.is_some_and(|client| client.deadline(accepting) <= now) {
                self.close(place, events, false);
            }
        }
        if matches!(self.accepting, Accepting::From(time) if time <= now) {
            self.accept_again(events);
        }
    }

    fn accept(&mut self, now: Instant, events: &Events) {
        let free = self.clients.iter().position(Option::is_none);
        let Some((place, number)) = free.zip(free.and_then(|place| u32::try_from(place).ok()))
        else {
            return self.pause(Accepting::Full, events);
        };
        let stream = match self.listener.accept() {
            Ok(stream) => stream,
            // The client has left again.
            Err(error) if IGNORED.contains(&error.kind()) => return,
            Err(_) => {
                self.failed = self.failed.saturating_add(1);
                return self.pause(Accepting::From(now + PAUSE), events);
            }
        };
        let wakeup = Wakeup::Visitor { token: self.token + 1 + number };
        if events.watch(&stream, wakeup).is_err() {
            self.failed = self.failed.saturating_add(1);
            return;
        }
        let client = Client { stream, state: State::Reading(Vec::new()), since: now };
        if let Some(free) = self.clients.get_mut(place) {
            *free = Some(client);
        }
    }

    fn pause(&mut self, accepting: Accepting, events: &Events) {
        events.unwatch(self.listener.as_fd());
        self.accepting = accepting;
    }

    fn accept_again(&mut self, events: &Events) {
        // After ENOMEM or ENOSPC the next client that leaves tries again.
        if events.watch(self.listener.as_fd(), Wakeup::Visitor { token: self.token }).is_ok() {
            self.accepting = Accepting::Now;
        }
    }

    /// Writes as much of the reply as the socket takes, and ends with the last of it.
    fn write(&mut self, place: u32, events: &Events) {
        let wakeup = Wakeup::Visitor { token: self.token + 1 + place };
        let client = self.clients.get_mut(place as usize).and_then(Option::as_mut);
        let Some(Client { stream, state: State::Writing { reply, sent }, .. }) = client else {
            return;
        };
        let rest = reply.get(*sent..).unwrap_or_default();
        match stream.write(rest) {
            Ok(written) => *sent += written,
            Err(error) if is_temporary(&error) => {}
            Err(_) => return self.close(place, events, false),
        }
        if *sent >= reply.len() {
            self.close(place, events, true);
        } else if events.watch_room(&*stream, wakeup).is_err() {
            self.close(place, events, false);
        }
    }

    fn close(&mut self, place: u32, events: &Events, complete: bool) {
        self.failed = self.failed.saturating_add(u64::from(!complete));
        if let Some(client) = self.clients.get_mut(place as usize) {
            *client = None;
        }
        if self.accepting == Accepting::Full {
            self.accept_again(events);
        }
    }
}

impl Client {
    /// When it is cut off. Where others wait, one that has not sent its request yet has less time: the
    /// request of a client that has one follows the connection immediately.
    fn deadline(&self, accepting: Accepting) -> Instant {
        let is_idle = matches!(self.state, State::Reading(_)) && accepting == Accepting::Full;
        self.since + if is_idle { HURRY } else { PATIENCE }
    }
}

/// Reads once what has arrived.
///
/// # Errors
/// The end of the stream, a request that is too long, and errors of the connection.
fn read(stream: &mut File, bytes: &mut Vec<u8>) -> io::Result<()> {
    let mut buffer = [0; MAX_REQUEST];
    // Without room read(2) returns 0, as at the end of the stream.
    let room = MAX_REQUEST.saturating_sub(bytes.len());
    match stream.read(buffer.get_mut(..room).unwrap_or_default()) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(length) => {
            bytes.extend_from_slice(buffer.get(..length).unwrap_or_default());
            Ok(())
        }
        Err(error) if is_temporary(&error) => Ok(()),
        Err(error) => Err(error),
    }
}

fn is_temporary(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

impl Listener for UnixListener {
    fn accept(&self) -> io::Result<File> {
        let (stream, _) = Self::accept(self)?;
        stream.set_nonblocking(true)?;
        Ok(OwnedFd::from(stream).into())
    }
}

impl Listener for TcpListener {
    fn accept(&self) -> io::Result<File> {
        let (stream, _) = Self::accept(self)?;
        stream.set_nonblocking(true)?;
        Ok(OwnedFd::from(stream).into())
    }
}

/// Clients with a place. Each may hold a reply, some hundred kilobytes for a thousand interfaces.
const MAX_CLIENTS: usize = 4;
/// Bytes of a request: the headers that a web browser sends are below 1 KiB.
const MAX_REQUEST: usize = 4096;
/// Time from accepting a client to the last byte of its reply.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time for the request while others wait.
const HURRY: Duration = Duration::from_millis(200);
/// Time without accepting after an error that the next attempt would meet as well.
const PAUSE: Duration = Duration::from_secs(1);
/// Errors of accept(2) about a client that no longer exists.
const IGNORED: [ErrorKind; 3] =
    [ErrorKind::WouldBlock, ErrorKind::Interrupted, ErrorKind::ConnectionAborted];
