//! Bodies of requests, which clients may have compressed. A signature is of what was sent.

use std::io::Read;

use axum::body::{Body, Bytes};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use flate2::read::GzDecoder;

use super::fault::{Fault, Kind};
use crate::http::read_body;

/// Reads a body as it was sent.
pub(super) async fn read(body: Body) -> Result<Bytes, Fault> {
    read_body(body).await.map_err(|failure| match failure.status() {
        StatusCode::REQUEST_TIMEOUT => Fault::new(Kind::Timeout, failure.text()),
        _ => Fault::new(Kind::TooLarge, failure.text()),
    })
}

/// Inflates a body that is compressed by gzip.
pub(super) fn inflated(head: &Parts, bytes: Bytes) -> Result<Vec<u8>, Fault> {
    match head.headers.get(header::CONTENT_ENCODING).map(|kind| kind.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(bytes.to_vec()),
        Some(kind) if kind.eq_ignore_ascii_case(b"gzip") => inflate(&bytes),
        Some(_) => Err(Fault::new(Kind::Serialization, "The Content-Encoding is not gzip.")),
    }
}

fn inflate(bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    let mut inflated = Vec::new();
    let mut limited = GzDecoder::new(bytes).take(MAX_INFLATED + 1);
    limited.read_to_end(&mut inflated).map_err(|error| {
        Fault::new(Kind::Serialization, format!("The body cannot be inflated: {error}"))
    })?;
    if inflated.len() as u64 > MAX_INFLATED {
        let text = format!("The body has more than {MAX_INFLATED} bytes.");
        return Err(Fault::new(Kind::TooLarge, text));
    }
    Ok(inflated)
}

/// As of a body that is not compressed.
const MAX_INFLATED: u64 = 1 << 20;

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
        assert_eq!(inflate(&packed(1 << 20)).map(|body| body.len()), Ok(1 << 20));
        assert_eq!(inflate(&packed((1 << 20) + 1)).unwrap_err().kind, Kind::TooLarge);
        assert_eq!(inflate(b"no gzip").unwrap_err().kind, Kind::Serialization);
        let cut = packed(1000);
        assert_eq!(inflate(&cut[..cut.len() - 9]).unwrap_err().kind, Kind::Serialization);
    }
}
