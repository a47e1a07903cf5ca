//! The station table: behind which port an address was seen last.

use flowmote_core::{Duration, Instant};

use crate::port::Port;

/// Who is where: a hash table of fixed size, four places for each hash.
///
/// An entry is forgotten 300 s after the station's last frame. Where all four places are
/// taken the one unheard of for longest gives way.
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
    /// VLAN id 0: vacant.
    key: u64,
    port: Port,
    seen: Instant,
}

/// How long a silent station is remembered: the recommended value of IEEE 802.1Q, 8.8.3.
pub(crate) const AGEING: Duration = Duration::from_secs(300);

const SETS: usize = 256;
const WAYS: usize = 4;
/// Nothing but zeros, so that an empty table takes no flash.
const VACANT: Station = Station { key: 0, port: Port::FIRST, seen: Instant::ZERO };

impl Stations {
    /// An empty table.
    #[must_use]
    pub const fn new() -> Self {
        Self { sets: [[VACANT; WAYS]; SETS], moved: 0, evicted: 0 }
    }

    /// Takes note that the station was heard at `port`.
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

    /// Where the station was heard last, unless that is too long ago.
    #[inline]
    #[must_use]
    pub fn find(&self, now: Instant, key: Key) -> Option<Port> {
        let key = pack(key);
        let set = self.sets.get(place(key))?;
        let station = set.iter().find(|station| station.key == key)?;
        station.is_alive(now).then_some(station.port)
    }

    /// How many stations are known.
    #[must_use]
    pub fn count(&self, now: Instant) -> usize {
        let alive = self.sets.iter().flatten().filter(|station| station.is_alive(now));
        alive.fold(0, |count, _| usize::wrapping_add(count, 1))
    }

    /// How often a station was heard at another port than before.
    #[must_use]
    pub fn moved(&self) -> u64 {
        self.moved
    }

    /// Stations forgotten before their time because their places were needed.
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
    fn a_station_is_found_in_its_own_vlan_only() {
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
    fn a_station_that_moves_is_found_at_its_new_port() {
        let mut stations = Stations::new();
        stations.learn(Instant::ZERO, (1, mac(1)), port(1));
        stations.learn(Instant::ZERO, (1, mac(1)), port(2));
        assert_eq!(stations.find(Instant::ZERO, (1, mac(1))), Some(port(2)));
        assert_eq!((stations.count(Instant::ZERO), stations.moved()), (1, 1));
    }

    #[test]
    fn a_silent_station_is_forgotten_to_the_millisecond() {
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
    fn a_flood_of_addresses_evicts_the_oldest_and_no_more() {
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
    fn stations_that_have_aged_make_room_without_an_eviction() {
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
