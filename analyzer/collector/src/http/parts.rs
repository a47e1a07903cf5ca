//! Bodies that are made while they are sent, so that a long reply is never whole in memory.

use core::convert::Infallible;
use core::mem::replace;
use core::pin::Pin;
use core::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use tokio::task::block_in_place;

/// 200 with a body of parts. A short one has its length.
pub(super) fn in_parts(
    kind: &'static str,
    mut parts: impl Iterator<Item = Vec<u8>> + Send + 'static,
) -> Response {
    let mut begin = Vec::new();
    let body = loop {
        match parts.next() {
            None => break Body::from(begin),
            Some(part) => begin.extend(part),
        }
        if begin.len() > WHOLE {
            let parts = core::iter::once(begin).chain(parts).filter(|part| !part.is_empty());
            break Body::new(Parts(Box::new(parts)));
        }
    };
    ([(header::CONTENT_TYPE, kind)], body).into_response()
}

/// 200 with a list as JSON of parts, each of which is a list as JSON.
pub(super) fn list_of_parts(parts: impl Iterator<Item = Vec<u8>> + Send + 'static) -> Response {
    let mut separator = b'[';
    let parts = parts.map(Some).chain([None]).map(move |part| match part {
        // The items without the brackets around them.
        Some(list) => match list.get(1..list.len().saturating_sub(1)) {
            Some(items) if !items.is_empty() => [&[replace(&mut separator, b',')], items].concat(),
            _ => Vec::new(),
        },
        None if separator == b'[' => b"[]".to_vec(),
        None => b"]".to_vec(),
    });
    in_parts("application/json", parts)
}

/// The parts that are left.
struct Parts(Box<dyn Iterator<Item = Vec<u8>> + Send>);

impl HttpBody for Parts {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = block_in_place(|| self.0.next());
        Poll::Ready(part.map(|part| Ok(Frame::data(part.into()))))
    }
}

/// Bytes up to which a body is sent as a whole.
const WHOLE: usize = 256 << 10;

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use tokio::runtime::{Builder, Runtime};

    fn runtime() -> Runtime {
        Builder::new_multi_thread().worker_threads(1).build().unwrap()
    }

    #[test]
    fn parts_are_one_list() {
        let runtime = runtime();
        for (parts, whole) in [
            (vec![], "[]"),
            (vec!["[]", "[]"], "[]"),
            (vec!["[1,2]"], "[1,2]"),
            (vec!["[]", "[1]", "[]", "[2,[3]]", "[]"], "[1,2,[3]]"),
        ] {
            let reply = list_of_parts(parts.into_iter().map(|part| part.as_bytes().to_vec()));
            let body = to_bytes(reply.into_body(), 100);
            assert_eq!(runtime.block_on(body).unwrap(), whole);
        }
    }

    #[test]
    fn long_body_has_all_parts() {
        let runtime = runtime();
        for (parts, length) in [(3, Some(3 << 16)), (9, None)] {
            let part = |at| if at == 5 { Vec::new() } else { vec![b'0' + at; 1 << 16] };
            let body = in_parts("text/plain", (0..parts).map(part)).into_body();
            assert_eq!(body.size_hint().exact(), length);
            let body = runtime.block_on(to_bytes(body, usize::MAX)).unwrap();
            assert_eq!(*body, (0..parts).map(part).collect::<Vec<_>>().concat());
        }
    }
}
