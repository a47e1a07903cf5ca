//! An analyzer whose memory is measured: what it allocated and has not freed.

use core::time::Duration;

use allocation_counter::measure;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::events::EventLog;
use flowmote_engine::flowcache::FlowLog;
use flowmote_engine::{Arrival, Instant};

pub(crate) struct Heap {
    analyzer: Analyzer,
    flows: FlowLog,
    events: EventLog,
    bytes: i64,
}

impl Heap {
    /// An analyzer with at most `memory` bytes for its tables.
    pub(crate) fn new(memory: usize) -> Self {
        let mut made = None;
        let info = measure(|| {
            made = Some((Analyzer::new(memory), FlowLog::new(1000), EventLog::default()));
        });
        let (analyzer, flows, events) = made.expect("made above");
        Self { analyzer, flows, events, bytes: info.bytes_current }
    }

    pub(crate) fn analyzer(&self) -> &Analyzer {
        &self.analyzer
    }

    /// Bytes on the heap.
    pub(crate) fn bytes(&self) -> u64 {
        u64::try_from(self.bytes).expect("no more was freed than allocated")
    }

    /// Changes definitions.
    pub(crate) fn set(&mut self, change: impl FnOnce(&mut Analyzer)) {
        self.bytes += measure(|| change(&mut self.analyzer)).bytes_current;
    }

    pub(crate) fn ingest(&mut self, millis: u64, datagram: &[u8]) {
        let arrival = Arrival { time: at(millis), sender: None };
        self.bytes += measure(|| self.analyzer.ingest(&arrival, datagram)).bytes_current;
    }

    pub(crate) fn tick(&mut self, millis: u64) {
        let Self { analyzer, flows, events, .. } = self;
        self.bytes += measure(|| analyzer.tick(at(millis), flows, events)).bytes_current;
    }
}

/// A time in ms.
pub(crate) fn at(millis: u64) -> Instant {
    Instant::after_start(Duration::from_millis(millis))
}
