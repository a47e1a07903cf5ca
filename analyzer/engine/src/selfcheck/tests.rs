use core::net::Ipv4Addr;
use core::time::Duration;

use flowmote_decoder::{DataSource, Datagram, Interface, Sample};

use super::*;
use crate::flowcache::Random;
use crate::instant::Instant;

const AGENT: Address = Address::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Lengths of frames, each as frequent as the others.
const LENGTHS: [u64; 3] = [64, 600, 1518];

fn source(index: u32) -> Source {
    Source { agent: AGENT, data_source: DataSource { class: 0, index } }
}

/// A port with traffic in both directions, a sampler and counters.
struct Simulated {
    index: u32,
    /// N of 1 in N, by the sampler and in the samples.
    actual: f64,
    stated: u32,
    /// Packets per second received and sent, on average.
    traffic: [f64; 2],
    /// Directions that are sampled.
    sampled: [bool; 2],
    /// Probability that a sample is lost.
    lost: f64,
    /// Samplers that see each packet.
    samplers: u32,
    /// True if the counters stand still.
    stuck: bool,
    /// Packets of the wire in each packet that is counted.
    segments: u64,
    /// True if the agent counts packets, and the pool.
    packets: bool,
    pool: bool,
    counts: [[u64; 2]; 2],
    skip: [f64; 2],
    sequence: u32,
    pool_packets: u32,
    counter_sequence: u32,
    /// Samples that wait in the agent: direction, sequence number, pool, length.
    waiting: Vec<(usize, u32, u32, u64)>,
}

impl Simulated {
    fn new(index: u32, rate: u32, traffic: [f64; 2]) -> Self {
        Self {
            index,
            actual: rate.into(),
            stated: rate,
            traffic,
            sampled: [true; 2],
            lost: 0.0,
            samplers: 1,
            stuck: false,
            segments: 1,
            packets: true,
            pool: true,
            counts: [[0; 2]; 2],
            skip: [1.0; 2],
            sequence: 0,
            pool_packets: 0,
            counter_sequence: 0,
            waiting: Vec::new(),
        }
    }

    /// A second of traffic, with pauses and bursts.
    fn second(&mut self, random: &mut Random) {
        for direction in 0..2 {
            let load = if random.uniform() < 0.2 { 0.0 } else { 2.5 * random.uniform() };
            let packets = (self.traffic[direction] * load) as u64;
            let [counted, octets] = &mut self.counts[direction];
            let super_packets = packets / self.segments;
            *counted += super_packets;
            // Without the checksum, as Linux counts, and with one header for all segments.
            *octets += packets * (LENGTHS.iter().sum::<u64>() / 3 - 4);
            *octets -= (packets - super_packets) * 66;
            if self.sampled[direction] {
                (0..self.samplers).for_each(|_| self.choose(direction, packets, random));
            }
        }
    }

    fn choose(&mut self, direction: usize, packets: u64, random: &mut Random) {
        let mut left = packets as f64;
        while self.skip[direction] <= left {
            left -= self.skip[direction];
            self.pool_packets = self.pool_packets.wrapping_add(self.skip[direction] as u32);
            self.skip[direction] = random.skip(self.actual) as f64;
            self.sequence += 1;
            if random.uniform() >= self.lost {
                let length = LENGTHS[(random.uniform() * 3.0) as usize % 3];
                self.waiting.push((direction, self.sequence, self.pool_packets, length));
            }
        }
        self.skip[direction] -= left;
        self.pool_packets = self.pool_packets.wrapping_add(left as u32);
    }
}

/// An agent with ports, and its check.
struct World {
    checks: SelfCheck,
    ports: Vec<Simulated>,
    random: Random,
    template: FlowSample<'static>,
    seconds: u64,
}

impl World {
    fn new(ports: Vec<Simulated>) -> Self {
        let words = [5, 1, 0xc000_0201, 0, 1, 1000, 1, 1, 32, 0, 0, 0, 0, 0, 0, 0, 0];
        let payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
        let datagram = Datagram::parse(payload.leak()).unwrap();
        let Some(Ok(Sample::Flow(template))) = datagram.samples().next() else { panic!() };
        let (checks, random) = (SelfCheck::new(64 << 20), Random::new(7));
        Self { checks, ports, random, template, seconds: 0 }
    }

