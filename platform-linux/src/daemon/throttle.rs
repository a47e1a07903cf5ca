//! Log lines that can repeat without end, held to one a minute.

use flowmote_core::{Duration, Instant};

/// Says when a message of one kind may be logged, and how many were held back since.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    next: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// `Some(n)`: log it now, `n` like it were held back since the last one; `None`: hold it back.
    pub(crate) fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.next.is_some_and(|next| now < next) {
            self.held_back = self.held_back.saturating_add(1);
            return None;
        }
        self.next = Some(now + INTERVAL);
        Some(core::mem::take(&mut self.held_back))
    }
}

/// Words for the number that [`Throttle::admit`] returned, to end a log line with.
#[must_use]
pub(crate) fn held_back(count: u64) -> String {
    if count == 0 { String::new() } else { format!(" ({count} like it were held back)") }
}

const INTERVAL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_a_minute_and_the_rest_is_counted() {
        let mut throttle = Throttle::default();
        let at = |secs: u64| Instant::from_millis(secs * 1000);
        assert_eq!(throttle.admit(at(1)), Some(0));
        assert_eq!(throttle.admit(at(2)), None);
        assert_eq!(throttle.admit(at(60)), None);
        assert_eq!(throttle.admit(at(61)), Some(2));
        assert_eq!(held_back(2), " (2 like it were held back)");
    }
}
