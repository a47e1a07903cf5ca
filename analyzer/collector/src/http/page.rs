//! The page: files that are part of the program.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    FILES.iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(async move || file(kind, content)))
    })
}

fn file(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind),
        // Nothing but the files of this server, and no frame around them.
        (header::CONTENT_SECURITY_POLICY, "default-src 'self'; frame-ancestors 'none'"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}

/// True for the path of a file of the page. They are the same for everyone.
pub(super) fn has(path: &str) -> bool {
    FILES.iter().any(|(own, ..)| *own == path)
}

/// Path, content type and content.
const FILES: [(&str, &str, &str); 25] = [
    ("/", "text/html; charset=utf-8", include_str!("../page/index.html")),
    ("/page/page.css", "text/css; charset=utf-8", include_str!("../page/page.css")),
    ("/page/icon.svg", "image/svg+xml; charset=utf-8", include_str!("../page/icon.svg")),
    ("/page/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/page/api.js", SCRIPT, include_str!("../page/api.js")),
    ("/page/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/page/numbers.js", SCRIPT, include_str!("../page/numbers.js")),
    ("/page/chart.js", SCRIPT, include_str!("../page/chart.js")),
    ("/page/flowtable.js", SCRIPT, include_str!("../page/flowtable.js")),
    ("/page/listing.js", SCRIPT, include_str!("../page/listing.js")),
    ("/page/pages.js", SCRIPT, include_str!("../page/pages.js")),
    ("/page/token.js", SCRIPT, include_str!("../page/token.js")),
    ("/page/overview.js", SCRIPT, include_str!("../page/overview.js")),
    ("/page/timechart.js", SCRIPT, include_str!("../page/timechart.js")),
    ("/page/metrics.js", SCRIPT, include_str!("../page/metrics.js")),
    ("/page/picker.js", SCRIPT, include_str!("../page/picker.js")),
    ("/page/history.js", SCRIPT, include_str!("../page/history.js")),
    ("/page/cost.js", SCRIPT, include_str!("../page/cost.js")),
    ("/page/alarms.js", SCRIPT, include_str!("../page/alarms.js")),
    ("/page/alarmform.js", SCRIPT, include_str!("../page/alarmform.js")),
    ("/page/explore.js", SCRIPT, include_str!("../page/explore.js")),
    ("/page/drops.js", SCRIPT, include_str!("../page/drops.js")),
    ("/page/ports.js", SCRIPT, include_str!("../page/ports.js")),
    ("/page/hosts.js", SCRIPT, include_str!("../page/hosts.js")),
    ("/page/agents.js", SCRIPT, include_str!("../page/agents.js")),
];
const SCRIPT: &str = "text/javascript; charset=utf-8";