    fn run(&mut self, seconds: u64) {
        (0..seconds).for_each(|_| self.second());
    }

    fn second(&mut self) {
        self.seconds += 1;
        let Self { checks, ports, random, template, seconds } = self;
        for port in ports {
            port.second(random);
            // Some wait until after the counters.
            let now = (port.waiting.len() as f64 * random.uniform()) as usize;
            for (direction, sequence_number, pool, length) in port.waiting.drain(..now) {
                let mut sample = *template;
                let (this, other) = (port.index, port.index + 100_000);
                let of = |value| Interface { format: 0, value };
                sample.source_id.index = this;
                sample.sequence_number = sequence_number;
                sample.sampling_rate = port.stated;
                sample.sample_pool = if port.pool { pool } else { 0 };
                [sample.input, sample.output] =
                    if direction == 0 { [of(this), of(other)] } else { [of(other), of(this)] };
                checks.sample(AGENT, &sample, length, 4);
            }
            if (*seconds + u64::from(port.index)) % 20 == 0 {
                port.counter_sequence += 1;
                let (time, counters) = (time(*seconds, port.counter_sequence), counters(port));
                checks.counters(AGENT, time, &counters);
            }
        }
    }

    fn checked(&self, index: u32) -> [Checked; 2] {
        self.checks.get(&source(index)).unwrap()
    }
}

fn time(seconds: u64, sequence_number: u32) -> SampleTime {
    let arrival = Instant::after_start(Duration::from_secs(seconds));
    SampleTime { arrival, uptime: (seconds * 1000) as u32, sequence_number, sender: None }
}

fn counters(port: &Simulated) -> IfCounters {
    let [received, sent] = if port.stuck { [[9; 2]; 2] } else { port.counts };
    let packets = |count: u64| if port.packets { count as u32 } else { u32::MAX };
    let mut counters = zero_counters();
    counters.if_index = port.index;
    counters.if_speed = 100_000_000_000;
    [counters.if_in_octets, counters.if_out_octets] = [received[1], sent[1]];
    [counters.if_in_ucast_pkts, counters.if_out_ucast_pkts] = [received[0], sent[0]].map(packets);
    [counters.if_in_multicast_pkts, counters.if_out_multicast_pkts] = [u32::MAX; 2];
    [counters.if_in_broadcast_pkts, counters.if_out_broadcast_pkts] = [u32::MAX; 2];
    counters
}

fn zero_counters() -> IfCounters {
    let mut words = vec![5, 1, 0xc000_0201, 0, 1, 1000, 1, 2, 108, 0, 0, 1, 1, 88];
    words.resize(words.len() + 22, 0);
    let payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let datagram = Datagram::parse(&payload).unwrap();
    let Some(Ok(Sample::Counters(sample))) = datagram.samples().next() else { panic!() };
    sample.records().next().unwrap().unwrap().read().unwrap()
}

/// What is found at a port after a time.
fn found(seconds: u64, change: impl FnOnce(&mut Simulated)) -> [Finding; 2] {
    let mut port = Simulated::new(1, 1000, [20_000.0, 10_000.0]);
    change(&mut port);
    let mut world = World::new(vec![port]);
    world.run(seconds);
    world.checked(1).map(|checked| checked.finding)
}

fn names(found: [Finding; 2]) -> [Diagnosis; 2] {
    found.map(|finding| finding.diagnosis)
}

#[test]
fn true_samples_agree_with_the_counters() {
    let mut world = World::new(vec![Simulated::new(1, 1000, [20_000.0, 10_000.0])]);
    world.run(1200);
    let [received, sent] = world.checked(1);
    assert_eq!(names([received.finding, sent.finding]), [Diagnosis::Agreement; 2]);
    for (checked, pps) in [(received, 20_000.0), (sent, 10_000.0)] {
        let Estimates { counted, value, low, high } = checked.packets;
        let counted = counted.unwrap();
        assert!((counted / pps - 1.0).abs() < 0.3, "{checked:?}");
        assert!(
            low < value && value < high.unwrap() && low < counted && counted < high.unwrap(),
            "{checked:?}"
        );
        assert!(
            (checked.octets.value / checked.octets.counted.unwrap() - 1.0).abs() < 0.1,
            "{checked:?}"
        );
        assert!(checked.seconds >= 60.0 && checked.samples > 200.0, "{checked:?}");
        assert_eq!((checked.finding.stated, checked.finding.actual), (1000.0, None));
    }
}

