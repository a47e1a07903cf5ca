//! The last events, numbered.

use std::collections::VecDeque;

use super::Event;

/// The last 10,000 events.
#[derive(Debug, Default)]
pub struct EventLog {
    events: VecDeque<Event>,
    /// The number of the next event.
    next: u64,
    /// Events with a lower number made room for others.
    oldest: u64,
}

/// Events for a reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// The newest first.
    pub events: Vec<Event>,
    /// Events after those that the reader had, and before those returned: it asked too late, or for too
    /// few.
    pub missed: u64,
}

impl EventLog {
    /// Numbers an event and keeps it.
    pub fn push(&mut self, event: Event) {
        if self.events.len() >= MAX_EVENTS {
            let first = self.events.pop_front();
            self.oldest = first.map_or(self.oldest, |event| event.id + 1);
        }
        self.events.push_back(Event { id: self.next, ..event });
        self.next += 1;
    }

    /// Removes the events of a threshold. Nobody has missed them.
    pub fn forget(&mut self, threshold: &str) {
        self.events.retain(|event| event.threshold != threshold);
    }

    /// Events since the start.
    pub fn total(&self) -> u64 {
        self.next
    }

    /// At most `limit` events of a threshold, or of all, with a number above `after`: the newest of them.
    /// All that are kept without a number, and with one of the future, which is from before a restart.
    pub fn after(&self, after: Option<u64>, limit: usize, threshold: Option<&str>) -> Events {
        let after = after.filter(|after| *after < self.next);
        let first = after.map_or(0, |after| after + 1);
        let wanted = |event: &&Event| threshold.is_none_or(|name| event.threshold == name);
        let newer = self.events.iter().rev().take_while(|event| event.id >= first);
        let mut newer = newer.filter(wanted);
        let events: Vec<Event> = newer.by_ref().take(limit).cloned().collect();
        let forgotten = self.oldest.saturating_sub(first);
        // A reader without a number has missed nothing.
        let missed = after.map_or(0, |_| newer.count() as u64 + forgotten);
        Events { events, missed }
    }
}

/// Events kept.
const MAX_EVENTS: usize = 10_000;
