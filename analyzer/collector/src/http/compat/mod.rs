//! The REST interface of sFlow-RT, as its public clients use it.

mod agents;
mod events;
mod flows;
mod labels;
mod metrics;
mod poll;
mod routes;
mod topology;

use std::sync::Arc;

use axum::Router;

use crate::hub::Hub;
pub(crate) use events::Entry as EventEntry;
pub(super) use metrics::{filter, wanted};

/// All resources.
pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .merge(agents::routes())
        .merge(events::routes())
        .merge(flows::routes())
        .merge(labels::routes())
        .merge(metrics::routes())
        .merge(routes::routes())
        .merge(topology::routes())
}

/// A shared hub, as handlers get it.
type Shared = axum::extract::State<Arc<Hub>>;
