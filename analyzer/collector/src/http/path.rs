//! Forms of a path that mean the same: `//version`, `/version/` and `/version`.

use axum::body::Body;
use axum::http::Request;
use axum::http::uri::{PathAndQuery, Uri};

/// Replaces repeated slashes by one, and removes one at the end. Clients join base URL and path in
/// both ways.
pub(crate) fn plain(mut request: Request<Body>) -> Request<Body> {
    if let Some(uri) = rewritten(request.uri()) {
        *request.uri_mut() = uri;
    }
    request
}

/// The URI in its plain form; `None` if it is in it already.
fn rewritten(uri: &Uri) -> Option<Uri> {
    let path = uri.path();
    if !path.contains("//") && (path == "/" || !path.ends_with('/')) {
        return None;
    }
    let mut plain = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        plain.push('/');
        plain.push_str(segment);
    }
    if plain.is_empty() {
        plain.push('/');
    }
    if let Some(query) = uri.query() {
        plain.push('?');
        plain.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(plain).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slashes_are_collapsed() {
        for (given, plain) in [
            ("//version", Some("/version")),
            ("/agents/json/", Some("/agents/json")),
            ("/a//b///c?x=//", Some("/a/b/c?x=//")),
            ("//", Some("/")),
            ("/", None),
            ("/version?a=/", None),
        ] {
            let uri: Uri = given.parse().unwrap();
            assert_eq!(rewritten(&uri).map(|uri| uri.to_string()).as_deref(), plain, "{given}");
        }
    }
}
