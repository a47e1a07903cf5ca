//! Opening the file, and what is done when it cannot be used.

use core::sync::atomic::{AtomicU64, Ordering};
use std::fs;
use std::io::{Error, ErrorKind};
use std::sync::Arc;
use std::time::Instant;

use parking_lot::{Condvar, Mutex};

use super::catalogue::Catalogue;
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
}

#[derive(Debug, Default)]
enum State {
    /// All of the file is checked. Requests wait for the end of it.
    #[default]
    Opening,
    Open(Arc<Store>),
    /// It failed at this time.
    Closed(Instant),
}

impl History {
    /// Opens the file. One that is damaged or of another format is set aside, with a message, and a new one
    /// begins. What the
    /// last run left in the log becomes chunks.
    pub(crate) fn open(&self, now: i64) {
        let opened = self.open_or_set_aside().and_then(|store| {
            for shard in store.shards(now)? {
                store.merge(shard, now, false)?;
            }
            *self.catalogue.lock() = Catalogue::open(&store)?;
            Ok(store)
        });
        let state = match opened {
            Ok(store) => {
                self.count(&store);
                self.opened.count.fetch_add(1, Ordering::Relaxed);
                State::Open(Arc::new(store))
            }
            Err(error) => {
                self.report("cannot be opened", &error);
                State::Closed(Instant::now())
            }
        };
        *self.opened.state.lock() = state;
        self.opened.changed.notify_all();
    }

    fn open_or_set_aside(&self) -> Result<Store> {
        let opened = Store::open(&self.path, self.memory / 2);
        let Err(error) = &opened else { return opened };
        let Some(extension) = aside(error) else { return opened };
        let aside = self.path.with_extension(extension);
        fs::rename(&self.path, &aside)?;
        eprintln_lossy(format_args!(
            "flowmote-analyzer: {} cannot be used ({error}): moved to {}; the history is empty",
            self.path.display(),
            aside.display()
        ));
        Store::open(&self.path, self.memory / 2)
    }

    /// The open database. Waits while it is being opened.
    pub(super) fn store(&self) -> Option<Arc<Store>> {
        let mut state = self.opened.state.lock();
        while matches!(*state, State::Opening) {
            self.opened.changed.wait(&mut state);
        }
        match &*state {
            State::Open(store) => Some(store.clone()),
            _ => None,
        }
    }

    /// The number of the opening, if the file is open; opens it again if it is time.
    pub(crate) fn ready(&self, now: i64) -> Option<u64> {
        self.reopen(now);
        self.store().map(|_| self.opening())
    }

    /// The number of the last opening.
    pub(super) fn opening(&self) -> u64 {
        self.opened.count.load(Ordering::Relaxed)
    }

    /// Opens the file again if an error has closed it a while ago.
    pub(super) fn reopen(&self, now: i64) {
        let state = self.opened.state.lock();
        if matches!(&*state, State::Closed(since) if since.elapsed() >= super::upkeep::PAUSE) {
            drop(state);
            self.open(now);
        }
    }

    /// Ends all use of the file.
    pub(crate) fn close(&self) {
        *self.opened.state.lock() = State::Closed(Instant::now());
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
            *state = State::Closed(Instant::now());
            drop(state);
            self.report("cannot be used", error);
        }
    }

    fn report(&self, what: &str, error: &redb::Error) {
        Counters::add(&self.counters.errors, 1);
        let path = self.path.display();
        eprintln_lossy(format_args!(
            "flowmote-analyzer: {path} {what}: {error}; the history goes on when it can be opened"
        ));
    }

    /// Takes the numbers of the file.
    pub(super) fn count(&self, store: &Store) {
        let bytes = fs::metadata(&self.path).map_or(0, |it| it.len());
        self.counters.bytes.store(bytes, Ordering::Relaxed);
        self.counters.metrics.store(store.count().unwrap_or_default(), Ordering::Relaxed);
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
