//! The table of interfaces, followed by rtnetlink notifications.

use std::io;

use flowmote_core::{Duration, Instant};

use crate::links::{LinkEvent, Links};
use crate::throttle::Throttle;

/// [`Links`] with a retry after errors.
#[derive(Debug)]
pub(super) struct LinkWatch {
    links: Links,
    retry: Option<Instant>,
    throttle: Throttle,
}

impl LinkWatch {
    /// Subscribes to notifications and reads the table.
    ///
    /// # Errors
    /// Those of [`Links::open`].
    pub(super) fn open() -> io::Result<Self> {
        Ok(Self { links: Links::open()?, retry: None, throttle: Throttle::default() })
    }

    /// The table as of the last [`poll`](Self::poll).
    pub(super) fn links(&self) -> &Links {
        &self.links
    }

    /// When to call [`poll`](Self::poll) although no notification is pending.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.retry
    }

    /// Reads a bounded number of notifications and returns what they changed.
    pub(super) fn poll(&mut self, now: Instant) -> Vec<LinkEvent> {
        let mut changes = Vec::new();
        let polled = self.links.poll(BUDGET, &mut changes);
        // After lost notifications the table must be dumped again, and if the dump fails no
        // further notification may come to wake the loop.
        self.retry = polled.is_err().then_some(now + RETRY);
        if let Err(error) = polled {
            self.throttle.warn(now, format_args!("rtnetlink: {error}; retrying in 5 s"));
        }
        changes
    }
}

/// Notifications read before packets have their turn again.
const BUDGET: usize = 256;
const RETRY: Duration = Duration::from_secs(5);
