//! Webhooks: the messages of alarms, sent by POST to the URLs that are their actions.
//!
//! A receiver may be slow or dead. So each has a queue of its own, one message to it is on the way at a time,
//! and a failed one is sent again later. Threads that send are started when there is something to send.

mod message;
mod queue;

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Instant;

use axum::http::Uri;
use parking_lot::{Condvar, Mutex};
use ureq::Agent;

use super::alarm::Type;
use super::history::{Event, History};
use super::table::Change;
use crate::client::{Client, check_scheme};
use crate::stderr::eprintln_lossy;
use queue::{Next, Queue};

/// Sends messages.
#[derive(Debug)]
pub(super) struct Webhooks(Arc<Shared>);

/// What the threads share.
#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    history: Arc<Mutex<History>>,
    /// What makes clients; set at the start.
    client: OnceLock<Client>,
    /// Receivers whose last message failed: their first error is in the log.
    failing: Mutex<Failing>,
    counts: [AtomicU64; 4],
}

/// Receivers that fail.
#[derive(Debug, Default)]
struct Failing {
    known: BTreeSet<String>,
    /// True if there were more, which is in the log too.
    has_more: bool,
}

/// What became of an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Delivered,
    Failed,
    /// There was no room for it.
    Dropped,
    /// It is no URL.
    Unsupported,
}

/// A message to a receiver.
#[derive(Clone, Debug)]
struct Delivery {
    alarm: String,
    of: Type,
    url: String,
    /// The scheme and authority of the URL.
    receiver: String,
    body: Arc<str>,
    /// The time of the change, in milliseconds since 1970.
    changed: i64,
    /// The same of another clock.
    created: Instant,
    failures: u8,
}

impl Webhooks {
    /// No messages. What becomes of them is added to the history.
    pub(super) fn new(history: Arc<Mutex<History>>) -> Self {
        Self(Arc::new(Shared {
            queue: Mutex::default(),
            wake: Condvar::new(),
            history,
            client: OnceLock::new(),
            failing: Mutex::default(),
            counts: Default::default(),
        }))
    }

    /// Sets what makes clients, before the first message.
    pub(super) fn set_client(&self, client: Client) {
        // Only the first one counts.
        let _ = self.0.client.set(client);
    }

    /// Does the actions of an alarm whose state changed.
    pub(super) fn act(&self, change: &Change) {
        let (alarm, status) = (&change.entry.alarm, &change.entry.status);
        let actions = alarm.actions(status.state);
        if actions.is_empty() || !alarm.actions_enabled {
            return;
        }
        let body: Arc<str> = message::of(change).to_string().into();
        for action in actions {
            let (url, body) = (action.clone(), body.clone());
            let (of, alarm, receiver) = (alarm.kind(), alarm.name.clone(), receiver(action));
            let (changed, created) = (status.updated, Instant::now());
            match receiver {
                Ok(receiver) => {
                    let failures = 0;
                    self.send(Delivery {
                        alarm,
                        of,
                        url,
                        receiver,
                        body,
                        changed,
                        created,
                        failures,
                    });
                }
                Err(reason) => {
                    self.0.count(Outcome::Unsupported).fetch_add(1, Ordering::Relaxed);
                    let event = Event::action((&alarm, of), action, changed, Some(&reason));
                    self.0.history.lock().add(changed, event);
                }
            }
        }
    }

    fn send(&self, delivery: Delivery) {
        let mut queue = self.0.queue.lock();
        match queue.push(delivery) {
            Err(refused) => {
                drop(queue);
                self.0.report(Outcome::Dropped, &refused, "too many messages wait");
            }
            Ok(()) if queue.needs_thread() => {
                let shared = self.0.clone();
                let name = "alarm actions".to_owned();
                if let Err(error) = thread::Builder::new().name(name).spawn(move || shared.run()) {
                    queue.thread_ended();
                    eprintln_lossy(format_args!(
                        "flowmote-analyzer: no thread for alarms: {error}"
                    ));
                }
            }
            Ok(()) => drop(self.0.wake.notify_one()),
        }
    }

    /// How many actions had each outcome.
    pub(super) fn counts(&self) -> [(&'static str, u64); 4] {
        let all = [Outcome::Delivered, Outcome::Failed, Outcome::Dropped, Outcome::Unsupported];
        all.map(|it| (it.name(), self.0.count(it).load(Ordering::Relaxed)))
    }
}

impl Shared {
    /// Sends until nothing has waited for a while.
    fn run(&self) {
        let agent = self.client.get_or_init(Client::default).agent(TIMEOUT);
        let mut idle_since = Instant::now();
        loop {
            let mut queue = self.queue.lock();
            let now = Instant::now();
            match queue.take(now) {
                Next::Ready(delivery) => {
                    drop(queue);
                    self.deliver(&agent, delivery);
                    idle_since = Instant::now();
                }
                Next::Stale(delivery) => {
                    drop(queue);
                    let reason = "it is old, and a newer message of the alarm waits";
                    self.report(Outcome::Dropped, &delivery, reason);
                }
                Next::Later(time) => {
                    if now - idle_since > IDLE && queue.is_empty() {
                        queue.thread_ended();
                        return;
                    }
                    let wait = time.map_or(IDLE, |time| time - now);
                    self.wake.wait_for(&mut queue, wait + Duration::from_millis(1));
                }
            }
        }
    }

