//! The agent over hours and days of virtual time. The collector of the simulation checks the rules
//! for every datagram; each scenario checks its own properties.

use flowmote_core::{DataSource, Duration, Encoding, Instant, MAX_COMPACT_INDEX};
use flowmote_lab::sim::{Port, Simulation, Traffic, config};

const BOOT: Instant = Instant::from_millis(12_345);
const HOUR: Duration = Duration::from_secs(3600);
const NEVER: Duration = Duration::ZERO;

/// A burst of a flow every `every` milliseconds, from the start on.
fn bursts(flow: u32, every: u32, burst: u32) -> Traffic {
    let every = Duration::from_millis(every);
    Traffic { flow, next: BOOT, every, burst, frame_length: 1518 }
}

#[test]
fn no_sample_waits_longer_than_the_delay() {
    for (max_delay, bound) in [
        (Duration::ZERO, Duration::ZERO),
        (Duration::from_millis(250), Duration::from_millis(250)),
        (Duration::from_secs(60), Duration::from_millis(1000)),
    ] {
        let mut sim = Simulation::new(BOOT, config(), 2);
        sim.reconfigure(|config| config.max_delay = max_delay);
        sim.add_port(Port::new(1, 30).with(bursts(1, 37, 1)), Duration::from_secs(20));
        sim.add_port(Port::new(2, 100).with(bursts(1, 1009, 90)), Duration::from_secs(20));
        sim.run(HOUR);
        sim.finish();
        assert_eq!(sim.collector.longest_wait, bound, "samples use the whole delay and no more");
        let chosen = sim.ports[0].chosen;
        assert_eq!((sim.tally(1).flow_samples, sim.ports[0].dropped), (chosen, 0));
    }
}

#[test]
fn busy_port_fills_its_datagrams() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.add_port(Port::new(1, 1).with(bursts(1, 10, 50)), NEVER);
    sim.run(Duration::from_secs(60));
    let stats = sim.agent.stats();
    assert!(stats.flow_samples >= 6 * (stats.datagrams - 1), "{stats:?}");
    assert_eq!(sim.collector.longest_wait, Duration::from_millis(10), "until the next burst");
}

#[test]
fn polls_of_500_sources_are_spread_over_the_interval() {
    let interval = Duration::from_secs(20);
    let mut sim = Simulation::new(BOOT, config(), 500);
    for index in 1..=500 {
        sim.add_port(Port::new(index, 0), interval);
    }
    sim.run(Duration::from_secs(600));
    sim.meters.check_none_overdue(sim.now);
    let mut by_second = [0; 20];
    for index in 1..=500 {
        let polled = &sim.meters.polled[&DataSource::interface(index)];
        assert_eq!(polled.len(), 30, "every interval");
        by_second[(polled[0].since(BOOT).as_millis().saturating_sub(1) / 1000) as usize] += 1;
    }
    // 25 a second on average. Random seeds would exceed these bounds once in 10,000 runs.
    assert!(by_second.iter().all(|first| (6..=48).contains(first)), "{by_second:?}");
    sim.finish();
    assert!((1..=500).all(|index| sim.tally(index).counter_samples == 30));
}

#[test]
fn counters_arrive_beside_samples() {
    let mut sim = Simulation::new(BOOT, config(), 3);
    for index in 1..=3 {
        sim.add_port(Port::new(index, 10).with(bursts(1, 100, 20)), Duration::from_secs(10));
    }
    sim.run(HOUR);
    sim.finish();
    for (port, index) in sim.ports.iter().zip(1..) {
        let tally = sim.tally(index);
        assert_eq!(tally.counter_samples, 360);
        let since = port.total_bytes() - tally.octets;
        assert!(since <= 10 * 10 * 20 * 1518, "the last poll is at most an interval old");
        assert_eq!(tally.flow_samples, port.chosen);
    }
}

