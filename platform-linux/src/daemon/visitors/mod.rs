//! Those who look at the agent while it runs: `flowmote status`, and Prometheus.
//!
//! A visitor gets one snapshot, which the daemon gathers when it is requested. Visitors are served
//! by the event loop, so they must not hold it up: see [`server`].

pub(super) mod gather;
mod http;
pub(super) mod metrics;
mod server;
mod socket;

use std::io;
use std::path::Path;

use flowmote_core::Instant;

use crate::config::Config;
use crate::events::Events;
use crate::status::snapshot::Snapshot;
use crate::status::{REQUEST, prometheus};
use metrics::Metrics;
use server::{Format, Request, Server};
use socket::SocketFile;

/// The servers of the agent.
#[derive(Debug)]
pub(super) struct Visitors {
    status: Option<Server>,
    /// Removes the socket at the end.
    _file: Option<SocketFile>,
    metrics: Metrics,
}

/// Visitors that got no complete reply.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct VisitorStats {
    pub(crate) status: u64,
    pub(crate) metrics: u64,
}

/// A request that waits for its reply.
#[derive(Debug)]
pub(super) struct Visit {
    token: u32,
    format: Format,
}

impl Visitors {
    /// No server is open yet.
    pub(super) fn new() -> Self {
        Self { status: None, _file: None, metrics: Metrics::new(METRICS) }
    }

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

    /// Applies a configuration to the metrics.
    pub(super) fn configure(&mut self, now: Instant, config: &Config, events: &Events) {
        self.metrics.configure(now, config.metrics, events);
    }

    /// Handles a wake-up. [`reply`](Self::reply) to the visit that it returns.
    pub(super) fn ready(&mut self, now: Instant, token: u32, events: &Events) -> Option<Visit> {
        let format = self.server(token)?.ready(now, token, events)?;
        Some(Visit { token, format })
    }

    /// Sends the snapshot to a visitor.
    pub(super) fn reply(&mut self, visit: &Visit, snapshot: &Snapshot, events: &Events) {
        let Some(server) = self.server(visit.token) else { return };
        let reply = match visit.format {
            Format::Json => json(snapshot),
            Format::Prometheus { head_only } => {
                http::metrics(&prometheus::render(snapshot), head_only)
            }
        };
        server.reply(visit.token, reply, events);
    }

    /// When to call [`run_due`](Self::run_due): never while there is no visitor.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let status = self.status.as_ref().and_then(Server::deadline);
        status.into_iter().chain(self.metrics.deadline()).min()
    }

    /// Ends visits that take too long, and opens what could not be opened before.
    pub(super) fn run_due(&mut self, now: Instant, events: &Events) {
        self.status.iter_mut().for_each(|server| server.expire(now, events));
        self.metrics.run_due(now, events);
    }

    /// The counters for the statistics.
    pub(super) fn stats(&self) -> VisitorStats {
        VisitorStats {
            status: self.status.as_ref().map_or(0, Server::failed),
            metrics: self.metrics.failed(),
        }
    }

    fn server(&mut self, token: u32) -> Option<&mut Server> {
        if token < METRICS { self.status.as_mut() } else { self.metrics.server() }
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
/// The first token after those of the status socket.
const METRICS: u32 = STATUS + Server::TOKENS;

#[cfg(test)]
mod tests;
