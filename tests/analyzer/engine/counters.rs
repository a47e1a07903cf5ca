//! Metrics of counters against what the simulated device counted: rates, wraps, resets, unknown values,
//! losses, repetitions and restarts.

use flowmote_core::record::counter::{HostNetIo, IfCounters};
use flowmote_core::{CounterRecord, DataSource, Random};
use flowmote_decoder::Address;
use flowmote_engine::metrics::MetricValue;
use flowmote_engine::source::Source;
use proptest::prelude::*;

use crate::device::Device;
use crate::heap::Heap;

/// What happens before counters are read.
#[derive(Clone, Copy, Debug)]
enum Event {
    /// Traffic only.
    None,
    /// The datagram is lost.
    Lost,
    /// It arrives twice.
    Repeated,
    /// The counters of the port begin anew.
    Reset,
    /// The device starts again, and with it its numbers and counters.
    Restart,
    /// Unicast packets and octets are unknown this time.
    Unknown,
}

/// What the port and the host count. Counters of 32 bits on the wire are the lower halves.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Counts {
    octets: u64,
    packets: u64,
    errors: u64,
    host_bytes: u64,
    host_drops: u64,
}

/// The values that the analyzer should have: `None` without a rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Rates {
    octets: Option<f64>,
    packets: Option<f64>,
    errors: Option<f64>,
    utilization: Option<f64>,
    host_bytes: Option<f64>,
    host_drops: Option<f64>,
}

