//! Long work that holds up no other request.
//!
//! A worker of tokio that computes does not look at sockets, and no other worker does so in its place as long
//! as there is nothing else to do. So all requests would wait for a long reply, although it needs no lock.
//! `block_in_place` gives the work of the thread to another one.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;
use tokio::task::block_in_place;

/// Runs a handler apart up to its first wait: what it computes is before that, and a request that waits
/// for an event computes next to nothing after it.
pub(super) async fn run(request: Request, next: Next) -> Response {
    let mut handler = pin!(next.run(request));
    let begin = poll_fn(|context| Poll::Ready(block_in_place(|| handler.as_mut().poll(context))));
    match begin.await {
        Poll::Ready(response) => response,
        Poll::Pending => handler.await,
    }
}
