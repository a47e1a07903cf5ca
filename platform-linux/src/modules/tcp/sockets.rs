//! The sockets that were looked up, kept for a moment.

use flowmote_core::{Duration, Instant};
use foldhash::{HashMap, HashMapExt};

use crate::kernel::netlink::sock_diag::{Found, Query};

/// A bounded table of sockets.
///
/// All memory is reserved at the start, so that a sample causes no allocation; the kernel provides it
/// as it is used.
#[derive(Debug)]
pub(super) struct Sockets {
    slots: Vec<Slot>,
    by_query: HashMap<Query, usize>,
    /// The next slot that may be given to another socket when all are in use.
    hand: usize,
}

/// A socket, or the knowledge that there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) query: Query,
    /// The result of the last lookup; `None` without a socket.
    pub(super) found: Option<Found>,
    /// The time of the last lookup; `None`: it has failed.
    pub(super) asked: Option<Instant>,
    /// The time of the last sample.
    sampled: Instant,
}

impl Slot {
    /// Returns true if the last lookup is too old to be used for another packet.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.asked.is_none_or(|asked| now >= asked + LIFETIME)
    }
}

impl Sockets {
    pub(super) fn new() -> Self {
        // A map that is less than half full removes the traces of former keys in place, instead of
        // growing.
        let by_query = HashMap::with_capacity(2 * MAX_SOCKETS);
        Self { slots: Vec::with_capacity(MAX_SOCKETS), by_query, hand: 0 }
    }

    /// The place of a socket of which a packet was sampled. It stays valid for all samples of the same
    /// `now`. `None` if the table is full of sockets that were sampled at `now`.
    pub(super) fn place_of(&mut self, now: Instant, query: &Query) -> Option<usize> {
        if let Some(place) = self.by_query.get(query).copied() {
            self.slots.get_mut(place)?.sampled = now;
            return Some(place);
        }
        let slot = Slot { query: *query, found: None, asked: None, sampled: now };
        let place = self.free_place(now)?;
        match self.slots.get_mut(place) {
            Some(old) => {
                self.by_query.remove(&old.query);
                *old = slot;
            }
            None => self.slots.push(slot),
        }
        self.by_query.insert(*query, place);
        Some(place)
    }

    /// A place for one more socket: in a full table the one of the next few that was not sampled for
    /// the longest time, which comes near to the one of all.
    fn free_place(&mut self, now: Instant) -> Option<usize> {
        if self.slots.len() < MAX_SOCKETS {
            return Some(self.slots.len());
        }
        let candidates = (self.hand..self.hand + CANDIDATES).map(|place| place % MAX_SOCKETS);
        self.hand = (self.hand + CANDIDATES) % MAX_SOCKETS;
        let sampled = |place: usize| Some((self.slots.get(place)?.sampled, place));
        let (sampled, place) = candidates.filter_map(sampled).min()?;
        (sampled < now).then_some(place)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Slot> {
        self.slots.get_mut(place)
    }
}

/// Sockets in the table. Each takes about 400 bytes of memory once it is used.
pub(super) const MAX_SOCKETS: usize = 4096;
/// Slots that are compared to find an old one.
const CANDIDATES: usize = 8;
/// A packet gets the state that its connection had this long before, at most.
const LIFETIME: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn query(number: usize) -> Query {
        let [.., a, b, c] = number.to_be_bytes();
        let host = |first| Ipv4Addr::new(first, a, b, c).into();
        Query { protocol: 6, local: (host(1), 22), remote: (host(2), 9), device: 1 }
    }

    fn at(millis: u64) -> Instant {
        Instant::from_millis(millis)
    }

    #[test]
    fn lookup_serves_the_packets_of_100_ms() {
        let mut sockets = Sockets::new();
        let place = sockets.place_of(at(5), &query(1)).unwrap();
        let slot = sockets.get_mut(place).unwrap();
        assert!(slot.is_stale(at(5)), "not asked yet");
        slot.asked = Some(at(5));
        assert!(!slot.is_stale(at(104)) && slot.is_stale(at(105)));
        assert_eq!(sockets.place_of(at(300), &query(1)), Some(place));
        assert_ne!(sockets.place_of(at(300), &query(2)), Some(place));
    }

    #[test]
    fn full_table_gives_up_sockets_that_were_not_sampled_for_long() {
        let mut sockets = Sockets::new();
        let reserved = (sockets.slots.capacity(), sockets.by_query.capacity());
        for number in 0..MAX_SOCKETS {
            assert!(sockets.place_of(at(1), &query(number)).is_some());
        }
        assert_eq!(sockets.place_of(at(1), &query(MAX_SOCKETS)), None, "all are of this moment");
        // One in eight is not sampled again.
        for number in (0..MAX_SOCKETS).filter(|number| number % CANDIDATES != 5) {
            sockets.place_of(at(2), &query(number));
        }
        for number in 0..MAX_SOCKETS / CANDIDATES {
            let place = sockets.place_of(at(3), &query(MAX_SOCKETS + number)).unwrap();
            assert_eq!(place % CANDIDATES, 5);
            assert_eq!(sockets.get(place).unwrap().query, query(MAX_SOCKETS + number));
        }
        assert_eq!((sockets.slots.len(), sockets.by_query.len()), (MAX_SOCKETS, MAX_SOCKETS));
        for number in 2 * MAX_SOCKETS..20 * MAX_SOCKETS {
            sockets.place_of(at(number as u64), &query(number));
        }
        assert_eq!(sockets.by_query.len(), MAX_SOCKETS);
        assert_eq!(sockets.slots.capacity(), reserved.0);
        // Without the traces of former keys, which the map counts as used.
        sockets.by_query.clear();
        assert_eq!(sockets.by_query.capacity(), reserved.1, "the map has not grown");
    }
}