#[test]
fn little_traffic_is_not_judged() {
    assert_eq!(names(found(3600, |port| port.traffic = [5.0, 0.0])), [Diagnosis::TooFewSamples; 2]);
    // Nor is the first minute.
    assert_eq!(names(found(50, |_| {})), [Diagnosis::TooFewSamples; 2]);
}

#[test]
fn wrong_rate_is_named() {
    // Twice is what two samplers show too, but the pool tells them apart.
    for actual in [512.0, 500.0, 1500.0, 4000.0, 10_000.0, 100.0] {
        let found = found(3600, |port| port.actual = actual);
        assert_eq!(names(found), [Diagnosis::WrongRate; 2], "{actual}: {found:?}");
        for finding in found {
            let estimate = finding.actual.unwrap();
            assert!((estimate / actual - 1.0).abs() < 0.1, "{actual}: {finding:?}");
            assert_eq!(finding.stated, 1000.0);
        }
        assert!(found[0].to_string().starts_with("Wrong sampling rate: samples state 1 in 1000, "));
    }
}

#[test]
fn wrong_rate_is_named_without_a_pool() {
    for actual in [250.0, 3000.0] {
        let found = found(3600, |port| (port.actual, port.pool) = (actual, false));
        assert_eq!(names(found), [Diagnosis::WrongRate; 2], "{found:?}");
    }
}

#[test]
fn second_sampler_doubles_the_estimate() {
    for pool in [true, false] {
        let found = found(3600, |port| (port.samplers, port.pool) = (2, pool));
        assert_eq!(names(found), [Diagnosis::BothEnds; 2], "{found:?}");
    }
}

#[test]
fn packets_of_the_wire_agree_with_counters_of_super_packets() {
    for segments in [2, 4, 40] {
        let found = found(3600, |port| port.segments = segments);
        assert_eq!(names(found), [Diagnosis::Agreement; 2], "{found:?}");
    }
    for actual in [250.0, 4000.0] {
        let found = found(3600, |port| (port.segments, port.actual) = (40, actual));
        assert!(!names(found).contains(&Diagnosis::Agreement), "{actual}: {found:?}");
    }
}

#[test]
fn one_sampled_direction_is_found() {
    let found = found(1200, |port| port.sampled = [true, false]);
    assert_eq!(names(found), [Diagnosis::Agreement, Diagnosis::OneDirection]);
}

#[test]
fn port_without_samples_is_found() {
    let found = found(3600, |port| (port.sampled, port.traffic) = ([false; 2], [20_000.0; 2]));
    assert_eq!(names(found), [Diagnosis::Unsampled; 2]);
    assert_eq!(found[0].stated, 0.0);
}

#[test]
fn port_without_samples_is_found_sooner_if_the_rate_of_its_agent_is_known() {
    let mut port = Simulated::new(2, 1000, [100.0; 2]);
    port.sampled = [false; 2];
    let mut world = World::new(vec![Simulated::new(1, 1000, [20_000.0; 2]), port]);
    world.run(1200);
    let diagnoses = world.checked(2).map(|checked| checked.finding.diagnosis);
    assert_eq!(diagnoses, [Diagnosis::Unsampled; 2]);
}

#[test]
fn losses_explain_what_is_missing() {
    let found = found(3600, |port| port.lost = 0.4);
    assert_eq!(names(found), [Diagnosis::SamplesLost; 2], "{found:?}");
    assert!((found[0].lost - 0.4).abs() < 0.03, "{found:?}");
    assert!(found[0].to_string().contains("% of the samples were lost"));
}

#[test]
fn counters_that_stand_still_are_found() {
    assert_eq!(names(found(1200, |port| port.stuck = true)), [Diagnosis::CountersStuck; 2]);
}

#[test]
fn bytes_are_compared_where_packets_are_not_counted() {
    assert_eq!(names(found(1200, |port| port.packets = false)), [Diagnosis::Agreement; 2]);
    let found = found(3600, |port| (port.packets, port.actual) = (false, 4000.0));
    assert_eq!(names(found), [Diagnosis::WrongRate; 2], "{found:?}");
}

