//! The interface that all output formats implement.

use core::net::SocketAddr;
use std::time::SystemTime;

use flowmote_engine::{Arrival, Instant, Sink, Tally, walk};

use super::json_text::JsonText;

/// A UDP payload with the time and source address of its arrival.
pub(crate) struct Received<'a> {
    pub(crate) time: SystemTime,
    /// `None` if the source address is unknown.
    pub(crate) from: Option<SocketAddr>,
    pub(crate) payload: &'a [u8],
}

impl Received<'_> {
    /// The arrival, for the engine.
    pub(crate) fn arrival(&self) -> Arrival {
        // A capture may contain any time; a time before 1970 counts as 1970.
        let since = self.time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Arrival { time: Instant::after_start(since), sender: self.from.map(|from| from.ip()) }
    }
}

/// A formatter of datagrams. It appends to its own buffer, which the caller writes out and clears.
pub(crate) trait Format: Send {
    /// Appends one datagram and counts its content in `tally`.
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally);

    /// The formatted bytes that were not written out yet.
    fn buffer(&mut self) -> &mut Vec<u8>;

    /// Flow samples left out because the format cannot represent their packet.
    fn not_written(&self) -> u64 {
        0
    }
}

/// A format of one JSON object per datagram, each on a line.
pub(super) trait JsonLines: Sink + Send {
    /// The writer of the sink.
    fn json(&mut self) -> &mut JsonText;

    /// Writes the fields of arrival, which a refused datagram has as well.
    fn received(&mut self, received: &Received<'_>);
}

impl<T: JsonLines> Format for T {
    fn datagram(&mut self, received: &Received<'_>, tally: &mut Tally) {
        self.json().begin("", b'{');
        self.received(received);
        walk(&received.arrival(), received.payload, tally, self);
        self.json().end_line();
    }

    fn buffer(&mut self) -> &mut Vec<u8> {
        self.json().buffer()
    }
}
