//! Requests to a metadata service: HTTP/1.1 to one address, each with a deadline and a bound.
//!
//! A redirect is a reply like any other: following it would let the server choose the next host.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use httparse::Status;

/// Sends requests, each on a connection of its own, until the time for all of them is used up.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) address: SocketAddr,
    /// The end of the time for all requests.
    pub(super) until: Instant,
    /// Attempts without a usable reply.
    pub(super) failures: u64,
}

/// A reply: the status and the whole body.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

/// The reason why there is no usable reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// No connection; the text is that of the kernel.
    Unreachable(String),
    /// No complete reply in time.
    Silent,
    /// The reply is not HTTP, or ends early.
    NotHttp,
    /// The reply has more than [`MAX_REPLY`] bytes.
    TooLong,
    /// An HTTP status other than 200.
    Status(u16),
    /// A body that is not what the service is documented to return.
    Malformed,
}

impl Client {
    /// Sends a request and returns the body of a reply with status 200. Temporary failures are tried
    /// again, twice at most.
    ///
    /// # Errors
    /// The last failure.
    pub(super) fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, Failure> {
        let mut pause = FIRST_PAUSE;
        for _ in 1..TRIES {
            match self.attempt(method, path, headers) {
                Err(failure) if failure.is_temporary() && self.time_left() > pause => {
                    std::thread::sleep(pause);
                    pause *= 4;
                }
                outcome => return outcome,
            }
        }
        self.attempt(method, path, headers)
    }

    fn attempt(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Vec<u8>, Failure> {
        let outcome = match self.exchange(&head(self.address, method, path, headers)) {
            Ok(Reply { status: 200, body }) => Ok(body),
            Ok(Reply { status, .. }) => Err(Failure::Status(status)),
            Err(failure) => Err(failure),
        };
        // An absent path is an answer.
        let failed = outcome.as_ref().is_err_and(|failure| *failure != Failure::Status(404));
        self.failures = self.failures.saturating_add(u64::from(failed));
        outcome
    }

    fn exchange(&self, request: &[u8]) -> Result<Reply, Failure> {
        let left = self.time_left().min(CONNECT);
        if left.is_zero() {
            return Err(Failure::Silent);
        }
        let connected = TcpStream::connect_timeout(&self.address, left);
        let mut stream = connected.map_err(|error| Failure::Unreachable(error.to_string()))?;
        let until = self.until.min(Instant::now() + REPLY);
        stream.set_write_timeout(Some(CONNECT)).map_err(|_| Failure::Silent)?;
        stream.write_all(request).map_err(|_| Failure::Silent)?;
        read_reply(&mut stream, until)
    }

    fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

impl Failure {
    /// Returns true if another attempt may succeed.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Silent => true,
            Self::Status(status) => matches!(status, 429 | 500..=599),
            Self::NotHttp | Self::TooLong | Self::Malformed => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(error) => write!(f, "no connection: {error}"),
            Self::Silent => f.write_str(
                "no reply in time; in a container, the hop limit of the instance's metadata options \
                 must be 2",
            ),
            Self::NotHttp => f.write_str("the reply is not HTTP"),
            Self::TooLong => write!(f, "the reply has more than {MAX_REPLY} bytes"),
            Self::Status(403) => f.write_str("HTTP status 403: instance metadata is disabled"),
            Self::Status(429 | 503) => f.write_str("too many requests of this instance"),
            Self::Status(status) => write!(f, "HTTP status {status}"),
            Self::Malformed => f.write_str("the reply is not instance metadata"),
        }
    }
}