#[test]
fn corrected_rate_agrees_soon() {
    let mut port = Simulated::new(1, 1000, [20_000.0; 2]);
    port.actual = 4000.0;
    let mut world = World::new(vec![port]);
    world.run(1200);
    assert_eq!(world.checked(1)[0].finding.diagnosis, Diagnosis::WrongRate);
    world.ports[0].actual = 1000.0;
    world.run(300);
    assert_eq!(world.checked(1)[0].finding.diagnosis, Diagnosis::Agreement);
}

#[test]
fn reset_of_the_counters_is_no_contradiction() {
    let mut world = World::new(vec![Simulated::new(1, 1000, [20_000.0; 2])]);
    for _ in 0..20 {
        world.run(130);
        // The card is replaced: the sequence begins again, or the counters go back within it.
        world.ports[0].counts = [[0; 2]; 2];
        let diagnoses = world.checked(1).map(|checked| checked.finding.diagnosis);
        assert_eq!(diagnoses, [Diagnosis::Agreement; 2]);
    }
}

#[test]
fn thousand_true_ports_cause_no_alarm_in_an_hour() {
    let port = |index: u32| {
        let rate = [1, 10, 100, 512, 1000, 4096, 20_000][index as usize % 7];
        // From a sample in two minutes to two a second.
        let samples = 0.008 * 1.27_f64.powi((index % 24).cast_signed());
        let traffic = samples * f64::from(rate);
        let mut port = Simulated::new(index, rate, [traffic, traffic * 0.6]);
        port.pool = !index.is_multiple_of(3);
        port.packets = !index.is_multiple_of(5);
        port
    };
    let mut world = World::new((1..=1000).map(port).collect());
    let mut agree = 0;
    for minute in 0..60 {
        world.run(60);
        for index in 1..=1000 {
            for checked in world.checked(index) {
                let diagnosis = checked.finding.diagnosis;
                let fine = matches!(diagnosis, Diagnosis::Agreement | Diagnosis::TooFewSamples);
                assert!(fine, "port {index}, minute {minute}: {checked:?}");
                agree += usize::from(minute == 59 && diagnosis == Diagnosis::Agreement);
            }
        }
    }
    assert!(agree > 800, "{agree} of 2000 agree");
}

#[test]
fn memory_is_bounded() {
    let mut checks = SelfCheck::new(1 << 20);
    for index in 0..20_000 {
        let counters = counters(&Simulated::new(index, 1, [0.0; 2]));
        checks.counters(AGENT, time(1, 1), &counters);
    }
    assert!(checks.bytes() < 1_100_000, "{}", checks.bytes());
    // 14,000 ports in a tenth of 504 MiB, as docs/serve.md has it.
    assert_eq!(SelfCheck::new((504 << 20) / 10).ports.capacity(), 14_336);
    assert!(checks.forgotten() > 10_000 && checks.get(&source(19_999)).is_some());
    assert_eq!(checks.ports().count(), checks.ports.iter().len());
}

#[test]
fn direction_is_that_at_the_data_source() {
    let words = [5, 1, 0xc000_0201, 0, 1, 1000, 1, 1, 32, 0, 0, 0, 0, 0, 0, 0, 0];
    let payload: Vec<u8> = words.into_iter().flat_map(u32::to_be_bytes).collect();
    let datagram = Datagram::parse(&payload).unwrap();
    let Some(Ok(Sample::Flow(mut sample))) = datagram.samples().next() else { panic!() };
    let of = |format, value| Interface { format, value };
    let (inside, several) = (of(0, 0x3fff_ffff), of(2, 0));
    for (at, input, output, expected) in [
        (5, of(0, 5), of(0, 7), Some((5, Direction::In))),
        (5, of(0, 7), of(0, 5), Some((5, Direction::Out))),
        (5, of(0, 5), of(0, 5), Some((5, Direction::In))),
        (5, of(0, 7), several, Some((5, Direction::Out))),
        (5, inside, of(0, 0), Some((5, Direction::Out))),
        (5, of(0, 0), of(0, 7), Some((5, Direction::In))),
        (0, of(0, 7), of(0, 5), Some((7, Direction::In))),
        (0, of(0, 0), of(0, 5), None),
    ] {
        sample.source_id.index = at;
        (sample.input, sample.output) = (input, output);
        let found = place(AGENT, &sample).map(|(port, side)| (port.data_source.index, side));
        assert_eq!(found, expected, "{at} {input:?} {output:?}");
    }
}
