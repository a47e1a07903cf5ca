//! The data sources that samples came from, by number.

use core::hash::BuildHasher;
use std::sync::Arc;

use flowmote_decoder::{Address, DataSource, Interface, Port};
use hashbrown::HashTable;

use super::budget::Budget;
use super::observer::Passage;
use super::sampling::Sampling;
use super::slot::Ticks;
use crate::source::Source;

/// What is known of each data source, and their numbers in tables.
///
/// A full registry forgets the quarter of the data sources that were silent for the longest time.
#[derive(Debug)]
pub(crate) struct Sources {
    numbers: HashTable<u32>,
    states: Vec<State>,
    names: Names,
    /// Numbers that are free.
    free: Vec<u32>,
    hasher: foldhash::fast::RandomState,
    limit: usize,
    /// Bytes that are accounted.
    bytes: usize,
}

#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) source: Source,
    /// When the last sample arrived.
    pub(crate) seen: Ticks,
    pub(crate) sampling: Sampling,
    entering: Entering,
}

/// Samples of packets that enter by a port.
#[derive(Clone, Copy, Debug, Default)]
struct Entering {
    /// Sampling rate of the last one; 0 without one.
    rate: u32,
    /// Packets that entered since then, by samples at the ports by which they left.
    missed: f64,
    /// Samples of packets that left by this port since then and whose input is unknown.
    unknown: u32,
}

/// The names of numbers, in parts that snapshots share.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(Vec<Arc<Vec<Source>>>);

