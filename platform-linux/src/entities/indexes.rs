//! Indexes of logical entities that stay the same after a restart.

use std::collections::hash_map::Entry;
use std::ops::RangeInclusive;

use foldhash::{HashMap, HashMapExt};

/// Numbers for names, within a range.
///
/// The number of a name is its hash, so that the same name has the same number after a restart and
/// on every host. A name whose number is taken gets the next free one: that number depends on which
/// of the two was there first.
#[derive(Debug)]
pub struct StableIndexes {
    first: u32,
    count: u32,
    /// The name of each number in use.
    names: HashMap<u32, Box<str>>,
}

impl StableIndexes {
    /// Numbers of `range`, which must not be the whole of `u32`.
    pub fn new(range: RangeInclusive<u32>) -> Self {
        let (first, last) = range.into_inner();
        let count = last.saturating_sub(first).saturating_add(1);
        Self { first, count, names: HashMap::new() }
    }

    /// The number of `name`, which is in use from now on. `None` if too many are in use already.
    pub fn assign(&mut self, name: &str) -> Option<u32> {
        let number = self.probe(name).find(|number| match self.names.get(number) {
            Some(owner) => **owner == *name,
            None => true,
        })?;
        if let Entry::Vacant(vacant) = self.names.entry(number) {
            vacant.insert(name.into());
        }
        Some(number)
    }

    /// Ends the use of a number.
    pub fn release(&mut self, number: u32) {
        self.names.remove(&number);
    }

    /// The numbers that `name` can have. Few, so that a full range does not cost a search of it.
    fn probe(&self, name: &str) -> impl Iterator<Item = u32> + use<> {
        let Self { first, count, .. } = *self;
        let start = (fnv_1a(name.as_bytes()) % u64::from(count)) as u32;
        (0..MAX_PROBES.min(count)).map(move |step| {
            let offset = (u64::from(start) + u64::from(step)) % u64::from(count);
            first + offset as u32
        })
    }
}

/// FNV-1a with 64 bits (RFC 9923). Another function would change the data sources of all users.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

const MAX_PROBES: u32 = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_is_the_hash_of_the_name() {
        // Test vectors of FNV-1a.
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
        let mut indexes = StableIndexes::new(150_000..=199_999);
        let number = indexes.assign("foobar").unwrap();
        assert_eq!(u64::from(number), 150_000 + 0x8594_4171_f739_67e8_u64 % 50_000);
        assert_eq!(indexes.assign("foobar"), Some(number));
        let mut others = StableIndexes::new(150_000..=199_999);
        assert!(others.assign("x").is_some() && others.assign("foobar") == Some(number));
    }

    #[test]
    fn names_never_share_a_number() {
        let mut indexes = StableIndexes::new(10..=12);
        let mut numbers = ["a", "b", "c"].map(|name| indexes.assign(name).unwrap());
        assert_eq!(indexes.assign("d"), None, "the range is full");
        assert_eq!(["a", "b", "c"].map(|name| indexes.assign(name).unwrap()), numbers);
        indexes.release(numbers[1]);
        assert_eq!(indexes.assign("d"), Some(numbers[1]));
        numbers.sort_unstable();
        assert_eq!(numbers, [10, 11, 12]);
    }
}
