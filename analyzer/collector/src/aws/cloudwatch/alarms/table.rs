//! All alarms with their states.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::{Condvar, Mutex};

use super::alarm::Alarm;
use super::condition::Condition;
use super::history::{Event, History};
use super::status::{State, Status};
use super::stored::Written;
use super::tags;
use super::unknown;
use super::webhooks::Webhooks;
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::tags::Tags;

/// The alarms.
#[derive(Debug)]
pub(in crate::aws) struct Alarms {
    /// What the names of alarms as resources begin with.
    prefix: String,
    table: Mutex<Table>,
    /// Wakes the thread that evaluates.
    wake: Condvar,
    pub(super) history: Arc<Mutex<History>>,
    pub(super) webhooks: Webhooks,
    /// What the file has of the alarms, and of their history.
    pub(super) written: Mutex<Written>,
    pub(super) history_written: Mutex<Written>,
    evaluated: AtomicU64,
    late: AtomicU64,
}

#[derive(Debug)]
struct Table {
    entries: BTreeMap<String, Entry>,
    /// When each is evaluated next, in milliseconds since 1970.
    due: BTreeSet<(i64, String)>,
    /// The composite alarms about each alarm.
    parents: BTreeMap<String, BTreeSet<String>>,
    bytes: usize,
    capacity: usize,
    /// The number of the last change.
    changes: u64,
}

/// An alarm with its state.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) alarm: Arc<Alarm>,
    /// Its name as a resource.
    pub(super) arn: String,
    pub(super) tags: Tags,
    /// The names of the alarms that it is about.
    pub(super) children: Arc<[String]>,
    pub(super) status: Status,
    /// The time of the last `PutMetricAlarm`, in milliseconds since 1970.
    pub(super) configured: i64,
    /// The time from which on a missing value is one that was never there: before it, a restart may have
    /// lost it.
    known_from: i64,
    due: i64,
    bytes: usize,
}

