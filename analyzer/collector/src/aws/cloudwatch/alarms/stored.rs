//! The files of alarms: each as `DescribeAlarms` describes it, and what happened to them.
//!
//! A request that changes an alarm has its reply once the file has the change. Changes of states, and the
//! history, are written by the thread of the alarms, at most so many bytes a second on average: alarms that
//! change their state all the time do not wear out a disk.

use core::time::Duration;
use std::time::Instant;

use parking_lot::Mutex;
use serde_json::{Value, json};

use super::alarm::Alarm;
use super::history::{MAX_STORED, Stored};
use super::status::Status;
use super::table::Alarms;
use super::tags;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::hub::Hub;
use crate::state::State;
use crate::stderr::eprintln_lossy;

/// What a file has. It is locked while the file is written.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// The number of the last change that it has.
    change: u64,
    /// The time before which it is not written unless a request waits for it.
    not_before: Option<Instant>,
    /// True if it could not be written the last time.
    fails: bool,
}

/// The reply to a change comes once it is stored.
pub(super) fn done(hub: &Hub) -> Result<Document, Fault> {
    keep(hub, hub.aws.alarms.changes()).map(|()| Document::new()).map_err(|error| {
        let text = format!("The change is in force, but not stored: {error}. It is tried again.");
        Fault::new(Kind::Internal, text)
    })
}

/// Stores the alarms, unless the file has the change with a number: who waited for another one to write has
/// it written already.
fn keep(hub: &Hub, change: u64) -> Result<(), String> {
    if !hub.state.is_kept() {
        return Ok(());
    }
    let alarms = &hub.aws.alarms;
    alarms.written.lock().reach(change, alarms.bytes() / ALARM_RATE, || {
        let (changes, mut all) = (alarms.changes(), Vec::new());
        alarms.from("", |entry| {
            all.push(entry.stored());
            true
        });
        hub.state.try_store(FILE, &json!({ "alarms": all })).map(|()| changes)
    })
}

/// Stores the history, unless the file has the event with a number.
fn keep_history(hub: &Hub, event: u64) -> Result<(), String> {
    if !hub.state.is_kept() {
        return Ok(());
    }
    let history = &hub.aws.alarms.history;
    let seconds = history.lock().bytes().min(MAX_STORED) / HISTORY_RATE;
    hub.aws.alarms.history_written.lock().reach(event, seconds, || {
        let (count, stored) = {
            let history = history.lock();
            (history.count(), history.stored())
        };
        hub.state.try_store(HISTORY, &stored).map(|()| count)
    })
}

/// Stores what has changed, if it is time, or has failed before. Errors are reported.
pub(super) fn keep_up(hub: &Hub) {
    let alarms = &hub.aws.alarms;
    let is_due = |written: &Mutex<Written>| {
        written.lock().not_before.is_none_or(|time| time <= Instant::now())
    };
    if is_due(&alarms.written) {
        let _ = keep(hub, alarms.changes());
    }
    if is_due(&alarms.history_written) {
        let count = alarms.history.lock().count();
        let _ = keep_history(hub, count);
    }
}

/// Stores what has changed, at the end of the program.
pub(in crate::aws) fn save(hub: &Hub) {
    let alarms = &hub.aws.alarms;
    let _ = keep(hub, alarms.changes());
    let count = alarms.history.lock().count();
    let _ = keep_history(hub, count);
}

impl Written {
    /// Writes the file, unless it has a change. Then a pause of some seconds follows. `write` returns the
    /// number of the last change that it wrote. The first error of several is reported.
    fn reach(
        &mut self,
        change: u64,
        pause: usize,
        write: impl FnOnce() -> Result<u64, String>,
    ) -> Result<(), String> {
        if self.change >= change {
            return Ok(());
        }
        let result = write();
        self.not_before = Some(Instant::now() + Duration::from_secs(pause as u64));
        match &result {
            Ok(changes) => self.change = *changes,
            Err(error) if !self.fails => eprintln_lossy(format_args!(
                "flowmote-analyzer: {error}: it is tried again until it succeeds"
            )),
            Err(_) => {}
        }
        if self.fails && result.is_ok() {
            eprintln_lossy("the state of alarms is stored again");
        }
        self.fails = result.is_err();
        result.map(drop)
    }
}

/// Puts the alarms of the last run back. Those that this version refuses are reported.
pub(in crate::aws) fn restore(alarms: &Alarms, state: &State, now: i64) {
    let history: Stored = state.load(HISTORY);
    let mut own = alarms.history.lock();
    own.restore(history);
    alarms.history_written.lock().change = own.count();
    drop(own);
    let stored: Value = state.load(FILE);
    let list = match Document::from(stored) {
        Document::Members(members) => members.into_iter().find(|(name, _)| name == "alarms"),
        _ => None,
    };
    let Some((_, Document::List(list))) = list else { return };
    for document in list {
        if let Err(fault) = restore_one(alarms, &document, now) {
            let members = Members::of(&document).ok();
            let name = members.and_then(|it| it.text("AlarmName").ok().flatten());
            let (name, reason) = (name.unwrap_or_default(), fault.message);
            eprintln_lossy(format_args!(
                "flowmote-analyzer: alarm {name} is not restored: {reason}"
            ));
        }
    }
    alarms.written.lock().change = alarms.changes();
}

fn restore_one(alarms: &Alarms, document: &Document, now: i64) -> Result<(), Fault> {
    let members = Members::of(document)?;
    let configured = members.required_time("AlarmConfigurationUpdatedTimestamp")?;
    let alarm = (Alarm::read(&members)?, tags::read(&members)?);
    alarms.restore(alarm, Status::read(&members)?, configured, now)
}

const FILE: &str = "alarms.json";
const HISTORY: &str = "alarm-history.json";
/// Bytes of memory whose alarms, or events, are written in a second on average.
const ALARM_RATE: usize = 1 << 20;
const HISTORY_RATE: usize = 32 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_is_written_for_changes_that_it_lacks_and_again_after_an_error() {
        let mut written = Written::default();
        assert_eq!(written.reach(1, 0, || Ok(3)), Ok(()));
        // Those of others were written with it.
        assert_eq!(written.reach(3, 0, || panic!("it has the change")), Ok(()));
        assert_eq!(written.reach(4, 0, || Err("full".to_owned())), Err("full".to_owned()));
        assert!(written.fails);
        assert_eq!(written.reach(4, 7, || Ok(4)), Ok(()));
        assert!(!written.fails && written.change == 4);
        let pause = written.not_before.unwrap() - Instant::now();
        assert!((6..=7).contains(&pause.as_secs()), "{pause:?}");
    }
}
