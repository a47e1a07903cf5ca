//! Numbers of interfaces: records do not repeat their addresses.

use foldhash::{HashMap, HashSet};

use crate::source::Source;

/// The interfaces that open records are of, by number.
#[derive(Debug)]
pub(super) struct Sources {
    numbers: HashMap<Source, u32>,
    sources: Vec<Source>,
    /// Numbers that no record has.
    free: Vec<u32>,
    /// Interfaces that have room.
    most: usize,
}

impl Sources {
    pub(super) fn new(most: usize) -> Self {
        Self { numbers: HashMap::default(), sources: Vec::new(), free: Vec::new(), most }
    }

    /// The number of an interface. `None` if there are too many.
    #[inline]
    pub(super) fn number(&mut self, source: &Source) -> Option<u32> {
        match self.numbers.get(source) {
            Some(number) => Some(*number),
            None => self.add(*source),
        }
    }

    #[cold]
    fn add(&mut self, source: Source) -> Option<u32> {
        let number = match self.free.pop() {
            Some(number) => number,
            None if self.sources.len() < self.most => self.sources.len() as u32,
            None => return None,
        };
        match self.sources.get_mut(number as usize) {
            Some(place) => *place = source,
            None => self.sources.push(source),
        }
        self.numbers.insert(source, number);
        Some(number)
    }

    /// The interface with a number that a record has.
    pub(super) fn get(&self, number: u32) -> Option<Source> {
        self.sources.get(number as usize).copied()
    }

    /// True if it is time to look which numbers are in use.
    pub(super) fn are_many(&self) -> bool {
        self.free.is_empty() && self.sources.len() > self.most / 4 * 3
    }

    /// Frees the numbers that are not in use.
    pub(super) fn retain(&mut self, used: &HashSet<u32>) {
        let free = &mut self.free;
        self.numbers.retain(|_, number| {
            let is_used = used.contains(number);
            if !is_used {
                free.push(*number);
            }
            is_used
        });
    }

    pub(super) fn bytes(&self) -> usize {
        self.numbers.capacity() * (size_of::<(Source, u32)>() + 1)
            + self.sources.capacity() * size_of::<Source>()
            + self.free.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use flowmote_decoder::{Address, DataSource};

    use super::*;

    const MOST: usize = 1000;

    fn source(index: u32) -> Source {
        let agent = Address::V4([192, 0, 2, 1].into());
        Source { agent, data_source: DataSource { class: 0, index } }
    }

    #[test]
    fn numbers_that_no_record_has_are_given_again() {
        let mut sources = Sources::new(MOST);
        for index in 0..MOST as u32 {
            assert_eq!(sources.number(&source(index)), Some(index));
        }
        assert!(sources.are_many());
        assert_eq!(sources.number(&source(MOST as u32)), None);
        sources.retain(&[7, 9].into_iter().collect());
        assert!(!sources.are_many());
        let new = sources.number(&source(MOST as u32)).expect("there is room");
        assert!(new != 7 && new != 9);
        assert_eq!(sources.get(new), Some(source(MOST as u32)));
        assert_eq!(sources.number(&source(9)), Some(9));
        assert_eq!(sources.get(7), Some(source(7)));
    }
}
