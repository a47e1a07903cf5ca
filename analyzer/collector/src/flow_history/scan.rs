//! The reading of many files, in two threads.

use core::time::Duration;
use std::thread;

use flowmote_engine::Instant;
use flowmote_engine::samples::{Logged, Logs, PastQuery, Scan};

use super::{Ended, FlowHistory, HistoryFile, Reading};

/// The files of a span, in a part for each thread.
#[derive(Debug)]
pub(crate) struct Files<'q> {
    history: &'q FlowHistory,
    reading: Reading<'q>,
    parts: [Vec<HistoryFile>; 2],
}

impl<'q> Files<'q> {
    /// Files that are to be read.
    pub(crate) fn new(
        history: &'q FlowHistory,
        reading: Reading<'q>,
        files: Vec<HistoryFile>,
    ) -> Self {
        let mut parts = [Vec::new(), Vec::new()];
        for (at, file) in files.into_iter().enumerate() {
            if let Some(part) = parts.get_mut(at % 2) {
                part.push(file);
            }
        }
        Self { history, reading, parts }
    }

    /// Reads the records, with a table of at most `memory` bytes in each thread.
    pub(crate) fn scan(&self, query: &PastQuery, memory: usize) -> Result<Vec<Scan>, Ended> {
        let scan = |number| {
            let mut scan = query.scan_of_records(number, memory);
            self.each(number, &self.reading, &mut |_, flows| scan.add_logged(query, flows))?;
            Ok(scan)
        };
        thread::scope(|scope| {
            let other = scope.spawn(|| scan(1));
            let own = scan(0)?;
            // A panic was printed when it happened.
            Ok(vec![own, other.join().unwrap_or(Err(Ended::Stopped))?])
        })
    }

    /// Records that were read.
    pub(crate) fn records(&self) -> u64 {
        self.reading.records()
    }

    fn each(
        &self,
        number: usize,
        reading: &Reading<'_>,
        add: &mut dyn FnMut(Instant, &[Logged]),
    ) -> Result<(), Ended> {
        for file in self.parts.get(number).into_iter().flatten() {
            let time = Instant::after_start(Duration::from_secs(file.minute));
            self.history.read(file, reading, &mut |flows| add(time, flows))?;
        }
        Ok(())
    }
}

impl Logs for Files<'_> {
    fn read(&self, number: usize, add: &mut dyn FnMut(Instant, &[Logged])) -> Option<()> {
        self.each(number, &self.reading.again(), add).ok()
    }
}
