//! The checks that a request passes before anything reads it: length, Host header, token, method.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use percent_encoding::percent_decode_str;

use super::counters::Counters;
use super::page;
use super::reply::Failure;
use crate::aws::{self, Caller};

/// Who may do what.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    /// Refuses everything that changes state.
    pub(crate) read_only: bool,
    /// The token that each request must carry.
    pub(crate) token: Option<String>,
    /// Host names under which the server is reached, besides addresses and `localhost`.
    pub(crate) names: Vec<String>,
    pub(crate) counters: Arc<Counters>,
}

/// Lets a request pass, or replies with the reason of its refusal.
pub(crate) async fn check(
    State(guard): State<Arc<Guard>>,
    mut request: Request,
    next: Next,
) -> Response {
    guard.counters.request();
    match guard.refusal(&request) {
        None => {
            let caller = guard.caller(request.headers());
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Some(failure) => {
            guard.counters.refuse();
            if aws::has(request.uri().path()) {
                return aws::refusal(&request, failure.text());
            }
            failure.reply()
        }
    }
}

impl Guard {
    fn refusal(&self, request: &Request) -> Option<Failure> {
        let (uri, headers) = (request.uri(), request.headers());
        let length = uri.path().len() + uri.query().map_or(0, str::len);
        if length > MAX_URL {
            let text = format!("the URL has {length} bytes, more than {MAX_URL}");
            return Some(Failure::new(StatusCode::URI_TOO_LONG, text));
        }
        if percent_decode_str(uri.path()).decode_utf8().is_err() {
            return Some(Failure::bad("the path is no UTF-8"));
        }
        if let Some(host) = foreign(headers, &self.names) {
            let text = format!("{host:?} is not a name of this server: see --name");
            return Some(Failure::new(StatusCode::MISDIRECTED_REQUEST, text));
        }
        if is_of_other_site(uri.path(), headers, &self.names) {
            let text = "a page of another site cannot send requests to this server: see --name";
            return Some(Failure::new(StatusCode::FORBIDDEN, text));
        }
        // The page itself is public: it has the form for the token. Requests of AWS may be signed instead.
        let may_lack = page::has(uri.path()) || aws::has(uri.path());
        if !may_lack && self.caller(headers) == Caller::Unknown {
            let text = "the header `Authorization: Bearer TOKEN` is missing or wrong";
            return Some(Failure::new(StatusCode::UNAUTHORIZED, text));
        }
        // Operations of AWS that read come by POST too: they are refused one by one.
        let is_known = is_reading(request.method()) || aws::has(uri.path());
        if self.read_only && !is_known {
            return Some(Failure::new(StatusCode::FORBIDDEN, "the server is read-only"));
        }
        None
    }

    /// What the headers show of who sent them.
    fn caller(&self, headers: &HeaderMap) -> Caller {
        let Some(token) = &self.token else { return Caller::Anyone };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let bearer = given.and_then(|value| value.split_once(' '));
        let is_known = bearer.is_some_and(|(scheme, given)| {
            scheme.eq_ignore_ascii_case("bearer") && equal(given.trim(), token)
        });
        if is_known { Caller::Known } else { Caller::Unknown }
    }
}

fn is_reading(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// The host of the request, if it is a name that the server does not have. A page of another site that
/// lets its own name resolve to this server (DNS rebinding) is so refused. Addresses cannot be rebound.
fn foreign(headers: &HeaderMap, names: &[String]) -> Option<String> {
    let host = headers.get(header::HOST)?.to_str().unwrap_or("\u{fffd}");
    let name = without_port(host);
    let own = name.parse::<core::net::IpAddr>().is_ok() || is_own_name(name, names);
    (!own).then(|| host.to_owned())
}

/// The name or address of a host that may have a port.
fn without_port(host: &str) -> &str {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next(),
        None => host.rsplit_once(':').map(|(name, _)| name).or(Some(host)),
    };
    name.unwrap_or_default().trim_end_matches('.')
}

fn is_own_name(name: &str, names: &[String]) -> bool {
    name.eq_ignore_ascii_case("localhost") || names.iter().any(|own| own.eq_ignore_ascii_case(name))
}

/// True for a request that a page of another site sends through the browser of its user. Only browsers
/// send these headers.
fn is_of_other_site(path: &str, headers: &HeaderMap, names: &[String]) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("\u{fffd}"));
    if let Some(origin) = text("origin") {
        // Behind a proxy the Host may be another one than that of the page.
        let host = origin.split_once("://").map_or("null", |(_, host)| host);
        return text("host").is_none_or(|own| !own.eq_ignore_ascii_case(host))
            && !is_own_name(without_port(host), names);
    }
    // Links to the page are navigations.
    let is_link = text("sec-fetch-mode") == Some("navigate") && !aws::has(path);
    text("sec-fetch-site") == Some("cross-site") && !is_link
}

