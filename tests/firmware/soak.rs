//! Sixty days of a small firmware in a few seconds. Its tick, the MAC registers, the sample pool
//! and the uptime on the wire all wrap, and no sample or counter is lost, duplicated or late.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use flowmote_baremetal::{
    Clock64, FrameDevice, MibCounter, Node, NodeParts, PacketSample, Port, PortSampler, RawUplink,
    SampleQueue, SharedClock, UdpSender, UdpSenderConfig,
};
use flowmote_core::record::counter::IfCounters;
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSource, DataSource, Duration, Instant, SampleMeta,
    SendError, SourceSlot,
};
use flowmote_decoder::{CountersSample, Datagram, FlowSample, Sample};
use flowmote_lab::net::{if_counters, sampled_header};
use flowmote_lab::sim;

static CLOCK: SharedClock = SharedClock::new(Clock64::new(PERIOD, HZ as u32));
static PORT: PortSampler = PortSampler::new(RATE, 0x5eed);
static QUEUE: SampleQueue<SLOTS> = SampleQueue::new();

#[test]
fn sixty_days_without_loss_or_drift() {
    let (mut sources, mut datagram) = ([SourceSlot::VACANT; 1], [0xa5; 1400]);
    let ports = [Port { if_index: IF_INDEX, sampler: &PORT }];
    let mut firmware = Firmware {
        node: node(&ports, Agent::new(config(), &mut sources, &mut datagram)),
        ticks: 0,
        wake: Instant::ZERO,
        traffic: Traffic::default(),
        collector: Collector::default(),
    };
    for hour in 0..24 * DAYS {
        firmware.event(hour);
        firmware.run_until((hour + 1) * 3600 * HZ);
    }
    firmware.check();
}

/// The main loop, its interrupts, and the true values to compare with.
struct Firmware<'a> {
    node: Node<'a, Mac, RawUplink<Wire>, SLOTS>,
    /// Oscillator ticks since boot, of which the firmware reads 24 bits.
    ticks: u64,
    /// The time by which to poll the node.
    wake: Instant,
    traffic: Traffic,
    collector: Collector,
}

/// True totals.
#[derive(Default)]
struct Traffic {
    packets: u64,
    octets: u64,
    chosen: u64,
    drops: u32,
    random: u32,
}

/// Received and expected samples.
#[derive(Default)]
struct Collector {
    /// Samples still in the queue or in the datagram.
    expected: VecDeque<SampleMeta>,
    datagrams: u32,
    flow_samples: u32,
    counter_samples: u32,
    /// Datagrams with an uptime below that of the previous one.
    wraps: u32,
    uptime: u32,
}

/// A MAC with 32-bit registers that wrap.
struct Mac {
    now: Instant,
    octets: MibCounter,
    packets: MibCounter,
    /// Times of the reads, and the true values then.
    told: VecDeque<(Instant, u64)>,
    last: Option<Instant>,
}

/// A link to a collector that answers ARP.
#[derive(Default)]
struct Wire {
    incoming: VecDeque<Vec<u8>>,
    datagrams: Vec<Vec<u8>>,
    questions: u64,
    silent: bool,
}