/// Counts for those who watch the analyzer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// Alarms by the names of their states.
    pub(crate) states: [(&'static str, u64); 3],
    pub(crate) evaluated: u64,
    /// Evaluations that began more than a second after their time, or ten for periods of a minute.
    pub(crate) late: u64,
    /// Actions by the names of their outcomes.
    pub(crate) actions: [(&'static str, u64); 4],
}

impl Alarms {
    /// No alarms of an account in a region. They use at most about `capacity` bytes, and their history as
    /// many.
    pub(in crate::aws) fn new(capacity: usize, region: &str, account: &str) -> Self {
        let (entries, due, parents) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        let history = Arc::new(Mutex::new(History::new(capacity)));
        Self {
            prefix: format!("arn:aws:cloudwatch:{region}:{account}:alarm:"),
            table: Mutex::new(Table { entries, due, parents, bytes: 0, capacity, changes: 0 }),
            wake: Condvar::new(),
            webhooks: Webhooks::new(history.clone()),
            history,
            written: Mutex::default(),
            history_written: Mutex::default(),
            evaluated: AtomicU64::default(),
            late: AtomicU64::default(),
        }
    }

    /// Puts an alarm, in the place of another one of its name, whose state and tags stay.
    pub(super) fn put(&self, alarm: Alarm, tags: Tags, now: i64) -> Result<(), Fault> {
        let mut table = self.table.lock();
        let before = table.entries.get(&alarm.name);
        let status = before.map_or_else(|| Status::new(now), |entry| entry.status.clone());
        let tags = before.map_or(tags, |entry| entry.tags.clone());
        let mut entry = self.entry(alarm, tags, status, now);
        entry.known_from = before.map_or(0, |entry| entry.known_from);
        table.check(&entry)?;
        let before = table.entries.get(&entry.alarm.name);
        let event = Event::configured(before, &entry);
        let name = entry.alarm.name.clone();
        table.insert(entry)?;
        table.schedule_parents(&name, now);
        self.history.lock().add(now, event);
        drop(table);
        self.wake.notify_one();
        Ok(())
    }

    /// Puts an alarm with its state of before a restart.
    pub(super) fn restore(
        &self,
        (alarm, tags): (Alarm, Tags),
        status: Status,
        configured: i64,
        now: i64,
    ) -> Result<(), Fault> {
        let entry = self.entry(alarm, tags, status, configured);
        // The clock may have been ahead when it was put.
        self.table.lock().insert(Entry { known_from: now, due: now, ..entry })
    }

    /// It is due immediately.
    fn entry(&self, alarm: Alarm, tags: Tags, status: Status, configured: i64) -> Entry {
        let arn = format!("{}{}", self.prefix, alarm.name);
        let names = alarm.condition().map(|condition| condition.names.as_slice());
        let children = names.unwrap_or_default().iter().map(|name| self.plain(name).to_owned());
        let (children, due, known_from) = (children.collect(), configured, 0);
        let alarm = Arc::new(alarm);
        let mut entry =
            Entry { alarm, arn, tags, children, status, configured, known_from, due, bytes: 0 };
        let written = serde_json::to_vec(&entry.document()).unwrap_or_default();
        // The tree of a condition takes several times its text.
        let tree = entry.alarm.condition().map_or(0, |condition| 10 * condition.text.len());
        entry.bytes = BESIDE + 2 * written.len() + 2 * entry.tags.bytes() + tree;
        entry
    }

    /// The name of an alarm that a condition has by name or ARN.
    fn plain<'a>(&self, name: &'a str) -> &'a str {
        self.name(name).unwrap_or(name)
    }

    /// The status that follows from the states of other alarms.
    pub(super) fn of_others(&self, condition: &Condition, now: i64) -> Status {
        let table = self.table.lock();
        let child = |name: &str| table.entries.get(self.plain(name));
        let holds = condition.holds(|name| child(name).map(|entry| entry.status.state));
        let all = condition.names.iter().filter_map(|name| child(name));
        let last = all.max_by_key(|entry| entry.status.transitioned);
        let last = last.map(|entry| (entry.arn.as_str(), &entry.status));
        Status::of_others(if holds { State::Alarm } else { State::Ok }, last, now)
    }

    /// The composite alarms about an alarm.
    pub(super) fn parents(&self, name: &str) -> Vec<String> {
        let table = self.table.lock();
        table.parents.get(name).into_iter().flatten().cloned().collect()
    }

    /// The name of the alarm that an ARN is of, if it is one of this account and region.
    pub(super) fn name<'a>(&self, arn: &'a str) -> Option<&'a str> {
        arn.strip_prefix(&self.prefix)
    }

    /// Changes the tags of an alarm.
    pub(super) fn set_tags(
        &self,
        name: &str,
        change: impl FnOnce(&Tags) -> Result<Tags, Fault>,
    ) -> Result<(), Fault> {
        let mut table = self.table.lock();
        let entry = table.entries.get(name).ok_or_else(|| tags::none(name))?;
        let (tags, before) = (change(&entry.tags)?, entry.tags.bytes());
        let bytes = table.bytes + 2 * tags.bytes() - 2 * before;
        if bytes > table.capacity {
            return Err(table.limit());
        }
        table.bytes = bytes;
        table.changes += 1;
        if let Some(entry) = table.entries.get_mut(name) {
            entry.bytes = entry.bytes + 2 * tags.bytes() - 2 * before;
            entry.tags = tags;
        }
        Ok(())
    }

    /// Deletes all of these alarms, or none if one does not exist.
    pub(super) fn delete(&self, names: &[String], now: i64) -> Result<(), Fault> {
        let mut table = self.table.lock();
        if let Some(name) = names.iter().find(|name| !table.entries.contains_key(*name)) {
            return Err(unknown(name));
        }
        for name in names {
            if let Some(entry) = table.remove(name) {
                self.history.lock().add(now, Event::deleted(&entry));
                table.schedule_parents(name, now);
            }
        }
        drop(table);
        self.wake.notify_one();
        Ok(())
    }

    /// Switches the actions of these alarms. Those that do not exist are of no interest.
    pub(super) fn switch(&self, names: &[String], enabled: bool, now: i64) {
        let mut table = self.table.lock();
        for name in names {
            let Some(entry) = table.entries.get_mut(name) else { continue };
            if entry.alarm.actions_enabled == enabled {
                continue;
            }
            let before = entry.clone();
            entry.alarm = Arc::new(entry.alarm.with_actions(enabled));
            self.history.lock().add(now, Event::configured(Some(&before), entry));
            table.changes += 1;
        }
    }

    /// Gives an alarm a status. Returns what it was if the state is another one now.
    ///
    /// # Errors
    /// There is no alarm with this name.
    pub(super) fn set(&self, name: &str, mut status: Status) -> Result<Option<Change>, Fault> {
        let mut table = self.table.lock();
        let entry = table.entries.get_mut(name).ok_or_else(|| unknown(name))?;
        let before = entry.status.clone();
        let is_change = before.state != status.state;
        if !is_change {
            status.transitioned = before.transitioned;
        }
        let now = status.updated;
        entry.status = status;
        let entry = entry.clone();
        table.changes += 1;
        if !is_change {
            return Ok(None);
        }
        table.schedule_parents(name, now);
        self.history.lock().add(now, Event::transition(&before, &entry));
        drop(table);
        self.wake.notify_one();
        Ok(Some(Change { before, entry }))
    }

    /// The alarm that has waited longest for its evaluation, if it is due. Waits a second at most if none is.
    pub(super) fn next_due(&self, now: impl Fn() -> i64) -> Option<Due> {
        let mut table = self.table.lock();
        if table.entries.is_empty() {
            self.wake.wait(&mut table);
        }
        let first = table.due.first().map(|(due, _)| *due)?;
        let wait = (first - now()).clamp(0, LONGEST_WAIT);
        if wait > 0 {
            self.wake.wait_for(&mut table, Duration::from_millis(wait.unsigned_abs()));
            return None;
        }
        let (due, name) = table.due.pop_first()?;
        let entry = table.entries.get(&name)?;
        Some(Due { alarm: entry.alarm.clone(), known_from: entry.known_from, due })
    }

    /// Takes note of an evaluation, and of the time of the next one. False if another alarm has the name
    /// now, or none.
    pub(super) fn evaluated(&self, alarm: &Arc<Alarm>, is_late: bool, next: i64) -> bool {
        self.evaluated.fetch_add(1, Ordering::Relaxed);
        self.late.fetch_add(is_late.into(), Ordering::Relaxed);
        let mut table = self.table.lock();
        let table = &mut *table;
        let Some(entry) = table.entries.get_mut(&alarm.name) else { return false };
        if !Arc::ptr_eq(&entry.alarm, alarm) {
            // It may have been switched in the meantime, which does not put it among those that are due.
            let due = entry.due;
            table.due.insert((due, alarm.name.clone()));
            return false;
        }
        // A state that it is about may have changed in the meantime.
        if table.due.contains(&(entry.due, alarm.name.clone())) {
            return true;
        }
        entry.due = next;
        table.due.insert((next, alarm.name.clone()));
        true
    }

    /// The state of an alarm, and whether it could not be evaluated.
    pub(super) fn state(&self, name: &str) -> Option<(State, bool)> {
        let table = self.table.lock();
        table.entries.get(name).map(|entry| (entry.status.state, entry.status.has_failed))
    }

    /// The alarms from a name on, with this name or after it, as long as `take` is true.
    pub(super) fn from(&self, first: &str, mut take: impl FnMut(&Entry) -> bool) {
        let table = self.table.lock();
        let mut rest = table.entries.range(first.to_owned()..);
        while rest.next().is_some_and(|(_, entry)| take(entry)) {}
    }

    /// The alarm with a name.
    pub(super) fn get(&self, name: &str) -> Option<Entry> {
        self.table.lock().entries.get(name).cloned()
    }

    /// The number of the last change.
    pub(super) fn changes(&self) -> u64 {
        self.table.lock().changes
    }

    /// Bytes that the alarms take.
    pub(super) fn bytes(&self) -> usize {
        self.table.lock().bytes
    }

    /// Counts since the start.
    pub(in crate::aws) fn counts(&self) -> Counts {
        let mut states =
            [State::Ok, State::Alarm, State::InsufficientData].map(|it| (it.name(), 0));
        self.from("", |entry| {
            let own = states.iter_mut().find(|(name, _)| *name == entry.status.state.name());
            own.into_iter().for_each(|(_, count)| *count += 1);
            true
        });
        let [evaluated, late] = [&self.evaluated, &self.late].map(|it| it.load(Ordering::Relaxed));
        Counts { states, evaluated, late, actions: self.webhooks.counts() }
    }
}

