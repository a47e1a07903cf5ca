//! Amazon CloudWatch Logs: events of this program and of others, in groups and streams.
//!
//! [`store`] has the events. This program adds its own by [`Logs::append`], others by `PutLogEvents`. They
//! are read by [patterns](pattern), by queries of [Logs Insights](insights), and [as they come](live_tail).

mod absent;
mod comparison;
mod cursor;
mod event_stream;
mod events;
mod fields;
mod filter_log_events;
mod get_log_events;
mod groups;
mod insights;
mod live_tail;
mod name;
mod pattern;
mod put_log_events;
mod store;
mod streams;
mod tags;

use core::ops::RangeInclusive;
use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

pub(crate) use events::add_events;
pub(super) use live_tail::start as start_live_tail;
pub(crate) use store::Counts;
use store::{Refusal, Store, View};

use super::service::Operation;
use crate::hub::Hub;

/// The events, and who reads them.
#[derive(Debug)]
pub(crate) struct Logs {
    store: Arc<Mutex<Store>>,
    queries: insights::Queries,
    sessions: live_tail::Sessions,
    /// The number of events since the start.
    news: watch::Sender<u64>,
    /// The number of the next event of thresholds.
    next_event: AtomicU64,
    /// Events in the embedded metric format whose metrics are wrong.
    wrong_metrics: AtomicU64,
}

/// What is counted, and what is held now.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    pub(crate) counts: Counts,
    /// Bytes of events.
    pub(crate) bytes: u64,
    /// Events in the embedded metric format whose metrics are wrong.
    pub(crate) wrong_metrics: u64,
    /// Sessions of Live Tail now, and those that ended because the client did not read.
    pub(crate) sessions: u64,
    pub(crate) slow_sessions: u64,
}

impl Logs {
    /// No events; at most about `capacity` bytes will be used, a third of them for queries.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            store: Arc::new(Mutex::new(Store::new(capacity / 3 * 2))),
            queries: insights::Queries::new(capacity / 3),
            sessions: live_tail::Sessions::default(),
            news: watch::Sender::new(0),
            next_event: AtomicU64::new(0),
            wrong_metrics: AtomicU64::new(0),
        }
    }

    /// Adds events, each a time in milliseconds since 1970 and a message, to a stream of a group. `now` is
    /// in milliseconds since 1970 too. Group and stream are made if they are not there. Their times need
    /// no order. True if they were stored; those that were not are [counted](Counts).
    pub(crate) fn append<'a>(
        &self,
        group: &str,
        stream: &str,
        now: i64,
        events: impl IntoIterator<Item = (i64, &'a str)>,
    ) -> bool {
        let mut store = self.store();
        let is_stored = store.append(group, stream, now, events.into_iter());
        let total = store.counts().events;
        drop(store);
        self.news.send_if_modified(|known| core::mem::replace(known, total) != total);
        is_stored
    }

    /// Makes a group, if it is not there and there are not too many.
    pub(crate) fn make_group(&self, name: &str, now: i64) {
        let _ = self.store().create(name, now);
    }

    /// Counts since the start, and what is held now.
    pub(crate) fn usage(&self) -> Usage {
        let store = self.store();
        Usage {
            counts: store.counts(),
            bytes: store.bytes() as u64,
            wrong_metrics: self.wrong_metrics.load(Ordering::Relaxed),
            sessions: self.sessions.open(),
            slow_sessions: self.sessions.slow(),
        }
    }

    fn count_wrong_metrics(&self) {
        self.wrong_metrics.fetch_add(1, Ordering::Relaxed);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock()
    }

    /// The events of a group in a span of time, without those that are older than its retention.
    fn view(
        &self,
        hub: &Hub,
        group: &str,
        span: &RangeInclusive<i64>,
        since: u64,
    ) -> Result<View, Refusal> {
        let now = hub.unix_ms(hub.now()).cast_signed();
        self.store().view(group, span, since).map(|view| view.at(now))
    }
}

