//! TCP connections that stay open while data passes as the test determines.

use core::net::SocketAddr;
use std::process::Stdio;

use super::{Namespace, helper};
use crate::program::Program;

/// Connections to a program that returns what it receives.
#[derive(Debug)]
pub struct Connections {
    talk: Program,
    /// `None`: another program returns what it receives.
    echo: Option<Program>,
}

impl Connections {
    /// Opens `count` connections from one namespace to `to` in another or the same one.
    ///
    /// # Panics
    /// If they cannot be opened.
    #[must_use]
    pub fn open(from: &Namespace, server: &Namespace, to: SocketAddr, count: usize) -> Self {
        Self::open_to(from, server, (to, to), count)
    }

    /// The same where the address at which the server listens is another one: `[::]` for example.
    ///
    /// # Panics
    /// If they cannot be opened.
    #[must_use]
    pub fn open_to(
        from: &Namespace,
        server: &Namespace,
        (listen, to): (SocketAddr, SocketAddr),
        count: usize,
    ) -> Self {
        let mut echo = server.command(helper());
        echo.args(["echo", &listen.to_string()]);
        let echo = Program::start(echo);
        echo.wait_for_line(0, "listening");
        Self { echo: Some(echo), ..Self::to(from, to, count) }
    }

    /// Opens `count` connections to `flowmote-lab echo`, which runs already.
    ///
    /// # Panics
    /// If they cannot be opened.
    #[must_use]
    pub fn to(from: &Namespace, to: SocketAddr, count: usize) -> Self {
        let mut talk = from.command(helper());
        talk.args(["talk", &to.to_string(), &count.to_string()]).stdin(Stdio::piped());
        let talk = Program::start(talk);
        talk.wait_for_line(0, "connected");
        Self { talk, echo: None }
    }

    /// Sends `bytes` on each connection, one after the other, and waits until they have come back.
    pub fn exchange(&mut self, bytes: usize) {
        let mark = self.begin(bytes);
        self.talk.wait_for_line(mark, "done");
    }

    /// The same without waiting. Returns what [`finish`](Self::finish) needs.
    pub fn begin(&mut self, bytes: usize) -> usize {
        let mark = self.talk.mark();
        self.talk.write_line(&bytes.to_string());
        mark
    }

    /// Waits for the end of an exchange.
    pub fn finish(&self, mark: usize) {
        self.talk.wait_for_line(mark, "done");
    }

    /// Closes all connections and waits until the client has ended.
    ///
    /// # Panics
    /// If it fails.
    pub fn close(mut self) {
        self.talk.end_input();
        assert!(self.talk.wait().success(), "{}", self.talk.log());
        if let Some(echo) = &mut self.echo {
            assert!(echo.is_running(), "{}", echo.log());
        }
    }
}