/// An alarm that is to be evaluated.
#[derive(Debug)]
pub(super) struct Due {
    pub(super) alarm: Arc<Alarm>,
    pub(super) known_from: i64,
    /// Since when.
    pub(super) due: i64,
}

/// The state of an alarm is another one than before.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) before: Status,
    pub(super) entry: Entry,
}

impl Table {
    fn insert(&mut self, entry: Entry) -> Result<(), Fault> {
        let name = entry.alarm.name.clone();
        let old = self.entries.get(&name).map_or(0, |old| old.bytes);
        let count = self.entries.len() + usize::from(old == 0);
        if count > MAX_ALARMS || self.bytes - old + entry.bytes > self.capacity {
            return Err(self.limit());
        }
        self.remove(&name);
        self.bytes += entry.bytes;
        self.due.insert((entry.due, name.clone()));
        for child in entry.children.iter() {
            self.parents.entry(child.clone()).or_default().insert(name.clone());
        }
        self.entries.insert(name, entry);
        self.changes += 1;
        Ok(())
    }

    /// Checks that an alarm can be in the place of another one of its name, and that the alarms that it is
    /// about exist and are not about it.
    fn check(&self, entry: &Entry) -> Result<(), Fault> {
        let (name, kind) = (&entry.alarm.name, entry.alarm.kind());
        let before = self.entries.get(name).map(|entry| entry.alarm.kind());
        if let Some(other) = before.filter(|before| *before != kind) {
            let text = format!("There is a {} with the name {name}.", other.name());
            return Err(Fault::validation(text));
        }
        let is_missing = |child: &&String| !self.entries.contains_key(*child);
        if let Some(child) = entry.children.iter().find(is_missing) {
            let text = format!("AlarmRule has the alarm {child}, which does not exist.");
            return Err(Fault::validation(text));
        }
        let (mut waiting, mut seen) = (vec![&entry.children], BTreeSet::new());
        while let Some(children) = waiting.pop() {
            for child in children.iter().filter(|child| seen.insert(child.as_str())) {
                if child == name {
                    let text = "AlarmRule has an alarm that is about this one itself.";
                    return Err(Fault::validation(text));
                }
                waiting.extend(self.entries.get(child).map(|entry| &entry.children));
            }
        }
        Ok(())
    }