impl Firmware<'_> {
    /// Applies the events at the start of an hour.
    fn event(&mut self, hour: u64) {
        match hour {
            // The link comes up half a second after the start.
            0 => {
                self.wire().silent = true;
                self.run_until(HZ / 2);
                self.wire().silent = false;
            }
            // No ARP reply for an hour: the known address stays in use.
            240 => self.wire().silent = true,
            241 => self.wire().silent = false,
            480 => {
                let elsewhere = SocketAddr::from(([192, 0, 2, 77], 6343));
                self.node.set_collector(elsewhere).unwrap();
            }
            _ => {}
        }
        if hour % 6 == 5 {
            self.node.set_sampling_rate(IF_INDEX, 1);
            (0..BURST).for_each(|_| self.pass(1));
            self.node.set_sampling_rate(IF_INDEX, RATE);
            self.turn();
        }
    }

    /// Runs the main loop, sleeping until an interrupt or until the node is due.
    fn run_until(&mut self, end: u64) {
        while self.ticks < end {
            let wake = self.wake.as_millis() * (HZ / 1000);
            // The wrap interrupt fires slightly early each time.
            let next = (self.ticks + PERIOD - 1).min(wake.max(self.ticks + 1)).min(end);
            let before = std::mem::replace(&mut self.ticks, next);
            self.now();
            let (chosen, due) = (self.traffic.chosen, next >= wake);
            if due || self.traffic.next(4) == 0 {
                let packets = self.traffic.next(((next - before) / 50) as u32 + 1);
                self.pass(packets);
                self.read_registers();
            }
            if due || chosen < self.traffic.chosen {
                self.turn();
            }
        }
    }

    /// Runs one turn of the main loop.
    fn turn(&mut self) {
        let now = self.now();
        self.read_registers();
        self.node.counters_mut().now = now;
        let wake = self.node.poll(now).expect("counters are polled for ever");
        assert!(wake > now || !self.wire().incoming.is_empty(), "would spin at {now:?}");
        self.wake = wake;
        for datagram in std::mem::take(&mut self.wire().datagrams) {
            self.collector.take(&datagram, now, &mut self.node.counters_mut().told);
        }
    }

    /// Reads the registers, long before they can wrap twice.
    fn read_registers(&mut self) {
        let Traffic { octets, packets, .. } = self.traffic;
        let mac = self.node.counters_mut();
        assert_eq!(mac.octets.read(octets as u32), octets);
        assert_eq!(mac.packets.read(packets as u32), packets);
    }

    /// Reads the clock, as main loop and interrupts do.
    fn now(&self) -> Instant {
        let now = CLOCK.now(|| (self.ticks % PERIOD) as u32);
        assert_eq!(now.as_millis(), self.ticks / (HZ / 1000));
        now
    }

    /// Runs the receive interrupt for a burst of packets of 1000 bytes.
    fn pass(&mut self, packets: u32) {
        let mut rest = packets;
        while let Some(chosen) = PORT.advance(rest) {
            rest -= chosen.position;
            let traffic = &mut self.traffic;
            traffic.chosen += 1;
            let pool = traffic.packets + u64::from(packets - rest);
            assert_eq!((chosen.meta.sample_pool, chosen.meta.drops), (pool as u32, traffic.drops));
            let frame = [pool as u8; 1000];
            if QUEUE.push(|| PacketSample::received(IF_INDEX, chosen.meta, &frame)) {
                self.collector.expected.push_back(chosen.meta);
            } else {
                PORT.dropped();
                traffic.drops += 1;
            }
        }
        self.traffic.packets += u64::from(packets);
        self.traffic.octets += u64::from(packets) * 1000;
    }

    fn wire(&mut self) -> &mut Wire {
        self.node.uplink_mut().device_mut()
    }

    /// Checks the sums at the end.
    fn check(&mut self) {
        self.run_until(self.ticks + HZ);
        let (traffic, collector, stats) = (&self.traffic, &self.collector, self.node.stats());
        assert!(collector.expected.is_empty(), "samples that never arrived");
        let meta = PORT.meta();
        assert_eq!(meta.sample_pool, traffic.packets as u32);
        assert_eq!(meta.drops, traffic.drops);
        assert_eq!(u64::from(collector.flow_samples + meta.drops), traffic.chosen);
        assert_eq!((stats.datagrams, stats.send_errors), (u64::from(collector.datagrams), 0));
        assert_eq!(stats.flow_samples, u64::from(collector.flow_samples));
        let polls = DAYS as u32 * 86_400 / (POLLING.as_millis() / 1000);
        assert!((polls..=polls + 1).contains(&collector.counter_samples));
        // All counters wrapped at least once.
        assert_eq!(collector.wraps, 1, "uptime");
        assert!(traffic.packets >> 32 > 50 && traffic.octets >> 32 > 50_000);
        assert!(traffic.drops > 1000 && collector.flow_samples > 10_000);
        assert!(self.wire().questions > 24 * DAYS * 59);
    }
}

impl Collector {
    fn take(&mut self, bytes: &[u8], now: Instant, told: &mut VecDeque<(Instant, u64)>) {
        let datagram = Datagram::parse(bytes).expect("an sFlow datagram");
        self.datagrams += 1;
        assert_eq!(datagram.sequence_number, self.datagrams);
        assert_eq!(datagram.uptime, now.as_millis() as u32);
        self.wraps += u32::from(datagram.uptime < self.uptime);
        self.uptime = datagram.uptime;
        for sample in datagram.samples() {
            match sample.expect("a whole sample") {
                Sample::Flow(sample) => self.take_flow(&sample),
                Sample::Counters(sample) => self.take_counters(&sample, now, told),
                other => panic!("{other:?}"),
            }
        }
    }

