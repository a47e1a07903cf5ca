//! `StartQuery`, `GetQueryResults`, `StopQuery`, `DescribeQueries`.
//!
//! Queries run on threads of their own, a few at the same time. Their results are kept until there are too
//! many.

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::bounds::{Bounds, Overrun};
use super::command::Query;
use super::record::{Format, Source, formats};
use super::run::{Outcome, Scanned, run};
use super::syntax::MAX_LIMIT;
use crate::aws::document::{Document, Rows};
use crate::aws::fault::{Fault, Kind};
use crate::aws::logs::cursor::Wrong;
use crate::aws::logs::name::{fault, group_name, groups, milliseconds};
use crate::aws::logs::store::Store;
use crate::aws::members::Members;
use crate::aws::request_id;
use crate::hub::Hub;

/// The queries.
#[derive(Debug)]
pub(in crate::aws::logs) struct Queries {
    /// The newest last.
    all: Arc<Mutex<VecDeque<Arc<Entry>>>>,
    /// A place for each query that runs.
    places: Arc<Semaphore>,
    /// Bytes for all queries and results.
    capacity: usize,
}

/// A query.
#[derive(Debug)]
struct Entry {
    id: String,
    text: String,
    /// The names of the columns.
    columns: Arc<[String]>,
    /// The groups, and the formats of their flow records.
    groups: Vec<(String, Vec<Format>)>,
    account: String,
    span: RangeInclusive<i64>,
    limit: usize,
    /// Milliseconds since 1970.
    created: i64,
    is_cancelled: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    status: Status,
    outcome: Outcome,
    /// Bytes of the outcome.
    bytes: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Status {
    #[default]
    Scheduled,
    Running,
    Complete,
    Failed,
    Cancelled,
    Timeout,
}

impl Status {
    fn word(self) -> &'static str {
        match self {
            Self::Scheduled => "Scheduled",
            Self::Running => "Running",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
            Self::Cancelled => "Cancelled",
            Self::Timeout => "Timeout",
        }
    }

    fn is_active(self) -> bool {
        matches!(self, Self::Scheduled | Self::Running)
    }
}

pub(in crate::aws::logs) fn start(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let text = members.required("queryString")?;
    let seconds = |name: &str| {
        let seconds = milliseconds(&members, name)?.ok_or_else(|| Fault::missing(name))?;
        Ok(seconds.saturating_mul(1000))
    };
    let (from, to) = (seconds("startTime")?, seconds("endTime")?);
    if from > to {
        return Err(Fault::value("endTime", "must not be before startTime"));
    }
    if !matches!(members.text("queryLanguage")?, None | Some("CWLI")) {
        return Err(Fault::value("queryLanguage", "must be CWLI"));
    }
    let limit = match members.integer("limit")?.map(|limit| limit as usize) {
        None => MAX_LIMIT,
        Some(limit) if (1..=MAX_LIMIT).contains(&limit) => limit,
        Some(_) => return Err(Fault::value("limit", &format!("must be 1 to {MAX_LIMIT}"))),
    };
    let wanted = wanted_groups(&members)?.into_iter();
    let groups: Vec<_> = wanted.map(|name| (name.to_owned(), formats(hub, name))).collect();
    {
        let store = hub.aws.logs.store();
        groups.iter().try_for_each(|(name, _)| store.group(name).map(drop)).map_err(fault)?;
    }
    let query = Query::parse(text).map_err(|wrong| malformed(&wrong, text))?;
    let entry = Entry {
        id: request_id(),
        text: text.to_owned(),
        columns: query.columns.iter().filter_map(|at| query.names.get(*at).cloned()).collect(),
        groups,
        account: hub.flow_logs.options.account.clone(),
        // All of the last second.
        span: from..=to.saturating_add(999),
        limit,
        created: hub.unix_ms(hub.now()).cast_signed(),
        is_cancelled: AtomicBool::new(false),
        state: Mutex::default(),
    };
    let id = entry.id.clone();
    hub.aws.logs.queries.add(Arc::new(entry), query, hub.aws.logs.store.clone())?;
    Ok(Document::new().with("queryId", id))
}

/// The groups, in one of the three forms.
fn wanted_groups<'a>(members: &Members<'a>) -> Result<Vec<&'a str>, Fault> {
    let one = members.text("logGroupName")?.map(|_| group_name(members)).transpose()?;
    let names = groups(members, "logGroupNames")?;
    let identifiers = groups(members, "logGroupIdentifiers")?;
    let all: Vec<_> =
        one.into_iter().chain(names.iter().copied()).chain(identifiers.iter().copied()).collect();
    let forms = [one.is_some(), !names.is_empty(), !identifiers.is_empty()];
    match forms.into_iter().filter(|is_there| *is_there).count() {
        0 => Err(Fault::missing("logGroupName")),
        1 if all.len() > MAX_GROUPS => {
            Err(Fault::value("logGroupNames", &format!("has more than {MAX_GROUPS} items")))
        }
        1 => Ok(all),
        _ => Err(Fault::new(
            Kind::InvalidCombination,
            "logGroupName, logGroupNames and logGroupIdentifiers exclude each other.",
        )),
    }
}

