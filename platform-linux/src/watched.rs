//! Work in a thread, and the times at which to look whether it has ended.

use flowmote_core::{Duration, Instant};

use crate::aside::Aside;

/// A value that a thread updates, whose end does not wake the event loop: it is looked for at intervals
/// that double.
#[derive(Debug)]
pub(crate) struct Watched<T> {
    aside: Aside<T>,
    /// When to look, and how long after the look before.
    next: Option<(Instant, Duration)>,
}

impl<T: Send + 'static> Watched<T> {
    pub(crate) fn new(value: T) -> Self {
        Self { aside: Aside::new(value), next: None }
    }

    /// The same for work that needs more of the stack.
    pub(crate) fn with_stack(value: T, bytes: usize) -> Self {
        Self { aside: Aside::with_stack(value, bytes), next: None }
    }

    /// Prepares the value and starts `work` in a thread. Returns false if the update before has not
    /// ended, or no thread could be started. See [`Aside::start`] about its privileges.
    pub(crate) fn start(
        &mut self,
        now: Instant,
        prepare: impl FnOnce(&mut T),
        work: fn(&mut T),
    ) -> bool {
        let Some(value) = self.aside.value_mut() else { return false };
        prepare(value);
        let started = self.aside.start(work);
        if started {
            self.next = Some((now + FIRST, FIRST));
        }
        started
    }

    /// When to call [`ended`](Self::ended); `None` if no thread works.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.next.map(|(at, _)| at)
    }

    /// The updated value, once for each update that has ended.
    pub(crate) fn ended(&mut self, now: Instant) -> Option<&mut T> {
        let (at, after) = self.next?;
        if now < at {
            return None;
        }
        let after = Duration::from_millis(after.as_millis().saturating_mul(2)).min(LAST);
        self.next = Some((now + after, after));
        let value = self.aside.value_mut()?;
        self.next = None;
        Some(value)
    }
}

const FIRST: Duration = Duration::from_millis(5);
/// An update that hangs costs a look every four seconds.
const LAST: Duration = Duration::from_secs(4);

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    #[test]
    fn end_is_reported_once_and_looked_for_less_and_less() {
        let (end, wait) = channel::<()>();
        let mut watched: Watched<(u32, Receiver<()>)> = Watched::new((0, wait));
        let at = Instant::from_millis;
        let work: fn(&mut (u32, Receiver<()>)) = |value| {
            let _ = value.1.recv();
            value.0 += 1;
        };
        assert_eq!(watched.deadline(), None);
        assert!(watched.start(at(0), |value| value.0 = 10, work));
        assert!(!watched.start(at(0), |_| panic!("it is in the thread"), work));
        for due in [5, 15, 35, 75] {
            assert_eq!(watched.deadline(), Some(at(due)));
            assert!(watched.ended(at(due - 1)).is_none() && watched.ended(at(due)).is_none());
        }
        end.send(()).unwrap();
        let mut now = at(1_000_000);
        while watched.ended(now).is_none_or(|value| value.0 != 11) {
            now = watched.deadline().unwrap();
            std::thread::yield_now();
        }
        assert_eq!(watched.deadline(), None);
        assert!(watched.ended(now).is_none());
    }
}
