//! Bodies of requests: JSON as clients really send it.
//!
//! JSON5 covers it: names without quotes, single quotes, trailing commas. The content type is ignored,
//! because clients send any or none.

use core::time::Duration;

use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::reply::Failure;

/// The body of a request, parsed as relaxed JSON.
pub(crate) struct Relaxed<T>(pub(crate) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Relaxed<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure> {
        let bytes = read(request.into_body()).await?;
        let text =
            core::str::from_utf8(&bytes).map_err(|_| Failure::bad("the body is no UTF-8"))?;
        parse(text).map(Self).map_err(Failure::bad)
    }
}

/// Reads a body within the limits of size and time.
async fn read(body: Body) -> Result<axum::body::Bytes, Failure> {
    // Without a permission to continue, a careful client does not even send it.
    if body.size_hint().lower() > MAX_BODY as u64 {
        return Err(too_long());
    }
    let late = |_| Failure::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
    let read = timeout(BODY_TIME, to_bytes(body, MAX_BODY)).await.map_err(late)?;
    read.map_err(|_| too_long())
}

fn too_long() -> Failure {
    let text = format!("the body is cut off or longer than {MAX_BODY} bytes");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, text)
}

/// Parses relaxed JSON.
///
/// # Errors
/// The fault and its line and column.
pub(crate) fn parse<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    // The parser recurses: bound the depth first.
    if depth(text) > MAX_DEPTH {
        return Err(format!("the body is nested deeper than {MAX_DEPTH} levels"));
    }
    json5::from_str(text).map_err(|error| error.to_string())
}

/// The deepest nesting of brackets, those within strings included: an upper bound.
fn depth(text: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

/// Bytes of a body.
const MAX_BODY: usize = 1 << 20;
/// Time for a body to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);
/// Levels of arrays and objects.
const MAX_DEPTH: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn bodies_of_clients_are_read() {
        let expected = json!({ "keys": "ipsource,ipdestination", "value": "bytes", "n": 10 });
        for text in [
            r#"{"keys":"ipsource,ipdestination","value":"bytes","n":10}"#,
            "{keys:'ipsource,ipdestination',value:'bytes',n:10}",
            "{ keys: 'ipsource,ipdestination', \"value\": \"bytes\", n: 10, }",
        ] {
            assert_eq!(parse::<Value>(text), Ok(expected.clone()), "{text}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        let error = parse::<Value>("{keys:\n  ?}").unwrap_err();
        assert!(error.contains('2'), "{error}");
    }

    #[test]
    fn nesting_is_bounded() {
        assert!(parse::<Value>(&format!("{}1{}", "[".repeat(64), "]".repeat(64))).is_ok());
        assert!(parse::<Value>(&"[".repeat(1 << 20)).unwrap_err().contains("64 levels"));
        assert!(parse::<Value>(&"{a:".repeat(1 << 18)).is_err());
    }
}
