//! The history of flows: files that the [flow log](crate::flow_logs) of the history has written, as queries
//! of the past read them.
//!
//! A file has the records of a minute, and the time of the minute is in its name. So the files of a span are
//! found by their directories, and no file is opened that has nothing of it.

mod columns;
mod directory;
mod file;
#[cfg(test)]
mod measure;
mod scan;
#[cfg(test)]
mod tests;

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::collections::{BTreeSet, HashSet};
use std::hash::RandomState;
use std::path::{Path, PathBuf};

use flowmote_engine::samples::Logged;
use parking_lot::Mutex;

use crate::stderr::eprintln_lossy;
use columns::Columns;
pub(crate) use directory::HistoryFile;
pub(crate) use scan::Files;

/// The files of the history.
#[derive(Debug)]
pub(crate) struct FlowHistory {
    root: PathBuf,
    /// Files that could not be read, since the start.
    pub(crate) damaged: AtomicU64,
    /// Hashes of the paths of files whose checksum is right.
    verified: Mutex<HashSet<u64>>,
    hasher: RandomState,
    /// Those that the log has a line about.
    reported: Mutex<HashSet<PathBuf>>,
}

/// What a query reads, and when it has to end.
#[derive(Debug)]
pub(crate) struct Reading<'q> {
    columns: Columns,
    /// The program that wrote files which are left out, by its start in milliseconds since 1970.
    without_run: Option<u64>,
    stop: &'q AtomicBool,
    /// Records that may be read.
    limit: u64,
    records: AtomicU64,
}

/// Why files were not read to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// The query was stopped.
    Stopped,
    /// There are more records than a query may read.
    TooMany,
}

impl<'q> Reading<'q> {
    /// Reads what these [keys](flowmote_engine::samples::PastQuery::logged) follow from.
    pub(crate) fn new(
        keys: &BTreeSet<&str>,
        without_run: Option<u64>,
        stop: &'q AtomicBool,
    ) -> Self {
        let (limit, records) = (MAX_RECORDS, AtomicU64::new(0));
        Self { columns: Columns::of(keys), without_run, stop, limit, records }
    }

    /// The same for the same files again.
    pub(crate) fn again(&self) -> Self {
        let (columns, records) = (self.columns.clone(), AtomicU64::new(0));
        Self { columns, records, ..*self }
    }

    /// Records that were read.
    pub(crate) fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }

    /// Counts records that are to be read now.
    fn count(&self, records: u64) -> Result<(), Ended> {
        if self.stop.load(Ordering::Relaxed) {
            return Err(Ended::Stopped);
        }
        let before = self.records.fetch_add(records, Ordering::Relaxed);
        if before + records > self.limit { Err(Ended::TooMany) } else { Ok(()) }
    }
}

impl FlowHistory {
    /// The history in a directory.
    pub(crate) fn new(root: PathBuf) -> Self {
        Self {
            root,
            damaged: AtomicU64::new(0),
            verified: Mutex::default(),
            hasher: RandomState::new(),
            reported: Mutex::default(),
        }
    }

    /// The beginning of the oldest file, in seconds since 1970.
    pub(crate) fn oldest(&self) -> Option<u64> {
        directory::oldest(&self.root)
    }

    /// The files of the minutes that begin in a span of seconds since 1970, in order.
    pub(crate) fn files(&self, from: u64, to: u64) -> Vec<HistoryFile> {
        directory::files(&self.root, from, to)
    }

    /// Passes on the records of a file in portions. One that cannot be read is reported once, and left out
    /// from there on.
    pub(crate) fn read(
        &self,
        file: &HistoryFile,
        reading: &Reading<'_>,
        add: &mut dyn FnMut(&[Logged]),
    ) -> Result<(), Ended> {
        match self.verify(&file.path).and_then(|()| file::read(&file.path, reading, add)) {
            Ok(()) => Ok(()),
            Err(file::Error::Ended(ended)) => Err(ended),
            Err(file::Error::Damaged(error)) => {
                self.report(&file.path, &error);
                Ok(())
            }
        }
    }

    /// Compares the checksum of a file with that in its name, once: a reader of Parquet may end the program
    /// for a file that is damaged.
    fn verify(&self, path: &Path) -> Result<(), file::Error> {
        let hash = self.hasher.hash_one(path);
        if self.verified.lock().contains(&hash) {
            return Ok(());
        }
        file::verify(path)?;
        let mut verified = self.verified.lock();
        if verified.len() >= MAX_VERIFIED {
            verified.clear();
        }
        verified.insert(hash);
        Ok(())
    }

    fn report(&self, path: &Path, error: &str) {
        let mut reported = self.reported.lock();
        if reported.len() < MAX_REPORTED && reported.insert(path.to_owned()) {
            self.damaged.fetch_add(1, Ordering::Relaxed);
            eprintln_lossy(format_args!(
                "flowmote-analyzer: {} is left out of the history of flows: {error}",
                path.display()
            ));
        }
    }
}

/// Records that a query may read.
const MAX_RECORDS: u64 = 100_000_000;
/// Files that are remembered: more than there are.
const MAX_VERIFIED: usize = 400_000;
/// Damaged files that are remembered.
const MAX_REPORTED: usize = 10_000;
