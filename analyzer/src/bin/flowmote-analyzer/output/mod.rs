//! A datagram as something to read.

mod json;
mod text;

pub(crate) use json::Json;
pub(crate) use text::Text;

use core::net::SocketAddr;
use std::time::SystemTime;

/// A UDP payload and how it came.
pub(crate) struct Received<'a> {
    pub(crate) time: SystemTime,
    pub(crate) from: Option<SocketAddr>,
    pub(crate) payload: &'a [u8],
}
