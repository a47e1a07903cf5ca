//! The station table: the port at which each address was last seen.

use flowmote_core::{Duration, Instant};

use crate::port::Port;

/// A hash table of fixed size with four entries per hash.
///
/// An entry expires 300 s after the last frame of the station. If all four entries of a hash are in
/// use, the least recently seen one is evicted.
#[derive(Debug)]
pub struct Stations {
    sets: [[Station; WAYS]; SETS],
    moved: u64,
    evicted: u64,
}

/// VLAN id and address.
type Key = (u16, [u8; 6]);

#[derive(Clone, Copy, Debug)]
struct Station {
    /// Key; VLAN id 0: vacant.
    key: u64,
    port: Port,
    seen: Instant,
}

/// Ageing time: the value recommended by IEEE 802.1Q, 8.8.3.
pub(crate) const AGEING: Duration = Duration::from_secs(300);

const SETS: usize = 256;
const WAYS: usize = 4;
/// All zeros, so that an empty table is in .bss and takes no flash.
const VACANT: Station = Station { key: 0, port: Port::FIRST, seen: Instant::ZERO };

impl Stations {
    /// Creates an empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { sets: [[VACANT; WAYS]; SETS], moved: 0, evicted: 0 }
    }

    /// Records that a frame of the station arrived at `port`.
    #[inline]
    pub fn learn(&mut self, now: Instant, key: Key, port: Port) {
        let key = pack(key);
        let Some(set) = self.sets.get_mut(place(key)) else { return };
        let known = set.iter_mut().find(|station| station.key == key);
        if let Some(station) = known {
            if station.port != port {
                self.moved = self.moved.wrapping_add(1);
            }
            (station.port, station.seen) = (port, now);
            return;
        }
        let oldest = set.iter_mut().min_by_key(|station| (station.key != 0, station.seen));
        let Some(oldest) = oldest else { return };
        if oldest.is_alive(now) {
            self.evicted = self.evicted.wrapping_add(1);
        }
        *oldest = Station { key, port, seen: now };
    }

    /// Returns the port of the station, unless its entry has expired.
    #[inline]
    #[must_use]
    pub fn find(&self, now: Instant, key: Key) -> Option<Port> {
        let key = pack(key);
        let set = self.sets.get(place(key))?;
        let station = set.iter().find(|station| station.key == key)?;
        station.is_alive(now).then_some(station.port)
    }

    /// Returns the number of stations that have not expired.
    #[must_use]
    pub fn count(&self, now: Instant) -> usize {
        let alive = self.sets.iter().flatten().filter(|station| station.is_alive(now));
        alive.fold(0, |count, _| usize::wrapping_add(count, 1))
    }

    /// Returns how often a station moved to another port.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Returns the number of stations evicted before they expired.
    #[must_use]
    pub fn evicted(&self) -> u64 {
        self.evicted
    }
}

impl Default for Stations {
    fn default() -> Self {
        Self::new()
    }
}

impl Station {
    fn is_alive(&self, now: Instant) -> bool {
        self.key != 0 && now.since(self.seen) < AGEING
    }
}

fn pack((vlan, [a, b, c, d, e, f]): Key) -> u64 {
    let [high, low] = vlan.to_be_bytes();
    u64::from_be_bytes([high, low, a, b, c, d, e, f])
}

/// Fibonacci hashing: the upper bits of a product with the golden ratio.
fn place(key: u64) -> usize {
    const SHIFT: u32 = u64::BITS - SETS.ilog2();
    (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> SHIFT) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(number: u32) -> Port {
        Port::numbered(number).unwrap()
    }

    fn mac(number: u16) -> [u8; 6] {
        let [high, low] = number.to_be_bytes();
        [2, 0, 0, 0, high, low]
    }

    #[test]
    fn lookup_is_per_vlan() {
        let mut stations = Stations::new();
        let now = Instant::from_millis(1000);
        stations.learn(now, (10, mac(1)), port(1));
        stations.learn(now, (20, mac(1)), port(3));
        assert_eq!(stations.find(now, (10, mac(1))), Some(port(1)));
        assert_eq!(stations.find(now, (20, mac(1))), Some(port(3)));
        assert_eq!(stations.find(now, (30, mac(1))), None);
        assert_eq!(stations.count(now), 2);
    }

    #[test]
    fn moved_station_is_found_at_its_new_port() {
        let mut stations = Stations::new();
        stations.learn(Instant::ZERO, (1, mac(1)), port(1));
        stations.learn(Instant::ZERO, (1, mac(1)), port(2));
        assert_eq!(stations.find(Instant::ZERO, (1, mac(1))), Some(port(2)));
        assert_eq!((stations.count(Instant::ZERO), stations.moved()), (1, 1));
    }

    #[test]
    fn station_expires_after_exactly_300_seconds() {
        let mut stations = Stations::new();
        let heard = Instant::from_millis(5000);
        stations.learn(heard, (1, mac(1)), port(1));
        let last = Instant::from_millis(5000 + 299_999);
        assert_eq!(stations.find(last, (1, mac(1))), Some(port(1)));
        assert_eq!(stations.find(heard + AGEING, (1, mac(1))), None);
        assert_eq!(stations.count(heard + AGEING), 0);
        stations.learn(last, (1, mac(1)), port(1));
        assert_eq!(stations.find(last + Duration::from_secs(299), (1, mac(1))), Some(port(1)));
    }

    #[test]
    fn overflow_evicts_only_the_oldest() {
        let mut stations = Stations::new();
        for number in 0..10_000 {
            let now = Instant::from_millis(u64::from(number));
            stations.learn(now, (1, mac(number)), port(1));
            assert_eq!(stations.find(now, (1, mac(number))), Some(port(1)));
        }
        let now = Instant::from_millis(10_000);
        assert_eq!(stations.count(now) as u64 + stations.evicted(), 10_000);
        assert!(stations.count(now) > 1000, "{} of 1024 places used", stations.count(now));
    }

    #[test]
    fn expired_entries_are_reused_without_eviction() {
        let mut stations = Stations::new();
        for number in 0..1000 {
            stations.learn(Instant::ZERO, (1, mac(number)), port(1));
        }
        let evicted = stations.evicted();
        let later = Instant::ZERO + AGEING;
        for number in 1000..1100 {
            stations.learn(later, (1, mac(number)), port(2));
        }
        assert_eq!(stations.evicted(), evicted);
        assert_eq!(stations.count(later), 100);
    }
}
