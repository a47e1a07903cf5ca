//! The native interface, `/api/v1`: each value with its error. It is described by its
//! [document](openapi).

mod agents;
mod cost;
mod flows;
mod keys;
mod ledger;
mod openapi;
mod paging;
mod past;
mod past_work;
mod ports;
mod selected_ports;
mod span;
mod strict;

use std::sync::Arc;

use axum::Router;

use crate::hub::Hub;

/// All resources.
pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new()
        .merge(agents::routes())
        .merge(cost::routes())
        .merge(flows::routes())
        .merge(keys::routes())
        .merge(ledger::routes())
        .merge(openapi::routes())
        .merge(past::routes())
        .merge(ports::routes())
}
