//! Estimates from samples of traffic whose totals are known.

use super::*;
use crate::flowcache::{Basis, Estimate};

/// Traffic in which packet number i has a time, a flow and a size that follow from i. Its rates are
/// therefore known: of ten packets, six are of host 1 (the elephant), two of host 2 (the mouse) and two of
/// host 3.
struct Traffic {
    random: Random,
    per_second: f64,
    packet: u64,
    counters: SampleCounters,
}

impl Traffic {
    fn new(per_second: f64, seed: u64) -> Self {
        Self {
            random: Random::new(seed),
            per_second,
            packet: 0,
            counters: SampleCounters::default(),
        }
    }

    /// The next packet that is sampled: time, host and size.
    fn sample(&mut self, rate: u32) -> (f64, u32, u32) {
        let skip = self.random.skip(rate.into());
        self.packet += skip;
        self.counters.pool = self.counters.pool.wrapping_add(skip as u32);
        self.counters.sequence_number = self.counters.sequence_number.wrapping_add(1);
        let host = [1, 1, 2, 1, 3, 1, 1, 2, 3, 1][(self.packet % 10) as usize];
        let size = SIZES[(self.packet / 10 % 4) as usize];
        (self.packet as f64 / self.per_second, host, size)
    }
}

const SIZES: [u32; 4] = [64, 1500, 500, 1500];
const READINGS: usize = 1000;
const T: f64 = 2.0;

/// How often the truth is inside the interval: of the elephant, the mouse and all together, in packets
/// and in bytes.
#[derive(Debug, Default)]
struct Inside {
    frames: [usize; 3],
    bytes: [usize; 3],
    /// Sum of the values of the elephant, over the truth.
    bias: f64,
}

/// Reads estimates every three time constants, so that readings are nearly independent. `rate` is that of
/// a time; a sample is lost with the probability `lost`.
fn run(per_second: f64, rate: impl Fn(f64) -> u32, lost: f64, warm_up: usize) -> Inside {
    let mut cache = FlowCache::new(8 << 20);
    for value in ["frames", "bytes"] {
        cache.define(at(0.0), value, Definition { t: T, ..definition("ipsource", value) }).unwrap();
    }
    let datagrams: Vec<Vec<u8>> =
        (1..4).flat_map(|host| SIZES.map(|size| ipv4(host, size))).collect();
    let parsed: Vec<Datagram<'_>> =
        datagrams.iter().map(|datagram| Datagram::parse(datagram).unwrap()).collect();
    let packets: Vec<Packet<'_>> = parsed
        .iter()
        .map(|datagram| match datagram.samples().next() {
            Some(Ok(Decoded::Flow(sample))) => Packet::flow(datagram.agent_address, &sample),
            other => panic!("{other:?}"),
        })
        .collect();
    let (lookup, mut traffic) = (Lookup::default(), Traffic::new(per_second, 11));
    let (mut inside, mut reading) = (Inside::default(), 1);
    while reading <= READINGS + warm_up {
        let due = 3.0 * T * reading as f64;
        let rate = rate(traffic.packet as f64 / per_second);
        let (seconds, host, size) = traffic.sample(rate);
        if seconds > due {
            if reading > warm_up {
                inside.read(&cache, due, per_second);
            }
            reading += 1;
        }
        if traffic.random.uniform() < lost {
            continue;
        }
        let size = SIZES.iter().position(|one| *one == size).unwrap();
        let packet = &packets[(host as usize - 1) * SIZES.len() + size];
        let sample = Observed { counters: Some(traffic.counters), ..entering(rate) };
        cache.batch(at(seconds)).ingest(&sample, packet, &Context::new(&lookup));
    }
    inside
}

