//! The recorder: writes the rows of all agents, and the points that programs report, into the history.
//!
//! It looks at all data sources every few seconds, at a few of them while samples wait, and copies the
//! numbers of rows that are new. Names are made and rows written without a lock.

#[cfg(test)]
pub(in crate::aws::cloudwatch) mod lab;
mod live;
mod names;
mod others;
mod plan;
mod rows;

use core::time::Duration;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use flowmote_engine::Instant as EngineTime;
use flowmote_engine::source::Source;

use super::directory::{Agent, Directory};
use super::metric::Metric;
use super::names::hosts;
use super::period::{Periods, Point};
use super::series::{Part, Pick};
use super::silence;
use crate::history::{Batch, Column, Group, History, MINUTE, Row, Sample, Stored};
use crate::hub::Hub;
pub(in crate::aws) use live::Live;
use names::Names;
pub(in crate::aws::cloudwatch) use others::Field;
use others::Others;
use plan::Plans;
use rows::New;

/// The thread that records.
#[derive(Debug)]
pub(crate) struct Recording {
    hub: Arc<Hub>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

/// Starts to record, if the hub has a history.
pub(crate) fn record(hub: &Arc<Hub>) -> io::Result<Option<Recording>> {
    if hub.aws.history().is_none() {
        return Ok(None);
    }
    let (stop, stopped) = mpsc::channel();
    let own = hub.clone();
    let record = move || {
        let hub = own;
        let Some(history) = hub.aws.history() else { return };
        history.open(now(&hub));
        let mut recorder = Recorder::default();
        let mut pause = SHORTEST;
        // Nothing is sent: the end of the channel is the end of the program.
        while matches!(stopped.recv_timeout(pause), Err(RecvTimeoutError::Timeout)) {
            let begin = Instant::now();
            recorder.round(&hub, history);
            history.maintain(now(&hub), false);
            pause = (begin.elapsed() * SHARE).clamp(SHORTEST, LONGEST);
        }
        recorder.round(&hub, history);
        history.close();
    };
    let thread = thread::Builder::new().name("history".to_owned()).spawn(record)?;
    Ok(Some(Recording { hub: hub.clone(), stop, thread }))
}

impl Recording {
    /// Records what is left, and ends. The end of the program does not wait until all of a large file is read:
    /// it has no new rows yet.
    pub(crate) fn finish(self) {
        drop(self.stop);
        while let Some(history) = self.hub.aws.history()
            && !self.thread.is_finished()
        {
            history.wait();
            if history.is_opening() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // A panic of it was reported by the thread itself.
        let _ = self.thread.join();
    }
}

/// The state of the thread.
#[derive(Debug, Default)]
struct Recorder {
    /// The opening of the file that all numbers here are of.
    opening: u64,
    plans: Plans,
    sources: HashMap<(usize, Source), Recorded>,
    /// When the names of an agent were put into the catalogue.
    agents: HashMap<flowmote_decoder::Address, Named>,
    others: Others,
    /// Status checks are recorded up to this time.
    checked: i64,
    reported: HashMap<(Metric, String), (Group, Column)>,
    /// When these were looked up first.
    looked_up: Option<Instant>,
}

/// What is written together.
#[derive(Debug, Default)]
struct Writing {
    batch: Batch,
    /// The times of the last rows of data sources: they are recorded when it is written.
    lasts: Vec<((usize, Source), EngineTime)>,
    /// Points among them that are nowhere else, and those that have no place.
    only_here: usize,
    lost: usize,
}

/// When the names of an agent were looked at.
#[derive(Debug, Default)]
struct Named {
    last: Option<Instant>,
    /// The time until the next look, unless there is something new before.
    pause: Duration,
}

impl Named {
    /// True if they are looked at now: when there is something new, after a while, and then less and less
    /// often. Differences of new data sources are known with their second poll.
    fn is_due(&mut self, is_new: bool, now: Instant) -> bool {
        let since = self.last.map(|last| now.duration_since(last));
        let is_due = is_new || since.is_none_or(|since| since >= self.pause);
        if is_due {
            self.pause = if is_new { NAMES } else { (2 * self.pause).clamp(NAMES, ALL_NAMES) };
            self.last = Some(now);
        }
        is_due
    }
}

/// What is recorded of a data source.
#[derive(Debug)]
struct Recorded {
    names: Names,
    /// The time of its last row.
    last: EngineTime,
    groups: BTreeMap<&'static str, Group>,
}

impl Recorder {
    fn round(&mut self, hub: &Hub, history: &History) {
        let now = now(hub);
        // Rows wait in memory while the file cannot be used.
        let Some(opening) = history.ready(now) else { return };
        if opening != self.opening {
            self.begin(hub, opening);
        }
        let mut writing = Writing::default();
        let directory = hub.aws.directory.get(hub);
        for agent in directory.from(None) {
            let is_new = self.agent(hub, history, agent, &mut writing);
            let due = self.agents.entry(agent.address).or_default().is_due(is_new, Instant::now());
            if due {
                names::register(hub, history, agent);
            }
            if history.is_enough(&writing.batch)
                && !self.write(history, core::mem::take(&mut writing), now)
            {
                return;
            }
        }
        let checked = self.checked;
        self.checks(hub, &directory, &mut writing.batch);
        self.others.add(hub, history, &mut writing.batch);
        self.reported(hub, history, &mut writing);
        if !self.write(history, writing, now) {
            self.checked = checked;
            return;
        }
        self.others.written();
        // Rows that are as old are not in memory any more.
        let (engine, before) = (hub.now(), self.sources.len());
        self.sources.retain(|_, source| engine.since(source.last) < MEMORY);
        if self.sources.len() < before {
            let known: HashSet<Source> = self.sources.keys().map(|(_, source)| *source).collect();
            hub.aws.live.write().retain(|source| known.contains(source));
        }
        self.agents.retain(|agent, _| directory.has(*agent));
    }

