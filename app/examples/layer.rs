//! A service of tower whose requests are reported.
//!
//! ```text
//! cargo run -p flowmote-app --features tower --example layer
//! ```

use std::convert::Infallible;

use flowmote_app::Application;
use flowmote_app::tower::OperationLayer;
use http::{Request, Response};
use tower::{ServiceBuilder, ServiceExt, service_fn};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Infallible> {
    let app = Application::new("layer");
    // With axum: `Router::new().route(..).layer(OperationLayer::new(app))`.
    let service = ServiceBuilder::new().layer(OperationLayer::new(app)).service(service_fn(hello));
    for number in 0..1000 {
        let request = Request::get(format!("http://host/{number}")).body(()).unwrap_or_default();
        let response = service.clone().oneshot(request).await?;
        assert!(response.status().is_success());
    }
    println!("1 in {} requests was reported; {:?}", app.sampling_rate(), app.losses());
    Ok(())
}

async fn hello(_: Request<()>) -> Result<Response<&'static str>, Infallible> {
    Ok(Response::new("hello"))
}
