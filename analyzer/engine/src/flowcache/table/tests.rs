use core::hash::BuildHasher;
use core::time::Duration;
use std::collections::HashMap;

use super::*;
use crate::flowcache::estimate::Weight;
use crate::flowcache::observer::{Observer, Passage};
use crate::flowcache::random::Random;
use crate::flowcache::slot::Ticks;
use crate::instant::Instant;
use crate::keys::KeyBuffer;

const PLAIN: Shape = Shape { values: 0, lives: false };

struct Bench {
    table: Table,
    decay: Decay,
    budget: Budget,
    hasher: foldhash::quality::FixedState,
}

impl Bench {
    fn new(limit: usize) -> Self {
        let mut budget = Budget::new(limit);
        Self {
            table: Table::new(PLAIN, &mut budget),
            decay: Decay::new(Instant::default(), 10.0),
            budget,
            hasher: foldhash::quality::FixedState::with_seed(3),
        }
    }

    fn add(&mut self, seconds: f64, source: u32, key: &[u8], value: f64) {
        let now = Instant::after_start(Duration::from_secs_f64(seconds));
        let growth = self.decay.advance(now);
        let observer = Observer::new(source, Passage::In);
        let hash = self.hasher.hash_one((source, key));
        let key = KeyBuffer::of(key);
        let probe = Probe::new(&key, observer, hash);
        let found = self.table.entry(&probe, &self.decay, &mut self.budget, |_| {});
        let slot = found.expect("there is always room").slot;
        slot.sums.add(value, Weight::one_in(1.0).grown(growth));
        slot.seen = Ticks::at(now);
        assert!(self.budget.used() <= self.budget.limit().max(4096));
    }

    /// Value and error of each entry at a time.
    fn read(&self, seconds: f64) -> HashMap<(u32, Vec<u8>), (f64, f64)> {
        let now = Instant::after_start(Duration::from_secs_f64(seconds));
        let segments = self.table.segments().iter();
        let entries = segments.flat_map(|segment| {
            let factor = self.decay.per_second(segment.epoch, now);
            segment.entries().map(move |entry| {
                let slot = entry.slot;
                let key = (slot.observer.source(), entry.key.to_vec());
                (key, (slot.sums.total * factor, slot.error * factor))
            })
        });
        let mut all = HashMap::new();
        for (key, value) in entries {
            assert!(all.insert(key, value).is_none(), "a key has two entries");
        }
        all
    }

    fn floor(&self, seconds: f64) -> f64 {
        let now = Instant::after_start(Duration::from_secs_f64(seconds));
        let segments = self.table.segments().iter();
        segments.map(|it| it.floor * self.decay.per_second(it.epoch, now)).fold(0.0, f64::max)
    }
}

/// Keys of 0 to 60 bytes, so that both kinds of slots occur.
fn key(number: u64) -> Vec<u8> {
    let mut key = number.to_be_bytes().to_vec();
    key.resize(8 + (number % 53) as usize, number as u8);
    key
}

#[test]
fn table_is_exact_within_its_budget() {
    let mut bench = Bench::new(64 << 20);
    let mut random = Random::new(1);
    let mut expected: HashMap<(u32, Vec<u8>), f64> = HashMap::new();
    for _ in 0..100_000 {
        let (number, source) = (random.below(40_000), random.below(3) as u32);
        bench.add(0.0, source, &key(number), 2.0);
        *expected.entry((source, key(number))).or_default() += 0.2;
    }
    let got = bench.read(0.0);
    assert_eq!(got.len(), expected.len());
    for (key, (value, error)) in got {
        assert!((value - expected[&key]).abs() < 1e-9);
        assert_eq!(error, 0.0);
    }
    assert_eq!(bench.budget.used(), bench.table.bytes());
    assert!(bench.table.segments().len() > 8, "the table was split");
}

#[test]
fn memory_stays_within_its_bound_with_random_keys() {
    let mut bench = Bench::new(1 << 20);
    let mut random = Random::new(2);
    for _ in 0..100_000 {
        bench.add(0.0, 0, &key(random.next()), 1.0);
    }
    assert_eq!(bench.budget.used(), bench.table.bytes());
    assert!(bench.table.evicted > 80_000);
    assert!(bench.table.len() > 2000, "{} entries use the memory", bench.table.len());
}