    /// Writes rows. Those of data sources that are not written are read again, for as long as they are in
    /// memory.
    fn write(&mut self, history: &History, writing: Writing, now: i64) -> bool {
        let Writing { batch, lasts, only_here, lost } = writing;
        if !history.write(&batch, now) {
            history.dropped(only_here);
            return false;
        }
        history.dropped(lost);
        for (source, last) in lasts {
            if let Some(recorded) = self.sources.get_mut(&source) {
                recorded.last = last;
            }
        }
        true
    }

    /// Forgets the numbers of groups and columns: the file may have others now.
    fn begin(&mut self, hub: &Hub, opening: u64) {
        self.opening = opening;
        self.plans = Plans::default();
        self.agents.clear();
        self.reported.clear();
        self.others.clear();
        self.sources.values_mut().for_each(|source| source.groups.clear());
        *hub.aws.live.write() = Live::default();
    }

    /// Adds the new rows of an agent. True if there are groups that are new.
    fn agent(
        &mut self,
        hub: &Hub,
        history: &History,
        agent: &Agent,
        writing: &mut Writing,
    ) -> bool {
        let mut is_new = false;
        for analyzer in &agent.analyzers {
            let sources = hub.at(*analyzer, |it| {
                it.metrics().points().sources(agent.address).collect::<Vec<_>>()
            });
            for part in sources.unwrap_or_default().chunks(PART) {
                let read = |it: &Self| {
                    hub.at(*analyzer, |engine| {
                        let new = part.iter().filter_map(|source| {
                            let at = Part { analyzer: *analyzer, source: *source };
                            let known = it.sources.get(&(at.analyzer, at.source));
                            let last = known.map(|known| known.last).unwrap_or_default();
                            New::after(last, hub, engine, &it.plans, agent, at)
                        });
                        new.collect::<Vec<_>>()
                    })
                };
                let mut found = read(self).unwrap_or_default();
                let unknown: Vec<_> =
                    found.iter_mut().flat_map(|it| it.unknown.drain(..)).collect();
                if !unknown.is_empty() {
                    is_new = true;
                    self.plans.add(unknown, history, &hub.aws.live);
                    found = read(self).unwrap_or_default();
                }
                for new in found {
                    is_new |= self.add(hub, history, new, writing);
                }
            }
        }
        is_new
    }

    fn add(&mut self, hub: &Hub, history: &History, new: New, writing: &mut Writing) -> bool {
        let New { at, names, last, rows, lost, .. } = new;
        let recorded = self.sources.entry((at.analyzer, at.source));
        let recorded = recorded.or_insert_with(|| Recorded {
            names: names.clone(),
            last: EngineTime::default(),
            groups: BTreeMap::new(),
        });
        if recorded.names != names {
            recorded.names = names;
            recorded.groups.clear();
        }
        writing.lasts.push(((at.analyzer, at.source), last));
        writing.lost += lost;
        let mut is_new = false;
        for (_, record, row) in rows {
            let group = recorded.groups.get(record).copied().or_else(|| {
                let group = history.group(&recorded.names.group(record))?;
                hub.aws.live.write().add(at.source, record, group);
                is_new = true;
                recorded.groups.insert(record, group);
                Some(group)
            });
            match group {
                Some(group) => writing.batch.add(group, &row),
                None => writing.lost += row.columns.len(),
            }
        }
        is_new
    }

