//! The flow log: flows that ended or began, numbered from 0.

use std::sync::Arc;

use crate::instant::Instant;
use crate::numbered::{Entry, Numbered};
use crate::source::Source;

/// A flow at a data source, from its first to its last sample.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowRecord {
    /// Number in the log.
    pub id: u64,
    /// Name of the definition.
    pub name: Arc<str>,
    /// The data source that saw the flow.
    pub source: Source,
    /// The fields of the key, joined by the separator of the definition.
    pub keys: String,
    /// The sum over the whole flow; for values that are no sum, their last reading.
    pub value: f64,
    /// First sample.
    pub start: Instant,
    /// Last sample.
    pub end: Instant,
}

/// The last flow records. The oldest ones make room for new ones.
#[derive(Debug)]
pub struct FlowLog {
    records: Numbered<FlowRecord>,
    /// Records that were lost before they got a number.
    lost: u64,
}

/// Records of the flow log that a reader requested.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// The newest first.
    pub records: Vec<FlowRecord>,
    /// Newer records than the reader had that it does not get: they were overwritten, or are more than it
    /// requested. Overwritten ones may have been of other definitions.
    pub missed: u64,
}

impl FlowLog {
    /// A log that keeps `capacity` records.
    pub fn new(capacity: usize) -> Self {
        Self { records: Numbered::new(capacity), lost: 0 }
    }

    /// Numbers and adds a record.
    pub fn push(&mut self, record: FlowRecord) {
        self.records.push(record);
    }

    /// Counts records that were lost before they got here.
    pub fn add_lost(&mut self, lost: u64) {
        self.lost += lost;
    }

    /// Records so far, which is the number of the next one.
    pub fn len(&self) -> u64 {
        self.records.total()
    }

    /// True before the first record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Records that were lost before they got a number.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The newest records with a number above `after`, at most `limit`, of one definition or of all.
    /// A reader without records begins with `None`. A number that is not reached yet is that of a reader
    /// from before a restart, who gets what such a beginner gets.
    pub fn after(&self, after: Option<u64>, limit: usize, name: Option<&str>) -> Records {
        let (records, missed) = self.records.after(after, limit, name);
        Records { records, missed }
    }
}

impl Entry for FlowRecord {
    fn id(&self) -> u64 {
        self.id
    }

    fn number(self, id: u64) -> Self {
        Self { id, ..self }
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn text_bytes(&self) -> usize {
        self.keys.len()
    }
}

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use flowmote_decoder::{Address, DataSource};

    use super::*;

    fn record(name: &str) -> FlowRecord {
        let agent = Address::V4(Ipv4Addr::LOCALHOST);
        let source = Source { agent, data_source: DataSource { class: 0, index: 1 } };
        let (start, end) = (Instant::default(), Instant::default());
        FlowRecord { id: 0, name: name.into(), source, keys: "k".into(), value: 1.0, start, end }
    }

    fn read(
        log: &FlowLog,
        after: Option<u64>,
        limit: usize,
        name: Option<&str>,
    ) -> (Vec<u64>, u64) {
        let Records { records, missed } = log.after(after, limit, name);
        (records.iter().map(|record| record.id).collect(), missed)
    }

    #[test]
    fn records_are_numbered_from_0_and_read_newest_first() {
        let mut log = FlowLog::new(10);
        assert!(log.is_empty());
        for name in ["a", "b", "a"] {
            log.push(record(name));
        }
        assert_eq!(read(&log, None, 10, None), (vec![2, 1, 0], 0));
        assert_eq!(read(&log, Some(0), 10, None), (vec![2, 1], 0));
        assert_eq!(read(&log, None, 10, Some("a")), (vec![2, 0], 0));
        assert_eq!(read(&log, Some(2), 10, None), (vec![], 0));
    }

    #[test]
    fn missed_records_are_counted() {
        let mut log = FlowLog::new(10);
        (0..25).for_each(|_| log.push(record("a")));
        assert_eq!(read(&log, Some(3), 4, None), (vec![24, 23, 22, 21], 6 + 11));
        assert_eq!(read(&log, None, 2, None), (vec![24, 23], 0));
        assert_eq!(log.len(), 25);
    }

    #[test]
    fn number_from_before_a_restart_starts_again() {
        let mut log = FlowLog::new(10);
        log.push(record("a"));
        assert_eq!(read(&log, Some(9000), 10, None), (vec![0], 0));
    }
}
