//! Replies: JSON, text, nothing, and errors.

use core::fmt::Display;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// An error. Its reply is a JSON object with the text, because many clients parse every reply as JSON
/// without a look at the status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    status: StatusCode,
    text: String,
}

/// The body of an error.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// The status, as in the status line.
    status: u16,
    /// The reason.
    error: String,
}

/// The result of a handler.
pub(crate) type Reply = Result<Response, Failure>;

impl Failure {
    pub(crate) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self { status, text: text.into() }
    }

    /// 400: what was sent cannot be used.
    pub(crate) fn bad(text: impl ToString) -> Self {
        Self::new(StatusCode::BAD_REQUEST, text.to_string())
    }

    /// 404: an object of this kind and name does not exist.
    pub(crate) fn missing(kind: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("no {kind} is named {name:?}"))
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn reply(self) -> Response {
        let body = Problem { status: self.status.as_u16(), error: self.text };
        // Numbers and texts can always be written.
        let body = serde_json::to_string(&body).unwrap_or_default();
        let mut response = (self.status, json_text(body)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        self.reply()
    }
}

/// 200 with `value` as JSON.
pub(crate) fn json(value: &impl Serialize) -> Reply {
    match serde_json::to_string(value) {
        Ok(text) => Ok(json_text(text)),
        Err(error) => Err(Failure::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())),
    }
}

/// A list as JSON. Each item is written before the next one is made.
pub(crate) fn list_text(items: impl Iterator<Item = impl Serialize>) -> Vec<u8> {
    let mut text = Vec::new();
    // Writing numbers and texts to a vector cannot fail.
    let _ = serde_json::Serializer::new(&mut text).collect_seq(items);
    text
}

/// Writes a value as its text.
pub(crate) fn shown<S: Serializer>(value: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// 200 with entries of a log as JSON. A header has the number of newer entries that the client missed: it
/// asked too late, or for too few.
pub(crate) fn entries(value: &impl Serialize, missed: u64) -> Reply {
    let mut response = json(value)?;
    if missed != 0 {
        response.headers_mut().insert(MISSED, missed.into());
    }
    Ok(response)
}

/// 204: done, with nothing to show.
pub(crate) fn done() -> Reply {
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// 200 with a text.
pub(crate) fn text(body: String) -> Response {
    ([(header::CONTENT_TYPE, TEXT)], body).into_response()
}

/// The type of texts.
pub(crate) const TEXT: &str = "text/plain; charset=utf-8";

/// The header with the number of entries that a client missed.
const MISSED: HeaderName = HeaderName::from_static("x-missed");

pub(crate) fn json_text(body: impl Into<Body>) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missed_entries_are_counted_in_a_header() {
        let missed = |count| {
            let response = entries(&["entry"], count).ok()?;
            response.headers().get(MISSED)?.to_str().ok()?.parse().ok()
        };
        assert_eq!(missed(7), Some(7_u64));
        assert_eq!(missed(0), None);
    }
}