/// The request. `path` and `headers` must not have line ends.
fn head(address: SocketAddr, method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let host = match (address, address.port()) {
        (SocketAddr::V4(v4), 80) => v4.ip().to_string(),
        (SocketAddr::V6(v6), 80) => format!("[{}]", v6.ip()),
        _ => address.to_string(),
    };
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    if method == "PUT" {
        text.push_str("Content-Length: 0\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}

fn read_reply(stream: &mut TcpStream, until: Instant) -> Result<Reply, Failure> {
    let (mut bytes, mut portion) = (Vec::new(), [0; 4096]);
    loop {
        let left = until.saturating_duration_since(Instant::now());
        // A timeout of zero would mean none.
        if left.is_zero() || stream.set_read_timeout(Some(left)).is_err() {
            return Err(Failure::Silent);
        }
        let count = match stream.read(&mut portion) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
            Err(_) => return Err(Failure::Silent),
        };
        bytes.extend_from_slice(portion.get(..count).unwrap_or_default());
        if let Some(reply) = parse(&bytes, count == 0)? {
            return Ok(reply);
        }
        if bytes.len() > MAX_REPLY {
            return Err(Failure::TooLong);
        }
    }
}

/// Parses a reply; `None` if there is more to come. `ended`: the service has closed the connection.
fn parse(bytes: &[u8], ended: bool) -> Result<Option<Reply>, Failure> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut reply = httparse::Response::new(&mut headers);
    let Status::Complete(length) = reply.parse(bytes).map_err(|_| Failure::NotHttp)? else {
        return if ended { Err(Failure::NotHttp) } else { Ok(None) };
    };
    let rest = bytes.get(length..).unwrap_or_default();
    let header = |name: &str| {
        let found = reply.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| core::str::from_utf8(header.value).ok()).map(str::trim)
    };
    let body = if header("transfer-encoding").is_some_and(|it| it.eq_ignore_ascii_case("chunked")) {
        unchunked(rest)?
    } else if let Some(length) = header("content-length") {
        let length: usize = length.parse().map_err(|_| Failure::NotHttp)?;
        if length > MAX_REPLY {
            return Err(Failure::TooLong);
        }
        rest.get(..length).map(<[u8]>::to_vec)
    } else {
        ended.then(|| rest.to_vec())
    };
    match body {
        Some(body) => Ok(Some(Reply { status: reply.code.unwrap_or_default(), body })),
        None if ended => Err(Failure::NotHttp),
        None => Ok(None),
    }
}

/// Joins the chunks of a body; `None` if there are more to come. Trailers are ignored.
fn unchunked(mut rest: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
    let mut body = Vec::new();
    loop {
        let size = httparse::parse_chunk_size(rest).map_err(|_| Failure::NotHttp)?;
        let Status::Complete((start, size)) = size else { return Ok(None) };
        if size == 0 {
            return Ok(Some(body));
        }
        let size = usize::try_from(size).map_err(|_| Failure::TooLong)?;
        let end = start.checked_add(size).ok_or(Failure::TooLong)?;
        let Some(chunk) = rest.get(start..end) else { return Ok(None) };
        body.extend_from_slice(chunk);
        // The line end after the chunk.
        let Some(after) = rest.get(end.saturating_add(2)..) else { return Ok(None) };
        rest = after;
    }
}

/// Bytes of a reply. The longest are lists of tags and interfaces, of some kilobytes.
const MAX_REPLY: usize = 64 * 1024;
const MAX_HEADERS: usize = 64;
const CONNECT: Duration = Duration::from_secs(1);
const REPLY: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Result<Option<Reply>, Failure> {
        parse(text.as_bytes(), false)
    }

    fn reply(status: u16, body: &str) -> Result<Option<Reply>, Failure> {
        Ok(Some(Reply { status, body: body.as_bytes().to_vec() }))
    }

    #[test]
    fn body_ends_by_length_chunks_or_close() {
        let text = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc";
        assert_eq!(whole(text), reply(200, "abc"));
        let text =
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(whole(text), reply(200, "abcde"));
        let text = "HTTP/1.0 404 Not Found\r\n\r\nno";
        assert_eq!(whole(text), Ok(None));
        assert_eq!(parse(text.as_bytes(), true), reply(404, "no"));
    }

    #[test]
    fn each_beginning_of_a_reply_waits_for_more() {
        for text in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n",
        ] {
            assert!(matches!(whole(text), Ok(Some(_))));
            for length in 0..text.len() - 1 {
                let part = &text.as_bytes()[..length];
                assert_eq!(parse(part, false), Ok(None), "{length}");
                assert_eq!(parse(part, true), Err(Failure::NotHttp), "{length}");
            }
        }
    }

    #[test]
    fn hostile_replies_are_failures() {
        for (text, failure) in [
            ("SSH-2.0-OpenSSH_9.2\r\n", Failure::NotHttp),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Failure::NotHttp),
            ("HTTP/1.1 200 OK\r\ncontent-length: 65537\r\n\r\n", Failure::TooLong),
            (
                "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n",
                Failure::TooLong,
            ),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Failure::NotHttp),
        ] {
            assert_eq!(whole(text), Err(failure), "{text}");
        }
        let headers = "x: y\r\n".repeat(MAX_HEADERS + 1);
        assert_eq!(whole(&format!("HTTP/1.1 200 OK\r\n{headers}\r\n")), Err(Failure::NotHttp));
    }

    #[test]
    fn host_header_has_brackets_and_a_port_where_needed() {
        for (address, host) in [
            ("169.254.169.254:80", "169.254.169.254"),
            ("[fd00:ec2::254]:80", "[fd00:ec2::254]"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
        ] {
            let request = head(address.parse().unwrap(), "PUT", "/x", &[("a", "b")]);
            let expected = format!(
                "PUT /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\na: b\r\n\
                 Content-Length: 0\r\n\r\n"
            );
            assert_eq!(String::from_utf8(request).unwrap(), expected);
        }
    }
}
