//! Bodies of requests: JSON as clients really send it.
//!
//! JSON5 covers it: names without quotes, single quotes, trailing commas. The content type is ignored,
//! because clients send any or none.

use core::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use flowmote_relaxed::parse;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::reply::Failure;

/// The body of a request, parsed as relaxed JSON.
pub(crate) struct Relaxed<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Relaxed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = read(request.into_body(), MAX_BODY).await?;
        let text =
            core::str::from_utf8(&bytes).map_err(|_| Failure::bad("the body is no UTF-8"))?;
        parse(text).map(Self).map_err(Failure::bad)
    }
}

/// Reads a body of at most so many bytes, within the limit of time.
pub(crate) async fn read(body: Body, most: usize) -> Result<axum::body::Bytes, Failure> {
    // Without a permission to continue, a careful client does not even send it.
    if body.size_hint().lower() > most as u64 {
        return Err(too_long(most));
    }
    let late = |_| Failure::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    let read = timeout(BODY_TIME, to_bytes(body, most)).await.map_err(late)?;
    read.map_err(|_| too_long(most))
}

fn too_long(most: usize) -> Failure {
    let text = format!("the body is cut off or longer than {most} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// Bytes of a body, unless a request may have more.
pub(crate) const MAX_BODY: usize = 1 << 20;
/// Time for a body to arrive.
pub(crate) const BODY_TIME: Duration = Duration::from_secs(10);
