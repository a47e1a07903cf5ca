//! Opening the file, and what is done when it cannot be used.

use core::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use core::time::Duration;
use std::fs;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::catalogue::Catalogue;
use super::mark;
use super::meta::OtherFormat;
use super::store::{Result, Store};
use super::{Counters, History};
use crate::stderr::eprintln_lossy;

/// The open database, or why there is none.
#[derive(Debug, Default)]
pub(super) struct Opened {
    state: Mutex<State>,
    changed: Condvar,
    /// How often the file was opened. Numbers of groups and columns are those of one opening.
    count: AtomicU64,
    failures: Mutex<Failures>,
    /// The time of the last check of all of the file.
    checked: AtomicI64,
}

#[derive(Debug)]
enum State {
    /// Since this time. All of the file may be read for it.
    Opening(Instant),
    Open(Arc<Store>),
    /// It is opened again at this time; never after the end of all use.
    Closed(Option<Instant>),
}

impl Default for State {
    fn default() -> Self {
        Self::Opening(Instant::now())
    }
}

/// The failures one after the other.
#[derive(Debug, Default)]
struct Failures {
    last: Option<Instant>,
    /// The time until the file is opened again.
    pause: Duration,
    text: String,
}

impl Failures {
    /// One more. True if it is to be reported: its text is another, or there was none for long.
    fn add(&mut self, text: String) -> bool {
        let is_first = self.last.is_none_or(|last| last.elapsed() > 2 * LONGEST);
        self.pause = if is_first { SHORTEST } else { (2 * self.pause).min(LONGEST) };
        self.last = Some(Instant::now());
        let is_new = is_first || self.text != text;
        self.text = text;
        is_new
    }
}

impl History {
    /// Opens the file. One that is damaged or of another format is set aside, with a message, and a new one
    /// begins. All of it is read if the last run did not end well, if others have changed it, or if that
    /// was a week ago; requests do without it meanwhile.
    pub(crate) fn open(&self, now: i64) {
        *self.opened.state.lock() = State::Opening(Instant::now());
        let state = match self.prepare(now) {
            Ok(store) => {
                self.count(&store);
                self.opened.count.fetch_add(1, Ordering::Relaxed);
                State::Open(Arc::new(store))
            }
            Err(error) => State::Closed(Some(self.report("cannot be opened", &error))),
        };
        *self.opened.state.lock() = state;
        self.opened.changed.notify_all();
        self.with(|store| self.continued(store));
    }

    fn prepare(&self, now: i64) -> Result<Store> {
        let mut store = self.open_or_set_aside(now)?;
        self.compare(store.written()?, now);
        if self.is_certain() {
            self.fit(&mut store, now)?;
        }
        *self.catalogue.lock() = Catalogue::open(&store)?;
        Ok(store)
    }

    fn open_or_set_aside(&self, now: i64) -> Result<Store> {
        let checked = mark::take(&self.path).filter(|checked| mark::is_recent(*checked, now));
        self.opened.checked.store(checked.unwrap_or(now), Ordering::Relaxed);
        let opened = Store::open(&self.path, self.memory / 2, checked.is_none());
        let Err(error) = &opened else { return opened };
        let Some(extension) = aside(error) else { return opened };
        let aside = self.path.with_extension(extension);
        fs::rename(&self.path, &aside)?;
        eprintln_lossy(format_args!(
            "flowmote-analyzer: {} cannot be used ({error}): moved to {}; the history is empty",
            self.path.display(),
            aside.display()
        ));
        Store::open(&self.path, self.memory / 2, true)
    }

    /// The time of the last check of all of the file.
    #[cfg(test)]
    pub(super) fn checked(&self) -> i64 {
        self.opened.checked.load(Ordering::Relaxed)
    }

    /// The open database.
    pub(super) fn store(&self) -> Option<Arc<Store>> {
        match &*self.opened.state.lock() {
            State::Open(store) => Some(store.clone()),
            _ => None,
        }
    }

    /// Waits while the file is being opened, until a short time after the begin of it.
    pub(crate) fn wait(&self) {
        let mut state = self.opened.state.lock();
        while let State::Opening(since) = *state {
            if self.opened.changed.wait_until(&mut state, since + PATIENCE).timed_out() {
                return;
            }
        }
    }

    /// True while the file is being opened.
    pub(crate) fn is_opening(&self) -> bool {
        matches!(*self.opened.state.lock(), State::Opening(_))
    }

    /// The number of the opening, if the file is open and can be written; opens it again if it is time.
    pub(crate) fn ready(&self, now: i64) -> Option<u64> {
        self.reopen(now);
        self.store()?;
        let is_ready = self.is_certain_at(now) && self.has_room(0);
        is_ready.then(|| self.opening())
    }

    /// The number of the last opening.
    pub(super) fn opening(&self) -> u64 {
        self.opened.count.load(Ordering::Relaxed)
    }

