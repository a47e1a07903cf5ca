//! The sockets that were looked up, kept for a moment.

use flowmote_core::{Duration, Instant};
use foldhash::{HashMap, HashMapExt};

use crate::headers::TCP;
use crate::kernel::netlink::sock_diag::{Found, Query};
use crate::modules::tcp::totals::Totals;

/// A bounded table of sockets.
///
/// All memory is reserved at the start, so that a sample causes no allocation; the kernel provides it
/// as it is used.
#[derive(Debug)]
pub(super) struct Sockets {
    slots: Vec<Slot>,
    by_ends: HashMap<Query, usize>,
    /// The next slot that may be given to another socket when all are in use.
    hand: usize,
    /// The place at which the search for the next connection to report begins.
    turn: usize,
    /// Connections that gave up their place while they were followed.
    displaced: u64,
}

/// A socket, or the knowledge that there is none.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    pub(super) query: Query,
    /// The result of the last lookup; `None` without a socket.
    pub(super) found: Option<Found>,
    /// The time of the last lookup; `None`: its result cannot be used for another packet.
    pub(super) asked: Option<Instant>,
    /// The last lookup has found no connection, or none with a state.
    pub(super) is_gone: bool,
    /// The counters that were reported last; `None`: the connection is not followed.
    pub(super) reported: Option<Totals>,
    /// The time of the last sample, or of the last change that was reported.
    pub(super) active: Instant,
}

impl Slot {
    /// Prepares the next lookup. A reply that does not come leaves it so.
    pub(super) fn ask(&mut self, now: Instant) {
        (self.asked, self.found, self.is_gone) = (Some(now), None, false);
    }

    /// Takes the result of a lookup, from which on the connection is followed.
    pub(super) fn set_found(&mut self, found: Option<Found>) {
        self.is_gone = found.is_none_or(|found| found.tcp.is_none());
        if self.is_gone && found.is_some() && self.query.protocol == TCP {
            // In its handshake, or closed: the next packet may belong to one with a state.
            self.asked = None;
        }
        self.found = found;
        self.reported = self.reported.or_else(|| Totals::of(&found?));
    }

    /// Returns true if the last lookup is too old to be used for another packet.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.asked.is_none_or(|asked| now >= asked + LIFETIME)
    }
}

impl Sockets {
    pub(super) fn new() -> Self {
        // A map that is less than half full removes the traces of former keys in place, instead of
        // growing.
        let by_ends = HashMap::with_capacity(2 * MAX_SOCKETS);
        Self { slots: Vec::with_capacity(MAX_SOCKETS), by_ends, hand: 0, turn: 0, displaced: 0 }
    }

    /// The place of a socket of which a packet was sampled. It stays valid for all samples of the same
    /// `now`. `None` if the table is full of sockets that were sampled at `now`.
    pub(super) fn place_of(&mut self, now: Instant, query: &Query) -> Option<usize> {
        if let Some(place) = self.find(query) {
            let slot = self.slots.get_mut(place)?;
            slot.active = now;
            if slot.query.device != query.device {
                // Another interface can lead to another socket.
                (slot.query, slot.asked) = (*query, None);
            }
            return Some(place);
        }
        let place = self.free_place(now)?;
        let slot = Slot {
            query: *query,
            found: None,
            asked: None,
            is_gone: false,
            reported: None,
            active: now,
        };
        match self.slots.get_mut(place) {
            Some(old) => {
                self.by_ends.remove(&ends(&old.query));
                self.displaced += u64::from(old.reported.is_some());
                *old = slot;
            }
            None => self.slots.push(slot),
        }
        self.by_ends.insert(ends(query), place);
        Some(place)
    }

    /// The place of a socket that is in the table.
    pub(super) fn find(&self, query: &Query) -> Option<usize> {
        self.by_ends.get(&ends(query)).copied()
    }

    /// The number of connections that gave up their place while they were followed, since the last call.
    pub(super) fn take_displaced(&mut self) -> u64 {
        core::mem::take(&mut self.displaced)
    }

    /// The number of connections that are followed.
    pub(super) fn followed(&self) -> usize {
        self.slots.iter().filter(|slot| slot.reported.is_some()).count()
    }

    /// The place of the next connection that is followed; all have their turn.
    pub(super) fn next_followed(&mut self) -> Option<usize> {
        let count = self.slots.len();
        let mut places = (self.turn..self.turn + count).map(|place| place % count.max(1));
        let is_followed =
            |place: &usize| self.slots.get(*place).is_some_and(|slot| slot.reported.is_some());
        let place = places.find(is_followed)?;
        self.turn = place + 1;
        Some(place)
    }

    /// A place for one more socket: in a full table the one of the next few that was not active for
    /// the longest time, which comes near to the one of all.
    fn free_place(&mut self, now: Instant) -> Option<usize> {
        if self.slots.len() < MAX_SOCKETS {
            return Some(self.slots.len());
        }
        let candidates = (self.hand..self.hand + CANDIDATES).map(|place| place % MAX_SOCKETS);
        self.hand = (self.hand + CANDIDATES) % MAX_SOCKETS;
        let active = |place: usize| Some((self.slots.get(place)?.active, place));
        let (active, place) = candidates.filter_map(active).min()?;
        (active < now).then_some(place)
    }