impl Sources {
    /// A registry for at most `limit` data sources.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            numbers: HashTable::new(),
            states: Vec::new(),
            names: Names::default(),
            free: Vec::new(),
            hasher: foldhash::fast::RandomState::default(),
            limit: limit.clamp(16, MAX_SOURCES),
            bytes: 0,
        }
    }

    /// Bytes of a data source.
    pub(crate) fn bytes_each() -> usize {
        size_of::<State>() + size_of::<Source>() + 2 * size_of::<u32>()
    }

    /// The number of a data source, if it is known.
    #[inline]
    pub(crate) fn find(&self, source: &Source) -> Option<u32> {
        let hash = self.hasher.hash_one(source);
        let is =
            |number: &u32| self.states.get(*number as usize).is_some_and(|it| it.source == *source);
        self.numbers.find(hash, is).copied()
    }

    /// True if a new data source needs [`forget`](Sources::forget) first.
    pub(crate) fn is_full(&self) -> bool {
        self.numbers.len() >= self.limit
    }

    /// Adds a data source that is not known yet.
    pub(crate) fn add(&mut self, source: Source, budget: &mut Budget) -> u32 {
        let state = State {
            source,
            seen: Ticks(0),
            sampling: Sampling::default(),
            entering: Entering::default(),
        };
        let number = match self.free.pop() {
            Some(number) => {
                if let Some(place) = self.states.get_mut(number as usize) {
                    *place = state;
                }
                number
            }
            None => {
                self.states.push(state);
                (self.states.len() - 1) as u32
            }
        };
        self.names.set(number, source);
        let Self { states, hasher, numbers, .. } = self;
        let rehash =
            |number: &u32| states.get(*number as usize).map_or(0, |it| hasher.hash_one(it.source));
        numbers.insert_unique(hasher.hash_one(source), number, rehash);
        self.account(budget);
        number
    }

    /// Forgets the quarter of the data sources that were silent for the longest time. Returns for each
    /// number whether it is free now.
    pub(crate) fn forget(&mut self) -> Vec<bool> {
        let mut used = vec![false; self.states.len()];
        let mut seen = Vec::with_capacity(self.numbers.len());
        for number in &self.numbers {
            if let (Some(used), Some(state)) =
                (used.get_mut(*number as usize), self.states.get(*number as usize))
            {
                *used = true;
                seen.push((state.seen, *number));
            }
        }
        let quarter = seen.len() / 4;
        if quarter < seen.len() {
            seen.select_nth_unstable(quarter);
        }
        for (_, number) in seen.into_iter().take(quarter) {
            if let Some(used) = used.get_mut(number as usize) {
                *used = false;
                self.free.push(number);
            }
        }
        self.numbers.retain(|number| used.get(*number as usize).is_some_and(|used| *used));
        used.into_iter().map(|used| !used).collect()
    }

    fn account(&mut self, budget: &mut Budget) {
        let bytes = self.bytes();
        budget.account(self.bytes, bytes);
        self.bytes = bytes;
    }

    /// Bytes of the registry.
    pub(crate) fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<State>()
            + self.numbers.capacity() * (size_of::<u32>() + 1)
            + self.free.capacity() * size_of::<u32>()
            + self.names.bytes()
    }

    pub(crate) fn get(&self, number: u32) -> Option<&State> {
        self.states.get(number as usize)
    }

    pub(crate) fn get_mut(&mut self, number: u32) -> Option<&mut State> {
        self.states.get_mut(number as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// All data sources and what is known of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Source, &State)> {
        let states = self.numbers.iter().filter_map(|number| self.get(*number));
        states.map(|state| (&state.source, state))
    }

    pub(crate) fn names(&self) -> Names {
        self.names.clone()
    }

    /// The direction of a packet that the data source `number` sampled.
    ///
    /// A packet that leaves by the data source was sampled before if the port by which it entered is
    /// sampled. That port is taken to be no longer sampled if it was silent while twenty samples were
    /// expected from it. If the agent does not know that port, the data source itself shows whether the
    /// agent samples what enters: by one of its last thousand samples, for traffic may be one-sided.
    pub(crate) fn passage(&mut self, number: u32, ports: Option<Ports>, rate: u32) -> Passage {
        let Some(Ports { input, output }) = ports else { return Passage::In };
        let Some(state) = self.states.get_mut(number as usize) else { return Passage::In };
        let Source { agent, data_source } = state.source;
        let at = |port: Interface| {
            data_source.class == 0 && (port.format, port.value) == (0, data_source.index)
        };
        if at(input) {
            state.entering = Entering { rate, missed: 0.0, unknown: 0 };
            return Passage::In;
        }
        if !at(output) {
            return Passage::In;
        }
        match input.port() {
            Port::Index(index) => self.leaving(agent, index, rate),
            Port::Unknown => state.entering.leaving_from_unknown(),
            Port::Internal => Passage::Out,
            _ => Passage::In,
        }
    }

    fn leaving(&mut self, agent: Address, input: u32, rate: u32) -> Passage {
        let source = Source { agent, data_source: DataSource { class: 0, index: input } };
        let state = self.find(&source).and_then(|number| self.get_mut(number));
        let Some(Entering { rate: entering, missed, .. }) = state.map(|state| &mut state.entering)
        else {
            return Passage::Out;
        };
        *missed += f64::from(rate);
        match *entering != 0 && *missed <= 20.0 * f64::from(*entering).max(rate.into()) {
            true => Passage::Again,
            false => Passage::Out,
        }
    }
}

impl Entering {
    /// The direction of a packet that leaves by the port and has entered by an unknown one.
    fn leaving_from_unknown(&mut self) -> Passage {
        self.unknown = self.unknown.saturating_add(1);
        let entering = self.rate != 0 && self.unknown <= MAX_UNKNOWN;
        if entering { Passage::Again } else { Passage::Out }
    }
}

/// The ports of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub(crate) input: Interface,
    pub(crate) output: Interface,
}

impl Names {
    fn set(&mut self, number: u32, source: Source) {
        let (part, place) = (number as usize / PART, number as usize % PART);
        if self.0.len() <= part {
            self.0.push(Arc::new(Vec::with_capacity(PART)));
        }
        let Some(part) = self.0.get_mut(part).map(Arc::make_mut) else { return };
        match part.get_mut(place) {
            Some(name) => *name = source,
            None => part.push(source),
        }
    }

    /// The data source of a number.
    pub(crate) fn get(&self, number: u32) -> Option<&Source> {
        self.0.get(number as usize / PART)?.get(number as usize % PART)
    }

    fn bytes(&self) -> usize {
        self.0.len() * PART * size_of::<Source>()
    }
}

/// Samples of packets from unknown ports, without one of a packet that enters, after which the port is taken
/// to sample what leaves only.
const MAX_UNKNOWN: u32 = 1000;
/// Names in a part.
const PART: usize = 256;
/// The numbers fit an observer.
const MAX_SOURCES: usize = 1 << 24;

