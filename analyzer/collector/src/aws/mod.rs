//! The interface of Amazon CloudWatch, for programs that have it.
//!
//! One port serves all services and protocols: see [`protocol`]. A request becomes a
//! [tree of values](document), the operation that it names reads and writes such trees, and its errors
//! are [faults](fault), so that an operation does not depend on the protocol.
//!
//! Requests come to `/`, as of AWS itself, and to [`PATH`], for a proxy that has something else there.

mod admission;
mod body;
mod cloudwatch;
pub(crate) use cloudwatch::{Recording, record};
mod document;
mod ec2;
mod fault;
mod flow_monitor;
pub(crate) mod logs;
mod members;
mod protocol;
mod service;
mod signature;
mod sts;
mod tags;
#[cfg(any(test, feature = "_testing"))]
pub mod testing;

use core::hash::BuildHasher;
use core::sync::atomic::{AtomicU64, Ordering};
use std::hash::RandomState;
use std::io;
use std::sync::{Arc, LazyLock, OnceLock};

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::uri::PathAndQuery;
use axum::http::{Method, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use parking_lot::{Mutex, RwLock};
use tokio::sync::SemaphorePermit;
use tokio::task::block_in_place;

use crate::client::Client;
use crate::flow_logs::Options;
use crate::history::History;
use crate::http::MAX_BODY;
use crate::hub::Hub;
use crate::state;
use admission::Admission;
pub(crate) use admission::kept;
pub(crate) use cloudwatch::Fleet;
pub(crate) use cloudwatch::statsd;
use document::Document;
pub(crate) use fault::Fault;
use fault::Kind;
use protocol::{Dialect, Protocol, Target};
use service::Service;
pub(crate) use signature::{Caller, Keys, Mode, Signatures};

/// What requests share.
#[derive(Debug)]
pub(crate) struct Shared {
    directory: cloudwatch::Directories,
    reported: Mutex<cloudwatch::Reported>,
    alarms: cloudwatch::Alarms,
    /// What was reported and recorded before, on disk.
    history: OnceLock<History>,
    live: RwLock<cloudwatch::Live>,
    /// The last queries of Network Flow Monitor.
    queries: Mutex<flow_monitor::Queries>,
    /// The events of CloudWatch Logs.
    pub(crate) logs: logs::Logs,
    /// Counts of StatsD.
    pub(crate) statsd: Arc<statsd::Counters>,
    /// Which requests are worked on, and when.
    pub(crate) admission: Admission,
    usage: cloudwatch::Usage,
}

impl Shared {
    /// Points that programs report use at most about `reported` bytes, log events `logs`, and alarms and
    /// their history `alarms` each. The account and region are those of `options`.
    pub(crate) fn new(reported: usize, logs: usize, alarms: usize, options: &Options) -> Self {
        Self {
            directory: cloudwatch::Directories::default(),
            reported: Mutex::new(cloudwatch::Reported::new(reported)),
            alarms: cloudwatch::Alarms::new(alarms, &options.region, &options.account),
            history: OnceLock::new(),
            live: RwLock::default(),
            logs: logs::Logs::new(logs),
            queries: Mutex::default(),
            statsd: Arc::default(),
            admission: Admission::default(),
            usage: cloudwatch::Usage::default(),
        }
    }

    /// Puts the alarms of the last run back.
    pub(crate) fn restore(&self, state: &state::State, now: u64) {
        cloudwatch::restore(&self.alarms, state, now.cast_signed());
    }

    /// Counts of alarms.
    pub(crate) fn alarm_counts(&self) -> cloudwatch::AlarmCounts {
        self.alarms.counts()
    }

    /// Keeps all points of agents and programs in a history too.
    pub(crate) fn set_history(&self, history: History, now: u64) {
        self.reported.lock().keep_fresh(now.cast_signed());
        // There is none before.
        let _ = self.history.set(history);
    }

    pub(crate) fn history(&self) -> Option<&History> {
        self.history.get()
    }
}

/// Starts the threads that need no request.
pub(crate) fn start(hub: Arc<Hub>, client: Client) -> io::Result<()> {
    cloudwatch::start(hub, client)
}

/// Stores what has changed, at the end of the program.
pub(crate) fn save(hub: &Hub) {
    cloudwatch::save(hub);
}

/// Bytes of a body that is read before it is known who sends it.
const MAX_UNKNOWN: u64 = 64 << 10;

/// The path of all requests.
pub(crate) const PATH: &str = "/aws";

/// The resource of all operations. If `read_only`, those that change something are refused.
pub(crate) fn routes(read_only: bool) -> Router<Arc<Hub>> {
    let call = async move |State(hub): State<Arc<Hub>>, request: Request| {
        reply(hub, request, read_only).await
    };
    Router::new()
        .route("/aws", get(call).post(call))
        .route("/aws/service/{service}/operation/{operation}", post(call))
        .route("/aws/monitors", get(call).post(call))
        .route("/aws/monitors/{*rest}", get(call).post(call).delete(call))
}

/// Moves a request to the root to [`PATH`], where the page is not in its way.
pub(crate) fn moved(mut request: Request<Body>) -> Request<Body> {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let by_get = path == "/" && query.split('&').any(|pair| pair.starts_with("Action="));
    let by_path = path.starts_with("/service/") || flow_monitor::is_path(path);
    if by_path || path == "/" && request.method() == Method::POST || by_get {
        let path = if path == "/" { PATH.to_owned() } else { format!("{PATH}{path}") };
        let path = if query.is_empty() { path } else { format!("{path}?{query}") };
        if let Ok(path) = PathAndQuery::try_from(path) {
            let mut parts = request.uri().clone().into_parts();
            parts.path_and_query = Some(path);
            if let Ok(uri) = Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    request
}

/// True for the path of a request [here](moved).
pub(crate) fn has(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| {
        rest.is_empty() || rest.starts_with("/service/") || flow_monitor::is_path(rest)
    })
}

/// The reply to a request that is refused before its body is read.
pub(crate) fn refusal(request: &Request, reason: &str) -> Response {
    let mut head = Request::new(()).into_parts().0;
    head.method = request.method().clone();
    (head.uri, head.headers) = (request.uri().clone(), request.headers().clone());
    Target::of(&head)
        .dialect(query(&head))
        .fault(&Fault::new(Kind::AccessDenied, reason), &request_id())
}

/// The fleet, and the metrics that requests have read since the start.
pub(crate) fn usage(hub: &Hub) -> (Fleet, u64) {
    // One request counts at a time, so that none needs a place of those that are worked on.
    (block_in_place(|| hub.aws.usage.fleet(hub)), hub.aws.usage.reads())
}

async fn reply(hub: Arc<Hub>, request: Request, read_only: bool) -> Response {
    let (head, body) = request.into_parts();
    let (target, id) = (Target::of(&head), request_id());
    let mut sent = Bytes::new();
    let (body, _long) = match receive(&hub, &head, &target, body, &mut sent).await {
        Ok(received) => received,
        Err(fault) => return target.dialect(&sent).fault(&fault, &id),
    };
    drop(sent);
    let dialect = target.dialect(&body);
    // The work begins after the wait for the body: other requests of this thread need not wait for it.
    let place = match hub.aws.admission.place(body.len()).await {
        Ok(place) => place,
        Err(fault) => return dialect.fault(&fault, &id),
    };
    if target.is_of(Service::Logs, "StartLiveTail") {
        let document = target.read(dialect, &body).map(|(_, document)| document);
        let tail = document.and_then(|it| logs::start_live_tail(hub.clone(), &it, &id));
        drop(place);
        return tail.unwrap_or_else(|fault| dialect.fault(&fault, &id));
    }
    let result = block_in_place(|| run(&hub, &head, target, dialect, &body, read_only));
    drop(place);
    match result {
        Ok((operation, document)) => dialect.reply(&operation, &document, &id),
        Err(fault) => dialect.fault(&fault, &id),
    }
}

/// What an operation reads of a request that may be worked on, and the place of a long body. What `sent`
/// then has shows the service of a query, also of one that is refused.
async fn receive<'h>(
    hub: &'h Hub,
    head: &Parts,
    target: &Target,
    body: Body,
    sent: &mut Bytes,
) -> Result<(Vec<u8>, Option<SemaphorePermit<'h>>), Fault> {
    *sent = Bytes::copy_from_slice(query(head));
    // Only who is admitted makes this program hold much. Of less, the body shows the service too, whose
    // errors have names of their own.
    if body.size_hint().upper().is_none_or(|bytes| bytes > MAX_UNKNOWN) {
        hub.aws.admission.admit(head)?;
    }
    let most = body::longest(target);
    // There is memory for one long body at a time, until the reply.
    let long = async |is_long: bool| match is_long && most > MAX_BODY {
        true => hub.aws.admission.long().await.map(Some),
        false => Ok(None),
    };
    let mut place = long(body::is_long(&body)).await?;
    let body = body::read(body, most).await?;
    if target.protocol == Protocol::Query && !body.is_empty() {
        *sent = body.clone();
    }
    block_in_place(|| hub.aws.admission.authorize(head, &body))?;
    if place.is_none() {
        place = long(body::is_compressed(head)).await?;
    }
    Ok((block_in_place(|| parameters(head, target.protocol, body, most))?, place))
}

/// What an operation reads of a request. The parameters of a query by GET are those of the URL, as of a
/// presigned one by POST.
fn parameters(
    head: &Parts,
    protocol: Protocol,
    body: Bytes,
    most: usize,
) -> Result<Vec<u8>, Fault> {
    let is_query = flow_monitor::route(head).is_none();
    if is_query && head.method != Method::POST || protocol == Protocol::Query && body.is_empty() {
        return Ok(query(head).to_vec());
    }
    body::inflated(head, body, most)
}

fn query(head: &Parts) -> &[u8] {
    head.uri.query().unwrap_or_default().as_bytes()
}

fn run(
    hub: &Hub,
    head: &Parts,
    target: Target,
    dialect: Dialect,
    body: &[u8],
    read_only: bool,
) -> Result<(String, Document), Fault> {
    let service = target.service(body);
    let (operation, document) = target.read(dialect, body)?;
    let found = service.and_then(|service| service.operation(&operation));
    let found = found.ok_or_else(|| unknown(&operation))?;
    if read_only && found.changes {
        return Err(Fault::new(Kind::AccessDenied, "The server is read-only."));
    }
    // A link on a page of another site shall not change anything.
    if head.method == Method::GET && found.changes {
        let text = format!("{operation} changes something. Send it by POST.");
        return Err(Fault::new(Kind::AccessDenied, text));
    }
    if let Some(history) = hub.aws.history() {
        history.wait();
    }
    (found.run)(hub, &document).map(|document| (operation, document))
}

fn unknown(operation: &str) -> Fault {
    let operation: String = operation.chars().take(128).collect();
    Fault::new(Kind::UnknownOperation, format!("The operation {operation} is not supported."))
}

/// The id of a request in the form of a UUID of version 4.
fn request_id() -> String {
    static KEYS: LazyLock<[RandomState; 2]> = LazyLock::new(Default::default);
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let [high, low] = KEYS.each_ref().map(|keys| keys.hash_one(count));
    let (a, b, c) = (high >> 32, high >> 16 & 0xffff, high & 0xfff | 0x4000);
    let (d, e) = (low >> 48 & 0x3fff | 0x8000, low & 0xffff_ffff_ffff);
    format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_to_the_root_have_a_path_of_their_own() {
        for (method, uri, path) in [
            (Method::POST, "/", "/aws"),
            (Method::POST, "/?a=b", "/aws?a=b"),
            (Method::GET, "/", "/"),
            (Method::GET, "/?Version=1&Action=ListMetrics", "/aws?Version=1&Action=ListMetrics"),
            (Method::GET, "/?view=Action=1", "/?view=Action=1"),
            (Method::POST, "/service/S/operation/O", "/aws/service/S/operation/O"),
            (Method::POST, "/aws", "/aws"),
            (Method::POST, "/flow/x/json", "/flow/x/json"),
            (Method::DELETE, "/monitors/a/b", "/aws/monitors/a/b"),
            (Method::GET, "/monitors?a=b", "/aws/monitors?a=b"),
            (Method::GET, "/monitorsx", "/monitorsx"),
        ] {
            let request = Request::builder().method(&method).uri(uri).body(Body::empty()).unwrap();
            let moved = moved(request);
            assert_eq!(moved.uri().to_string(), path, "{method} {uri}");
            assert_eq!(has(moved.uri().path()), path.starts_with("/aws"), "{uri}");
        }
        assert!(!has("/awsome") && !has("/aws/x"));
    }

    #[test]
    fn ids_of_requests_are_uuids_that_differ() {
        let [one, two] = [request_id(), request_id()];
        assert_ne!(one, two);
        let lengths: Vec<_> = one.split('-').map(str::len).collect();
        assert_eq!(lengths, [8, 4, 4, 4, 12]);
        assert!(one[14..].starts_with('4') && one[19..].starts_with(['8', '9', 'a', 'b']), "{one}");
    }
}