    /// Adds the status checks of the minutes that are over since the last round.
    fn checks(&mut self, hub: &Hub, directory: &Directory, batch: &mut Batch) {
        let now = now(hub);
        let to = now - now.rem_euclid(MINUTE);
        let from = self.checked.max(to - MAX_CHECKS * MINUTE);
        if to <= from {
            return;
        }
        self.checked = to;
        let Ok(minutes) = Periods::new(from, to, 60, "Period") else { return };
        for (agent, _) in directory.instances() {
            let parts: Vec<Part> = hosts(agent).collect();
            let places = hub.aws.live.read().places(&parts, &Pick::Silence);
            let Some((_, (group, column))) = places.first() else { continue };
            let (_, checks) = silence::points(hub, &parts, &minutes, |_| Vec::new());
            for Point { end, sum, .. } in checks {
                let columns = vec![(*column, Sample::one(sum))];
                batch.add(*group, &Row { end, over: 0, columns });
            }
        }
    }

    /// Adds the points that programs reported since the last round.
    fn reported(&mut self, hub: &Hub, history: &History, writing: &mut Writing) {
        let (fresh, dropped) = hub.aws.reported.lock().take_fresh();
        history.dropped(dropped);
        let is_old = self.looked_up.is_none_or(|it| it.elapsed() >= LOOK_UP);
        if is_old || self.reported.len() >= MAX_REPORTED {
            self.reported.clear();
            self.looked_up = Some(Instant::now());
        }
        for (metric, unit, points) in fresh {
            let key = (metric, unit);
            let place = self.reported.get(&key).copied().or_else(|| place(history, &key));
            let Some((group, column)) = place else {
                writing.lost += points.len();
                continue;
            };
            if self.reported.len() < MAX_REPORTED {
                self.reported.insert(key, (group, column));
            }
            writing.only_here += points.len();
            for (end, sample) in by_seconds(&points) {
                writing.batch.add(group, &Row { end, over: 0, columns: vec![(column, sample)] });
            }
        }
    }
}

/// The place of a metric that a program reports, with a unit.
fn place(history: &History, (metric, unit): &(Metric, String)) -> Option<(Group, Column)> {
    let (name, dimensions) = metric.texts();
    let group = history.group(&format!("{name}\0{dimensions}\0{unit}"))?;
    let column = history.column("reported", false)?;
    let stored = Stored { group, column, unit: unit.as_str().into() };
    history.add_metric(&name, &dimensions, &stored).then_some((group, column))
}

/// Points of a second are one.
fn by_seconds(points: &[Point]) -> BTreeMap<i64, Sample> {
    let mut found: BTreeMap<i64, Sample> = BTreeMap::new();
    for Point { end, sum, min, max, count, .. } in points.iter().copied() {
        let second = end - end.rem_euclid(1000);
        found.entry(second).or_default().add(&Sample { sum, min, max, count });
    }
    found
}

fn now(hub: &Hub) -> i64 {
    hub.unix_ms(hub.now()).cast_signed()
}

/// The record of `rtmetric` values.
pub(super) const CUSTOM: &str = "rtmetric";
/// The column of status checks.
const CHECK: &str = "=StatusCheckFailed";
/// Minutes of status checks that one round records.
const MAX_CHECKS: i64 = 10;
/// A round takes at most one part in so many of the time.
const SHARE: u32 = 25;
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(10);
/// Data sources that are read while samples wait.
const PART: usize = 16;
/// Longer than the engine keeps rows, so that none of them is recorded again.
const MEMORY: Duration = Duration::from_secs(3 * 3600 + 300);
/// Time after which the places of reported metrics are looked up again, as the history needs it to find
/// those that are silent.
const LOOK_UP: Duration = Duration::from_secs(86_400);
/// Times after which names of an agent are looked at again: the first and the last one.
const NAMES: Duration = Duration::from_secs(60);
const ALL_NAMES: Duration = Duration::from_secs(6 * 3600);
/// Reported metrics whose places are in memory.
const MAX_REPORTED: usize = 20_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_at_when_new_and_then_less_often() {
        let (start, mut named) = (Instant::now(), Named::default());
        let mut looks = Vec::new();
        for minute in 0..2000 {
            let now = start + Duration::from_secs(60 * minute);
            if named.is_due(minute == 1000, now) {
                looks.push(minute);
            }
        }
        assert_eq!(
            looks,
            [
                0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 871, 1000, 1001, 1003, 1007, 1015, 1031,
                1063, 1127, 1255, 1511, 1871
            ]
        );
    }
}