fn malformed(wrong: &Wrong, text: &str) -> Fault {
    let (start, end) = (wrong.at as u32, text.len().max(wrong.at) as u32);
    let message = format!("The query is wrong after {start} bytes: {}.", wrong.reason);
    Fault::new(Kind::MalformedQuery { start, end }, message)
}

pub(in crate::aws::logs) fn results(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let entry = hub.aws.logs.queries.find(members.required("queryId")?)?;
    let state = entry.state.lock();
    let Scanned { matched, records, bytes } = state.outcome.counts;
    let statistics = Document::new()
        .with("recordsMatched", matched as f64)
        .with("recordsScanned", records as f64)
        .with("bytesScanned", bytes as f64);
    let rows = Rows::new(entry.columns.clone(), state.outcome.rows.clone());
    Ok(Document::new()
        .with("queryLanguage", "CWLI")
        .with("results", rows)
        .with("statistics", statistics)
        .with("status", state.status.word()))
}

/// `ListLogGroupsForQuery`.
pub(in crate::aws::logs) fn groups_of(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let entry = hub.aws.logs.queries.find(members.required("queryId")?)?;
    let groups: Vec<_> =
        entry.groups.iter().map(|(name, _)| Document::from(name.as_str())).collect();
    Ok(Document::new().with("logGroupIdentifiers", groups))
}

pub(in crate::aws::logs) fn stop(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let entry = hub.aws.logs.queries.find(members.required("queryId")?)?;
    let mut state = entry.state.lock();
    if !state.status.is_active() {
        let text = format!("The query has ended: its status is {}.", state.status.word());
        return Err(Fault::new(Kind::InvalidValue, text));
    }
    entry.is_cancelled.store(true, Ordering::Relaxed);
    state.status = Status::Cancelled;
    Ok(Document::new().with("success", true))
}

pub(in crate::aws::logs) fn describe(hub: &Hub, document: &Document) -> Result<Document, Fault> {
    let members = Members::of(document)?;
    let group = members.text("logGroupName")?.map(|_| group_name(&members)).transpose()?;
    let status = members.text("status")?;
    let most = members.integer("maxResults")?.unwrap_or(MAX_KEPT as u32);
    let all = hub.aws.logs.queries.all.lock();
    let wanted = all.iter().rev().filter(|entry| {
        let is_of = |group: &str| entry.groups.iter().any(|(own, _)| own == group);
        group.is_none_or(is_of)
            && status.is_none_or(|status| entry.state.lock().status.word() == status)
    });
    let describe = |entry: &Arc<Entry>| {
        Document::new()
            .with("queryLanguage", "CWLI")
            .with("queryId", &*entry.id)
            .with("queryString", &*entry.text)
            .with("status", entry.state.lock().status.word())
            .with("createTime", entry.created)
            .with_some("logGroupName", entry.groups.first().map(|(name, _)| name.as_str()))
    };
    let queries: Vec<_> = wanted.take(most as usize).map(describe).collect();
    Ok(Document::new().with("queries", queries))
}

impl Queries {
    /// No queries; those that run and their results use at most about `capacity` bytes.
    pub(in crate::aws::logs) fn new(capacity: usize) -> Self {
        let places = Arc::new(Semaphore::new(MAX_RUNNING));
        Self { all: Arc::default(), places, capacity }
    }

    fn find(&self, id: &str) -> Result<Arc<Entry>, Fault> {
        let all = self.all.lock();
        let found = all.iter().find(|entry| entry.id == id).cloned();
        found.ok_or_else(|| Fault::new(Kind::ResourceNotFound, "The query does not exist."))
    }

    /// Starts a query when there is a place for it.
    fn add(&self, entry: Arc<Entry>, query: Query, store: Arc<Mutex<Store>>) -> Result<(), Fault> {
        let mut all = self.all.lock();
        let active = all.iter().filter(|entry| entry.state.lock().status.is_active()).count();
        if active >= MAX_ACTIVE {
            let text = format!("There are {MAX_ACTIVE} queries that have not ended.");
            return Err(Fault::new(Kind::LimitExceeded, text));
        }
        all.push_back(entry.clone());
        make_room(&mut all, self.capacity / 4, &entry);
        drop(all);
        let (places, memory) = (self.places.clone(), self.capacity * 3 / 8);
        let (all, results) = (self.all.clone(), self.capacity / 4);
        Handle::current().spawn(async move {
            // The semaphore is never closed.
            let place = places.acquire_owned().await;
            let own = entry.clone();
            // The query goes when it has ended: its regular expressions take much memory.
            let work = spawn_blocking(move || work(&own, &query, &store, memory));
            if work.await.is_err() {
                // After a panic there is no result.
                entry.state.lock().status = Status::Failed;
            }
            make_room(&mut all.lock(), results, &entry);
            drop(place);
        });
        Ok(())
    }
}

