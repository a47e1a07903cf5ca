//! Resources of applications of sFlow-RT that other programs read: flow-trend, browse-flows,
//! mininet-dashboard and ixp-metrics.

mod ixp;
pub(crate) mod mininet;
mod top;
mod trend;

use std::sync::Arc;

use axum::Router;

use crate::hub::Hub;
use trend::Trends;

/// All resources.
pub(super) fn routes() -> Router<Arc<Hub>> {
    let trends = Arc::<Trends>::default();
    Router::new()
        .merge(ixp::routes())
        .merge(mininet::routes(trends.clone()))
        .merge(top::routes(trends))
}
