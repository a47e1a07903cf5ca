//! Work that may block, done by a thread, so that the event loop never waits long for it.

use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use flowmote_core::Instant;

/// A value that a thread updates.
///
/// The value moves into the thread and back, so that there is nothing to lock. A thread lives as
/// long as one update, and one that hangs is left alone.
#[derive(Debug)]
pub(crate) struct Aside<T> {
    place: Place<T>,
    /// True if the last update could not start.
    hangs: bool,
    /// Bytes of the stack of the thread.
    stack: usize,
}

#[derive(Debug)]
enum Place<T> {
    Here(T),
    /// Without end after a panic.
    InThread(Receiver<T>),
}

impl<T: Send + 'static> Aside<T> {
    pub(crate) fn new(value: T) -> Self {
        Self::with_stack(value, STACK)
    }

    /// The same for work that needs a stack of this many bytes, such as functions of a library.
    pub(crate) fn with_stack(value: T, stack: usize) -> Self {
        Self { place: Place::Here(value), hangs: false, stack }
    }

    /// Starts `work` in a thread. Returns false if the update before has not ended, or no thread could
    /// be started.
    ///
    /// The thread has the privileges of the caller, so call this only after they were dropped.
    pub(crate) fn start(&mut self, work: fn(&mut T)) -> bool {
        self.wait(Duration::ZERO);
        let (to_thread, in_thread) = sync_channel::<T>(1);
        let (from_thread, result) = sync_channel(1);
        let work = move || {
            let Ok(mut value) = in_thread.recv() else { return };
            work(&mut value);
            // Fails only at the end of the daemon, when the receiver is gone.
            let _ = from_thread.send(value);
        };
        let thread = thread::Builder::new().name("aside".into()).stack_size(self.stack);
        self.hangs = !matches!(self.place, Place::Here(_)) || thread.spawn(work).is_err();
        if !self.hangs
            && let Place::Here(value) = core::mem::replace(&mut self.place, Place::InThread(result))
        {
            let _ = to_thread.send(value);
        }
        !self.hangs
    }

    /// Waits for the end of the update, at most so long. One that hangs is not waited for.
    pub(crate) fn wait(&mut self, patience: Duration) {
        let Place::InThread(result) = &self.place else { return };
        let patience = if self.hangs { Duration::ZERO } else { patience };
        // Without patience a result that is there must not be missed.
        let value = match result.try_recv() {
            Err(TryRecvError::Empty) => result.recv_timeout(patience).ok(),
            value => value.ok(),
        };
        if let Some(value) = value {
            self.place = Place::Here(value);
        }
    }

    /// The value, unless an update has not ended.
    pub(crate) fn value(&mut self) -> Option<&T> {
        self.value_mut().map(|value| &*value)
    }

    /// The same, to be prepared for the next update.
    pub(crate) fn value_mut(&mut self) -> Option<&mut T> {
        self.wait(Duration::ZERO);
        match &mut self.place {
            Place::Here(value) => Some(value),
            Place::InThread(_) => None,
        }
    }

    /// Returns true if there is no update whose end is near.
    pub(crate) fn is_settled(&mut self) -> bool {
        self.hangs || self.value().is_some()
    }
}

/// A wait for the end of an update that did not end soon. It is checked at intervals that double.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    since: Instant,
    checked: Instant,
}

impl Wait {
    /// A wait that begins.
    pub(crate) fn new(now: Instant) -> Self {
        Self { since: now, checked: now }
    }

    /// How long it has taken.
    pub(crate) fn length(&self, now: Instant) -> flowmote_core::Duration {
        now.since(self.since)
    }

    /// The same wait after a check.
    pub(crate) fn checked(self, now: Instant) -> Self {
        Self { checked: now, ..self }
    }

    /// When to check it next.
    pub(crate) fn next_check(&self) -> Instant {
        self.checked + self.checked.since(self.since).max(FIRST_CHECK)
    }
}

const FIRST_CHECK: flowmote_core::Duration = flowmote_core::Duration::from_millis(10);
/// Bytes. Files are read into buffers on the heap.
const STACK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn value_is_updated_by_a_thread() {
        let mut aside = Aside::new(1);
        for expected in [2, 3] {
            assert!(aside.start(|value| *value += 1));
            aside.wait(LONG);
            assert_eq!(aside.value(), Some(&expected));
            assert!(aside.is_settled());
        }
    }

    #[test]
    fn work_that_hangs_is_left_alone_until_it_ends() {
        let (end, wait): (Sender<()>, _) = channel();
        let mut aside = Aside::new((0, wait));
        let hang = |value: &mut (u32, Receiver<()>)| {
            let _ = value.1.recv();
            value.0 += 1;
        };
        assert!(aside.start(hang));
        assert!(aside.value().is_none() && !aside.is_settled());
        assert!(!aside.start(hang), "the first has not ended");
        assert!(aside.value().is_none() && aside.is_settled());
        end.send(()).unwrap();
        while aside.value().is_none_or(|value| value.0 != 1) {
            thread::yield_now();
        }
        assert!(aside.start(hang) && !aside.is_settled());
        end.send(()).unwrap();
        aside.wait(LONG);
        assert_eq!(aside.value().map(|value| value.0), Some(2));
    }

    #[test]
    fn panic_of_a_thread_is_no_end() {
        let mut aside = Aside::new(());
        assert!(aside.start(|()| panic!("expected")));
        aside.wait(LONG);
        assert!(aside.value().is_none());
        assert!(!aside.start(|()| ()) && aside.is_settled());
    }
}
