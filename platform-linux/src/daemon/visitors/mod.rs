//! Those who look at the agent while it runs: `flowmote status`.
//!
//! A visitor gets one snapshot, which the daemon gathers when it is requested. Visitors are served
//! by the event loop, so they must not hold it up: see [`server`].

pub(super) mod gather;
mod server;
mod socket;

use std::io;
use std::path::Path;

use flowmote_core::Instant;

use crate::events::Events;
use crate::status::REQUEST;
use crate::status::snapshot::Snapshot;
use server::{Format, Request, Server};
use socket::SocketFile;

/// The servers of the agent.
#[derive(Debug, Default)]
pub(super) struct Visitors {
    status: Option<Server>,
    /// Removes the socket at the end.
    _file: Option<SocketFile>,
}

/// Visitors that got no complete reply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VisitorStats {
    pub(crate) status: u64,
}

/// A request that waits for its reply.
#[derive(Debug)]
pub(super) struct Visit {
    token: u32,
    format: Format,
}

impl Visitors {
    /// Opens the status socket. See [`SocketFile::bind`].
    ///
    /// # Errors
    /// Those of [`SocketFile::bind`] and of [`Events::watch`].
    pub(super) fn open_status(
        &mut self,
        path: &Path,
        is_locked: bool,
        events: &Events,
    ) -> io::Result<()> {
        let (listener, file) = SocketFile::bind(path, is_locked)?;
        self.status = Some(Server::new(Box::new(listener), parse_line, STATUS, events)?);
        self._file = Some(file);
        Ok(())
    }

    /// Handles a wake-up. [`reply`](Self::reply) to the visit that it returns.
    pub(super) fn ready(&mut self, now: Instant, token: u32, events: &Events) -> Option<Visit> {
        let format = self.status.as_mut()?.ready(now, token, events)?;
        Some(Visit { token, format })
    }

    /// Sends the snapshot to a visitor.
    pub(super) fn reply(&mut self, visit: &Visit, snapshot: &Snapshot, events: &Events) {
        let Some(server) = &mut self.status else { return };
        let reply = match visit.format {
            Format::Json => json(snapshot),
        };
        server.reply(visit.token, reply, events);
    }

    /// When to call [`expire`](Self::expire): never while there is no visitor.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.status.as_ref()?.deadline()
    }

    /// Ends visits that take too long.
    pub(super) fn expire(&mut self, now: Instant, events: &Events) {
        self.status.iter_mut().for_each(|server| server.expire(now, events));
    }

    /// The counters for the statistics.
    pub(super) fn stats(&self) -> VisitorStats {
        VisitorStats { status: self.status.as_ref().map_or(0, Server::failed) }
    }
}

fn json(snapshot: &Snapshot) -> Vec<u8> {
    // Serializing strings and integers cannot fail.
    let mut text = serde_json::to_vec(snapshot).unwrap_or_default();
    text.push(b'\n');
    text
}

/// The request of `flowmote status`.
fn parse_line(bytes: &[u8]) -> Request {
    match bytes {
        _ if bytes == REQUEST => Request::Snapshot(Format::Json),
        _ if REQUEST.starts_with(bytes) => Request::Incomplete,
        _ => Request::Refused(b"{\"error\":\"the only request is the line status\"}\n".into()),
    }
}

const STATUS: u32 = 0;

#[cfg(test)]
mod tests;
