//! Amazon CloudWatch Logs: events of this program and of others, in groups and streams.
//!
//! [`store`] has the events. This program adds its own by [`Logs::append`].

mod events;
#[allow(dead_code, reason = "the operations follow")]
mod store;

use core::sync::atomic::AtomicU64;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

pub(crate) use events::add_events;
pub(crate) use store::Counts;
use store::Store;

use super::service::Operation;

/// The events, and who waits for more.
#[derive(Debug)]
pub(crate) struct Logs {
    store: Mutex<Store>,
    /// The number of events since the start.
    news: watch::Sender<u64>,
    /// The number of the next event of thresholds.
    next_event: AtomicU64,
}

impl Logs {
    /// No events; at most about `capacity` bytes will be used.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            store: Mutex::new(Store::new(capacity)),
            news: watch::Sender::new(0),
            next_event: AtomicU64::new(0),
        }
    }

    /// Adds events, each a time in milliseconds since 1970 and a message, to a stream of a group. `now` is
    /// in milliseconds since 1970 too. Group and stream are made if they are not there. Their times need
    /// no order. True if they were stored; those that were not are [counted](Counts).
    pub(crate) fn append<'a>(
        &self,
        group: &str,
        stream: &str,
        now: i64,
        events: impl IntoIterator<Item = (i64, &'a str)>,
    ) -> bool {
        let mut store = self.store();
        let is_stored = store.append(group, stream, now, events.into_iter());
        let total = store.counts().events;
        drop(store);
        self.news.send_if_modified(|known| core::mem::replace(known, total) != total);
        is_stored
    }

    /// Counts since the start, and bytes in use.
    pub(crate) fn usage(&self) -> (Counts, usize) {
        let store = self.store();
        (store.counts(), store.bytes())
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock()
    }
}

/// The operations.
pub(super) const OPERATIONS: [Operation; 0] = [];
