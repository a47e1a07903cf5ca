//! Counts of the HTTP side.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

/// Connections and requests since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    open: AtomicU64,
    connections: AtomicU64,
    requests: AtomicU64,
    refused: AtomicU64,
}

/// An open connection, until it is dropped.
pub(crate) struct Open(Arc<Counters>);

impl Counters {
    /// Counts a connection.
    pub(crate) fn connection(self: &Arc<Self>) -> Open {
        self.open.fetch_add(1, Ordering::Relaxed);
        self.connections.fetch_add(1, Ordering::Relaxed);
        Open(self.clone())
    }

    /// Counts a request.
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that the guard refused.
    pub(crate) fn refuse(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> u64 {
        self.open.load(Ordering::Relaxed)
    }

    /// Connections since the start.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Requests since the start.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Requests refused for their Host header, for their token, or because the server is read-only.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}
