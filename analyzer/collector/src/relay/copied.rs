//! The datagrams that were copied last: one that comes back is on a loop of forwarders.

use core::hash::BuildHasher;
use core::net::SocketAddr;

use foldhash::fast::RandomState;

/// Datagrams that were copied, each with its sender, as hashes. A new one replaces the one in its place.
#[derive(Debug)]
pub(crate) struct Copied {
    hasher: RandomState,
    /// Datagram and sender.
    places: Vec<(u64, u64)>,
}

impl Copied {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::default(), places: vec![(0, 0); PLACES] }
    }

    /// Notes a datagram. Returns true if another sender has sent it before.
    ///
    /// A repetition by the same sender is none that comes back: the network may repeat datagrams.
    pub(crate) fn comes_back(&mut self, payload: &[u8], sender: SocketAddr) -> bool {
        let (datagram, sender) = (self.hasher.hash_one(payload), self.hasher.hash_one(sender));
        let Some(place) = self.places.get_mut(datagram as usize % PLACES) else { return false };
        if place.0 == datagram && place.1 != sender {
            return true;
        }
        *place = (datagram, sender);
        false
    }
}

/// Datagrams in 160 ms at 100,000 a second; 256 KiB.
const PLACES: usize = 1 << 14;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_datagram_of_another_sender_comes_back() {
        let mut copied = Copied::new();
        let [agent, relay] = ["192.0.2.1:1", "192.0.2.2:1"].map(|text| text.parse().unwrap());
        assert!(!copied.comes_back(b"one", agent));
        assert!(!copied.comes_back(b"one", agent), "repeated by the network");
        assert!(copied.comes_back(b"one", relay));
        assert!(copied.comes_back(b"one", relay), "as often as it comes");
        assert!(!copied.comes_back(b"two", relay));
    }
}