    fn deliver(&self, agent: &Agent, mut delivery: Delivery) {
        let result = post(agent, &delivery);
        let now = Instant::now();
        let Err(error) = result else {
            self.failing.lock().ended(&delivery.receiver);
            self.report(Outcome::Delivered, &delivery, "");
            self.queue.lock().done(&delivery.receiver, now);
            return;
        };
        // The path of the URL, which may have a secret, is not for the log.
        if let Some(line) = self.failing.lock().began(&delivery.receiver, &error) {
            eprintln_lossy(format_args!("flowmote-analyzer: {line}"));
        }
        let pause = PAUSES.get(usize::from(delivery.failures)).copied();
        delivery.failures += 1;
        match pause {
            Some(pause) => self.queue.lock().again(delivery, now + pause),
            None => {
                self.report(Outcome::Failed, &delivery, &error);
                self.queue.lock().done(&delivery.receiver, now);
            }
        }
        self.wake.notify_one();
    }

    fn report(&self, outcome: Outcome, delivery: &Delivery, error: &str) {
        self.count(outcome).fetch_add(1, Ordering::Relaxed);
        let Delivery { alarm, of, url, changed, created, .. } = delivery;
        let error = (outcome != Outcome::Delivered).then_some(error);
        let event = Event::action((alarm, *of), url, *changed, error);
        let time = changed + created.elapsed().as_millis() as i64;
        self.history.lock().add(time, event);
    }

    fn count(&self, outcome: Outcome) -> &AtomicU64 {
        let [delivered, failed, dropped, unsupported] = &self.counts;
        match outcome {
            Outcome::Delivered => delivered,
            Outcome::Failed => failed,
            Outcome::Dropped => dropped,
            Outcome::Unsupported => unsupported,
        }
    }
}

impl Failing {
    /// Takes note of an error, and returns a line for the log about the first one.
    fn began(&mut self, receiver: &str, error: &str) -> Option<String> {
        if self.known.contains(receiver) {
            return None;
        }
        if self.known.len() < MAX_FAILING {
            self.known.insert(receiver.to_owned());
            return Some(format!("the receiver {receiver} of alarms fails: {error}"));
        }
        let is_first = !core::mem::replace(&mut self.has_more, true);
        is_first.then(|| {
            format!(
                "more than {MAX_FAILING} receivers of alarms fail, among them {receiver}: {error}; the \
                 history of each alarm has the errors of its own"
            )
        })
    }

    /// Takes note of a success.
    fn ended(&mut self, receiver: &str) {
        if self.known.remove(receiver) {
            self.has_more = false;
        }
    }
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
            Self::Unsupported => "unsupported",
        }
    }
}

/// The receiver of an action, or why it has none.
fn receiver(action: &str) -> Result<String, String> {
    let no_url = || "only URLs of http and https are called here".to_owned();
    let uri: Uri = action.parse().map_err(|_| no_url())?;
    let (scheme, authority) = uri.scheme_str().zip(uri.authority()).ok_or_else(no_url)?;
    let (scheme, host) = (scheme.to_ascii_lowercase(), authority.host().to_ascii_lowercase());
    check_scheme(&scheme)?;
    let default = if scheme == "https" { 443 } else { 80 };
    // A name and password before the host are not for the log.
    match authority.port_u16().filter(|port| *port != default) {
        _ if host.is_empty() => Err(no_url()),
        Some(port) => Ok(format!("{scheme}://{host}:{port}")),
        None => Ok(format!("{scheme}://{host}")),
    }
}

fn post(agent: &Agent, delivery: &Delivery) -> Result<(), String> {
    let request = agent.post(&delivery.url).header("Content-Type", "application/json");
    let reply = request.send(&*delivery.body).map_err(|error| error.to_string())?;
    let status = reply.status();
    if status.is_success() { Ok(()) } else { Err(format!("the status of the reply is {status}")) }
}

/// For a message from the lookup of the name to the reply.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Between the tries of a message.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// After which a thread without work ends.
const IDLE: Duration = Duration::from_secs(30);
/// Receivers whose errors are remembered.
const MAX_FAILING: usize = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_have_a_receiver() {
        for (action, expected) in [
            ("http://a/hook?x=1", Some("http://a")),
            ("http://user:secret@a/", Some("http://a")),
            ("http://[2001:DB8::1]:80/", Some("http://[2001:db8::1]")),
            ("HTTP://Host.Example:80/A", Some("http://host.example")),
            ("https://HOST.example:443", Some("https://host.example")),
            ("https://host.example:80/", Some("https://host.example:80")),
            ("arn:aws:sns:us-east-1:1:topic", None),
            ("ftp://a/", None),
            ("HTTPX://a/", None),
            ("http://", None),
            ("http:///x", None),
            ("/x", None),
            ("http://a b/", None),
        ] {
            assert_eq!(receiver(action).ok().as_deref(), expected, "{action}");
        }
    }

    #[test]
    fn first_errors_of_receivers_are_logged_and_those_of_very_many_in_one_line() {
        let mut failing = Failing::default();
        let mut began = |number: usize| failing.began(&format!("http://{number}"), "no route");
        assert_eq!(began(0).as_deref(), Some("the receiver http://0 of alarms fails: no route"));
        assert_eq!(began(0), None);
        assert_eq!((1..MAX_FAILING).filter_map(&mut began).count(), MAX_FAILING - 1);
        assert!(began(MAX_FAILING).unwrap().contains("100 receivers of alarms fail, among them"));
        assert_eq!((began(MAX_FAILING), began(MAX_FAILING + 1)), (None, None));
        failing.ended("http://5");
        failing.ended("http://none");
        assert!(failing.began("http://new", "no route").unwrap().starts_with("the receiver"));
        assert!(failing.began("http://newer", "no route").is_some());
    }
}