    /// Opens the file again if an error has closed it a while ago.
    fn reopen(&self, now: i64) {
        let state = self.opened.state.lock();
        if matches!(&*state, State::Closed(Some(again)) if *again <= Instant::now()) {
            drop(state);
            self.open(now);
        }
    }

    /// Ends all use of the file, and marks that it ended well.
    pub(crate) fn close(&self) {
        let state = core::mem::replace(&mut *self.opened.state.lock(), State::Closed(None));
        let State::Open(mut store) = state else { return };
        let begin = Instant::now();
        // Requests may still read.
        while begin.elapsed() < PATIENCE {
            match Arc::try_unwrap(store) {
                Ok(store) => return self.end(store),
                Err(shared) => store = shared,
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(&self, store: Store) {
        let checked = self.opened.checked.load(Ordering::Relaxed);
        let closed = store.close().and_then(|()| Ok(mark::leave(&self.path, checked)?));
        if let Err(error) = closed {
            eprintln_lossy(format_args!(
                "flowmote-analyzer: {} cannot be closed: {error}; all of it is read at the next start",
                self.path.display()
            ));
        }
    }

    /// Does something with the database; `None` if there is none, or after an error.
    pub(super) fn with<T>(&self, act: impl FnOnce(&Store) -> Result<T>) -> Option<T> {
        let store = self.store()?;
        act(&store).map_err(|error| self.failed(&error)).ok()
    }

    /// After an error of the file, redb refuses all further work. It must be opened again.
    pub(super) fn failed(&self, error: &redb::Error) {
        let mut state = self.opened.state.lock();
        if matches!(*state, State::Open(_)) {
            *state = State::Closed(Some(self.report("cannot be used", error)));
        }
    }

    /// Reports an error. Returns the time at which the file is opened again.
    fn report(&self, what: &str, error: &redb::Error) -> Instant {
        Counters::add(&self.counters.errors, 1);
        let text = format!("{} {what}: {error}", self.path.display());
        let mut failures = self.opened.failures.lock();
        if failures.add(text) {
            let text = &failures.text;
            eprintln_lossy(format_args!(
                "flowmote-analyzer: {text}; the history goes on when it can be opened"
            ));
        }
        Instant::now() + failures.pause
    }

    /// Takes the numbers of the file.
    pub(super) fn count(&self, store: &Store) {
        self.counters.bytes.store(self.length(), Ordering::Relaxed);
        self.counters.metrics.store(store.count().unwrap_or_default(), Ordering::Relaxed);
    }

    /// The length of the file.
    pub(super) fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |it| it.len())
    }
}

/// The extension of a file that is set aside because of its content.
fn aside(error: &redb::Error) -> Option<String> {
    if let Some(format) = OtherFormat::of(error) {
        return Some(format!("redb.{}", format.short()));
    }
    is_damage(error).then(|| "redb.damaged".to_owned())
}

fn is_damage(error: &redb::Error) -> bool {
    let by_content =
        |error: &Error| matches!(error.kind(), ErrorKind::InvalidData | ErrorKind::UnexpectedEof);
    match error {
        redb::Error::Corrupted(_)
        | redb::Error::UpgradeRequired(_)
        | redb::Error::TableTypeMismatch { .. }
        | redb::Error::TableDoesNotExist(_)
        | redb::Error::TypeDefinitionChanged { .. } => true,
        redb::Error::Io(error) => by_content(error),
        _ => false,
    }
}

/// Time after the begin of an opening for which requests wait for it.
const PATIENCE: Duration = Duration::from_secs(2);
/// Time after a failure until the file is opened again; twice as long after each one that follows.
const SHORTEST: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_make_longer_pauses_and_one_message() {
        let mut failures = Failures::default();
        let added: Vec<(bool, u64)> = (0..9)
            .map(|_| (failures.add("no permission".to_owned()), failures.pause.as_secs()))
            .collect();
        assert_eq!(added[..3], [(true, 5), (false, 10), (false, 20)]);
        assert_eq!(added[7..], [(false, 600), (false, 600)]);
        assert!(failures.add("no space".to_owned()));
        failures.last = Instant::now().checked_sub(3 * LONGEST);
        assert!(failures.add("no space".to_owned()));
        assert_eq!(failures.pause, SHORTEST);
    }

    #[test]
    fn wait_for_an_opening_is_short_and_once() {
        let directory = tempfile::tempdir().unwrap();
        let history = History::new(directory.path(), 1 << 20, 1 << 20);
        for at_most in [PATIENCE + Duration::from_secs(1), Duration::from_millis(500)] {
            let begin = Instant::now();
            history.wait();
            assert!(history.is_opening() && begin.elapsed() < at_most, "{:?}", begin.elapsed());
            // What is done for requests and alarms does not wait.
            assert!(history.find("name", "").is_empty());
        }
    }
}
