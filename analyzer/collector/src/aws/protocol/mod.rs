//! The protocols of the services, and how a request shows which one it has.
//!
//! The client chooses, and it has no second try. All three come by POST on one port:
//!
//! - a path that ends with `/service/SERVICE/operation/OPERATION` is RPC v2 CBOR;
//! - a header `X-Amz-Target: SERVICE.OPERATION` is JSON;
//! - all others are query, with the operation among the parameters. They may come by GET too.

mod cbor;
mod json;
mod query;
#[cfg(test)]
mod tests;

use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};

use super::document::Document;
use super::fault::Fault;
use super::flow_monitor::{self, Route};
use super::service::Service;
pub(super) use json::{read as read_json, write as write_json};
pub(super) use query::iso;

/// A protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Query,
    Json,
    Cbor,
}

/// Which protocol, service and operation the head of a request names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) protocol: Protocol,
    /// The service and operation; `None` for query, whose parameters have them.
    pub(crate) operation: Option<(String, String)>,
    /// Parameters that are not in the body.
    pub(crate) parameters: Vec<(String, String)>,
}

impl Target {
    /// The target of a request.
    pub(crate) fn of(head: &Parts) -> Self {
        if let Some(Route { operation, parameters }) = flow_monitor::route(head) {
            let operation = Some((flow_monitor::NAME.to_owned(), operation.to_owned()));
            return Self { protocol: Protocol::Json, operation, parameters };
        }
        let (named, parameters) = (
            |(service, operation): (&str, &str)| (service.to_owned(), operation.to_owned()),
            Vec::new(),
        );
        let path = head.uri.path().split_once("/service/").map(|(_, rest)| rest);
        if let Some(target) = path.and_then(|path| path.split_once("/operation/")) {
            return Self { protocol: Protocol::Cbor, operation: Some(named(target)), parameters };
        }
        match head.headers.get("x-amz-target") {
            Some(target) => {
                let target = target.to_str().unwrap_or_default();
                let target = target.rsplit_once('.').unwrap_or(("", target));
                Self { protocol: Protocol::Json, operation: Some(named(target)), parameters }
            }
            None => Self { protocol: Protocol::Query, operation: None, parameters },
        }
    }

    /// True for an operation of JSON.
    pub(crate) fn is_of(&self, service: Service, operation: &str) -> bool {
        self.protocol == Protocol::Json
            && self.operation.as_ref().is_some_and(|(name, own)| {
                Service::of_target(name) == Some(service) && own == operation
            })
    }

    /// The service; `None` if there is none of the name.
    pub(crate) fn service(&self, body: &[u8]) -> Option<Service> {
        match &self.operation {
            Some((service, _)) => Service::of_target(service),
            None => match query::version(body) {
                Some(version) => Service::of_version(&version),
                None => Some(Service::Monitoring),
            },
        }
    }

    /// How a request with this body is read and replied to.
    pub(crate) fn dialect(&self, body: &[u8]) -> Dialect {
        let service = self.service(body).unwrap_or(Service::Monitoring);
        Dialect { protocol: self.protocol, service }
    }

    /// The operation of a request for this target, and its parameters.
    pub(crate) fn read(self, dialect: Dialect, body: &[u8]) -> Result<(String, Document), Fault> {
        match (self.protocol, self.operation) {
            (Protocol::Json, Some((_, name))) => {
                Ok((name, json::read(body)?.with_texts(self.parameters)))
            }
            (Protocol::Cbor, Some((_, name))) => Ok((name, cbor::read(body)?)),
            _ => query::read(dialect.service, body),
        }
    }
}

/// Writes what a client would send, for operations whose names are not in the body.
#[cfg(any(test, feature = "_testing"))]
pub(super) fn encode(protocol: Protocol, document: &Document) -> Vec<u8> {
    if protocol == Protocol::Cbor { cbor::write(document) } else { json::write(document) }
}

/// A protocol as a service has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) protocol: Protocol,
    pub(crate) service: Service,
}

impl Dialect {
    /// The reply of an operation.
    pub(crate) fn reply(self, operation: &str, document: &Document, request: &str) -> Response {
        let body = match self.protocol {
            Protocol::Query => query::write(self.service, operation, document, request),
            Protocol::Json => json::write(document),
            Protocol::Cbor => cbor::write(document),
        };
        self.response(body, request)
    }

    /// The reply for an error.
    pub(crate) fn fault(self, fault: &Fault, request: &str) -> Response {
        let shape = fault.kind.shape(self.service);
        let document = || fault.document(shape);
        let body = match self.protocol {
            Protocol::Query => query::fault(self.service, fault, request),
            Protocol::Json => json::write(&document()),
            Protocol::Cbor => cbor::write(&document()),
        };
        let mut response = self.response(body, request);
        *response.status_mut() = fault.kind.status(self.service);
        if self.protocol != Protocol::Query
            // Clients of these services have never had another protocol.
            && !matches!(self.service, Service::Logs | Service::FlowMonitor)
            && let code = format!("{};{}", fault.kind.code(self.service), fault.kind.party())
            && let Ok(code) = HeaderValue::try_from(code)
        {
            response.headers_mut().insert(QUERY_ERROR, code);
        }
        response
    }

    fn response(self, body: Vec<u8>, request: &str) -> Response {
        let kind = match self.protocol {
            Protocol::Query => "text/xml",
            Protocol::Json => self.service.json(),
            Protocol::Cbor => "application/cbor",
        };
        let mut response = ([(header::CONTENT_TYPE, kind)], body).into_response();
        let headers = response.headers_mut();
        if let Ok(request) = HeaderValue::try_from(request) {
            headers.insert(REQUEST_ID, request);
        }
        if self.protocol == Protocol::Cbor {
            // Go clients reject a reply without it.
            headers.insert(SMITHY_PROTOCOL, HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const SMITHY_PROTOCOL: HeaderName = HeaderName::from_static("smithy-protocol");
/// The code of an error for clients that know those of query. Without it they raise no modelled exception.
const QUERY_ERROR: HeaderName = HeaderName::from_static("x-amzn-query-error");
