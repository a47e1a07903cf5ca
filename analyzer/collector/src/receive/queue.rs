//! The queue from the receiving thread to the writing thread. It bridges stalls of the file system,
//! during which the kernel would drop datagrams.
//!
//! The queue is bounded. If it is full, receiving stops, the socket buffer fills, and the kernel
//! drops and counts what does not fit. So a single counter covers all losses on this host.

use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::receiver::Batch;

/// The queue, shared by both threads.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    filled: Condvar,
    emptied: Condvar,
}

/// An entry of the queue.
#[derive(Debug)]
pub(crate) enum Item {
    /// Datagrams to write.
    Batch(Batch),
    /// A request to open the output file again. What came before it belongs to the old file.
    Reopen,
    /// A request to print the counts.
    Report,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Item>,
    /// Memory of the entries in `waiting`.
    bytes: usize,
    /// Empty batches whose memory is reused.
    spare: Vec<Batch>,
    closed: bool,
}

/// The state of the queue for the writer.
#[derive(Debug)]
pub(crate) enum Next {
    /// The oldest entry.
    Item(Item),
    /// Empty at the moment.
    Nothing,
    /// Empty and closed: no batch will follow.
    End,
}

impl Queue {
    /// Waits for room and returns an empty batch to receive into; `None` if the queue is still full
    /// after `patience`.
    pub(crate) fn spare(&self, patience: Duration) -> Option<Batch> {
        let mut state = self.lock();
        if state.bytes > MAX_BYTES {
            let waited = self.emptied.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let room = state.bytes <= MAX_BYTES;
        room.then(|| state.spare.pop().unwrap_or_else(Batch::new))
    }

    /// Appends an entry. Returns false if the queue is closed, because the writer has ended. A request
    /// directly after an equal one has no effect, so that signals cannot fill the queue.
    pub(crate) fn push(&self, item: Item) -> bool {
        let mut state = self.lock();
        match (&item, state.waiting.back()) {
            (Item::Reopen, Some(Item::Reopen)) | (Item::Report, Some(Item::Report)) => {}
            _ => {
                state.bytes += item.bytes();
                state.waiting.push_back(item);
            }
        }
        self.filled.notify_one();
        !state.closed
    }

    /// Closes the queue and wakes the other thread. Batches in the queue can still be taken.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    /// Takes the oldest entry, without waiting.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.lock();
        match state.waiting.pop_front() {
            Some(item) => {
                state.bytes -= item.bytes();
                self.emptied.notify_one();
                Next::Item(item)
            }
            None if state.closed => Next::End,
            None => Next::Nothing,
        }
    }

    /// Waits until an entry arrives, the queue is closed, or `deadline` has passed.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let empty = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let state = self.lock();
        // Ignore poisoning and timeout: the caller checks the state again.
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(left) => drop(self.filled.wait_timeout_while(state, left, empty)),
            None => drop(self.filled.wait_while(state, empty)),
        }
    }

    /// Returns a batch that has been written, so that its memory can be reused.
    pub(crate) fn give_back(&self, batch: Batch) {
        let mut state = self.lock();
        if state.spare.len() < MAX_SPARE {
            state.spare.push(batch);
        }
    }

    /// Locks the state. A panic of the other thread is reported when that thread is joined, so
    /// poisoning is ignored here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Item {
    fn bytes(&self) -> usize {
        if let Self::Batch(batch) = self { batch.bytes() } else { 0 }
    }
}

/// Memory of waiting batches: together with the socket buffer about four seconds of 50,000
/// datagrams/s of 1,400 bytes.
const MAX_BYTES: usize = 256 << 20;
/// Empty batches kept. More are freed, so that memory shrinks after a stall.
const MAX_SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_batches_come_before_the_end() {
        let queue = Queue::default();
        assert!(matches!(queue.next(), Next::Nothing));
        assert!(queue.push(Item::Batch(Batch::new())));
        queue.close();
        assert!(!queue.push(Item::Batch(Batch::new())));
        queue.wait(None);
        assert!(matches!(queue.next(), Next::Item(Item::Batch(_))));
        assert!(matches!(queue.next(), Next::Item(Item::Batch(_))));
        assert!(matches!(queue.next(), Next::End));
        queue.wait(None);
    }

    #[test]
    fn equal_requests_in_a_row_are_one() {
        let queue = Queue::default();
        for _ in 0..10 {
            queue.push(Item::Reopen);
        }
        queue.push(Item::Batch(Batch::new()));
        queue.push(Item::Reopen);
        assert!(matches!(queue.next(), Next::Item(Item::Reopen)));
        assert!(matches!(queue.next(), Next::Item(Item::Batch(_))));
        assert!(matches!(queue.next(), Next::Item(Item::Reopen)));
        assert!(matches!(queue.next(), Next::Nothing));
        assert_eq!(queue.lock().bytes, 0);
    }

    #[test]
    fn empty_batches_fill_the_queue() {
        let queue = Queue::default();
        queue.lock().bytes = MAX_BYTES - 100 * size_of::<Batch>();
        let push = |batch| queue.push(Item::Batch(batch));
        let pushed = (0..200).map_while(|_| queue.spare(Duration::ZERO).map(push)).count();
        assert!((1..=100).contains(&pushed), "{pushed}");
    }

    #[test]
    fn full_queue_has_no_spare_batch() {
        let queue = Queue::default();
        queue.lock().bytes = MAX_BYTES + 1;
        assert!(queue.spare(Duration::ZERO).is_none());
        queue.lock().bytes = MAX_BYTES;
        assert!(queue.spare(Duration::ZERO).is_some());
    }
}
