//! Names of addresses.
//!
//! They come from name servers, which the engine does not ask: it notes the addresses whose names are
//! wanted, and has the names that were found.

use core::net::IpAddr;
use core::time::Duration;
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, RwLock};

use foldhash::HashMap;

use crate::instant::Instant;

/// Names of addresses, shared by all that have a copy of this value.
#[derive(Clone, Debug, Default)]
pub struct AddressNames(Arc<RwLock<Known>>);

#[derive(Debug, Default)]
struct Known {
    entries: HashMap<IpAddr, Entry>,
    wanted: VecDeque<IpAddr>,
}

#[derive(Debug)]
enum Entry {
    Wanted,
    /// The name, if the address has one, until it is forgotten.
    Found {
        name: Option<Arc<str>>,
        until: Instant,
    },
}

impl AddressNames {
    /// The name of an address. If it is not known yet, it is wanted from now on.
    pub(crate) fn name(&self, address: IpAddr) -> Option<Arc<str>> {
        let known = self.0.read().unwrap_or_else(PoisonError::into_inner);
        match known.entries.get(&address) {
            Some(Entry::Found { name, .. }) => return name.clone(),
            Some(Entry::Wanted) => return None,
            None => drop(known),
        }
        self.change(|known| {
            let has_room = known.entries.len() < MAX_ADDRESSES && known.wanted.len() < MAX_WANTED;
            if has_room && known.entries.insert(address, Entry::Wanted).is_none() {
                known.wanted.push_back(address);
            }
        });
        None
    }

    /// The next address whose name is wanted. The caller looks it up and passes the result to
    /// [`set`](Self::set).
    pub fn next(&self) -> Option<IpAddr> {
        // Most calls find nothing.
        let is_empty = self.0.read().unwrap_or_else(PoisonError::into_inner).wanted.is_empty();
        if is_empty { None } else { self.change(|known| known.wanted.pop_front()) }
    }

    /// Sets the name of an address; `None` if it has none. A text that is no name of a host is not used:
    /// name servers are not trusted.
    pub fn set(&self, now: Instant, address: IpAddr, name: Option<&str>) {
        let name = name.filter(|name| is_host_name(name)).map(Arc::from);
        let until = now + if name.is_some() { KEEP_NAME } else { KEEP_NONE };
        self.change(|known| drop(known.entries.insert(address, Entry::Found { name, until })));
    }

    /// Forgets old names, so that they are looked up again.
    pub fn expire(&self, now: Instant) {
        let is_old = |entry: &Entry| matches!(entry, Entry::Found { until, .. } if *until <= now);
        self.change(|known| known.entries.retain(|_, entry| !is_old(entry)));
    }

    fn change<T>(&self, change: impl FnOnce(&mut Known) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }
}

/// True for letters, digits, hyphens, underscores and dots, at most 253 (RFC 1035, RFC 2181 section 11).
fn is_host_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    (1..=253).contains(&name.len()) && name.bytes().all(allowed)
}

/// Addresses in memory, about 10 MB with long names.
const MAX_ADDRESSES: usize = 1 << 16;
/// Addresses that wait for their name. Others are noted once there is room again.
const MAX_WANTED: usize = 1 << 10;
const KEEP_NAME: Duration = Duration::from_secs(3600);
const KEEP_NONE: Duration = Duration::from_secs(300);

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u16) -> IpAddr {
        IpAddr::from([10, 0, (last >> 8) as u8, last as u8])
    }

    fn at(seconds: u64) -> Instant {
        Instant::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn address_is_wanted_once_and_named_until_it_is_old() {
        let names = AddressNames::default();
        assert_eq!((names.name(address(1)), names.name(address(1))), (None, None));
        let other = names.clone();
        assert_eq!((other.next(), other.next()), (Some(address(1)), None));
        other.set(at(10), address(1), Some("a.example.org"));
        other.expire(at(3609));
        assert_eq!(names.name(address(1)).as_deref(), Some("a.example.org"));
        other.expire(at(3610));
        assert_eq!((names.name(address(1)), names.next()), (None, Some(address(1))));
    }

    #[test]
    fn address_without_a_name_is_looked_up_again_after_five_minutes() {
        let names = AddressNames::default();
        for (round, name) in
            [None, Some("a,b"), Some(""), Some("\u{1b}[2J")].into_iter().enumerate()
        {
            let begin = 1000 * round as u64;
            assert_eq!((names.name(address(1)), names.next()), (None, Some(address(1))));
            names.set(at(begin), address(1), name);
            names.expire(at(begin + 299));
            assert_eq!((names.name(address(1)), names.next()), (None, None), "{name:?}");
            names.expire(at(begin + 300));
        }
    }

    #[test]
    fn addresses_are_bounded() {
        let names = AddressNames::default();
        let wanted = || core::iter::from_fn(|| names.next()).count();
        (0..2000).for_each(|last| assert_eq!(names.name(address(last)), None));
        assert_eq!(wanted(), MAX_WANTED);
        (0..2000).for_each(|last| assert_eq!(names.name(address(last)), None));
        assert_eq!(wanted(), 2000 - MAX_WANTED);
        for last in 0..=u16::MAX {
            names.set(at(1), address(last), Some("x"));
        }
        assert_eq!((names.name([192, 0, 2, 1].into()), wanted()), (None, 0), "no room");
    }
}
