//! Work that may block, done by a thread, so that the event loop never waits long for it.

use std::sync::mpsc::{Receiver, RecvTimeoutError, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

/// A value that a thread updates.
///
/// The value moves into the thread and back, so that there is nothing to lock. A thread lives as
/// long as one update, and one that hangs is left alone.
#[derive(Debug)]
pub(super) struct Aside<T> {
    place: Place<T>,
    patience: Duration,
}

#[derive(Debug)]
enum Place<T> {
    Here(T),
    InThread(Receiver<T>),
    /// Only for a moment, or after a panic.
    Nowhere,
}

/// The outcome of [`Aside::update`].
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Update<'a, T> {
    /// The value after the update.
    Done(&'a T),
    /// The update has not ended yet; the next call takes its result.
    Started,
    /// The update before has not ended yet, or no thread could be started.
    Hangs,
}

impl<T: Send + 'static> Aside<T> {
    pub(super) fn new(value: T) -> Self {
        Self { place: Place::Here(value), patience: PATIENCE }
    }

    /// Waits so long for a result.
    #[cfg(test)]
    pub(super) fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Starts `work` in a thread, and waits a few milliseconds for its end. It mostly ends in time;
    /// if not, what it did is returned by a later call.
    ///
    /// The thread has the privileges of the caller, so call this only after they were dropped.
    pub(super) fn update(&mut self, work: fn(&mut T)) -> Update<'_, T> {
        let Some(value) = self.take() else { return Update::Hangs };
        let (to_thread, in_thread) = sync_channel::<T>(1);
        let (from_thread, result) = sync_channel(1);
        let thread =
            thread::Builder::new().name("counters".into()).stack_size(STACK).spawn(move || {
                let Ok(mut value) = in_thread.recv() else { return };
                work(&mut value);
                // Fails only at the end of the daemon, when the receiver is gone.
                let _ = from_thread.send(value);
            });
        if thread.is_err() {
            self.place = Place::Here(value);
            return Update::Hangs;
        }
        let _ = to_thread.send(value);
        match result.recv_timeout(self.patience) {
            Ok(value) => {
                self.place = Place::Here(value);
                if let Place::Here(value) = &self.place {
                    Update::Done(value)
                } else {
                    Update::Hangs
                }
            }
            Err(RecvTimeoutError::Timeout) => {
                self.place = Place::InThread(result);
                Update::Started
            }
            Err(RecvTimeoutError::Disconnected) => Update::Hangs,
        }
    }

    /// Takes the value if it is here or the thread has returned it.
    fn take(&mut self) -> Option<T> {
        match core::mem::replace(&mut self.place, Place::Nowhere) {
            Place::Here(value) => Some(value),
            Place::InThread(result) => match result.try_recv() {
                Ok(value) => Some(value),
                Err(TryRecvError::Empty) => {
                    self.place = Place::InThread(result);
                    None
                }
                Err(TryRecvError::Disconnected) => None,
            },
            Place::Nowhere => None,
        }
    }
}

/// Many times what reading `/proc` takes; less than packets wait in a ring anyway.
const PATIENCE: Duration = Duration::from_millis(5);
/// Bytes. Files are read into buffers on the heap.
const STACK: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn work_that_ends_in_time_is_done() {
        let mut aside = Aside::new(1).with_patience(LONG);
        assert_eq!(aside.update(|value| *value += 1), Update::Done(&2));
        assert_eq!(aside.update(|value| *value += 1), Update::Done(&3));
    }

    #[test]
    fn work_that_hangs_is_left_alone_until_it_ends() {
        let (end, wait): (Sender<()>, _) = channel();
        let mut aside = Aside::new((0, wait)).with_patience(Duration::ZERO);
        let hang = |value: &mut (u32, Receiver<()>)| {
            let _ = value.1.recv();
            value.0 += 1;
        };
        assert!(matches!(aside.update(hang), Update::Started));
        assert!(matches!(aside.update(hang), Update::Hangs));
        end.send(()).unwrap();
        end.send(()).unwrap();
        let mut aside = aside.with_patience(LONG);
        loop {
            match aside.update(hang) {
                Update::Done((count, _)) => break assert_eq!(*count, 2),
                Update::Hangs => thread::yield_now(),
                Update::Started => unreachable!("it waits long"),
            }
        }
    }
}
