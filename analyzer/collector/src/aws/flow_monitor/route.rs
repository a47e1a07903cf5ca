//! The operation and parameters that a method and a path name.

use axum::http::Method;
use axum::http::request::Parts;

use crate::aws::PATH;

/// An operation, and the parameters of its path and query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) operation: &'static str,
    pub(crate) parameters: Vec<(String, String)>,
}

/// True for a path of this service.
pub(crate) fn is_path(path: &str) -> bool {
    path.strip_prefix(ROOT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The route of a request; `None` if it is for another service.
pub(crate) fn route(head: &Parts) -> Option<Route> {
    let path = head.uri.path().strip_prefix(PATH)?;
    let rest = path.strip_prefix(ROOT).filter(|_| is_path(path))?;
    let parts: Vec<&str> = rest.split('/').skip(1).collect();
    let query = head.uri.query().unwrap_or_default();
    let mut parameters: Vec<(String, String)> =
        form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let mut of_path = |name: &str, value: &str| {
        parameters.retain(|(own, _)| own != name);
        parameters.push((name.to_owned(), value.to_owned()));
    };
    if let Some(monitor) = parts.first() {
        of_path("monitorName", monitor);
    }
    if let [_, QUERIES, query, ..] = *parts {
        of_path("queryId", query);
    }
    Some(Route { operation: operation(&head.method, &parts), parameters })
}

/// The operation of a method and the parts of a path; an unknown one is that of no table.
fn operation(method: &Method, parts: &[&str]) -> &'static str {
    match (method.as_str(), parts) {
        ("GET", []) => "ListMonitors",
        ("GET", [_]) => "GetMonitor",
        ("POST", [_, QUERIES]) => "StartQueryMonitorTopContributors",
        ("GET", [_, QUERIES, _, "status"]) => "GetQueryStatusMonitorTopContributors",
        ("GET", [_, QUERIES, _, "results"]) => "GetQueryResultsMonitorTopContributors",
        ("DELETE", [_, QUERIES, _]) => "StopQueryMonitorTopContributors",
        ("POST", []) => "CreateMonitor",
        ("DELETE", [_]) => "DeleteMonitor",
        _ => "of this path",
    }
}

const ROOT: &str = "/monitors";
const QUERIES: &str = "topContributorsQueries";

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::Request;

    use super::*;

    fn of(method: &str, uri: &str) -> Option<(&'static str, String)> {
        let request = Request::builder().method(method).uri(uri).body(Body::empty()).unwrap();
        let found = route(&request.into_parts().0)?;
        let parameters = found.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        Some((found.operation, parameters.collect::<Vec<_>>().join(" ")))
    }

    #[test]
    fn paths_name_operations_and_their_parameters() {
        for (method, uri, operation, parameters) in [
            ("GET", "/aws/monitors", "ListMonitors", ""),
            ("GET", "/aws/monitors?maxResults=2", "ListMonitors", "maxResults=2"),
            ("GET", "/aws/monitors/a.b", "GetMonitor", "monitorName=a.b"),
            (
                "GET",
                "/aws/monitors/m/topContributorsQueries/q/results?nextToken=a%2Fb&queryId=x",
                "GetQueryResultsMonitorTopContributors",
                "nextToken=a/b monitorName=m queryId=q",
            ),
            (
                "DELETE",
                "/aws/monitors/m/topContributorsQueries/q",
                "StopQueryMonitorTopContributors",
                "monitorName=m queryId=q",
            ),
            ("POST", "/aws/monitors", "CreateMonitor", ""),
            ("PUT", "/aws/monitors/m/x", "of this path", "monitorName=m"),
        ] {
            assert_eq!(of(method, uri), Some((operation, parameters.to_owned())), "{uri}");
        }
        assert_eq!(of("GET", "/aws/monitorsx"), None);
        assert_eq!(of("POST", "/aws"), None);
    }
}