#[test]
fn sixty_days_wrap_uptime_and_pool() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.add_port(Port::new(1, 1 << 20).with(bursts(1, 60_000, 3 << 20)), Duration::from_secs(3600));
    for _ in 0..60 * 24 {
        sim.run(HOUR);
    }
    sim.finish();
    let port = &sim.ports[0];
    assert_eq!(sim.collector.uptime_wraps, 1);
    assert!(port.total_packets() >> 32 > 60, "the pool wrapped");
    let tally = sim.tally(1);
    assert_eq!((tally.flow_samples, tally.counter_samples), (port.chosen, 60 * 24));
    let unreported = port.total_packets() - tally.sample_pool;
    assert!(unreported < 2 << 20, "the last sample is at most one skip old");
    assert!(tally.total().error(port.total_packets()) < tally.total().bound());
}

#[test]
fn estimates_keep_their_bound() {
    // Flows from 1 in 400 packets to half of all packets, with different lengths and intervals.
    let flows: Vec<Traffic> = (1..=20)
        .map(|flow| Traffic {
            frame_length: 64 + 73 * flow,
            every: Duration::from_millis(20 + 7 * flow),
            ..bursts(flow, 0, 1 + (flow * flow) / 4)
        })
        .collect();
    let (mut within, mut all) = (0, 0);
    for seed in 1..=5 {
        let mut sim = Simulation::new(BOOT, config(), 1);
        let mut port = Port::new(seed, 100);
        port.traffic.clone_from(&flows);
        sim.add_port(port, NEVER);
        sim.run(Duration::from_secs(600));
        sim.finish();
        let (port, tally) = (&sim.ports[0], sim.tally(seed));
        for (flow, estimate) in &tally.flows {
            all += 1;
            within += u32::from(estimate.error(port.packets[flow]) <= estimate.bound());
        }
        let total = tally.total();
        assert!(total.error(port.total_packets()) <= total.bound(), "{total:?}");
        assert!(total.byte_error(port.total_bytes()) <= total.bound(), "{total:?}");
    }
    assert_eq!(all, 100);
    assert!(within >= 90, "{within} of {all} within the bound, 95 expected");
}

#[test]
fn full_queue_counts_drops() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.service = Duration::from_millis(100);
    let mut port = Port::new(1, 10).with(bursts(1, 13, 25));
    port.room = 5;
    sim.add_port(port, NEVER);
    sim.run(HOUR);
    // Drops are reported by the next sample that gets through.
    sim.service = Duration::ZERO;
    sim.run(Duration::from_secs(10));
    sim.finish();
    let (port, tally) = (&sim.ports[0], sim.tally(1));
    assert!(port.dropped > 10_000);
    assert_eq!(tally.flow_samples + port.dropped, port.chosen);
    assert_eq!(u64::from(tally.drops), port.dropped, "each lost sample counts once");
    assert_eq!(tally.flow_samples_missing, 0, "a lost sample takes no sequence number");
    let unreported = port.total_packets() - tally.sample_pool;
    assert!(unreported < 20, "packets of lost samples are in the pool");
}

#[test]
fn collector_counts_what_it_missed_while_down() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.add_port(Port::new(1, 10).with(bursts(1, 50, 30)), Duration::from_secs(20));
    sim.run(HOUR);
    assert_eq!((sim.collector.lost, sim.collector.missing), (0, 0));
    sim.collector.down = true;
    sim.run(HOUR);
    let lost = sim.collector.lost;
    assert!(lost > 1_000);
    assert_eq!(sim.agent.stats().send_errors, lost);
    sim.collector.down = false;
    sim.run(HOUR);
    sim.finish();
    assert_eq!((sim.collector.missing, sim.collector.lost), (lost, lost));
    let (port, tally) = (&sim.ports[0], sim.tally(1));
    assert_eq!(tally.flow_samples + tally.flow_samples_missing, port.chosen);
    assert_eq!(sim.agent.stats().datagrams, sim.collector.received + lost);
    assert!(sim.collector.longest_wait <= config().max_delay, "no sample was kept for later");
}