    /// Makes the alarms due that are about another one.
    fn schedule_parents(&mut self, name: &str, now: i64) {
        for parent in self.parents.get(name).into_iter().flatten() {
            let Some(entry) = self.entries.get_mut(parent) else { continue };
            self.due.remove(&(entry.due, parent.clone()));
            entry.due = now;
            self.due.insert((now, parent.clone()));
        }
    }

    fn limit(&self) -> Fault {
        let text = format!(
            "The maximum limit is reached: {MAX_ALARMS} alarms, which take {} bytes together.",
            self.capacity
        );
        Fault::new(Kind::LimitExceeded, text)
    }

    fn remove(&mut self, name: &str) -> Option<Entry> {
        let entry = self.entries.remove(name)?;
        self.due.remove(&(entry.due, name.to_owned()));
        for child in entry.children.iter() {
            if let Some(parents) = self.parents.get_mut(child) {
                parents.remove(name);
                if parents.is_empty() {
                    self.parents.remove(child);
                }
            }
        }
        self.bytes -= entry.bytes;
        self.changes += 1;
        Some(entry)
    }
}

impl Entry {
    /// Its members.
    pub(super) fn document(&self) -> Document {
        let name = self.alarm.name.as_str();
        let time = Document::Time(self.configured as f64 / 1000.0);
        let document = Document::new()
            .with("AlarmName", name)
            .with("AlarmArn", self.arn.as_str())
            .with("AlarmConfigurationUpdatedTimestamp", time);
        self.status.write(self.alarm.write(document))
    }

    /// The same with what only the file has.
    pub(super) fn stored(&self) -> Document {
        let tags = (!self.tags.is_empty()).then(|| self.tags.list());
        self.document().with_some("Tags", tags)
    }
}

