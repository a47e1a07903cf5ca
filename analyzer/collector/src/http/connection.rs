//! TCP connections: how many, and how long a client may keep one waiting.
//!
//! Each connection is a task. A slow client holds its own connection and nothing else, and gives it up
//! after [`STALL`] without progress.

use core::pin::Pin;
use core::task::{Context, Poll, ready};
use core::time::Duration;
use std::io::{self, ErrorKind};
use std::sync::Arc;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, Sleep, sleep, sleep_until};

use super::counters::Counters;

/// Accepts connections without end, and serves each with `router`.
pub(crate) async fn accept(listener: TcpListener, router: Router, counters: Arc<Counters>) {
    let free = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        // Without a free place, further connections wait in the backlog of the kernel.
        let Ok(place) = free.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (router, counters) = (router.clone(), counters.clone());
                tokio::spawn(async move {
                    let open = counters.connection();
                    serve(stream, router).await;
                    drop((open, place));
                });
            }
            // No descriptor is free: one that is closed makes room.
            Err(_) => sleep(ACCEPT_RETRY).await,
        }
    }
}

/// Serves one connection to its end. An error means that the client left or sent no HTTP, which hyper
/// has answered as far as possible.
async fn serve(stream: TcpStream, router: Router) {
    let _ = stream.set_nodelay(true);
    let stream = TokioIo::new(Stalling { stream, deadline: None });
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE)
        .max_buf_size(MAX_HEAD)
        .serve_connection(stream, TowerToHyperService::new(router))
        .await;
}

/// A stream whose writes fail if the client does not read for [`STALL`].
struct Stalling {
    stream: TcpStream,
    /// Runs while a write waits.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl Stalling {
    /// The result of a write, or an error if it has waited too long.
    fn limit<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.deadline = None;
            return written;
        }
        let start = || Box::pin(sleep_until(Instant::now() + STALL));
        ready!(self.deadline.get_or_insert_with(start).as_mut().poll(context));
        Poll::Ready(Err(ErrorKind::TimedOut.into()))
    }
}

impl AsyncRead for Stalling {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stalling {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.limit(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.limit(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

/// Connections at the same time.
const MAX_CONNECTIONS: usize = 512;
/// Wait for the head of a request, also on a connection that is kept open between two requests.
const IDLE: Duration = Duration::from_secs(75);
/// Wait for a client that does not read its answer.
const STALL: Duration = Duration::from_secs(30);
/// Wait before the next attempt to accept.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);
/// Bytes of a request line and its headers.
const MAX_HEAD: usize = 64 << 10;