/// Forgets the oldest queries that have ended, but for one, while there are too many, or their results have
/// more than so many bytes.
fn make_room(all: &mut VecDeque<Arc<Entry>>, results: usize, stays: &Arc<Entry>) {
    let mut bytes: usize = all.iter().map(|entry| entry.state.lock().bytes).sum();
    let mut count = all.len();
    all.retain(|entry| {
        let state = entry.state.lock();
        let is_too_much = count > MAX_KEPT || bytes > results;
        let goes = is_too_much && !state.status.is_active() && !Arc::ptr_eq(entry, stays);
        if goes {
            count -= 1;
            bytes -= state.bytes;
        }
        !goes
    });
}

/// Runs a query, unless it was stopped.
fn work(entry: &Entry, query: &Query, store: &Mutex<Store>, memory: usize) {
    {
        let mut state = entry.state.lock();
        if state.status != Status::Scheduled {
            return;
        }
        state.status = Status::Running;
    }
    let sources: Vec<_> = {
        let store = store.lock();
        // A group that was deleted meanwhile has no events.
        let sources = entry.groups.iter().filter_map(|(name, formats)| {
            let view = store.view(name, &entry.span, 0).ok()?.at(entry.created);
            Some(Source::new(view, &entry.account, formats.clone()))
        });
        sources.collect()
    };
    let bounds =
        Bounds { memory, time: MAX_TIME, is_cancelled: &entry.is_cancelled, limit: entry.limit };
    let result = run(query, &sources, &entry.span, &bounds);
    let mut state = entry.state.lock();
    if state.status != Status::Running {
        return;
    }
    match result {
        Ok(outcome) => {
            let bytes = outcome.bytes();
            *state = State { status: Status::Complete, outcome, bytes };
        }
        Err(Overrun::Memory) => state.status = Status::Failed,
        Err(Overrun::Time) => state.status = Status::Timeout,
        Err(Overrun::Cancelled) => state.status = Status::Cancelled,
    }
}

/// Queries that run at the same time.
const MAX_RUNNING: usize = 2;
/// Queries that have not ended, as of the service.
const MAX_ACTIVE: usize = 30;
/// Queries that are kept, with their results.
const MAX_KEPT: usize = 100;
const MAX_GROUPS: usize = 50;
const MAX_TIME: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(id: &str, bytes: usize) -> Arc<Entry> {
        let state = State { status: Status::Complete, bytes, ..State::default() };
        Arc::new(Entry {
            id: id.to_owned(),
            text: String::new(),
            columns: Arc::default(),
            groups: Vec::new(),
            account: String::new(),
            span: 0..=0,
            limit: 1,
            created: 0,
            is_cancelled: AtomicBool::new(false),
            state: Mutex::new(state),
        })
    }

    #[test]
    fn results_are_bounded_when_a_query_ends() {
        let ids = |all: &VecDeque<Arc<Entry>>| {
            all.iter().map(|entry| entry.id.as_str()).collect::<Vec<_>>().join("")
        };
        let mut all: VecDeque<_> =
            ["a", "b", "c", "d"].map(|id| ended(id, 100)).into_iter().collect();
        let last = all[3].clone();
        make_room(&mut all, 400, &last);
        assert_eq!(ids(&all), "abcd");
        all[0].state.lock().status = Status::Running;
        make_room(&mut all, 250, &last);
        assert_eq!(ids(&all), "ad");
        // The client of the last one has not seen it.
        all[0].state.lock().status = Status::Complete;
        make_room(&mut all, 50, &last);
        assert_eq!(ids(&all), "d");
        let mut all: VecDeque<_> = (0..=MAX_KEPT).map(|_| ended("x", 0)).collect();
        let last = all[MAX_KEPT].clone();
        make_room(&mut all, 50, &last);
        assert_eq!(all.len(), MAX_KEPT);
    }

    #[tokio::test]
    async fn ended_query_keeps_its_result_only() {
        let mut store = Store::new(1 << 20);
        store.append("g", "s", 1, [(5, "one event")].into_iter());
        let (queries, store) = (Queries::new(1 << 20), Arc::new(Mutex::new(store)));
        let mut entry = Arc::into_inner(ended("q", 0)).unwrap();
        entry.groups = vec![("g".to_owned(), Vec::new())];
        (entry.span, entry.state) = (0..=9, Mutex::default());
        let (entry, query) = (Arc::new(entry), Query::parse("fields @message").unwrap());
        queries.add(entry.clone(), query, store).unwrap();
        while entry.state.lock().status.is_active() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let state = entry.state.lock();
        assert_eq!((state.status, state.outcome.rows.len()), (Status::Complete, 1));
        assert_eq!(state.bytes, state.outcome.bytes());
        assert!(state.bytes > "one event".len());
    }
}
