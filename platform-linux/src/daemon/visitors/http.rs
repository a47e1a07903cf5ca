//! `GET /metrics`, as much of HTTP/1.1 (RFC 9112) as that needs: a request without content, and a
//! reply after which the connection is closed.

use std::fmt::Write as _;

use super::server::{Format, Request};

/// Reads a request. The reply to it follows from the format that it returns.
pub(super) fn parse(bytes: &[u8]) -> Request {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(bytes) {
        Ok(httparse::Status::Partial) => Request::Incomplete,
        Ok(httparse::Status::Complete(_)) => {
            let (method, target) = (request.method.unwrap_or(""), request.path.unwrap_or(""));
            respond(method, target)
        }
        Err(httparse::Error::TooManyHeaders) => refused("431 Request Header Fields Too Large", ""),
        Err(_) => refused("400 Bad Request", ""),
    }
}

fn respond(method: &str, target: &str) -> Request {
    let path = target.split('?').next().unwrap_or_default();
    match (method, path) {
        ("GET", "/metrics") => Request::Snapshot(Format::Prometheus { head_only: false }),
        ("HEAD", "/metrics") => Request::Snapshot(Format::Prometheus { head_only: true }),
        (_, "/metrics") => refused("405 Method Not Allowed", "Allow: GET, HEAD\r\n"),
        _ => refused("404 Not Found", ""),
    }
}

/// A reply with the metrics; only its head for HEAD (RFC 9110, 9.3.2).
pub(super) fn metrics(text: &str, head_only: bool) -> Vec<u8> {
    reply("200 OK", TEXT_FORMAT, "", text, head_only)
}

fn refused(status: &str, header: &str) -> Request {
    let text = format!("{status}\nThe metrics are at /metrics.\n");
    Request::Refused(reply(status, "text/plain; charset=utf-8", header, &text, false))
}

fn reply(status: &str, kind: &str, header: &str, text: &str, head_only: bool) -> Vec<u8> {
    let mut reply = String::with_capacity(text.len().saturating_add(256));
    let length = text.len();
    // Writing to a string cannot fail.
    let _ = write!(
        reply,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n{header}\
         Connection: close\r\n\r\n"
    );
    if !head_only {
        reply.push_str(text);
    }
    reply.into_bytes()
}

/// The text format of Prometheus.
const TEXT_FORMAT: &str = "text/plain; version=0.0.4; charset=utf-8";
/// Prometheus sends 6, web browsers less than 20.
const MAX_HEADERS: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(request: &str) -> String {
        match parse(request.as_bytes()) {
            Request::Refused(reply) => String::from_utf8(reply).unwrap(),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[test]
    fn metrics_are_requested_by_get_and_head() {
        let format = |head_only| Request::Snapshot(Format::Prometheus { head_only });
        for (request, expected) in [
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", format(false)),
            ("GET /metrics?x=1 HTTP/1.0\r\n\r\n", format(false)),
            ("HEAD /metrics HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n", format(true)),
            ("GET /metrics HTTP/1.1\r\nHost: a\r\n", Request::Incomplete),
            ("GE", Request::Incomplete),
            ("", Request::Incomplete),
        ] {
            assert_eq!(parse(request.as_bytes()), expected, "{request:?}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_its_status() {
        for (request, status) in [
            ("GET / HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("GET /metrics/ HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /x HTTP/1.1\r\n\r\n", "404 Not Found"),
            ("POST /metrics HTTP/1.1\r\n\r\n", "405 Method Not Allowed"),
            ("status\n", "400 Bad Request"),
            ("GET /metrics HTTP/9.9\r\n\r\n", "400 Bad Request"),
            ("\u{1}\u{2}", "400 Bad Request"),
        ] {
            let reply = refusal(request);
            assert!(reply.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{request:?}: {reply}");
        }
        let many = "a: b\r\n".repeat(33);
        let reply = refusal(&format!("GET /metrics HTTP/1.1\r\n{many}\r\n"));
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
        assert!(refusal("PUT /metrics HTTP/1.1\r\n\r\n").contains("\r\nAllow: GET, HEAD\r\n"));
    }

    #[test]
    fn reply_has_its_length_and_ends_the_connection() {
        let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
                    Content-Length: 7\r\nConnection: close\r\n\r\n";
        assert_eq!(metrics("a_b 1é", false), format!("{head}a_b 1é").into_bytes());
        assert_eq!(metrics("a_b 1é", true), head.as_bytes());
    }
}
