//! Which requests are worked on, and when: those that are authorised, a few at a time.

use core::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Request, Uri};
use parking_lot::RwLock;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

use super::fault::{Fault, Kind};
use super::signature::{Caller, Keys, Message, Signatures};
use crate::http::BODY_TIME;
use crate::hub::system_time;

/// What decides about requests.
#[derive(Debug)]
pub(crate) struct Admission {
    signatures: RwLock<Signatures>,
    /// A place for each request that is worked on.
    places: Semaphore,
    /// Shares for those that wait for one, by the size of what they hold meanwhile.
    waiting: Semaphore,
    /// A place for the one long body that is read or worked on.
    long: Semaphore,
    /// Requests refused for their signature, or for having none.
    pub(crate) refused: AtomicU64,
    /// Requests refused because too many others waited.
    pub(crate) throttled: AtomicU64,
}

impl Default for Admission {
    fn default() -> Self {
        Self {
            signatures: RwLock::default(),
            places: Semaphore::new(MAX_REQUESTS),
            waiting: Semaphore::new(MAX_WAITING),
            long: Semaphore::new(1),
            refused: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
        }
    }
}

impl Admission {
    /// Sets how signatures are checked.
    pub(crate) fn set_signatures(&self, signatures: Signatures) {
        *self.signatures.write() = signatures;
    }

    /// Replaces the access keys.
    pub(crate) fn set_keys(&self, keys: Keys) {
        self.signatures.write().keys = keys;
    }

    /// Checks by its head that a request may have a body.
    pub(super) fn admit(&self, head: &Parts) -> Result<(), Fault> {
        self.decide(head, b"", Signatures::admit)
    }

    /// Checks that a request with a body may be worked on.
    pub(super) fn authorize(&self, head: &Parts, body: &[u8]) -> Result<(), Fault> {
        self.decide(head, body, Signatures::check)
    }

    fn decide(
        &self,
        head: &Parts,
        body: &[u8],
        check: impl FnOnce(&Signatures, &Message<'_>, Caller, i64) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        // The guard sets it.
        let caller = head.extensions.get().copied().unwrap_or(Caller::Unknown);
        let uri = head.extensions.get().map_or(&head.uri, |Sent(uri)| uri);
        let message = Message {
            method: &head.method,
            path: uri.path(),
            query: uri.query().unwrap_or_default(),
            headers: &head.headers,
            body,
        };
        let now = system_time().as_secs().cast_signed();
        let checked = check(&self.signatures.read(), &message, caller, now);
        if checked.is_err() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        checked
    }

    /// The place for a long body, as soon as it is free.
    pub(super) async fn long(&self) -> Result<SemaphorePermit<'_>, Fault> {
        match timeout(BODY_TIME, self.long.acquire()).await {
            Ok(Ok(place)) => Ok(place),
            // The semaphore is never closed.
            _ => Err(self.throttled()),
        }
    }

    fn throttled(&self) -> Fault {
        self.throttled.fetch_add(1, Ordering::Relaxed);
        Fault::new(Kind::Throttled, "Too many requests wait. Send this one again later.")
    }

    /// A place for a request with parameters of so many bytes, as soon as one is free.
    pub(super) async fn place(&self, bytes: usize) -> Result<SemaphorePermit<'_>, Fault> {
        if let Ok(place) = self.places.try_acquire() {
            return Ok(place);
        }
        let shares = 1 + u32::try_from(bytes / SHARE).unwrap_or(u32::MAX - 1);
        let waiting = self.waiting.try_acquire_many(shares).map_err(|_| self.throttled())?;
        // The semaphore is never closed.
        let place = self.places.acquire().await.map_err(|_| self.throttled());
        drop(waiting);
        place
    }
}

/// The URI of a request as it was sent, which is what a client signs.
#[derive(Clone, Debug)]
struct Sent(Uri);

/// Keeps the URI of a request, before anything changes it.
pub(crate) fn kept(mut request: Request<Body>) -> Request<Body> {
    let sent = Sent(request.uri().clone());
    request.extensions_mut().insert(sent);
    request
}

/// Requests that are worked on at the same time; others wait, so that the memory of all is bounded.
const MAX_REQUESTS: usize = 4;
/// Shares of all requests that wait: as many small ones, or 16 MiB.
const MAX_WAITING: usize = 256;
/// Bytes of the parameters for which a request takes a further share.
const SHARE: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn requests_that_wait_have_a_limit() {
        let admission = Admission::default();
        let mut places = Vec::new();
        for _ in 0..MAX_REQUESTS {
            places.push(admission.place(MAX_WAITING * SHARE * 2).await.expect("a place is free"));
        }
        // So large is none: as many shares as there are, one less than it needs.
        let fault = admission.place(MAX_WAITING * SHARE).await.unwrap_err();
        assert_eq!((fault.kind, admission.throttled.load(Ordering::Relaxed)), (Kind::Throttled, 1));
        let mut waiting: Vec<_> =
            (0..MAX_WAITING).map(|_| Box::pin(admission.place(100))).collect();
        for request in &mut waiting {
            assert!(polled(request.as_mut()).is_none());
        }
        assert_eq!(admission.place(0).await.unwrap_err().kind, Kind::Throttled);
        // The first of them is next, and so another can wait.
        places.pop();
        assert!(polled(waiting[0].as_mut()).is_some());
        assert!(polled(Box::pin(admission.place(0)).as_mut()).is_none());
    }

    #[tokio::test]
    async fn one_long_body_has_a_place() {
        let admission = Admission::default();
        let first = admission.long().await.expect("the place is free");
        let mut second = Box::pin(admission.long());
        assert!(polled(second.as_mut()).is_none());
        drop(first);
        assert!(polled(second.as_mut()).expect("the place is free").is_ok());
    }

    /// The result of a future, if it is there.
    fn polled<F: Future>(future: core::pin::Pin<&mut F>) -> Option<F::Output> {
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        match future.poll(&mut context) {
            core::task::Poll::Ready(output) => Some(output),
            core::task::Poll::Pending => None,
        }
    }
}