/// What fuzz targets run: a text as a query over a few events, and as a filter pattern of these. True if it
/// is one of them.
#[cfg(any(test, feature = "_testing"))]
pub(super) fn arbitrary(text: &str) -> bool {
    let record =
        "2 123456789010 eni-1 10.0.0.1 - 4000 80 6 20 4000 1800000000 1800000059 ACCEPT OK";
    let json = r#"{"a": {"b": [1, "x", null]}, "n": 9007199254740993, "t": true, "f": -0.5}"#;
    let events = [record, json, "[error] é 1e300 inf", ""];
    let pattern = pattern::Pattern::parse(text);
    let found = pattern.as_ref().map(|pattern| events.map(|event| pattern.has(event)));
    insights::arbitrary(text, &events) || found.is_ok()
}

/// The operations. `StartLiveTail` has no reply that is a document.
pub(super) const OPERATIONS: [Operation; 35] = [
    Operation { name: "CreateLogGroup", changes: true, run: groups::create },
    Operation { name: "CreateLogStream", changes: true, run: streams::create },
    Operation { name: "DeleteLogGroup", changes: true, run: groups::delete },
    Operation { name: "DeleteLogStream", changes: true, run: streams::delete },
    Operation { name: "DeleteRetentionPolicy", changes: true, run: groups::delete_retention },
    Operation { name: "DescribeAccountPolicies", changes: false, run: absent::account_policies },
    Operation { name: "DescribeDestinations", changes: false, run: absent::destinations },
    Operation { name: "DescribeExportTasks", changes: false, run: absent::export_tasks },
    Operation { name: "DescribeFieldIndexes", changes: false, run: absent::field_indexes },
    Operation { name: "DescribeIndexPolicies", changes: false, run: absent::index_policies },
    Operation { name: "DescribeLogGroups", changes: false, run: groups::describe },
    Operation { name: "DescribeLogStreams", changes: false, run: streams::describe },
    Operation { name: "DescribeMetricFilters", changes: false, run: absent::metric_filters },
    Operation { name: "DescribeQueries", changes: false, run: insights::describe },
    Operation { name: "DescribeQueryDefinitions", changes: false, run: absent::query_definitions },
    Operation { name: "DescribeResourcePolicies", changes: false, run: absent::resource_policies },
    Operation {
        name: "DescribeSubscriptionFilters",
        changes: false,
        run: absent::subscription_filters,
    },
    Operation { name: "FilterLogEvents", changes: false, run: filter_log_events::run },
    Operation { name: "GetDataProtectionPolicy", changes: false, run: absent::data_protection },
    Operation { name: "GetLogEvents", changes: false, run: get_log_events::run },
    Operation { name: "GetLogGroupFields", changes: false, run: fields::of_group },
    Operation { name: "GetLogRecord", changes: false, run: fields::record },
    Operation { name: "GetQueryResults", changes: false, run: insights::results },
    Operation { name: "ListLogAnomalyDetectors", changes: false, run: absent::anomaly_detectors },
    Operation { name: "ListLogGroupsForQuery", changes: false, run: insights::groups_of },
    Operation { name: "ListTagsForResource", changes: false, run: tags::list },
    Operation { name: "ListTagsLogGroup", changes: false, run: tags::list },
    Operation { name: "PutLogEvents", changes: true, run: put_log_events::run },
    Operation { name: "PutRetentionPolicy", changes: true, run: groups::put_retention },
    Operation { name: "StartQuery", changes: false, run: insights::start },
    Operation { name: "StopQuery", changes: false, run: insights::stop },
    Operation { name: "TagLogGroup", changes: true, run: tags::add },
    Operation { name: "TagResource", changes: true, run: tags::add },
    Operation { name: "UntagLogGroup", changes: true, run: tags::remove },
    Operation { name: "UntagResource", changes: true, run: tags::remove },
];
