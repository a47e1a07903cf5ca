//! `StartLiveTail`: events as they come, in a reply without end.

use core::convert::Infallible;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use core::time::Duration;
use std::sync::Arc;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::event_stream::{event, message};
use super::filter_log_events::wrong_pattern;
use super::name::{Streams, arn, check_stream, fault, groups};
use super::pattern::Pattern;
use super::store::{Event, Refusal, Store, View};
use crate::aws::document::Document;
use crate::aws::fault::{Fault, Kind};
use crate::aws::members::Members;
use crate::aws::protocol::write_json;
use crate::aws::request_id;
use crate::hub::Hub;

/// The sessions.
#[derive(Debug)]
pub(in crate::aws) struct Sessions {
    /// A place for each session.
    places: Arc<Semaphore>,
    /// For the one that looks for events: all of them together take one thread.
    turn: Semaphore,
    /// Sessions that ended because the client did not read.
    slow: AtomicU64,
}

impl Default for Sessions {
    fn default() -> Self {
        let places = Arc::new(Semaphore::new(MAX_SESSIONS));
        Self { places, turn: Semaphore::new(1), slow: AtomicU64::new(0) }
    }
}

impl Sessions {
    /// Sessions now.
    pub(super) fn open(&self) -> u64 {
        MAX_SESSIONS.saturating_sub(self.places.available_permits()) as u64
    }

    /// Sessions that ended because the client did not read.
    pub(super) fn slow(&self) -> u64 {
        self.slow.load(Ordering::Relaxed)
    }
}

/// Starts a session: the reply to its request.
pub(in crate::aws) fn start(
    hub: Arc<Hub>,
    document: &Document,
    id: &str,
) -> Result<Response, Fault> {
    let tail = Tail::read(&hub, &Members::of(document)?)?;
    let place = hub.aws.logs.sessions.places.clone().try_acquire_owned().map_err(|_| {
        let text = format!("There are {MAX_SESSIONS} sessions of Live Tail.");
        Fault::new(Kind::LimitExceeded, text)
    })?;
    let (sender, receiver) = mpsc::channel(MAX_QUEUED);
    // The channel is empty.
    let first = [event("initial-response", b"{}"), tail.session_start(&hub, id)].concat();
    sender
        .try_send(first)
        .map_err(|_| Fault::new(Kind::LimitExceeded, "The session has ended."))?;
    tokio::spawn(serve(hub, tail, sender, place));
    let headers = [
        (header::CONTENT_TYPE.as_str(), "application/vnd.amazon.eventstream"),
        ("x-amzn-requestid", id),
    ];
    Ok((headers, Body::new(Messages(receiver))).into_response())
}

/// What a session is about, and what it has sent.
#[derive(Debug)]
struct Tail {
    groups: Vec<Group>,
    streams: Vec<String>,
    prefixes: Vec<String>,
    pattern: Pattern,
    text: String,
}

#[derive(Debug)]
struct Group {
    name: String,
    /// The number of the group, which another one of the same name does not have.
    id: u64,
    /// The number of the next event.
    next: u64,
}

impl Tail {
    fn read(hub: &Hub, members: &Members<'_>) -> Result<Self, Fault> {
        let names = groups(members, "logGroupIdentifiers")?;
        if names.is_empty() || names.len() > MAX_GROUPS {
            let reason = format!("must have 1 to {MAX_GROUPS} items");
            return Err(Fault::value("logGroupIdentifiers", &reason));
        }
        let texts = |name: &str| {
            let texts = members.texts(name)?;
            if texts.len() > MAX_STREAMS {
                return Err(Fault::value(name, &format!("has more than {MAX_STREAMS} items")));
            }
            texts.iter().try_for_each(|text| check_stream(name, text))?;
            if !texts.is_empty() && names.len() > 1 {
                return Err(Fault::value(name, "needs one log group"));
            }
            Ok(texts.into_iter().map(str::to_owned).collect::<Vec<_>>())
        };
        let (streams, prefixes) = (texts("logStreamNames")?, texts("logStreamNamePrefixes")?);
        if !streams.is_empty() && !prefixes.is_empty() {
            let text = "logStreamNames and logStreamNamePrefixes exclude each other.";
            return Err(Fault::new(Kind::InvalidCombination, text));
        }
        let text = members.text("logEventFilterPattern")?.unwrap_or_default().to_owned();
        let pattern = Pattern::parse(&text).map_err(wrong_pattern)?;
        let store = hub.aws.logs.store();
        let begin = |name: &str| {
            let view = store.view(name, &ALL, u64::MAX).map_err(fault)?;
            Ok(Group { name: name.to_owned(), id: view.id, next: view.end })
        };
        let groups = names.iter().map(|name| begin(name)).collect::<Result<Vec<_>, Fault>>()?;
        Ok(Self { groups, streams, prefixes, pattern, text })
    }

    fn session_start(&self, hub: &Hub, id: &str) -> Vec<u8> {
        let list = |texts: &[String]| -> Vec<_> {
            texts.iter().map(|text| Document::from(text.as_str())).collect()
        };
        let groups: Vec<_> =
            self.groups.iter().map(|group| Document::from(arn(hub, &group.name))).collect();
        let start = Document::new()
            .with("requestId", id)
            .with("sessionId", request_id())
            .with("logGroupIdentifiers", groups)
            .with("logStreamNames", list(&self.streams))
            .with("logStreamNamePrefixes", list(&self.prefixes))
            .with("logEventFilterPattern", self.text.as_str());
        event("sessionStart", &write_json(&start))
    }

