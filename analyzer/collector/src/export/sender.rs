//! Sends the requests of a destination, one after the other, until each has an end.

use core::fmt;
use core::sync::atomic::Ordering;
use core::time::Duration;
use std::sync::Arc;

use flowmote_engine::is_printable;
use ureq::Agent;
use ureq::http::header::RETRY_AFTER;
use ureq::http::{Response, StatusCode};

use super::destination::{Destination, Protocol};
use super::otlp;
use super::queue::Batch;
use crate::hub::system_time;
use crate::stderr::eprintln_lossy;

/// What became of an attempt.
#[derive(Debug, PartialEq)]
enum Attempt {
    /// All but so many samples were accepted.
    Accepted(u64),
    /// It fails again, however often it is tried.
    Refused(String),
    /// It may succeed later; not before this time, if the receiver gave one.
    Later(String, Option<Duration>),
}

/// Sends all requests of a destination until its queue ends.
pub(super) struct Sender {
    destination: Arc<Destination>,
    agent: Agent,
    /// True after a failure that was logged.
    is_failing: bool,
}

impl Sender {
    pub(super) fn new(destination: Arc<Destination>) -> Self {
        let agent = destination.client.agent(LIMIT);
        Self { destination, agent, is_failing: false }
    }

    pub(super) fn run(mut self) {
        while let Some(batch) = self.destination.queue.next() {
            self.deliver(&batch);
        }
    }

    /// Sends a request until it is accepted or refused.
    fn deliver(&mut self, batch: &Batch) {
        let counts = &self.destination.clone().queue.counts;
        let mut backoff = MIN_BACKOFF;
        loop {
            counts.requests.fetch_add(1, Ordering::Relaxed);
            match self.attempt(batch) {
                Attempt::Accepted(rejected) => {
                    let rejected = rejected.min(batch.samples);
                    counts.sent.fetch_add(batch.samples - rejected, Ordering::Relaxed);
                    counts.failed.fetch_add(rejected, Ordering::Relaxed);
                    counts.success.store(unix_ms(), Ordering::Relaxed);
                    return self.succeeded(rejected);
                }
                Attempt::Refused(reason) => {
                    counts.failed.fetch_add(batch.samples, Ordering::Relaxed);
                    return self.failed(format_args!("{reason}; these samples are lost"));
                }
                Attempt::Later(reason, after) => {
                    self.failed(format_args!("{reason}; samples wait"));
                    let pause = after.unwrap_or(Duration::ZERO).clamp(backoff, MAX_PAUSE);
                    if !self.destination.queue.pause(pause) {
                        counts.failed.fetch_add(batch.samples, Ordering::Relaxed);
                        return;
                    }
                    backoff = (backoff * 2).min(MAX_BACKOFF);
                }
            }
        }
    }

    fn attempt(&self, batch: &Batch) -> Attempt {
        let Destination { url, protocol, headers, .. } = &*self.destination;
        // Read each time, because secrets change.
        let headers = match headers.as_ref().map_or(Ok(Vec::new()), |headers| headers.read()) {
            Ok(headers) => headers,
            Err(error) => return Attempt::Later(error, None),
        };
        let mut request = self.agent.post(url);
        for (name, value) in protocol.headers() {
            request = request.header(*name, *value);
        }
        for (name, value) in headers {
            request = request.header(name, value);
        }
        match request.send(&batch.body[..]) {
            Ok(response) => outcome(*protocol, response),
            Err(error) => Attempt::Later(error.to_string(), None),
        }
    }

    /// Logs the first failure, and no further one until the next success.
    fn failed(&mut self, reason: fmt::Arguments<'_>) {
        if !core::mem::replace(&mut self.is_failing, true) {
            let Destination { protocol, name, .. } = &*self.destination;
            eprintln_lossy(format_args!("flowmote-analyzer: {protocol} to {name}: {reason}"));
        }
    }

    fn succeeded(&mut self, rejected: u64) {
        if rejected > 0 {
            self.failed(format_args!("{rejected} samples were rejected"));
        } else if core::mem::replace(&mut self.is_failing, false) {
            let Destination { protocol, name, .. } = &*self.destination;
            eprintln_lossy(format_args!("{protocol} to {name} succeeds again"));
        }
    }
}

fn outcome(protocol: Protocol, mut response: Response<ureq::Body>) -> Attempt {
    let status = response.status();
    let after = response.headers().get(RETRY_AFTER).and_then(|it| it.to_str().ok());
    let after = after.and_then(|seconds| seconds.trim().parse().ok()).map(Duration::from_secs);
    let reply = response.body_mut().with_config().limit(MAX_REPLY).lossy_utf8(true);
    let reply = reply.read_to_string().unwrap_or_default();
    match status {
        status if status.is_success() && protocol == Protocol::Otlp => {
            Attempt::Accepted(otlp::rejected(&reply))
        }
        status if status.is_success() => Attempt::Accepted(0),
        status if may_succeed_later(protocol, status) => {
            Attempt::Later(reason(status, &reply), after)
        }
        status => Attempt::Refused(reason(status, &reply)),
    }
}

/// The statuses after which a request is sent again.
fn may_succeed_later(protocol: Protocol, status: StatusCode) -> bool {
    match protocol {
        // "Senders MUST retry [...] on 5xx, MAY on 429" (specification of remote write 1.0).
        Protocol::RemoteWrite => status.is_server_error() || status.as_u16() == 429,
        // Retryable response codes of OTLP/HTTP.
        Protocol::Otlp => matches!(status.as_u16(), 429 | 502..=504),
    }
}

/// The status and the first line of the reply.
fn reason(status: StatusCode, reply: &str) -> String {
    let line = reply.lines().next().unwrap_or_default();
    let line: String = line.chars().filter(|c| is_printable(*c)).take(200).collect();
    match line.as_str() {
        "" => format!("status {}", status.as_u16()),
        line => format!("status {}: {line}", status.as_u16()),
    }
}

fn unix_ms() -> u64 {
    u64::try_from(system_time().as_millis()).unwrap_or(u64::MAX)
}

/// Time of a request.
const LIMIT: Duration = Duration::from_secs(30);
/// Pauses between attempts: twice as long each time.
const MIN_BACKOFF: Duration = Duration::from_millis(500);
const MAX_BACKOFF: Duration = Duration::from_secs(30);
/// The longest pause that a receiver can ask for.
const MAX_PAUSE: Duration = Duration::from_secs(300);
/// Bytes of a reply that are read.
const MAX_REPLY: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_may_succeed_later() {
        let later = |protocol, status| {
            may_succeed_later(protocol, StatusCode::from_u16(status).expect("a status"))
        };
        for (status, remote_write, otlp) in [
            (400, false, false),
            (401, false, false),
            (408, false, false),
            (429, true, true),
            (500, true, false),
            (502, true, true),
            (503, true, true),
            (504, true, true),
            (505, true, false),
            (301, false, false),
        ] {
            assert_eq!(later(Protocol::RemoteWrite, status), remote_write, "{status}");
            assert_eq!(later(Protocol::Otlp, status), otlp, "{status}");
        }
    }

    #[test]
    fn reason_is_one_printable_line() {
        let status = StatusCode::BAD_REQUEST;
        assert_eq!(reason(status, "out\x1b of order\nsecond"), "status 400: out of order");
        assert_eq!(reason(status, ""), "status 400");
        assert_eq!(reason(status, &"x".repeat(5000)).len(), "status 400: ".len() + 200);
    }
}
