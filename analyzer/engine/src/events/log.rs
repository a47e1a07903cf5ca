//! The last events, numbered.

use super::Event;
use crate::numbered::{Entry, Numbered};

/// The last 10,000 events, or fewer if their texts are long.
#[derive(Debug)]
pub struct EventLog(Numbered<Event>);

/// Events for a reader.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Events {
    /// The newest first.
    pub events: Vec<Event>,
    /// Events after those that the reader had, and before those returned: it asked too late, or for too
    /// few.
    pub missed: u64,
}

impl Default for EventLog {
    fn default() -> Self {
        Self(Numbered::new(MAX_EVENTS))
    }
}

impl EventLog {
    /// Numbers an event and keeps it.
    pub fn push(&mut self, event: Event) {
        self.0.push(event);
    }

    /// Removes the events of a threshold. Nobody has missed them.
    pub fn forget(&mut self, threshold: &str) {
        self.0.forget(threshold);
    }

    /// Events since the start.
    pub fn total(&self) -> u64 {
        self.0.total()
    }

    /// At most `limit` events of a threshold, or of all, with a number above `after`: the newest of them.
    /// All that are kept without a number, and with one of the future, which is from before a restart.
    pub fn after(&self, after: Option<u64>, limit: usize, threshold: Option<&str>) -> Events {
        let (events, missed) = self.0.after(after, limit, threshold);
        Events { events, missed }
    }
}

impl Entry for Event {
    fn id(&self) -> u64 {
        self.id
    }

    fn number(self, id: u64) -> Self {
        Self { id, ..self }
    }

    fn name(&self) -> &str {
        &self.threshold
    }

    fn text_bytes(&self) -> usize {
        let flow = self.flow_key.as_ref().map_or(0, String::len);
        self.threshold.len() + self.metric.len() + flow
    }
}

/// Events kept.
const MAX_EVENTS: usize = 10_000;