    fn take_flow(&mut self, sample: &FlowSample<'_>) {
        self.flow_samples += 1;
        assert_eq!(sample.sequence_number, self.flow_samples);
        let expected = self.expected.pop_front().expect("a sample that was taken");
        let FlowSample { sampling_rate, sample_pool, drops, .. } = *sample;
        assert_eq!(SampleMeta { sampling_rate, sample_pool, drops }, expected);
        let header = sampled_header(sample);
        assert_eq!((header.header, header.frame_length), (&[sample_pool as u8; 128][..], 1004));
    }

    fn take_counters(
        &mut self,
        sample: &CountersSample<'_>,
        now: Instant,
        told: &mut VecDeque<(Instant, u64)>,
    ) {
        self.counter_samples += 1;
        assert_eq!(sample.sequence_number, self.counter_samples);
        let (asked, packets) = told.pop_front().expect("counters that were read");
        assert!(now <= asked + config().max_delay, "waited from {asked:?} to {now:?}");
        let counters = if_counters(sample).expect("generic counters");
        assert_eq!(counters.if_in_octets, packets * 1000);
        assert_eq!(counters.if_in_ucast_pkts, packets as u32);
    }
}

impl Traffic {
    /// Returns a number below `limit`, the same in each run.
    fn next(&mut self, limit: u32) -> u32 {
        self.random = self.random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((u64::from(self.random) * u64::from(limit)) >> 32) as u32
    }
}

impl CounterSource for Mac {
    fn counters(&mut self, _: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        // Each interval is exact to the millisecond, starting within the first one.
        if let Some(last) = self.last {
            assert_eq!(self.now, last + POLLING);
        }
        self.last = Some(self.now);
        let (octets, packets) = (self.octets.total(), self.packets.total());
        self.told.push_back((self.now, packets));
        emit(&[&IfCounters {
            if_in_octets: octets,
            if_in_ucast_pkts: packets as u32,
            ..IfCounters::UNKNOWN
        }]);
    }
}

impl FrameDevice for Wire {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        if payload.is_empty() {
            self.questions += 1;
            if !self.silent {
                self.incoming.push_back(answer(head));
            }
        } else {
            assert_eq!(head[..6], COLLECTOR_MAC);
            self.datagrams.push(payload.to_vec());
        }
        Ok(())
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let Some(frame) = self.incoming.pop_front() else { return false };
        take(&frame);
        true
    }
}

/// Returns the ARP reply to a request, with the collector's MAC address for any target.
fn answer(question: &[u8]) -> Vec<u8> {
    let (asker, asked) = (&question[22..32], &question[38..42]);
    let head = [&asker[..6], &COLLECTOR_MAC, &question[12..20], &[0, 2]].concat();
    [&head[..], &COLLECTOR_MAC, asked, asker].concat()
}

fn node<'a>(ports: &'a [Port<'a>], agent: Agent<'a>) -> Node<'a, Mac, RawUplink<Wire>, SLOTS> {
    let sender = UdpSender::new(UdpSenderConfig {
        mac: [2, 0, 0, 0, 0, 1],
        address: Ipv4Addr::new(192, 0, 2, 1),
        prefix: 24,
        gateway: None,
        port: 6343,
        collector: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 6343),
    });
    let register = MibCounter::wrapping(32, 0);
    let told = VecDeque::new();
    let counters =
        Mac { now: Instant::ZERO, octets: register, packets: register, told, last: None };
    let uplink = RawUplink::new(Wire::default(), sender);
    let parts = NodeParts { agent, ports, samples: &QUEUE, counters, uplink };
    Node::new(Instant::ZERO, parts, POLLING).unwrap()
}

fn config() -> AgentConfig {
    AgentConfig { max_delay: Duration::from_millis(100), seed: 1, ..sim::config() }
}

const DAYS: u64 = 60;
/// SysTick of 24 bits at 25 MHz: it wraps every 671 ms.
const HZ: u64 = 25_000_000;
const PERIOD: u64 = 1 << 24;
const IF_INDEX: u32 = 1;
const RATE: u32 = 20_000_000;
const POLLING: Duration = Duration::from_secs(60);
const SLOTS: usize = 8;
/// Packets per burst: more than the queue has slots.
const BURST: u32 = 20;
const COLLECTOR_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
