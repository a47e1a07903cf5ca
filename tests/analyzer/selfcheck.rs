//! The check of ports by their counters, with the real sampler, poller and encoder in virtual time.

use core::net::{IpAddr, Ipv4Addr};

use flowmote_core::record::counter::IfCounters;
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSource, DataSource, DatagramHead, Duration, Encoding,
    FlowSample, HandleError, Instant, Interface, Random, Sampler, SendError, SourceSlot, Transport,
};
use flowmote_engine::Arrival;
use flowmote_engine::analyzer::Analyzer;
use flowmote_engine::selfcheck::{Checked, Diagnosis};
use flowmote_engine::source::Source;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const FRAME: u32 = 800;

/// A port whose sampler sees the packets of both directions.
struct Port {
    sampler: Sampler,
    /// N of 1 in N that its samples state.
    stated: u32,
    /// Packets per second received and sent, on average.
    traffic: [u32; 2],
    sampled: [bool; 2],
    /// How often the sampler sees each packet.
    times: u32,
    stuck: bool,
    counts: [u32; 2],
}

impl Port {
    fn new(seed: u64, rate: u32) -> Self {
        let (sampler, counts) = (Sampler::new(rate, seed), [0; 2]);
        let (traffic, sampled) = ([20_000, 10_000], [true; 2]);
        Self { sampler, stated: rate, traffic, sampled, times: 1, stuck: false, counts }
    }
}

/// The counters of all ports.
struct Meters<'a>(&'a [Port]);

impl CounterSource for Meters<'_> {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let port = &self.0[source.index() as usize - 1];
        let [received, sent] = if port.stuck { [7; 2] } else { port.counts };
        emit(&[&IfCounters {
            if_index: source.index(),
            if_speed: 100_000_000_000,
            if_in_octets: u64::from(received) * u64::from(FRAME),
            if_in_ucast_pkts: received,
            if_out_octets: u64::from(sent) * u64::from(FRAME),
            if_out_ucast_pkts: sent,
            ..IfCounters::UNKNOWN
        }]);
    }
}

/// Datagrams that were sent.
#[derive(Default)]
struct Wire(Vec<Vec<u8>>);

impl Transport for Wire {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        self.0.push(datagram.to_vec());
        Ok(())
    }
}

/// Runs ports in steps of `step` ms, with `lost` of 100 datagrams lost, and calls `look` each minute.
fn run(
    ports: &mut [Port],
    minutes: u32,
    step: u32,
    lost: u32,
    mut look: impl FnMut(&Analyzer),
) -> Analyzer {
    let config = AgentConfig {
        head: DatagramHead {
            address: IpAddr::V4(ADDRESS),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: 1400,
        },
        header_bytes: 128,
        max_delay: Duration::from_millis(1000),
        discard_limit: 10,
        seed: 3,
    };
    let mut slots = vec![SourceSlot::VACANT; ports.len()];
    let mut buffer = [0; 1400];
    let mut agent = Agent::new(config, &mut slots, &mut buffer);
    for index in 1..=ports.len() as u32 {
        let polling = Duration::from_secs(20);
        agent.add_source(Instant::ZERO, DataSource::interface(index), polling).expect("a slot");
    }
    let (mut analyzer, mut random, mut wire) =
        (Analyzer::new(64 << 20), Random::new(9), Wire::default());
    for millis in (1..=minutes * 60_000 / step).map(|number| u64::from(number * step)) {
        let now = Instant::from_millis(millis);
        for (index, port) in (1..).zip(ports.iter_mut()) {
            pass(port, index, step, now, &mut agent, &mut random, &mut wire);
        }
        agent.poll(now, &mut Meters(ports), &mut wire);
        let time = core::time::Duration::from_millis(millis);
        let arrival = Arrival { time: flowmote_engine::Instant::after_start(time), sender: None };
        for datagram in wire.0.drain(..) {
            if random.below(100) >= lost {
                analyzer.ingest(&arrival, &datagram);
            }
        }
        if millis % 60_000 == 0 {
            look(&analyzer);
        }
    }
    analyzer
}