#[test]
fn error_of_a_full_table_is_bounded_on_zipf_traffic() {
    let mut bench = Bench::new(300_000);
    let mut random = Random::new(3);
    let mut truth: HashMap<(u32, Vec<u8>), f64> = HashMap::new();
    let mut total = 0.0;
    for step in 0..200_000_u32 {
        let number = random.zipf(100_000);
        let seconds = f64::from(step) / 500.0;
        bench.add(seconds, 0, &number.to_be_bytes(), 1.0);
        let entry = truth.entry((0, number.to_be_bytes().to_vec())).or_default();
        *entry += (seconds / 10.0).exp();
        total += (seconds / 10.0).exp();
    }
    let scale = (-40.0_f64).exp() / 10.0;
    let (got, floor) = (bench.read(400.0), bench.floor(400.0));
    let entries = bench.table.len() as f64;
    assert!(bench.table.evicted > 50_000 && entries < 5000.0);
    // A segment has fewer entries than the table on average, hence the 4 instead of the 2.
    assert!(floor > 0.0 && floor < 4.0 * total * scale / entries, "{floor}");
    let mut incomplete = 0;
    for (key, sum) in truth {
        let sum = sum * scale;
        let (value, error) = got.get(&key).copied().unwrap_or((0.0, floor));
        assert!(value <= sum * (1.0 + 1e-9) && sum <= (value + error) * (1.0 + 1e-9));
        incomplete += u32::from(error > 0.0 && value < 0.999 * sum);
    }
    assert!(incomplete > 1000, "the error is needed for {incomplete} keys");
}

#[test]
fn days_of_virtual_time_keep_rates_and_forget_old_keys() {
    let mut bench = Bench::new(1 << 20);
    let (day, step) = (86_400.0, 2.5);
    let mut seconds = 0.0;
    while seconds < 3.0 * day {
        bench.add(seconds, 0, b"steady", 100.0);
        if (seconds as u64).is_multiple_of(1000) {
            bench.add(seconds, 0, &key(seconds as u64), 1.0);
            let now = Ticks::at(Instant::after_start(Duration::from_secs_f64(seconds)));
            bench.table.sweep(
                usize::MAX,
                |slot| now.since(slot.seen) > 100.0,
                |_, _| {},
                &mut bench.budget,
            );
        }
        seconds += step;
    }
    // Read half a step after the last sample, where the sawtooth has its mean.
    let got = bench.read(seconds - step / 2.0);
    let (rate, error) = got[&(0, b"steady".to_vec())];
    assert!((rate - 100.0 / step).abs() < 0.2, "{rate}");
    assert_eq!(error, 0.0);
    assert!(bench.table.len() < 8, "{}", bench.table.len());
}

#[test]
fn reduced_table_keeps_the_largest_and_knows_its_error() {
    let mut bench = Bench::new(16 << 20);
    for number in 0..50_000_u32 {
        bench.add(0.0, 0, &number.to_be_bytes(), f64::from(number));
    }
    let before = bench.table.bytes();
    bench.table.reduce(before / 4, &mut bench.budget, |_| {});
    assert!(bench.table.bytes() <= before / 4);
    assert_eq!(bench.budget.used(), bench.table.bytes());
    let (got, floor) = (bench.read(0.0), bench.floor(0.0));
    for number in 45_000..50_000_u32 {
        assert!(got.contains_key(&(0, number.to_be_bytes().to_vec())), "{number}");
    }
    assert!(floor > 1000.0);
}

#[test]
fn all_equal_entries_lose_a_quarter() {
    let mut bench = Bench::new(0);
    for number in 0..7_u32 {
        bench.add(0.0, 0, &number.to_be_bytes(), 1.0);
    }
    assert_eq!((bench.table.len(), bench.table.evicted), (6, 1));
}

#[test]
fn removed_entries_leave_no_gap_before_others() {
    /// A key whose search begins in one of four slots, of which one is the last.
    fn probe(key: &KeyBuffer, number: u64) -> Probe<'_> {
        Probe::new(key, Observer::new(0, Passage::In), (number % 4 * 21) << 32)
    }
    let mut random = Random::new(12);
    let mut segment = Segment::new(Shape { values: 1, lives: true }, 64);
    let key = |number: u64| {
        KeyBuffer::of(format!("{number} {}", "x".repeat(number as usize % 40)).as_bytes())
    };
    let mut present = std::collections::BTreeSet::new();
    for number in 0..2000 {
        let buffer = key(number);
        let Err(free) = segment.find(&probe(&buffer, number)) else { panic!("{number}") };
        segment.occupy(free, &probe(&buffer, number));
        segment.found(free).unwrap().slot.sums.total = number as f64;
        present.insert(number);
        if segment.is_full() {
            let gone: Vec<u64> =
                present.iter().copied().filter(|_| random.uniform() < 0.4).collect();
            segment.retain(64, |entry| !gone.contains(&(entry.slot.sums.total as u64)));
            gone.iter().for_each(|number| _ = present.remove(number));
            assert_eq!(segment.used(), present.len());
            for number in 0..=number {
                let buffer = key(number);
                let found = segment.find(&probe(&buffer, number)).ok();
                let total =
                    found.and_then(|at| segment.entry(at)).map(|entry| entry.slot.sums.total);
                assert_eq!(total, present.contains(&number).then_some(number as f64));
            }
            let long: usize =
                segment.entries().map(|entry| entry.key.len()).filter(|it| *it > 18).sum();
            assert_eq!(segment.long.len(), long);
        }
    }
}