/// Alarms, as many as the service has for an account.
const MAX_ALARMS: usize = 5000;
/// Milliseconds after which the thread looks for other work than evaluations.
const LONGEST_WAIT: i64 = 1000;
/// Bytes of an alarm beside its members.
const BESIDE: usize = 500;

#[cfg(test)]
mod tests {
    use super::super::alarm::tests::alarm;
    use super::*;

    const NOW: i64 = 1_795_867_800_000;

    fn alarms(capacity: usize) -> Alarms {
        Alarms::new(capacity, "eu-west-1", "123456789012")
    }

    fn tags(pairs: &[(&str, &str)]) -> Tags {
        Tags::of("Tags", pairs.iter().copied()).unwrap()
    }

    fn own(alarms: &Alarms) -> Tags {
        alarms.get("a").unwrap().tags
    }

    #[test]
    fn alarm_that_was_put_while_the_clock_was_ahead_is_due_after_a_restart() {
        let alarms = alarms(1 << 20);
        let ahead = NOW + 4 * 365 * 86_400_000;
        let put = (alarm(&[]), Tags::default());
        alarms.restore(put, Status::new(ahead), ahead, NOW).unwrap();
        let due = alarms.next_due(|| NOW).unwrap();
        assert_eq!((due.due, due.known_from), (NOW, NOW));
        assert_eq!(alarms.get("a").unwrap().configured, ahead);
    }

    #[test]
    fn tags_are_those_of_the_first_put_until_they_are_changed() {
        let alarms = alarms(1 << 20);
        let (first, further) = (tags(&[("team", "net")]), tags(&[("team", "web"), ("x", "")]));
        alarms.put(alarm(&[]), first.clone(), NOW).unwrap();
        // As of the service.
        alarms.put(alarm(&[]), further.clone(), NOW).unwrap();
        assert_eq!(own(&alarms), first);
        let changes = alarms.changes();
        alarms.set_tags("a", |tags| tags.with("Tags", further.clone())).unwrap();
        assert_eq!((own(&alarms), alarms.changes()), (further, changes + 1));
        alarms.set_tags("a", |tags| Ok(tags.without(&["team"]))).unwrap();
        assert_eq!(own(&alarms), tags(&[("x", "")]));
        let fault = alarms.set_tags("b", |tags| Ok(tags.clone())).unwrap_err();
        assert_eq!(fault.kind, Kind::NoResource);
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a";
        assert_eq!(alarms.get("a").unwrap().arn, arn);
        assert_eq!(alarms.name(arn), Some("a"));
        assert_eq!(alarms.name("arn:aws:cloudwatch:us-east-1:123456789012:alarm:a"), None);
    }

    /// A change of tags while the alarm is evaluated must not make it due twice.
    #[test]
    fn tags_of_an_alarm_that_is_evaluated_are_changed() {
        let alarms = alarms(1 << 20);
        alarms.put(alarm(&[]), Tags::default(), NOW).unwrap();
        let due = alarms.next_due(|| NOW).unwrap();
        alarms.set_tags("a", |_| Ok(tags(&[("k", "v")]))).unwrap();
        assert!(alarms.evaluated(&due.alarm, false, NOW + 60_000));
        assert_eq!(alarms.table.lock().due.len(), 1);
    }

    #[test]
    fn tags_take_memory_of_the_alarms() {
        let mut small = alarms(1 << 20);
        small.put(alarm(&[]), Tags::default(), NOW).unwrap();
        let bytes = small.bytes();
        small.table.get_mut().capacity = bytes + 20;
        let long = |length: usize| tags(&[("k", &"v".repeat(length))]);
        let set = |alarms: &Alarms, length| alarms.set_tags("a", |_| Ok(long(length)));
        assert_eq!(set(&small, 10).unwrap_err().kind, Kind::LimitExceeded);
        assert_eq!(own(&small), Tags::default());
        set(&small, 9).unwrap();
        assert_eq!(small.bytes(), bytes + 20);
        set(&small, 3).unwrap();
        small.delete(&["a".to_owned()], NOW).unwrap();
        assert_eq!(small.bytes(), 0);
    }

