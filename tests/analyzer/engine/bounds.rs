//! Memory within its bound, whatever comes.

use flowmote_core::record::counter::{IfCounters, PortName};
use flowmote_core::{DataSource, Random};
use flowmote_engine::flowcache::Definition;

use crate::device::{Device, Frame};
use crate::heap::{Heap, at};

struct Flood {
    heap: Heap,
    random: Random,
    now: u64,
}

impl Flood {
    fn new() -> Self {
        let mut heap = Heap::new(MEMORY);
        for (number, keys) in (0..).zip(KEYS) {
            let definition = Definition {
                keys: keys.to_owned(),
                value: "bytes".to_owned(),
                log: true,
                counter: number % 2 == 0,
                active_timeout: 1.0,
                ..Definition::default()
            };
            let name = format!("flow{number}");
            heap.set(|analyzer| analyzer.define(at(0), &name, definition).expect("a definition"));
        }
        Self { heap, random: Random::new(1), now: 0 }
    }

    /// A device sends samples with random keys.
    fn flows(&mut self, device: &mut Device) {
        self.now += 1;
        let mut wire = Vec::new();
        for _ in 0..7 {
            let port = 1 + self.random.below(2);
            while device.sampler(port).advance(1).is_none() {}
            let frame = Frame { host: self.random.below(1 << 24), bytes: 1000 };
            device.sampled(self.now, port, frame, &mut wire);
        }
        self.send(device, wire);
    }

    /// A device sends the counters of its ports.
    fn counters(&mut self, device: &mut Device, ports: u32) {
        self.now += 1;
        let mut wire = Vec::new();
        for port in 1..=ports {
            let counters = IfCounters { if_index: port, if_in_octets: 1, ..IfCounters::UNKNOWN };
            let name = PortName { name: &format!("port{port}") };
            let source = DataSource::interface(port);
            device.counters(self.now, source, &[&counters, &name], &mut wire);
        }
        self.send(device, wire);
    }

    fn send(&mut self, device: &mut Device, mut wire: Vec<Vec<u8>>) {
        device.flush(self.now, &mut wire);
        wire.iter().for_each(|datagram| self.heap.ingest(self.now, datagram));
        if self.now.is_multiple_of(100) {
            self.heap.tick(self.now);
        }
        let bytes = self.heap.bytes();
        assert!(bytes <= BOUND, "{bytes} bytes at {} ms", self.now);
    }
}

#[test]
fn random_keys_forged_agents_and_many_ports_stay_within_the_bound() {
    let mut flood = Flood::new();
    let mut device = Device::new(0, &[100; 2], 1);
    for _ in 0..5_000 {
        flood.flows(&mut device);
    }
    println!("random keys: {} bytes", flood.heap.bytes());
    assert!(flood.heap.analyzer().flows().usage().evicted > 0, "the tables are full");
    for number in 0..5_000 {
        flood.flows(&mut Device::new(1 << 20 | number, &[100; 2], number.into()));
    }
    println!("forged agents: {} bytes", flood.heap.bytes());
    assert!(flood.heap.analyzer().flows().usage().forgotten > 0, "the data sources are too many");
    for number in 0..10_000 {
        flood.counters(&mut Device::new(2 << 20 | number, &[0; 50], number.into()), 50);
    }
    println!("ports: {} bytes", flood.heap.bytes());
    let analyzer = flood.heap.analyzer();
    assert!(analyzer.metrics().evicted > 0 && analyzer.checks().forgotten() > 0);
}

const KEYS: [&str; 4] = ["ipsource", "ipsource,ipdestination", "inputifindex,ipsource", "agent"];
const MEMORY: usize = 32 << 20;
/// What is held beyond the tables is a tenth.
const BOUND: u64 = MEMORY as u64 * 11 / 10;