    pub(super) fn get(&self, place: usize) -> Option<&Slot> {
        self.slots.get(place)
    }

    pub(super) fn get_mut(&mut self, place: usize) -> Option<&mut Slot> {
        self.slots.get_mut(place)
    }
}

/// A query for any interface, the key of the table: the kernel does not report closed sockets by the
/// interface of their packets.
fn ends(query: &Query) -> Query {
    Query { device: 0, ..*query }
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

    use crate::kernel::netlink::sock_diag::TcpInfo;

    fn query(number: usize) -> Query {
        let [.., a, b, c] = number.to_be_bytes();
        let host = |first| Ipv4Addr::new(first, a, b, c).into();
        Query {
            protocol: 6,
            local: (host(1), 22),
            remote: (host(2), 9),
            device: 1,
            namespace: None,
        }
    }

    /// A connection, as the kernel reports it.
    fn found(query: &Query, cookie: u64) -> Found {
        let Query { local, remote, .. } = *query;
        Found { local, remote, cookie, tcp: Some(TcpInfo::default()), cgroup: None }
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
        let reserved = (sockets.slots.capacity(), sockets.by_ends.capacity());
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
        assert_eq!((sockets.slots.len(), sockets.by_ends.len()), (MAX_SOCKETS, MAX_SOCKETS));
        for number in 2 * MAX_SOCKETS..20 * MAX_SOCKETS {
            sockets.place_of(at(number as u64), &query(number));
        }
        assert_eq!(sockets.by_ends.len(), MAX_SOCKETS);
        assert_eq!(sockets.slots.capacity(), reserved.0);
        // Without the traces of former keys, which the map counts as used.
        sockets.by_ends.clear();
        assert_eq!(sockets.by_ends.capacity(), reserved.1, "the map has not grown");
    }

    #[test]
    fn connections_that_are_followed_take_turns() {
        let mut sockets = Sockets::new();
        assert_eq!(sockets.next_followed(), None);
        for number in 0..10 {
            let place = sockets.place_of(at(1), &query(number)).unwrap();
            let found = (number % 3 == 1).then(|| found(&query(number), 1));
            sockets.get_mut(place).unwrap().set_found(found);
        }
        assert_eq!(sockets.followed(), 3);
        let turns: Vec<_> = (0..7).map_while(|_| sockets.next_followed()).collect();
        assert_eq!(turns, [1, 4, 7, 1, 4, 7, 1]);
        sockets.get_mut(4).unwrap().reported = None;
        assert_eq!([sockets.next_followed(), sockets.next_followed()], [Some(7), Some(1)]);
    }

    #[test]
    fn first_state_of_a_connection_is_where_its_changes_begin() {
        let mut sockets = Sockets::new();
        let place = sockets.place_of(at(1), &query(1)).unwrap();
        let slot = sockets.get_mut(place).unwrap();
        let first = found(&query(1), 1);
        slot.set_found(Some(first));
        slot.set_found(Some(found(&query(1), 2)));
        assert_eq!(slot.reported, Totals::of(&first));
        slot.set_found(None);
        assert!(slot.is_gone && slot.reported.is_some(), "its last change may come yet");
        slot.asked = Some(at(2));
        slot.set_found(None);
        assert!(!slot.is_stale(at(2)), "no socket for a while");
        slot.set_found(Some(Found { tcp: None, ..first }));
        assert!(slot.is_stale(at(2)) && slot.is_gone, "the handshake may end at any time");
        assert!(slot.found.is_some(), "its cgroup is there");
        slot.ask(at(2));
        assert!(!slot.is_gone && slot.found.is_none());
    }

    #[test]
    fn packet_on_another_interface_is_looked_up_again() {
        let mut sockets = Sockets::new();
        let place = sockets.place_of(at(1), &query(1)).unwrap();
        sockets.get_mut(place).unwrap().ask(at(1));
        let elsewhere = Query { device: 7, ..query(1) };
        assert_eq!(sockets.place_of(at(2), &elsewhere), Some(place));
        let slot = sockets.get(place).unwrap();
        assert!(slot.is_stale(at(2)) && slot.query.device == 7);
        assert_eq!(sockets.find(&query(1)), Some(place));
    }

    #[test]
    fn followed_connection_that_is_displaced_is_counted() {
        let mut sockets = Sockets::new();
        for number in 0..MAX_SOCKETS {
            let place = sockets.place_of(at(1), &query(number)).unwrap();
            let found = (number == 3).then(|| found(&query(number), 1));
            sockets.get_mut(place).unwrap().set_found(found);
            let slot = sockets.get_mut(place).unwrap();
            slot.active = at(if number == 3 { 0 } else { 1 });
        }
        sockets.place_of(at(2), &query(MAX_SOCKETS));
        assert_eq!((sockets.take_displaced(), sockets.take_displaced()), (1, 0));
        assert_eq!(sockets.find(&query(3)), None);
    }
}
