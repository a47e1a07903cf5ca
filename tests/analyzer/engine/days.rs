//! Days in virtual time: numbers wrap, agents, ports and flows come and go, memory stays.

use std::collections::VecDeque;

use flowmote_core::record::counter::IfCounters;
use flowmote_core::{DataSource, Random};
use flowmote_decoder::{Address, Datagram, Sample};
use flowmote_engine::agents::Account;
use flowmote_engine::flowcache::Definition;
use flowmote_engine::metrics::MetricValue;
use flowmote_engine::selfcheck::Diagnosis;
use flowmote_engine::source::Source;

use crate::device::{Device, Frame};
use crate::heap::{Heap, at};

/// A port with counters, and what the analyzer should make of them.
#[derive(Clone, Copy, Default)]
struct Port {
    packets: u64,
    /// The time and the count of the last counter sample that arrived.
    arrived: Option<(u64, u64)>,
    /// The rate of packets.
    rate: Option<f64>,
}

/// A device on a lossy link for sixty days.
struct Days {
    device: Device,
    ports: [Port; 2],
    heap: Heap,
    random: Random,
    now: u64,
    truth: Account,
}

impl Days {
    fn new() -> Self {
        let mut heap = Heap::new(MEMORY);
        let definition = Definition { t: 600.0, ..definition("ipsource", "bytes") };
        heap.set(|analyzer| analyzer.define(at(0), "hosts", definition).expect("a definition"));
        Self {
            device: Device::new(1, &[RATE; 2], 7).near_wrap(),
            ports: [Port::default(); 2],
            heap,
            random: Random::new(1),
            now: 1000,
            truth: Account::default(),
        }
    }

    /// Two minutes of traffic, of which `lost` of 100 datagrams get lost, and as many samples in the
    /// agent.
    fn step(&mut self, lost: u32) {
        self.now += STEP;
        let mut wire = Vec::new();
        for port in 1..=2 {
            let packets = STEP_PACKETS / 2 + self.random.below(STEP_PACKETS);
            self.ports[port as usize - 1].packets += u64::from(packets);
            let mut left = packets;
            while let Some(taken) = self.device.sampler(port).advance(left) {
                left -= taken;
                self.truth.made += 1;
                if self.random.below(100) < lost {
                    self.device.sampler(port).dropped();
                    self.truth.dropped += 1;
                } else {
                    self.device.sampled(
                        self.now,
                        port,
                        Frame { host: port, bytes: 1000 },
                        &mut wire,
                    );
                }
            }
            let counters = self.counters(port);
            self.device.counters(self.now, DataSource::interface(port), &[&counters], &mut wire);
            self.truth.made += 1;
        }
        self.device.flush(self.now, &mut wire);
        wire.iter().for_each(|datagram| self.pass(datagram, lost));
        self.heap.tick(self.now);
    }

    fn pass(&mut self, datagram: &[u8], lost: u32) {
        let parsed = Datagram::parse(datagram).expect("a datagram");
        let arrives = self.random.below(100) >= lost;
        for sample in parsed.samples().flatten() {
            let fate = if arrives { &mut self.truth.used } else { &mut self.truth.lost };
            *fate += 1;
            if let (true, Sample::Counters(counters)) = (arrives, sample) {
                self.ports[counters.source_id.index as usize - 1].arrive(self.now);
            }
        }
        if arrives {
            self.heap.ingest(self.now, datagram);
        }
    }

    fn counters(&self, port: u32) -> IfCounters {
        let packets = self.ports[port as usize - 1].packets;
        IfCounters {
            if_index: port,
            if_speed: 100_000_000_000,
            if_in_octets: packets * 996,
            if_in_ucast_pkts: packets as u32,
            if_out_octets: 0,
            if_out_ucast_pkts: 0,
            ..IfCounters::UNKNOWN
        }
    }

    fn check(&self) {
        let analyzer = self.heap.analyzer();
        let address = Address::V4(Device::address(1));
        assert_eq!(analyzer.agents().get(address).expect("an agent").ledger.account(), self.truth);
        for (index, port) in (1..).zip(&self.ports) {
            let data_source = flowmote_decoder::DataSource { class: 0, index };
            let source = Source { agent: address, data_source };
            let found = analyzer.metrics().get(&source, "ifinucastpkts");
            assert_eq!(found, port.rate.map(MetricValue::Number));
            let [received, _] = analyzer.checks().get(&source).expect("a port");
            let fine = [Diagnosis::Agreement, Diagnosis::TooFewSamples];
            assert!(fine.contains(&received.finding.diagnosis), "{received:?}");
        }
    }
}

