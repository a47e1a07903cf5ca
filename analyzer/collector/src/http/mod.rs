//! HTTP: one port for the REST interface of sFlow-RT, for the native one, for Prometheus, for that of
//! CloudWatch, and for the page.
//!
//! axum on tokio: most requests are long polls that wait, which costs a task each and no thread. The
//! head of a request passes the [guard] first, then its handler runs [apart]. Bodies, URLs, connections
//! and times are bounded.

mod active;
mod apart;
pub(crate) mod apps;
mod compat;
mod connection;
mod counters;
mod guard;
mod native;
mod page;
mod parts;
mod path;
mod process;
pub(crate) mod prometheus;
mod query;
mod relaxed;
mod reply;

use std::io;
use std::net::TcpListener;
use std::sync::Arc;

use axum::Router;
use axum::http::StatusCode;
use axum::middleware;
use tower::ServiceExt as _;

use crate::aws;
use crate::hub::Hub;
pub(crate) use compat::EventEntry;
pub(crate) use counters::Counters;
pub(crate) use guard::Guard;
use prometheus::SEPARATOR;
pub(crate) use relaxed::{BODY_TIME, MAX_BODY, read as read_body};
use reply::Failure;

/// Serves requests without end, on a thread of its own.
pub(crate) fn serve(listener: TcpListener, hub: Arc<Hub>, guard: Guard) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .thread_name("http")
        .enable_io()
        .enable_time()
        .build()?;
    let counters = guard.counters.clone();
    let router = router(hub, guard);
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        connection::accept(listener, router, counters).await;
        Ok(())
    })
}

/// All resources, behind the guard.
fn router(hub: Arc<Hub>, guard: Guard) -> Router {
    let resources = Router::new()
        .merge(apps::routes())
        .merge(aws::routes(guard.read_only))
        .merge(compat::routes())
        .merge(native::routes())
        .merge(page::routes())
        .merge(prometheus::routes())
        .fallback(async || Failure::new(StatusCode::NOT_FOUND, "no such resource"))
        .method_not_allowed_fallback(async || {
            Failure::new(StatusCode::METHOD_NOT_ALLOWED, "the resource has no such method")
        })
        .with_state(hub)
        .layer(middleware::from_fn(apart::run))
        .layer(middleware::from_fn_with_state(Arc::new(guard), guard::check));
    Router::new().fallback_service(
        resources.map_request(|request| aws::moved(path::plain(aws::kept(request)))),
    )
}

/// Threads for requests. More than there are processors as a rule: a short reply need not wait until a
/// long one is written.
const WORKERS: usize = 4;
