//! Taps that are closed, apart from the event loop.
//!
//! munmap and close of a packet socket wait for RCU several times (net/packet/af_packet.c,
//! `packet_release`, `packet_set_ring`), some 20 ms for each tap. Threads that wait at the same time
//! share the grace periods.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{Builder, JoinHandle};

use crate::kernel::capabilities::give_up_all;

/// Threads that close taps, each as long as there are some.
#[derive(Debug, Default)]
pub(super) struct Closer {
    queue: Arc<Queue>,
    threads: Vec<JoinHandle<()>>,
}

/// What is to be dropped.
type Queue = Mutex<Vec<Box<dyn Closed>>>;

/// A thing that is closed by being dropped.
trait Closed: Debug + Send {}

impl<T: Debug + Send> Closed for T {}

impl Closer {
    /// Closes a tap or a hook soon. It must not be registered for wake-ups any more.
    pub(super) fn close(&mut self, tap: impl Debug + Send + 'static) {
        let waiting = push(&self.queue, Box::new(tap));
        self.threads.retain(|thread| !thread.is_finished());
        if self.threads.len() < MAX_THREADS.min(waiting) {
            let queue = Arc::clone(&self.queue);
            let thread =
                Builder::new().name("closer".to_owned()).stack_size(STACK).spawn(move || {
                    give_up_all();
                    while pop(&queue).is_some() {}
                });
            match thread {
                Ok(thread) => self.threads.push(thread),
                // No thread is left: close it here.
                Err(_) => drop(pop(&self.queue)),
            }
        }
    }

    /// Waits until all are closed.
    fn finish(&mut self) {
        for thread in self.threads.drain(..) {
            // It cannot have panicked: it only closes.
            let _ = thread.join();
        }
        while pop(&self.queue).is_some() {}
    }
}

impl Drop for Closer {
    fn drop(&mut self) {
        self.finish();
    }
}

/// Returns the number of taps that wait.
fn push(queue: &Queue, tap: Box<dyn Closed>) -> usize {
    let mut queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.push(tap);
    queue.len()
}

/// Takes a tap out of the queue. The lock is not held while the tap is closed.
fn pop(queue: &Queue) -> Option<Box<dyn Closed>> {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pop()
}

/// With those of the resolver below the `TasksMax` of the systemd unit.
const MAX_THREADS: usize = 16;
const STACK: usize = 64 << 10;
