//! Datagrams on their way from the thread that receives to the one that writes, so that a file
//! system that stops to think does not make the kernel drop.
//!
//! Bounded: where it is full nothing more is received, the kernel's buffer fills, and what does not
//! fit there is dropped and counted by the kernel. So everything lost shows in one number.

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

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Batch>,
    bytes: usize,
    /// Used up, to be filled again.
    spare: Vec<Batch>,
    closed: bool,
}

/// What the writer finds.
#[derive(Debug)]
pub(crate) enum Next {
    Batch(Batch),
    /// Nothing for now.
    Nothing,
    /// Nothing any more.
    End,
}

impl Queue {
    /// An empty batch to receive into, once there is room; `None` if there is none within
    /// `patience`.
    pub(crate) fn spare(&self, patience: Duration) -> Option<Batch> {
        let mut state = self.lock();
        if state.bytes > MAX_BYTES {
            let waited = self.emptied.wait_timeout(state, patience);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        let room = state.bytes <= MAX_BYTES;
        room.then(|| state.spare.pop().unwrap_or_else(Batch::new))
    }

    /// False if the writer has ended.
    pub(crate) fn push(&self, batch: Batch) -> bool {
        let mut state = self.lock();
        state.bytes += batch.bytes();
        state.waiting.push_back(batch);
        self.filled.notify_one();
        !state.closed
    }

    /// Ends the other side, which still takes what is in the queue.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
        self.emptied.notify_one();
    }

    /// What there is now.
    pub(crate) fn next(&self) -> Next {
        let mut state = self.lock();
        match state.waiting.pop_front() {
            Some(batch) => {
                state.bytes -= batch.bytes();
                self.emptied.notify_one();
                Next::Batch(batch)
            }
            None if state.closed => Next::End,
            None => Next::Nothing,
        }
    }

    /// Waits until there is something, or until `deadline`.
    pub(crate) fn wait(&self, deadline: Option<Instant>) {
        let empty = |state: &mut State| state.waiting.is_empty() && !state.closed;
        let state = self.lock();
        // poisoned or not: whoever comes back looks for himself
        match deadline.map(|deadline| deadline.saturating_duration_since(Instant::now())) {
            Some(left) => drop(self.filled.wait_timeout_while(state, left, empty)),
            None => drop(self.filled.wait_while(state, empty)),
        }
    }

    /// Hands back a batch that is used up.
    pub(crate) fn give_back(&self, batch: Batch) {
        let mut state = self.lock();
        if state.spare.len() < MAX_SPARE {
            state.spare.push(batch);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Memory of waiting batches: with the datagrams of [`RECEIVE_BUFFER`](super::receiver) this is
/// what a stall may cost.
const MAX_BYTES: usize = 256 << 20;
const MAX_SPARE: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_queued_comes_before_the_end() {
        let queue = Queue::default();
        assert!(matches!(queue.next(), Next::Nothing));
        assert!(queue.push(Batch::new()));
        queue.close();
        assert!(!queue.push(Batch::new()));
        queue.wait(None);
        assert!(matches!(queue.next(), Next::Batch(_)));
        assert!(matches!(queue.next(), Next::Batch(_)));
        assert!(matches!(queue.next(), Next::End));
        queue.wait(None);
    }

    #[test]
    fn a_full_queue_has_no_spare() {
        let queue = Queue::default();
        queue.lock().bytes = MAX_BYTES + 1;
        assert!(queue.spare(Duration::ZERO).is_none());
        queue.lock().bytes = MAX_BYTES;
        assert!(queue.spare(Duration::ZERO).is_some());
    }
}
