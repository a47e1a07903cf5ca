//! Bodies of requests, which clients may have compressed. A signature is of what was sent.

use std::io::Read;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use flate2::read::GzDecoder;

use super::fault::{Fault, Kind};
use super::protocol::Target;
use super::service::Service;
use crate::http::{MAX_BODY, read_body};

/// Bytes that the body of a request may have, as it was sent and inflated.
pub(super) fn longest(target: &Target) -> usize {
    if target.is_of(Service::Logs, "PutLogEvents") { MAX_BATCH } else { MAX_BODY }
}

/// True for a body that may have more bytes than most requests may have.
pub(super) fn is_long(body: &Body) -> bool {
    body.size_hint().upper().is_none_or(|bytes| bytes > MAX_BODY as u64)
}

/// True for a body that may become longer than it was sent.
pub(super) fn is_compressed(head: &Parts) -> bool {
    head.headers.contains_key(header::CONTENT_ENCODING)
}

/// Reads a body as it was sent, of at most so many bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, Fault> {
    read_body(body, most).await.map_err(|failure| match failure.status() {
        StatusCode::REQUEST_TIMEOUT => Fault::new(Kind::Timeout, failure.text()),
        _ => Fault::new(Kind::TooLarge, failure.text()),
    })
}

/// Inflates a body that is compressed by gzip, to at most so many bytes.
pub(super) fn inflated(head: &Parts, bytes: Bytes, most: usize) -> Result<Vec<u8>, Fault> {
    match head.headers.get(header::CONTENT_ENCODING).map(|kind| kind.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(bytes.into()),
        Some(kind) if kind.eq_ignore_ascii_case(b"gzip") => inflate(&bytes, most),
        Some(_) => Err(Fault::new(Kind::Serialization, "The Content-Encoding is not gzip.")),
    }
}

fn inflate(bytes: &[u8], most: usize) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let mut limited = GzDecoder::new(bytes).take(most as u64 + 1);
    limited.read_to_end(&mut inflated).map_err(|error| {
        Fault::new(Kind::Serialization, format!("The body cannot be inflated: {error}"))
    })?;
    if inflated.len() > most {
        let text = format!("The body has more than {most} bytes.");
        return Err(Fault::new(Kind::TooLarge, text));
    }
    Ok(inflated)
}

/// Bytes of a batch of log events: its messages have 1 MiB, and a character may have six in JSON.
const MAX_BATCH: usize = 7 << 20;

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(length: usize) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&vec![b'a'; length]).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn inflated_body_has_a_limit() {
        assert_eq!(inflate(&packed(1 << 20), 1 << 20).map(|body| body.len()), Ok(1 << 20));
        assert_eq!(inflate(&packed((1 << 20) + 1), 1 << 20).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(inflate(b"no gzip", 1 << 20).unwrap_err().kind, Kind::Serialization);
        let cut = packed(1000);
        assert_eq!(inflate(&cut[..cut.len() - 9], 1 << 20).unwrap_err().kind, Kind::Serialization);
    }
}
