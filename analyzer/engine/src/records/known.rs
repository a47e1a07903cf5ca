//! The interfaces that records were about.

use core::time::Duration;

use flowmote_decoder::Address;
use foldhash::HashMap;

use crate::source::Source;

/// Interfaces with records in the last hour, at most [`MAX`].
#[derive(Debug, Default)]
pub(super) struct Known(HashMap<Source, Duration>);

impl Known {
    /// Notes that an interface had records until a time.
    pub(super) fn touch(&mut self, interface: Source, time: Duration) {
        if self.0.len() < MAX || self.0.contains_key(&interface) {
            self.0.insert(interface, time);
        }
    }

    pub(super) fn expire(&mut self, now: Duration) {
        self.0.retain(|_, last| now.saturating_sub(*last) < MAX_AGE);
    }

    pub(super) fn of_agent(&self, agent: Address) -> impl Iterator<Item = Source> {
        self.iter().filter(move |interface| interface.agent == agent)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Source> {
        self.0.keys().copied()
    }
}

/// Interfaces that are kept.
pub(super) const MAX: usize = 65_536;
const MAX_AGE: Duration = Duration::from_secs(3600);
