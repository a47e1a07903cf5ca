//! The requests that wait for a destination.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

/// The body of a request.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) body: Vec<u8>,
    /// The number of its points.
    pub(super) samples: u64,
}

/// Requests in the order in which they were made. If there is no room, the oldest ones are dropped.
#[derive(Debug)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
    /// Bytes of all bodies.
    limit: usize,
    pub(super) counts: Counts,
}

#[derive(Debug, Default)]
struct Waiting {
    batches: VecDeque<Arc<Batch>>,
    bytes: usize,
    /// Samples of the request that is being sent.
    sending: u64,
    /// True if nothing is added any more.
    ended: bool,
}

/// Samples since the start, by what became of them.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) sent: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) requests: AtomicU64,
    /// The time of the last success, in milliseconds since 1970; 0 if there was none.
    pub(crate) success: AtomicU64,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        let (waiting, changed) = (Mutex::default(), Condvar::new());
        Self { waiting, changed, limit, counts: Counts::default() }
    }

    /// Adds a request.
    pub(super) fn push(&self, batch: Arc<Batch>) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += batch.body.len();
        waiting.batches.push_back(batch);
        while waiting.bytes > self.limit
            && let Some(oldest) = waiting.batches.pop_front()
        {
            waiting.bytes -= oldest.body.len();
            self.counts.dropped.fetch_add(oldest.samples, Ordering::Relaxed);
        }
        self.changed.notify_all();
    }

    /// Takes the oldest request, once there is one; `None` after the last one.
    pub(super) fn next(&self) -> Option<Arc<Batch>> {
        let mut waiting = self.waiting.lock();
        waiting.sending = 0;
        self.changed.notify_all();
        loop {
            if let Some(batch) = waiting.batches.pop_front() {
                waiting.bytes -= batch.body.len();
                waiting.sending = batch.samples;
                return Some(batch);
            }
            if waiting.ended {
                return None;
            }
            self.changed.wait(&mut waiting);
        }
    }

    /// Waits before the next attempt. Returns false if there is none, because the program ends.
    pub(super) fn pause(&self, time: Duration) -> bool {
        let (mut waiting, end) = (self.waiting.lock(), Instant::now() + time);
        while !waiting.ended {
            if self.changed.wait_until(&mut waiting, end).timed_out() {
                return true;
            }
        }
        false
    }

    /// Samples that wait, or are being sent.
    pub(super) fn pending(&self) -> u64 {
        let waiting = self.waiting.lock();
        waiting.sending + waiting.batches.iter().map(|batch| batch.samples).sum::<u64>()
    }

    /// Ends the queue. Returns when all is sent, or at the deadline.
    pub(super) fn end(&self, deadline: Instant) {
        let mut waiting = self.waiting.lock();
        waiting.ended = true;
        self.changed.notify_all();
        while waiting.sending > 0 || !waiting.batches.is_empty() {
            if self.changed.wait_until(&mut waiting, deadline).timed_out() {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(bytes: usize, samples: u64) -> Arc<Batch> {
        Arc::new(Batch { body: vec![0; bytes], samples })
    }

    #[test]
    fn full_queue_drops_the_oldest() {
        let queue = Queue::new(100);
        for samples in [1, 2, 3, 4] {
            queue.push(batch(40, samples));
        }
        assert_eq!(queue.counts.dropped.load(Ordering::Relaxed), 1 + 2);
        assert_eq!(queue.pending(), 3 + 4);
        assert_eq!(queue.next().unwrap().samples, 3);
        // It is being sent and takes no room.
        queue.push(batch(60, 5));
        assert_eq!((queue.pending(), queue.counts.dropped.load(Ordering::Relaxed)), (12, 3));
        queue.push(batch(101, 6));
        assert_eq!(queue.pending(), 3, "one that never fits leaves nothing");
    }

    #[test]
    fn end_wakes_who_waits() {
        let queue = Queue::new(100);
        assert!(queue.pause(Duration::from_millis(1)));
        queue.push(batch(1, 1));
        std::thread::scope(|scope| {
            scope.spawn(|| queue.end(Instant::now() + Duration::from_secs(60)));
            assert!(!queue.pause(Duration::from_secs(60)));
            assert!(queue.next().is_some() && queue.next().is_none());
        });
    }
}