    fn composite(name: &str, rule: &str) -> Alarm {
        let document = Document::new().with("AlarmName", name).with("AlarmRule", rule);
        Alarm::read(&crate::aws::members::Members::of(&document).unwrap()).unwrap()
    }

    fn put(alarms: &Alarms, alarm: Alarm, now: i64) -> Result<(), Fault> {
        alarms.put(alarm, Tags::default(), now)
    }

    fn set(alarms: &Alarms, name: &str, state: State, now: i64) {
        alarms.set(name, Status { state, ..Status::new(now) }).unwrap();
    }

    /// The names of the alarms that are due, all of which are evaluated.
    fn due(alarms: &Alarms, now: i64) -> Vec<String> {
        let due = core::iter::from_fn(|| {
            let is_due = alarms.table.lock().due.first().is_some_and(|(due, _)| *due <= now);
            let due = is_due.then(|| alarms.next_due(|| now)).flatten()?;
            alarms.evaluated(&due.alarm, false, now + 60_000);
            Some(due.alarm.name.clone())
        });
        due.collect()
    }

    #[test]
    fn composite_alarm_is_due_when_one_that_it_is_about_changes() {
        let alarms = alarms(1 << 20);
        put(&alarms, alarm(&[]), NOW).unwrap();
        let arn = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:a";
        put(&alarms, composite("c", &format!("ALARM(\"{arn}\")")), NOW).unwrap();
        put(&alarms, composite("d", "NOT ALARM(c)"), NOW).unwrap();
        assert_eq!(due(&alarms, NOW), ["a", "c", "d"]);
        let state = |name: &str| {
            let entry = alarms.get(name).unwrap();
            alarms.of_others(entry.alarm.condition().unwrap(), NOW).state
        };
        assert_eq!((state("c"), state("d")), (State::Ok, State::Alarm));
        set(&alarms, "a", State::Alarm, NOW + 1);
        assert_eq!(due(&alarms, NOW + 1), ["c"]);
        assert_eq!((state("c"), alarms.parents("a")), (State::Alarm, vec!["c".to_owned()]));
        // The same state again is no change.
        set(&alarms, "a", State::Alarm, NOW + 2);
        assert_eq!(due(&alarms, NOW + 2), [""; 0]);
        // A change while the composite alarm is evaluated makes it due once more.
        set(&alarms, "a", State::Ok, NOW + 3);
        let evaluated = alarms.next_due(|| NOW + 3).unwrap();
        set(&alarms, "a", State::Alarm, NOW + 4);
        assert!(alarms.evaluated(&evaluated.alarm, false, NOW + 60_000));
        assert_eq!(due(&alarms, NOW + 4), ["c"]);
        // What is gone has no state.
        alarms.delete(&["a".to_owned()], NOW + 5).unwrap();
        assert_eq!(due(&alarms, NOW + 5), ["c"]);
        assert_eq!(state("c"), State::Ok);
        alarms.delete(&["c".to_owned(), "d".to_owned()], NOW + 6).unwrap();
        assert!(alarms.table.lock().parents.is_empty() && alarms.bytes() == 0);
    }

    #[test]
    fn composite_alarms_that_cannot_be_are_refused() {
        let alarms = alarms(1 << 20);
        let refused = |alarm: Alarm| put(&alarms, alarm, NOW).unwrap_err().message;
        assert!(refused(composite("c", "ALARM(a)")).contains("a, which does not exist"));
        put(&alarms, alarm(&[]), NOW).unwrap();
        put(&alarms, composite("c", "ALARM(a)"), NOW).unwrap();
        put(&alarms, composite("d", "ALARM(c)"), NOW).unwrap();
        for rule in ["ALARM(c)", "OK(a) OR ALARM(d)"] {
            assert!(refused(composite("c", rule)).contains("about this one itself"), "{rule}");
        }
        assert!(refused(composite("a", "TRUE")).contains("There is a MetricAlarm"));
        let metric = alarm(&[("AlarmName", "c".into())]);
        assert!(refused(metric).contains("There is a CompositeAlarm"));
        put(&alarms, composite("c", "NOT ALARM(a)"), NOW).unwrap();
        assert_eq!(alarms.parents("a"), ["c"]);
    }
}
