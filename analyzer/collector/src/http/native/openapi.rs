//! The OpenAPI 3.1 document of the native interface, generated from the handlers.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::routing::get;
use utoipa::OpenApi;

use super::{agents, cost, flows, keys, ledger, past, ports};
use crate::http::reply::{Reply, json};
use crate::hub::Hub;

pub(super) fn routes() -> Router<Arc<Hub>> {
    Router::new().route("/api/v1/openapi.json", get(document))
}

/// Each handler has its own annotation, and is listed here.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Flowmote analyzer",
        description = "Metrics and flows of sFlow, each value with its error. Errors are objects with \
                       `status` and `error`. A server with --token-file needs the header \
                       `Authorization: Bearer TOKEN`, and replies with 401 without it.",
    ),
    paths(
        document,
        agents::agent,
        agents::agents,
        cost::cost,
        flows::active,
        keys::names,
        ledger::process,
        past::past,
        ports::ports
    )
)]
struct Document;

static DOCUMENT: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Document::openapi);

/// This document.
#[utoipa::path(
    get,
    path = "/api/v1/openapi.json",
    responses((status = 200, description = "OpenAPI 3.1", body = Object)),
)]
async fn document() -> Reply {
    json(&*DOCUMENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_has_the_members_of_a_flow() {
        let document = serde_json::to_value(&*DOCUMENT).unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let parameters = &document["paths"]["/api/v1/flows/{name}"]["get"]["parameters"];
        let names: Vec<&str> =
            parameters.as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["name", "agent", "maxFlows", "minValue", "aggMode"]);
        assert!(document["components"]["schemas"]["Flow"].is_object(), "{document}");
    }
}