#[test]
fn sequence_numbers_reveal_losses_on_the_way() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.collector.loses_each = 7;
    sim.add_port(Port::new(1, 10).with(bursts(1, 50, 30)), NEVER);
    sim.run(HOUR);
    sim.collector.loses_each = 0;
    sim.run(Duration::from_secs(10));
    sim.finish();
    assert!(sim.collector.lost > 1_000);
    assert_eq!(sim.collector.missing, sim.collector.lost);
    assert_eq!(sim.agent.stats().send_errors, 0, "the agent cannot detect these losses");
    let (port, tally) = (&sim.ports[0], sim.tally(1));
    assert_eq!(tally.flow_samples + tally.flow_samples_missing, port.chosen);
    // Scaled by the losses that the sequence numbers reveal, the samples estimate all traffic.
    let scale = port.chosen as f64 / tally.flow_samples as f64;
    let estimate = tally.total().packets as f64 * scale / port.total_packets() as f64;
    assert!((estimate - 1.0).abs() <= tally.total().bound());
}

#[test]
fn large_index_changes_the_encoding_permanently() {
    let mut sim = Simulation::new(BOOT, config(), 2);
    sim.add_port(Port::new(1, 10).with(bursts(1, 50, 30)), Duration::from_secs(20));
    sim.run(HOUR);
    assert_eq!(sim.collector.encodings, [Encoding::Compact]);
    let before = (sim.tally(1).flow_samples, sim.collector.received);
    sim.reconfigure(|config| config.head.encoding = Encoding::Expanded);
    let large = MAX_COMPACT_INDEX + 1;
    let start = sim.now;
    let late = Traffic { next: start, ..bursts(1, 50, 30) };
    sim.add_port(Port::new(large, 10).with(late), Duration::from_secs(20));
    sim.run(HOUR);
    sim.finish();
    assert_eq!(sim.collector.encodings, [Encoding::Compact, Encoding::Expanded]);
    assert_eq!(sim.collector.missing, 0, "one stream of datagrams");
    assert!(sim.collector.received > before.1);
    for port in &sim.ports {
        let tally = sim.tally(port.index);
        assert_eq!(tally.flow_samples, port.chosen, "the change loses no sample");
        assert_eq!(tally.flow_samples_missing, 0);
    }
    assert!(sim.tally(1).flow_samples > before.0);
}

#[test]
fn sampling_rate_changes_at_any_time() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.add_port(Port::new(1, 100).with(bursts(1, 10, 64)), NEVER);
    let rates = [100, 1_000, 1, 37, 0, 100];
    for rate in rates {
        sim.ports[0].sampler.set_sampling_rate(rate);
        sim.run(Duration::from_secs(60));
    }
    sim.finish();
    let (port, tally) = (&sim.ports[0], sim.tally(1));
    assert_eq!(tally.sampling_rates, [100, 1_000, 1, 37, 100], "0 is off");
    assert_eq!(tally.flow_samples, port.chosen);
    assert_eq!(
        port.sampler.meta().sample_pool,
        port.total_packets() as u32,
        "counted without interruption"
    );
    // One of the six minutes was not sampled. The rate with the fewest samples bounds the error.
    let sampled = port.total_packets() - port.total_packets() / 6;
    let scarcest = (60 * 100 * 64 / 1_000) as f64;
    assert!(tally.total().error(sampled) <= 1.96 / scarcest.sqrt(), "{:?}", tally.total());
}

#[test]
fn change_of_delay_and_header_size_loses_nothing() {
    let mut sim = Simulation::new(BOOT, config(), 1);
    sim.add_port(Port::new(1, 10).with(bursts(1, 50, 30)), Duration::from_secs(20));
    for round in 1..=50 {
        sim.run(Duration::from_millis(777));
        sim.reconfigure(|config| {
            config.max_delay = Duration::from_millis(10 * round);
            config.header_bytes = 64 + round as usize;
        });
    }
    sim.finish();
    let (port, tally) = (&sim.ports[0], sim.tally(1));
    assert_eq!((tally.flow_samples, tally.flow_samples_missing), (port.chosen, 0));
    assert_eq!(sim.collector.missing, 0);
}