    /// The events since the last time, and true if some were left out.
    fn news(&mut self, hub: &Hub) -> (Vec<Document>, bool) {
        let (mut events, mut is_sampled, mut bytes) = (Vec::new(), false, 0);
        for group in &mut self.groups {
            let Ok(view) = group.view(&hub.aws.logs.store()) else { continue };
            // After a pause of the client the latest are enough.
            let first = group.next.max(view.end.saturating_sub(MAX_COMPARED));
            is_sampled |= first > group.next;
            group.next = view.end;
            let names: Vec<_> = self.streams.iter().map(String::as_str).collect();
            let streams = match self.prefixes.as_slice() {
                [] => vec![Streams::find(&view, &names, None)],
                all => all.iter().map(|it| Streams::find(&view, &[], Some(it))).collect(),
            };
            let mut own: Vec<_> = view
                .scan(&ALL)
                .filter(|it| it.sequence >= first)
                .filter(|it| streams.iter().any(|streams| streams.has(&view, it.stream)))
                .filter(|it| self.pattern.has(it.message))
                .collect();
            own.sort_unstable_by_key(|it| it.sequence);
            is_sampled |= events.len() + own.len() > MAX_EVENTS;
            own.truncate(MAX_EVENTS - events.len().min(MAX_EVENTS));
            for event in &own {
                bytes += event.message.len();
                if bytes > MAX_BYTES && !events.is_empty() {
                    is_sampled = true;
                    break;
                }
                events.push(describe(hub, &view, event));
            }
        }
        (events, is_sampled)
    }
}

impl Group {
    /// The events that are next. Those of a group that was made anew have numbers from 0 on.
    fn view(&mut self, store: &Store) -> Result<View, Refusal> {
        let view = store.view(&self.name, &ALL, self.next)?;
        if view.id == self.id {
            return Ok(view);
        }
        (self.id, self.next) = (view.id, 0);
        store.view(&self.name, &ALL, 0)
    }
}

fn describe(hub: &Hub, view: &View, event: &Event<'_>) -> Document {
    Document::new()
        .with_some("logStreamName", view.stream(event.stream).map(|name| &**name))
        .with("logGroupIdentifier", format!("{}:{}", hub.flow_logs.options.account, view.group))
        .with("message", event.message)
        .with("timestamp", event.timestamp)
        .with("ingestionTime", event.ingestion)
}

/// Sends updates until the client goes, does not read, or the session is over.
async fn serve(
    hub: Arc<Hub>,
    mut tail: Tail,
    sender: Sender<Vec<u8>>,
    _place: OwnedSemaphorePermit,
) {
    let (mut news, end) = (hub.aws.logs.news.subscribe(), Instant::now() + SESSION);
    let mut beat = Instant::now() + BEAT;
    while Instant::now() < end {
        tokio::select! {
            _ = news.changed() => {}
            () = sleep_until(beat) => {}
            () = sender.closed() => return,
        }
        // The semaphore is never closed.
        let turn = hub.aws.logs.sessions.turn.acquire().await;
        let (events, is_sampled) = block_in_place(|| tail.news(&hub));
        drop(turn);
        // What came may have no event of the session.
        if !events.is_empty() || is_sampled || Instant::now() >= beat {
            let update = Document::new()
                .with("sessionMetadata", Document::new().with("sampled", is_sampled))
                .with("sessionResults", events);
            let update = event("sessionUpdate", &write_json(&update));
            match timeout(STALL, sender.send(update)).await {
                Ok(Ok(())) => beat = Instant::now() + BEAT,
                Ok(Err(_)) => return,
                Err(_) => {
                    hub.aws.logs.sessions.slow.fetch_add(1, Ordering::Relaxed);
                    return;
                }
            }
        }
        sleep(PAUSE).await;
    }
    let headers = [
        (":message-type", "exception"),
        (":exception-type", "SessionTimeoutException"),
        (":content-type", "application/json"),
    ];
    let text = Document::new().with("message", "The session has ended after three hours.");
    // A client that has gone needs none.
    drop(timeout(STALL, sender.send(message(&headers, &write_json(&text)))).await);
}

/// The messages of a session.
struct Messages(Receiver<Vec<u8>>);

impl HttpBody for Messages {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|message| message.map(|bytes| Ok(Frame::data(bytes.into()))))
    }
}

const ALL: core::ops::RangeInclusive<i64> = i64::MIN..=i64::MAX;
const MAX_SESSIONS: usize = 32;
const MAX_GROUPS: usize = 10;
/// Bytes of the messages of an update, unless one alone has more. Clients refuse replies of 16 MiB.
const MAX_BYTES: usize = 1 << 20;
/// Names or prefixes of streams, as of the service.
const MAX_STREAMS: usize = 100;
/// Events of an update, as of the service.
const MAX_EVENTS: usize = 500;
/// Events of a group that an update compares with the pattern.
const MAX_COMPARED: u64 = 50_000;
/// Messages that wait for the client.
const MAX_QUEUED: usize = 4;
const SESSION: Duration = Duration::from_secs(3 * 3600);
/// Without events there is an update each second, as of the service.
const BEAT: Duration = Duration::from_secs(1);
/// Between two updates.
const PAUSE: Duration = Duration::from_millis(100);
/// Time for a client to read.
const STALL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn group_that_was_made_anew_has_all_its_events() {
        let mut store = Store::new(1 << 20);
        let add =
            |store: &mut Store, count| store.append("g", "s", 1, (0..count).map(|at| (at, "m")));
        add(&mut store, 500);
        let view = store.view("g", &ALL, 0).unwrap();
        let mut group = Group { name: "g".to_owned(), id: view.id, next: view.end };
        store.delete("g").unwrap();
        assert!(group.view(&store).is_err());
        add(&mut store, 400);
        let view = group.view(&store).unwrap();
        assert_eq!((view.scan(&ALL).count(), group.next, group.id), (400, 0, view.id));
    }
}