#[cfg(test)]
mod tests {
    use core::net::Ipv4Addr;

    use super::*;

    fn source(agent: u32, port: u32) -> Source {
        let data_source = DataSource { class: 0, index: port };
        Source { agent: Address::V4(Ipv4Addr::from_bits(agent)), data_source }
    }

    fn add(sources: &mut Sources, agent: u32, port: u32) -> u32 {
        sources.add(source(agent, port), &mut Budget::new(usize::MAX))
    }

    fn interface(value: u32) -> Interface {
        Interface { format: 0, value }
    }

    fn ports(input: u32, output: u32) -> Option<Ports> {
        Some(Ports { input: interface(input), output: interface(output) })
    }

    #[test]
    fn full_registry_forgets_the_silent_quarter() {
        let mut sources = Sources::new(400);
        for agent in 0..400 {
            let number = add(&mut sources, agent, 1);
            sources.get_mut(number).unwrap().seen = Ticks(1000 - agent);
        }
        assert!(sources.is_full());
        let free = sources.forget();
        assert_eq!(free.iter().filter(|free| **free).count(), 100);
        assert_eq!((sources.len(), sources.find(&source(399, 1))), (300, None));
        let kept = sources.find(&source(0, 1)).unwrap();
        assert_eq!(sources.names().get(kept), Some(&source(0, 1)));
        // A free number is used again, with the new name.
        let number = add(&mut sources, 9999, 1);
        assert!(free[number as usize]);
        assert_eq!(sources.names().get(number), Some(&source(9999, 1)));
        assert_eq!(sources.find(&source(9999, 1)), Some(number));
    }

    #[test]
    fn packet_that_was_sampled_when_it_entered_passes_again() {
        let mut sources = Sources::new(100);
        let (first, second) = (add(&mut sources, 1, 1), add(&mut sources, 1, 2));
        assert_eq!(sources.passage(second, ports(1, 2), 100), Passage::Out);
        assert_eq!(sources.passage(first, ports(1, 2), 100), Passage::In);
        assert_eq!(sources.passage(second, ports(1, 2), 100), Passage::Again);
        assert_eq!(sources.passage(second, ports(7, 2), 100), Passage::Out);
        // Another agent has a port 1 of its own.
        let other = add(&mut sources, 2, 2);
        assert_eq!(sources.passage(other, ports(1, 2), 100), Passage::Out);
    }

    #[test]
    fn silent_port_is_no_longer_taken_to_be_sampled() {
        let mut sources = Sources::new(100);
        let (first, second) = (add(&mut sources, 1, 1), add(&mut sources, 1, 2));
        sources.passage(first, ports(1, 2), 1000);
        let again = (0..1000)
            .take_while(|_| sources.passage(second, ports(1, 2), 100) == Passage::Again)
            .count();
        assert_eq!(again, 200);
    }

    #[test]
    fn packet_from_an_unknown_port_passes_again_if_the_sampler_samples_what_enters() {
        let mut sources = Sources::new(100);
        let port = add(&mut sources, 1, 2);
        assert_eq!(sources.passage(port, ports(0, 2), 100), Passage::Out);
        sources.passage(port, ports(2, 9), 100);
        let again = (0..5000)
            .take_while(|_| sources.passage(port, ports(0, 2), 100) == Passage::Again)
            .count();
        assert_eq!(again, 1000);
    }

    #[test]
    fn packets_of_the_device_itself_and_of_other_data_sources_count_once() {
        let mut sources = Sources::new(100);
        let port = add(&mut sources, 1, 2);
        let own = Some(Ports { input: interface(0x3fff_ffff), output: interface(2) });
        assert_eq!(sources.passage(port, own, 100), Passage::Out);
        let device = sources.add(
            Source { data_source: DataSource { class: 2, index: 2 }, ..source(1, 0) },
            &mut Budget::new(usize::MAX),
        );
        assert_eq!(sources.passage(device, ports(1, 2), 100), Passage::In);
        assert_eq!(sources.passage(device, None, 100), Passage::In);
    }
}
