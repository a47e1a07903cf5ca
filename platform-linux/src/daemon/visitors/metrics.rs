//! The listener of `metrics { }`, opened again where that failed.

use std::io;
use std::net::{SocketAddr, TcpListener};

use flowmote_core::{Duration, Instant};
use log::info;

use super::http;
use super::server::Server;
use crate::events::Events;
use crate::throttle::Throttle;

/// The metrics over HTTP, if the configuration has them.
#[derive(Debug)]
pub(super) struct Metrics {
    token: u32,
    /// The address of the configuration.
    listen: Option<SocketAddr>,
    server: Option<Server>,
    /// Failed clients of servers before this one.
    failed: u64,
    retry: Option<Instant>,
    throttle: Throttle,
}

impl Metrics {
    /// Metrics that are not served yet, under the tokens from this one on.
    pub(super) fn new(token: u32) -> Self {
        let throttle = Throttle::default();
        Self { token, listen: None, server: None, failed: 0, retry: None, throttle }
    }

    pub(super) fn server(&mut self) -> Option<&mut Server> {
        self.server.as_mut()
    }

    /// Applies a configuration.
    pub(super) fn configure(&mut self, now: Instant, listen: Option<SocketAddr>, events: &Events) {
        if self.listen == listen {
            return;
        }
        self.failed = self.failed();
        if let (Some(address), Some(_)) = (self.listen, self.server.take()) {
            info!("http://{address}/metrics: no longer served");
        }
        (self.listen, self.retry) = (listen, None);
        self.open(now, events);
    }

    /// Opens the listener if that is due, and ends visits that take too long.
    pub(super) fn run_due(&mut self, now: Instant, events: &Events) {
        if self.retry.is_some_and(|time| time <= now) {
            self.open(now, events);
        }
        self.server.iter_mut().for_each(|server| server.expire(now, events));
    }

    /// When to call [`run_due`](Self::run_due).
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.server.as_ref().and_then(Server::deadline).into_iter().chain(self.retry).min()
    }

    /// Clients that got no complete reply.
    pub(super) fn failed(&self) -> u64 {
        self.failed.saturating_add(self.server.as_ref().map_or(0, Server::failed))
    }

    fn open(&mut self, now: Instant, events: &Events) {
        let Some(address) = self.listen else { return };
        match bind(address)
            .and_then(|listener| Server::new(Box::new(listener), http::parse, self.token, events))
        {
            Ok(server) => {
                (self.server, self.retry) = (Some(server), None);
                info!("http://{address}/metrics: serving the metrics");
            }
            Err(error) => {
                self.retry = Some(now + RETRY);
                self.throttle.warn(
                    now,
                    format_args!("http://{address}/metrics: {error}; retrying every 5 s"),
                );
            }
        }
    }
}

/// Opens the listener.
///
/// # Errors
/// EADDRINUSE, EADDRNOTAVAIL; EACCES for ports below 1024 without CAP_NET_BIND_SERVICE.
pub(in crate::daemon) fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

const RETRY: Duration = Duration::from_secs(5);