/// Compares in a time that depends on the lengths only.
fn equal(given: &str, token: &str) -> bool {
    let differences = given.bytes().zip(token.bytes()).map(|(a, b)| a ^ b);
    given.len() == token.len() && differences.fold(0, |all, bits| all | bits) == 0
}

/// Bytes of path and query.
const MAX_URL: usize = 8 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn only_own_names_and_addresses_are_hosts() {
        let names = ["collector.example.net".to_owned()];
        for own in [
            "127.0.0.1:8008",
            "127.0.0.1",
            "[::1]:8008",
            "[::1]",
            "localhost:8008",
            "LOCALHOST",
            "collector.example.net:8008",
            "collector.example.net.",
            "192.0.2.1:80",
        ] {
            assert_eq!(foreign(&headers(header::HOST, own), &names), None, "{own}");
        }
        for other in ["evil.example", "evil.example:8008", "localhost.evil.example", "", "a:b:c"] {
            assert!(foreign(&headers(header::HOST, other), &names).is_some(), "{other}");
        }
        assert_eq!(foreign(&HeaderMap::new(), &names), None);
    }

    #[test]
    fn requests_of_other_sites_are_refused() {
        let names = ["collector.example.net".to_owned()];
        let refused = |path: &str, given: &[(&'static str, &str)]| {
            let given = given.iter().map(|(name, value)| {
                (header::HeaderName::from_static(name), value.parse().unwrap())
            });
            is_of_other_site(path, &given.collect(), &names)
        };
        let host = ("host", "127.0.0.1:8008");
        for origin in
            ["http://127.0.0.1:8008", "http://localhost:8008", "https://Collector.example.net"]
        {
            assert!(!refused("/aws", &[host, ("origin", origin)]), "{origin}");
        }
        for origin in
            ["http://evil.example", "null", "", "http://127.0.0.1:80", "http://198.51.100.7"]
        {
            assert!(refused("/aws", &[host, ("origin", origin)]), "{origin}");
        }
        assert!(!refused("/aws", &[host]));
        let site = ("sec-fetch-site", "cross-site");
        assert!(refused("/flows/json", &[host, site, ("sec-fetch-mode", "no-cors")]));
        assert!(!refused("/", &[host, site, ("sec-fetch-mode", "navigate")]));
        assert!(refused("/aws", &[host, site, ("sec-fetch-mode", "navigate")]));
        assert!(!refused("/aws", &[host, ("sec-fetch-site", "same-origin")]));
    }

    #[test]
    fn token_is_compared_whole() {
        let guard = Guard { token: Some("secret".to_owned()), ..Guard::default() };
        let authorized =
            |value| guard.caller(&headers(header::AUTHORIZATION, value)) == Caller::Known;
        assert!(authorized("Bearer secret"));
        assert!(authorized("bearer  secret"));
        for wrong in ["Bearer secre", "Bearer secrets", "Bearer Secret", "Basic secret", "secret"] {
            assert!(!authorized(wrong), "{wrong}");
        }
        assert_eq!(guard.caller(&HeaderMap::new()), Caller::Unknown);
        assert_eq!(Guard::default().caller(&HeaderMap::new()), Caller::Anyone);
    }

    #[test]
    fn changes_are_refused_if_the_server_is_read_only() {
        let refused = |read_only, method| {
            let guard = Guard { read_only, ..Guard::default() };
            let request = Request::builder().method(method).uri("/flow/a/json");
            guard.refusal(&request.body(axum::body::Body::empty()).unwrap()).is_some()
        };
        for method in [Method::PUT, Method::POST, Method::DELETE] {
            assert!(refused(true, method.clone()) && !refused(false, method));
        }
        assert!(!refused(true, Method::GET));
    }
}