struct World {
    heap: Heap,
    device: Device,
    random: Random,
    now: u64,
    counts: Counts,
    /// Of the last counters that arrived: the time, the counts, and which of them were known.
    arrived: Option<(u64, Counts, bool)>,
    expected: Rates,
    /// The time of its start.
    boot: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        // Close to a wrap of 32 bits, and beyond it in 64.
        let near = u64::from(u32::MAX) - 1_000_000;
        let counts = Counts {
            octets: near,
            packets: near,
            errors: near,
            host_bytes: near << 31,
            host_drops: near,
        };
        Self {
            heap: Heap::new(16 << 20),
            device: Device::new(1, &[0; 2], seed).near_wrap(),
            random: Random::new(seed),
            now: 1000,
            counts,
            arrived: None,
            expected: Rates::default(),
            boot: 0,
        }
    }

    fn step(&mut self, event: Event) {
        self.now += 1000 + u64::from(self.random.below(59_000));
        let (reset, restart) = match event {
            Event::Reset => (self.can_reset(), false),
            Event::Restart => (self.can_restart(), self.can_restart()),
            _ => (false, false),
        };
        let Counts { octets, packets, errors, host_bytes, host_drops } = &mut self.counts;
        if reset {
            (*octets, *packets, *errors) = (0, 0, 0);
        }
        if restart {
            (*host_bytes, *host_drops) = (0, 0);
            self.boot = self.now - 10;
            self.device = Device::new(1, &[0; 2], 1).started(self.boot);
        }
        self.count();
        let known = !matches!(event, Event::Unknown);
        let datagram = self.datagram(known);
        if !matches!(event, Event::Lost) {
            self.heap.ingest(self.now, &datagram);
            self.arrive(known, [reset, restart]);
        }
        if matches!(event, Event::Repeated) {
            self.heap.ingest(self.now + 5, &datagram);
        }
    }

    fn count(&mut self) {
        let mut more = |most| u64::from(self.random.below(most));
        self.counts.octets += more(1 << 30);
        self.counts.packets += more(1 << 20);
        self.counts.errors += more(10);
        self.counts.host_bytes += more(1 << 30);
        self.counts.host_drops += more(1 << 28);
    }

    /// True if the counters of the port were known and had more than they count in a step: no collector
    /// sees else that they began anew.
    fn can_reset(&self) -> bool {
        self.arrived.is_some_and(|(_, counts, known)| known && counts.octets > 1 << 30)
    }

    /// The same of the host. A device that starts again within five minutes may look like copies and late
    /// datagrams of its first start.
    fn can_restart(&self) -> bool {
        let long = |(time, counts, _): (u64, Counts, bool)| {
            time > self.boot + 301_000 && counts.host_bytes > 1 << 30
        };
        self.can_reset() && self.arrived.is_some_and(long)
    }

    fn datagram(&mut self, known: bool) -> Vec<u8> {
        let Counts { octets, packets, errors, host_bytes, host_drops } = self.counts;
        let port = IfCounters {
            if_index: 1,
            if_speed: 10_000_000_000,
            if_in_octets: if known { octets } else { u64::MAX },
            if_in_ucast_pkts: if known { packets as u32 } else { u32::MAX },
            if_in_errors: errors as u32,
            ..IfCounters::UNKNOWN
        };
        let host =
            HostNetIo { bytes_in: host_bytes, drops_in: host_drops as u32, ..HostNetIo::UNKNOWN };
        let mut wire = Vec::new();
        let records: [&[&dyn CounterRecord]; 2] = [&[&port], &[&host]];
        for (index, records) in (1..).zip(records) {
            self.device.counters(self.now, DataSource::interface(index), records, &mut wire);
        }
        self.device.flush(self.now, &mut wire);
        wire.pop().expect("a datagram")
    }

    /// What follows from the counters that arrive; `reset`: those of the port, those of the host.
    fn arrive(&mut self, known: bool, reset: [bool; 2]) {
        let (now, counts) = (self.now, self.counts);
        let before = self.arrived.replace((now, counts, known));
        self.expected = Rates::default();
        let Some((time, old, was_known)) = before else { return };
        let seconds = (now - time) as f64 / 1000.0;
        let rate = |old: u64, new: u64| new.checked_sub(old).map(|step| step as f64 / seconds);
        if !reset[0] {
            let both = |rate: Option<f64>| rate.filter(|_| known && was_known);
            self.expected.octets = both(rate(old.octets, counts.octets));
            self.expected.packets = both(rate(old.packets, counts.packets));
            self.expected.errors = rate(old.errors, counts.errors);
            // Percent of 1.25 GB/s.
            self.expected.utilization = self.expected.octets.map(|octets| octets / 1.25e7);
        }
        if !reset[1] {
            self.expected.host_bytes = rate(old.host_bytes, counts.host_bytes);
            self.expected.host_drops = rate(old.host_drops, counts.host_drops);
        }
    }

    fn found(&self) -> Rates {
        let get = |index, name: &str| {
            let data_source = flowmote_decoder::DataSource { class: 0, index };
            let source = Source { agent: Address::V4(Device::address(1)), data_source };
            match self.heap.analyzer().metrics().get(&source, name) {
                Some(MetricValue::Number(number)) => Some(number),
                Some(MetricValue::Text(text)) => panic!("{name}: {text}"),
                None => None,
            }
        };
        Rates {
            octets: get(1, "ifinoctets"),
            packets: get(1, "ifinucastpkts"),
            errors: get(1, "ifinerrors"),
            utilization: get(1, "ifinutilization"),
            host_bytes: get(2, "bytes_in"),
            host_drops: get(2, "drops_in"),
        }
    }

    fn check(&self, event: Event) {
        let (found, expected) = (self.found(), self.expected);
        let near = |found: Option<f64>, expected: Option<f64>| match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() <= 1e-9 * expected,
            (found, expected) => found == expected,
        };
        let pairs = [
            (found.octets, expected.octets),
            (found.packets, expected.packets),
            (found.errors, expected.errors),
            (found.utilization, expected.utilization),
            (found.host_bytes, expected.host_bytes),
            (found.host_drops, expected.host_drops),
        ];
        let same = pairs.into_iter().all(|(found, expected)| near(found, expected));
        assert!(same, "after {event:?}: {found:?}, expected {expected:?}");
    }
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        6 => Just(Event::None),
        1 => Just(Event::Lost),
        1 => Just(Event::Repeated),
        1 => Just(Event::Reset),
        1 => Just(Event::Restart),
        1 => Just(Event::Unknown),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn metrics_are_what_the_device_counted(seed in 0..u64::MAX >> 8, events in prop::collection::vec(event(), 1..40)) {
        let mut world = World::new(seed);
        for event in events {
            world.step(event);
            world.check(event);
        }
    }
}

/// 64 bits do not wrap within the life of a device: a smaller count is a reset. 32 bits do.
#[test]
fn counters_of_32_bits_wrap_and_those_of_64_are_reset() {
    let mut world = World::new(1);
    for _ in 0..80 {
        world.step(Event::None);
        world.check(Event::None);
    }
    assert!(world.counts.packets >> 32 == 1 && world.counts.host_drops >> 32 > 1);
    world.counts.host_bytes = u64::MAX - (2 << 30);
    world.step(Event::None);
    world.check(Event::None);
    world.counts.host_bytes = 0;
    world.step(Event::None);
    assert_eq!((world.found().host_bytes, world.found().host_drops), (None, None));
    world.step(Event::None);
    world.check(Event::None);
}