/// Packets pass a port.
fn pass(
    port: &mut Port,
    index: u32,
    step: u32,
    now: Instant,
    agent: &mut Agent<'_>,
    random: &mut Random,
    wire: &mut Wire,
) {
    for direction in 0..2 {
        let mean = u64::from(port.traffic[direction]) * u64::from(step) / 500;
        let packets = random.below(mean as u32 + 1);
        port.counts[direction] = port.counts[direction].wrapping_add(packets);
        let mut left = if port.sampled[direction] { packets * port.times } else { 0 };
        while let Some(taken) = port.sampler.advance(left) {
            left -= taken;
            let ports = [Interface::Index(index), Interface::Index(index + 1000)];
            let [input, output] = if direction == 0 { ports } else { [ports[1], ports[0]] };
            let mut meta = port.sampler.meta();
            meta.sampling_rate = port.stated;
            let header = SampledHeader {
                protocol: HeaderProtocol::ETHERNET,
                frame_length: FRAME + 4,
                stripped: 4,
                header: &[0x88; 60],
            };
            let (source, header) = (DataSource::interface(index), Some(header));
            let sample = FlowSample { source, meta, input, output, header, records: &[] };
            while agent.handle_flow_sample(now, &sample) == Err(HandleError::Full) {
                agent.transmit(now, wire);
            }
            agent.transmit(now, wire);
        }
    }
}

fn checked(analyzer: &Analyzer, index: u32) -> [Checked; 2] {
    let data_source = flowmote_decoder::DataSource { class: 0, index };
    let agent = flowmote_decoder::Address::V4(ADDRESS);
    analyzer.checks().get(&Source { agent, data_source }).expect("a port with counters")
}

/// What is found after half an hour at a port of 1 in 1000.
fn found(lost: u32, change: impl FnOnce(&mut Port)) -> [Checked; 2] {
    let mut port = Port::new(5, 1000);
    change(&mut port);
    checked(&run(&mut [port], 30, 200, lost, |_| {}), 1)
}

fn diagnoses(checked: [Checked; 2]) -> [Diagnosis; 2] {
    checked.map(|checked| checked.finding.diagnosis)
}

#[test]
fn each_cause_is_named() {
    assert_eq!(diagnoses(found(0, |_| {})), [Diagnosis::Agreement; 2]);
    let few = found(0, |port| port.traffic = [20, 0]);
    assert_eq!(diagnoses(few), [Diagnosis::TooFewSamples; 2]);
    let one = found(0, |port| port.sampled = [true, false]);
    assert_eq!(diagnoses(one), [Diagnosis::Agreement, Diagnosis::OneDirection]);
    assert_eq!(diagnoses(found(0, |port| port.times = 2)), [Diagnosis::BothEnds; 2]);
    assert_eq!(diagnoses(found(0, |port| port.stuck = true)), [Diagnosis::CountersStuck; 2]);
    let none = found(0, |port| (port.sampled, port.traffic) = ([false; 2], [100_000; 2]));
    assert_eq!(diagnoses(none), [Diagnosis::Unsampled; 2]);
    let lossy = found(40, |_| {});
    assert_eq!(diagnoses(lossy), [Diagnosis::SamplesLost; 2]);
    assert!((lossy[0].finding.lost - 0.4).abs() < 0.08, "{lossy:?}");
}

#[test]
fn true_rate_is_named_beside_the_stated_one() {
    for actual in [512, 4000] {
        let found = found(0, |port| port.sampler = Sampler::new(actual, 5));
        assert_eq!(diagnoses(found), [Diagnosis::WrongRate; 2], "{found:?}");
        for checked in found {
            let rate = checked.finding.actual.expect("a rate");
            assert!((rate / f64::from(actual) - 1.0).abs() < 0.1, "{actual}: {checked:?}");
        }
    }
}

#[test]
fn estimates_and_counters_of_true_ports_agree_for_an_hour() {
    let mut ports: Vec<Port> = (0..40)
        .map(|number: u32| {
            let rate = [1, 10, 400, 1000, 20_000][number as usize % 5];
            let mut port = Port::new(number.into(), rate);
            // From a sample in ten seconds to two a second.
            port.traffic = [rate * (1 + number) / 20, rate * (1 + number) / 40];
            port
        })
        .collect();
    let mut minutes = 0;
    let analyzer = run(&mut ports, 60, 1000, 0, |analyzer| {
        minutes += 1;
        // The first counters come within 20 seconds.
        for (source, found) in analyzer.checks().ports() {
            for diagnosis in found {
                let fine = [Diagnosis::Agreement, Diagnosis::TooFewSamples].contains(&diagnosis);
                assert!(fine, "{source:?}, minute {minutes}: {:?}", analyzer.checks().get(source));
            }
        }
    });
    let agrees = |index| diagnoses(checked(&analyzer, index))[0] == Diagnosis::Agreement;
    let agree = (1..=40).filter(|index| agrees(*index)).count();
    assert!(agree > 25, "{agree} of 40 agree");
}
