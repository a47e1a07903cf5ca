//! What is missing, for those who report it with each window of time.

use flowmote_decoder::Address;
use foldhash::{HashMap, HashMapExt};

use crate::instant::Instant;
use crate::source::Source;

/// What can be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lost {
    /// Flow samples of a data source.
    Samples(Source),
    /// Datagrams of an agent.
    Datagrams(Address),
    /// Notifications of discards of an agent. The ports of those that are missing are unknown.
    Discards(Address),
}

/// What is missing since the last report: how many, and when that was noticed last.
#[derive(Clone, Debug, Default)]
pub struct Losses(HashMap<Lost, (i64, Instant)>);

impl Losses {
    /// Notes what is missing; fewer than before if something was late.
    pub(super) fn note(&mut self, lost: Lost, missing: i64, now: Instant) {
        let lost = match lost {
            // Agents have room of their own.
            Lost::Samples(source) if !self.has_room(&lost, MAX) => Lost::Datagrams(source.agent),
            lost => lost,
        };
        if self.has_room(&lost, 2 * MAX) {
            let (sum, last) = self.0.entry(lost).or_default();
            *sum += missing;
            *last = now;
        }
    }

    fn has_room(&self, lost: &Lost, most: usize) -> bool {
        self.0.len() < most || self.0.contains_key(lost)
    }

    /// What is missing, how much of it, and when that was noticed last. The number is negative if more was
    /// late than is missing.
    pub fn iter(&self) -> impl Iterator<Item = (Lost, i64, Instant)> {
        self.0.iter().map(|(lost, (missing, time))| (*lost, *missing, *time))
    }

    /// Takes what was noted.
    pub(super) fn take(&mut self) -> Self {
        core::mem::replace(self, Self(HashMap::new()))
    }
}

/// Data sources, and agents, that are noted between two reports.
const MAX: usize = 4096;
