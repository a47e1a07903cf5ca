//! A layer for services of tower, such as those of axum and hyper: each request is an operation.
//!
//! ```no_run
//! use flowmote_app::{Application, tower::OperationLayer};
//! use tower::ServiceBuilder;
//!
//! # async fn serve(_: http::Request<()>) -> Result<http::Response<()>, std::io::Error> {
//! #     Ok(http::Response::new(()))
//! # }
//! let layer = OperationLayer::new(Application::new("shop"));
//! let service = ServiceBuilder::new().layer(layer).service_fn(serve);
//! ```
//!
//! Status and duration are those until the head of the response. Its size is that of
//! `Content-Length`; 0 is unknown. A service that fails is [`Status::InternalError`], a request that
//! is dropped before its response [`Status::Other`].

use core::pin::Pin;
use core::task::{Context, Poll, ready};

use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Request, Response};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::{Application, Operation, Status};

/// Reports each request of a service.
#[derive(Clone, Copy, Debug)]
pub struct OperationLayer {
    application: Application,
}

impl OperationLayer {
    /// Reports as operations of this application. The operation is the method of the request, and
    /// its attributes are `path=` with the path: it has no query, which may hold secrets.
    #[must_use]
    pub fn new(application: Application) -> Self {
        Self { application }
    }
}

impl<S> Layer<S> for OperationLayer {
    type Service = OperationService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        OperationService { application: self.application, inner }
    }
}

/// A service whose requests are reported; see [`OperationLayer`].
#[derive(Clone, Debug)]
pub struct OperationService<S> {
    application: Application,
    inner: S,
}

impl<S, Body, ResponseBody> Service<Request<Body>> for OperationService<S>
where
    S: Service<Request<Body>, Response = Response<ResponseBody>>,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = OperationFuture<S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut operation = self.application.operation(request.method());
        operation.attributes(format_args!("path={}", request.uri().path()));
        if operation.is_sampled() {
            operation.request_bytes(content_length(request.headers()));
        }
        // The operation may see what the service does to the request.
        OperationFuture { response: self.inner.call(request), operation: Some(operation) }
    }
}

pin_project! {
    /// The response of an [`OperationService`].
    #[derive(Debug)]
    pub struct OperationFuture<F> {
        #[pin]
        response: F,
        // `None`: ended.
        operation: Option<Operation>,
    }
}

impl<F, Body, E> Future for OperationFuture<F>
where
    F: Future<Output = Result<Response<Body>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let outcome = ready!(this.response.poll(context));
        if let Some(mut operation) = this.operation.take() {
            let status = match &outcome {
                Ok(response) => {
                    if operation.is_sampled() {
                        operation.response_bytes(content_length(response.headers()));
                    }
                    Status::from_http(response.status().as_u16())
                }
                Err(_) => Status::InternalError,
            };
            operation.finish(status);
        }
        Poll::Ready(outcome)
    }
}

/// 0 if it is unknown.
fn content_length(headers: &HeaderMap) -> u64 {
    let value = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    value.and_then(|value| value.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Lab;
    use tower::{ServiceExt, service_fn};

    async fn respond(request: Request<&'static str>) -> Result<Response<()>, ()> {
        let status = request.body().parse::<u16>().map_err(drop)?;
        let response = Response::builder().status(status).header(CONTENT_LENGTH, "77");
        Ok(response.body(()).unwrap())
    }

    fn request(body: &'static str) -> Request<&'static str> {
        let request = Request::post("http://host/cart/7?token=secret").header(CONTENT_LENGTH, "12");
        request.body(body).unwrap()
    }

    #[tokio::test]
    async fn each_request_is_an_operation() {
        let (lab, app) = Lab::with_application("shop");
        let service = OperationLayer::new(app).layer(service_fn(respond));
        for (body, status, size) in [("200", 0, 77), ("404", 8, 77), ("503", 9, 77), ("?", 3, 0)] {
            let response = service.clone().oneshot(request(body)).await;
            assert_eq!(response.is_ok(), body != "?");
            let mut message = lab.received();
            let operation = message["flow_sample"]["app_operation"].take();
            assert_eq!(operation["operation"], "POST");
            assert_eq!(operation["attributes"], "path=/cart/7");
            let numbers = ["status", "req_bytes", "resp_bytes"].map(|name| operation[name].clone());
            assert_eq!(numbers, [status, 12, size].map(serde_json::Value::from), "{body}");
        }
    }

    #[tokio::test]
    async fn request_that_is_dropped_is_other() {
        let (lab, app) = Lab::with_application("shop");
        let pending = service_fn(|_: Request<&'static str>| {
            core::future::pending::<Result<Response<()>, ()>>()
        });
        let mut service = OperationLayer::new(app).layer(pending);
        let mut future = Box::pin(service.ready().await.unwrap().call(request("")));
        assert!(futures_poll(future.as_mut()).is_pending() && lab.is_silent());
        drop(future);
        assert_eq!(lab.received()["flow_sample"]["app_operation"]["status"], 1);
    }

    fn futures_poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
        future.poll(&mut Context::from_waker(core::task::Waker::noop()))
    }
}
