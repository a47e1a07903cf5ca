use super::*;
use crate::flowcache::counted::{EXPIRY, MAX_SETS};
use crate::flowcache::{Counters, DefinitionError};

fn counting(definition: Definition) -> Bench {
    Bench::new(Definition { counter: true, ..definition })
}

impl Bench {
    fn counters(&mut self) -> Counters {
        self.cache.counters("flow").expect("a definition with counters")
    }

    /// Sum of all counters.
    fn counted(&mut self) -> f64 {
        let counters = self.counters();
        counters.sets.iter().map(|set| set.total).sum::<f64>() + counters.other
    }

    fn tick(&mut self, seconds: f64) {
        self.cache.tick(at(seconds), &mut self.log);
    }
}

#[test]
fn counter_is_0_first_and_then_all_packets_of_its_flow() {
    let mut bench = counting(definition("ipsource,ipdestination", "bytes"));
    bench.ingest(0.0, &entering(100), &ipv4(7, 1000));
    let first = bench.counters();
    assert_eq!((first.sets.len(), first.sets[0].total, first.other), (1, 0.0, 0.0));
    assert_eq!(first.sets[0].source, entering(1).source);
    assert_eq!(first.sets[0].fields().collect::<Vec<_>>(), ["10.0.0.7", "10.0.0.99"]);
    // It does not decay as flows do.
    bench.tick(100.0);
    assert_eq!(bench.counters().sets[0].total, 100.0 * 1000.0);
    bench.ingest(200.0, &entering(50), &ipv4(7, 500));
    assert_eq!(bench.counters().sets[0].total, 100.0 * 1000.0 + 50.0 * 500.0);
}

#[test]
fn recent_samples_are_taken_once_and_do_not_decay() {
    let mut bench = Bench::new(definition("ipsource", "bytes"));
    let take = |bench: &mut Bench| bench.cache.take_recent().map(|(.., it)| it).next().unwrap();
    let before = take(&mut bench);
    assert!(before.total == 0.0 && before.unseen.is_nan());
    bench.ingest(0.0, &entering(100), &ipv4(7, 1000));
    bench.ingest(50.0, &entering(100), &ipv4(8, 500));
    let taken = take(&mut bench);
    assert_eq!(taken.total, 100_000.0 + 50_000.0);
    assert_eq!(taken.squares, 1e10 + 0.25e10);
    near(taken.variance, 0.99 * 1.25e10);
    let none = take(&mut bench);
    assert_eq!((none.total, none.estimate().low), (0.0, 0.0));
    near(none.estimate().high, 3.0 * taken.variance / taken.total);
}

#[test]
fn packet_counts_once_with_the_mode_sum() {
    for (mode, frames) in [(AggMode::Max, 20.0), (AggMode::Sum, 10.0)] {
        let definition = Definition { agg_mode: mode, ..definition("", "frames") };
        let mut bench = Bench::new(definition);
        bench.ingest(0.0, &entering(10), &ipv4(7, 1000));
        // The port by which it leaves.
        bench.ingest(0.0, &sampled(agent(1), 2, (1, 2), 10), &ipv4(7, 1000));
        let taken: Vec<_> = bench.cache.take_recent().map(|(.., it)| it.total).collect();
        assert_eq!(taken, [frames], "{mode:?}");
    }
}

#[test]
fn silent_counters_are_removed_and_begin_at_0_again() {
    let mut bench = counting(definition("ipsource", "frames"));
    for second in [1.0, 2.0] {
        bench.ingest(second, &entering(10), &ipv4(7, 100));
        assert_eq!(bench.counters().sets[0].total, (second - 1.0) * 20.0);
    }
    bench.ingest(EXPIRY - 10.0, &entering(10), &ipv4(8, 100));
    bench.tick(EXPIRY);
    assert_eq!(bench.counters().sets.len(), 2);
    bench.tick(EXPIRY + 13.0);
    let left = bench.counters();
    assert_eq!((left.sets.len(), left.sets[0].total), (1, 10.0));
    bench.ingest(EXPIRY + 14.0, &entering(10), &ipv4(7, 100));
    assert!(bench.counters().sets.iter().any(|set| set.total == 0.0));
}

#[test]
fn packets_beyond_the_bound_are_in_the_other_counter() {
    let mut bench = counting(definition("ipsource", "frames"));
    let hosts = MAX_SETS as u32 + 500;
    for host in 0..hosts {
        bench.ingest(1.0, &entering(10), &ipv4(host, 100));
    }
    bench.counters();
    let counters = bench.counters();
    assert_eq!((counters.sets.len(), counters.other), (MAX_SETS, 500.0 * 10.0));
    assert_eq!(bench.counted(), f64::from(hosts) * 10.0);
    // A place that is free is used again.
    bench.tick(2.0 + EXPIRY);
    bench.ingest(3.0 + EXPIRY, &entering(10), &ipv4(hosts, 100));
    assert_eq!(bench.counters().sets.len(), 1);
}

#[test]
fn counters_stay_within_the_memory() {
    let definition = Definition { counter: true, ..definition("ipsource", "frames") };
    let mut bench = Bench::with_memory(definition, 60_000);
    for host in 0..5000 {
        bench.ingest(1.0, &entering(1), &ipv4(host, 100));
    }
    let usage = bench.cache.usage();
    assert!(usage.bytes <= usage.limit, "{usage:?}");
    assert_eq!(usage.bytes, bench.cache.measured());
    bench.counters();
    assert_eq!(bench.counted(), 5000.0);
    assert!(bench.cache.remove("flow"));
    assert_eq!(bench.cache.usage().bytes, bench.cache.measured());
}

#[test]
fn sum_counts_a_packet_once_for_each_agent() {
    let both = |mode| {
        let mut bench = counting(Definition { agg_mode: mode, ..definition("", "frames") });
        for second in [1.0, 2.0] {
            // The same packet where it enters and where it leaves.
            bench.ingest(second, &entering(1), &ipv4(7, 100));
            bench.ingest(second, &sampled(agent(1), 2, (1, 2), 1), &ipv4(7, 100));
        }
        bench.counters();
        bench.counted()
    };
    assert_eq!((both(AggMode::Max), both(AggMode::Sum)), (4.0, 2.0));
}

#[test]
fn only_sums_are_counted() {
    let counter = |value| Definition { counter: true, ..definition("ipsource", value) };
    let mut bench = Bench::new(definition("", "bytes"));
    let error = bench.cache.define(at(0.0), "average", counter("ipttl"));
    assert_eq!(error, Err(DefinitionError::NotCounted("ipttl".into())));
    assert_eq!(bench.cache.define(at(0.0), "sum", counter("rate:ipttl")), Ok(()));
    // Not without the attribute.
    assert_eq!(bench.cache.counters("flow"), None);
    assert_eq!(bench.cache.counters("nothing"), None);
}
