//! Replies of the kernel, kept for a moment.

use std::collections::HashMap;

use flowmote_core::{Duration, Instant};
use foldhash::fast::RandomState;

use crate::links::{Flow, Forwarding, Way};

/// A request for the way of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Request {
    /// The route of a packet that this interface has received.
    Route { device: u32, flow: Flow },
    /// The port of a bridge behind which a station is.
    Station { bridge: u32, vlan: u16, mac: [u8; 6] },
}

/// Sends the kernel a limited number of requests a second, so that a flood of packets of ever new
/// flows does not cost more than that.
#[derive(Debug, Default)]
pub(super) struct Cache {
    kernel: Option<Forwarding>,
    /// Looked up for each sample. Their number is bounded, so a hash that is fast and can be guessed costs
    /// little even where senders choose the packets.
    replies: HashMap<Request, Option<Way>, RandomState>,
    /// The time from which `replies` and `requests` count.
    since: Option<Instant>,
    requests: u32,
}

impl Cache {
    /// Forgets all replies.
    pub(super) fn clear(&mut self) {
        self.replies.clear();
    }

    /// The reply, at most a second old; `None` if the kernel has none, or if too many requests
    /// were sent in this second.
    pub(super) fn reply(&mut self, now: Instant, request: Request) -> Option<Way> {
        if self.since.is_none_or(|since| now >= since + LIFETIME) {
            (self.since, self.requests) = (Some(now), 0);
            self.replies.clear();
        }
        if let Some(reply) = self.replies.get(&request) {
            return *reply;
        }
        if self.requests >= LIMIT {
            return None;
        }
        self.requests += 1;
        let reply = self.send(request);
        self.replies.insert(request, reply);
        reply
    }

    fn send(&mut self, request: Request) -> Option<Way> {
        if self.kernel.is_none() {
            self.kernel = Forwarding::open().ok();
        }
        let kernel = self.kernel.as_mut()?;
        match request {
            Request::Route { device, flow } => kernel.route(device, &flow),
            Request::Station { bridge, vlan, mac } => kernel.station(bridge, vlan, mac),
        }
    }
}

/// Routes and stations change, and the kernel does not report every change.
const LIFETIME: Duration = Duration::from_secs(1);
/// Requests a second, of about 10 µs each: 1 % of a CPU. Bounds the replies, too.
const LIMIT: u32 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_a_second_are_limited() {
        let mut cache = Cache::default();
        for number in 0..2 * LIMIT {
            let [_, _, a, b] = number.to_be_bytes();
            let mac = [2, 0, 0, 0, a, b];
            let request = Request::Station { bridge: u32::MAX >> 1, vlan: 0, mac };
            assert_eq!(cache.reply(Instant::ZERO, request), None);
        }
        assert_eq!((cache.requests, cache.replies.len()), (LIMIT, LIMIT as usize));
        let request = Request::Station { bridge: 1, vlan: 0, mac: [2; 6] };
        cache.reply(Instant::ZERO + LIFETIME, request);
        assert_eq!((cache.requests, cache.replies.len()), (1, 1));
    }
}