impl Inside {
    fn read(&mut self, cache: &FlowCache, seconds: f64, per_second: f64) {
        let mean = SIZES.iter().sum::<u32>() as f64 / 4.0;
        for (value, scale) in [("frames", 1.0), ("bytes", mean)] {
            let snapshot = cache.snapshot(at(seconds), value).unwrap();
            let flows = active(&snapshot, AggMode::Max, &Topology::default());
            let find = |key: &str| {
                let flow = flows.iter().find(|flow| flow.key == key);
                flow.map_or_else(|| snapshot.unseen(), |flow| flow.estimate)
            };
            let total = cache.totals(at(seconds), value).unwrap()[0].1;
            let estimates: [(Estimate, f64); 3] =
                [(find("10.0.0.1"), 0.6), (find("10.0.0.2"), 0.2), (total, 1.0)];
            let counts = if scale == 1.0 { &mut self.frames } else { &mut self.bytes };
            for (count, (estimate, share)) in counts.iter_mut().zip(estimates) {
                let truth = per_second * share * scale;
                // Packets come one by one, so that the rate is not quite constant.
                let grain = 0.001 * truth;
                *count +=
                    usize::from(estimate.low - grain <= truth && truth <= estimate.high + grain);
            }
            if scale == 1.0 {
                self.bias += estimates[0].0.value / (0.6 * per_second) / READINGS as f64;
            }
        }
    }

    /// 95 ± 2 % of the readings are right.
    fn check(&self) {
        println!("{self:?}");
        for count in self.frames.iter().chain(&self.bytes) {
            assert!((930..=970).contains(count), "{self:?}");
        }
        assert!((self.bias - 1.0).abs() < 0.02, "{self:?}");
    }
}

/// Packets per second for 30 samples per second.
fn rate_for(rate: u32) -> f64 {
    30.0 * f64::from(rate)
}

#[test]
fn one_packet_in_3_is_sampled() {
    run(rate_for(3), |_| 3, 0.0, 5).check();
}

#[test]
fn one_packet_in_100_is_sampled() {
    run(rate_for(100), |_| 100, 0.0, 5).check();
}

#[test]
fn one_packet_in_100_000_is_sampled() {
    run(rate_for(100_000), |_| 100_000, 0.0, 5).check();
}

#[test]
fn rate_changes() {
    run(rate_for(200), |seconds| if seconds % 3.0 < 1.0 { 20 } else { 200 }, 0.0, 5).check();
}

#[test]
fn samples_are_lost() {
    run(rate_for(100), |_| 100, 0.2, 30).check();
}

#[test]
fn every_packet_sampled_gives_the_exact_rate() {
    let mut bench = Bench::new(Definition { t: T, ..definition("ipsource", "bytes") });
    let mut traffic = Traffic::new(200.0, 1);
    let mut truth = 0.0;
    for _ in 0..2000 {
        let (seconds, host, size) = traffic.sample(1);
        bench.ingest(seconds, &entering(1), &ipv4(host, size));
        truth += if host == 1 { f64::from(size) * ((seconds - 10.0) / T).exp() / T } else { 0.0 };
    }
    let estimate = bench.active(10.0)[0].estimate;
    near(estimate.value, truth);
    assert_eq!((estimate.low, estimate.high), (estimate.value, estimate.value));
}

#[test]
fn rate_of_the_pool_is_used_if_the_stated_one_is_wrong() {
    let mut bench = Bench::new(definition("ipsource", "frames"));
    let mut traffic = Traffic::new(200_000.0, 5);
    let mut seconds = 0.0;
    for _ in 0..20_000 {
        let (time, host, size) = traffic.sample(2048);
        let sample = Observed { counters: Some(traffic.counters), ..entering(1000) };
        bench.ingest(time, &sample, &ipv4(host, size));
        seconds = time;
    }
    let (_, total) = bench.cache.totals(at(seconds), "flow").unwrap()[0];
    assert!(total.low < 200_000.0 && 200_000.0 < total.high, "{total:?}");
    let (_, rate) = bench.cache.rates().next().unwrap();
    assert_eq!((rate.basis, rate.configured), (Basis::Pool, 1000));
    assert_eq!(rate.used, total.rate);
}

#[test]
fn estimate_decays_after_the_end_of_the_flow() {
    let mut bench = Bench::new(Definition { t: 2.0, ..definition("ipsource", "frames") });
    for tenth in 0..200 {
        bench.ingest(f64::from(tenth) / 10.0, &entering(100), &ipv4(1, 1000));
    }
    let read = |seconds| bench.active(seconds)[0].estimate;
    let (end, later) = (read(20.0), read(26.0));
    near(later.value, end.value * (-3.0_f64).exp());
    near(later.high, end.high * (-3.0_f64).exp());
    near(later.samples, end.samples);
}