impl Port {
    /// Its counters arrive.
    fn arrive(&mut self, now: u64) {
        if let Some((time, packets)) = self.arrived {
            let seconds = (now - time) as f64 / 1000.0;
            self.rate = Some((self.packets - packets) as f64 / seconds);
        }
        self.arrived = Some((now, self.packets));
    }
}

#[test]
fn everything_wraps_in_sixty_days_and_the_ledger_adds_up() {
    let mut days = Days::new();
    // The first numbers of each source are known.
    days.step(0);
    days.step(0);
    for _ in 0..60 {
        for _ in 0..DAY / STEP - 4 {
            days.step(5);
        }
        // What was lost is known by the numbers after it.
        (0..4).for_each(|_| days.step(0));
        days.check();
    }
    assert!(days.now > 1 << 32, "the uptime wraps");
    for port in days.ports {
        assert!(port.packets >> 32 > 50, "counters and the pool wrap");
    }
    assert!(days.truth.dropped > 1000 && days.truth.lost > 1000, "{:?}", days.truth);
    assert_eq!(days.truth.made, days.truth.dropped + days.truth.lost + days.truth.used);
}

/// Devices, ports and flows that come and go, for a day. In the first hour they come so fast that all
/// tables are full after it.
#[test]
fn a_day_of_change_holds_memory() {
    let mut crowd = Crowd::new();
    let hours: Vec<u64> =
        (0..24).map(|hour| crowd.hour(if hour == 0 { 400 } else { 4000 })).collect();
    println!("{hours:?}");
    assert!(hours.iter().all(|bytes| *bytes <= MEMORY as u64 * 11 / 10), "{hours:?}");
    // The flood of the first hour is forgotten after the second.
    let third = hours[2];
    assert!(hours[2..].iter().all(|bytes| bytes.abs_diff(third) < third / 50), "{hours:?}");
}

/// Twenty devices, of which one is replaced in each step.
struct Crowd {
    heap: Heap,
    devices: VecDeque<Device>,
    random: Random,
    /// The devices so far.
    number: u32,
    now: u64,
}

impl Crowd {
    fn new() -> Self {
        let mut heap = Heap::new(MEMORY);
        for (name, keys) in [("hosts", "ipsource"), ("ports", "inputifindex,ipsource")] {
            let definition = Definition { log: true, counter: true, ..definition(keys, "bytes") };
            heap.set(|analyzer| analyzer.define(at(0), name, definition).expect("a definition"));
        }
        let (devices, random) = (VecDeque::new(), Random::new(3));
        let mut crowd = Self { heap, devices, random, number: 0, now: 0 };
        (0..20).for_each(|_| crowd.begin());
        crowd
    }

    fn begin(&mut self) {
        self.number += 1;
        let device = Device::new(self.number, &[100; 4], self.number.into());
        self.devices.push_back(device.started(self.now));
    }

    /// An hour in steps of `step` ms. Returns the most bytes on the heap.
    fn hour(&mut self, step: u64) -> u64 {
        let mut most = 0;
        for _ in 0..3_600_000 / step {
            self.now += step;
            self.devices.pop_front();
            self.begin();
            self.send();
            self.heap.tick(self.now);
            most = most.max(self.heap.bytes());
        }
        most
    }

    /// A device sends samples and counters of two ports.
    fn send(&mut self) {
        let (now, random, mut wire) = (self.now, &mut self.random, Vec::new());
        let device = &mut self.devices[random.below(20) as usize];
        for _ in 0..2 {
            let port = 1 + random.below(4);
            for bytes in [100, 1500] {
                while device.sampler(port).advance(1).is_none() {}
                // A few hosts stay.
                let host =
                    if random.below(3) == 0 { random.below(10) } else { random.below(1 << 24) };
                device.sampled(now, port, Frame { host, bytes }, &mut wire);
            }
            let counters = IfCounters { if_index: port, ..IfCounters::UNKNOWN };
            device.counters(now, DataSource::interface(port), &[&counters], &mut wire);
        }
        device.flush(now, &mut wire);
        wire.iter().for_each(|datagram| self.heap.ingest(now, datagram));
    }
}

fn definition(keys: &str, value: &str) -> Definition {
    Definition { keys: keys.to_owned(), value: value.to_owned(), ..Definition::default() }
}

const MEMORY: usize = 16 << 20;
const DAY: u64 = 24 * 3600 * 1000;
/// Time of a step, ms.
const STEP: u64 = 120_000;
/// Packets of a step, on average.
const STEP_PACKETS: u32 = 6 << 20;
/// Packets that a sample stands for.
const RATE: u32 = 2 << 20;
