//! One trace of packets, counters and times gives the same datagrams, byte for byte, through every
//! packet path: the Linux daemon, an interrupt with its queue, a smoltcp device.

use std::net::SocketAddr;

use flowmote::modules::taps::capture::{Origin, Packet, PacketKind, VlanTag};
use flowmote::modules::taps::sample::with_flow_sample;
use flowmote_baremetal::{
    CollectorError, Node, NodeParts, PacketSample, Port, PortSampler, SampleQueue, SampledDevice,
    Uplink,
};
use flowmote_core::record::counter::{EthernetCounters, IfCounters};
use flowmote_core::{
    Agent, AgentConfig, AgentStats, CounterRecord, CounterSource, DataSource, Duration, FlowSample,
    Instant, Interface, Sampler, SendError, SourceSlot, Transport,
};
use flowmote_lab::sim;
use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};

const PORT: u32 = 3;
const RATE: u32 = 3;
const SEED: u64 = 0x5eed;
const POLLING: Duration = Duration::from_secs(1);
/// Time of boot in nanoseconds since 1970.
const BOOT_NS: u64 = 1_790_000_000_000_000_000;

/// A moment of the trace: the packets since the previous one.
struct Moment {
    now: Instant,
    frames: Vec<Frame>,
}

struct Frame {
    outgoing: bool,
    bytes: Vec<u8>,
}

type Datagrams = Vec<Vec<u8>>;

#[test]
fn all_packet_paths_give_the_same_datagrams() {
    let trace = trace();
    let (linux, stats) = by_linux(&trace);
    assert!(stats.flow_samples > 1000 && stats.counter_samples > 10, "{stats:?}");
    assert!(stats.datagrams > 100 && stats.send_errors == 0, "{stats:?}");
    check_same("interrupt", &by_interrupt(&trace), &linux);
    check_same("smoltcp", &by_smoltcp(&trace), &linux);
}

/// Compares two streams; on a difference prints only the first datagram that differs.
fn check_same(way: &str, datagrams: &Datagrams, linux: &Datagrams) {
    for (at, (datagram, expected)) in datagrams.iter().zip(linux).enumerate() {
        assert_eq!(datagram, expected, "datagram {at} by {way}");
    }
    assert_eq!(datagrams.len(), linux.len(), "{way}");
}

/// As the daemon does it: `daemon/ports.rs`.
fn by_linux(trace: &[Moment]) -> (Datagrams, AgentStats) {
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0; 1400]);
    let mut agent = Agent::new(config(), &mut sources, &mut buffer);
    agent.add_source(Instant::ZERO, DataSource::interface(PORT), POLLING).unwrap();
    let (mut sampler, mut sink) = (Sampler::new(RATE, SEED), Sink::default());
    for moment in trace {
        let now = moment.now;
        for frame in &moment.frames {
            if sampler.advance(1).is_none() {
                continue;
            }
            let kind = if frame.outgoing { PacketKind::Outgoing } else { PacketKind::Host };
            let tag = frame.bytes[12..14] == [0x81, 0];
            let tci = u16::from_be_bytes([frame.bytes[14], frame.bytes[15]]);
            let packet = Packet {
                header: &frame.bytes[..frame.bytes.len().min(128)],
                frame_length: frame.bytes.len() as u32 + 4,
                stripped: 4,
                kind,
                origin: Origin::Unknown,
                vlan: tag.then_some(VlanTag { tpid: 0x8100, tci }),
                timestamp_ns: BOOT_NS + now.as_millis() * 1_000_000,
                if_index: 7,
                hardware_type: 1,
                meta: sampler.meta(),
            };
            // An end station forwards nothing.
            let (here, me) = (Interface::Index(PORT), Interface::Internal);
            let sides = if frame.outgoing { (me, here) } else { (here, me) };
            let handle = |flow: &FlowSample<'_>| agent.handle_flow_sample(now, flow);
            with_flow_sample(PORT, &packet, sides, handle).unwrap();
            agent.transmit(now, &mut sink);
        }
        agent.poll(now, &mut Counters(now), &mut sink);
    }
    (sink.0, *agent.stats())
}

/// Runs the trace as an interrupt handler and a main loop.
fn by_interrupt(trace: &[Moment]) -> Datagrams {
    let sampler = PortSampler::new(RATE, SEED);
    let queue = SampleQueue::<32>::new();
    with_node(&sampler, &queue, trace, |moment| {
        for frame in &moment.frames {
            sampler.offer(&queue, |meta| {
                let mut sample = match frame.outgoing {
                    true => PacketSample::sent(PORT, meta, &frame.bytes),
                    false => PacketSample::received(PORT, meta, &frame.bytes),
                };
                sample.timestamp_ns = BOOT_NS + moment.now.as_millis() * 1_000_000;
                sample
            });
        }
    })
}

/// Runs the trace as a smoltcp firmware.
fn by_smoltcp(trace: &[Moment]) -> Datagrams {
    let sampler = PortSampler::new(RATE, SEED);
    let queue = SampleQueue::<32>::new();
    let mut device = SampledDevice::new(Mac::default(), PORT, &sampler, &queue);
    device.set_epoch(Some(BOOT_NS));
    with_node(&sampler, &queue, trace, |moment| {
        let now = smoltcp::time::Instant::from_millis(moment.now.as_millis().cast_signed());
        for frame in &moment.frames {
            let bytes = &frame.bytes;
            if frame.outgoing {
                let token = device.transmit(now).unwrap();
                token.consume(bytes.len(), |to| to.copy_from_slice(bytes));
            } else {
                device.device_mut().0 = Some(bytes.clone());
                let (token, _) = device.receive(now).unwrap();
                token.consume(|got| assert_eq!(got, bytes));
            }
        }
    })
}

fn with_node(
    sampler: &PortSampler,
    samples: &SampleQueue<32>,
    trace: &[Moment],
    mut packets: impl FnMut(&Moment),
) -> Datagrams {
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0xa5; 1400]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let ports = [Port { if_index: PORT, sampler }];
    let (counters, uplink) = (Counters(Instant::ZERO), Sink::default());
    let parts = NodeParts { agent, ports: &ports, samples, counters, uplink };
    let mut node = Node::new(Instant::ZERO, parts, POLLING).unwrap();
    for moment in trace {
        packets(moment);
        node.counters_mut().0 = moment.now;
        node.poll(moment.now);
    }
    assert_eq!(sampler.meta().drops, 0);
    std::mem::take(&mut node.uplink_mut().0)
}

/// Returns twenty seconds of bursts: tagged and untagged, received and sent, 60 to 1514 bytes.
fn trace() -> Vec<Moment> {
    let mut random = 1_u32;
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 8) % below
    };
    let mut now = Instant::from_millis(5);
    let mut trace = Vec::new();
    while now < Instant::from_millis(20_000) {
        let frames = (0..next(20)).map(|_| {
            let mut bytes: Vec<u8> = (0..60 + next(1455)).map(|at| at as u8).collect();
            let tag = [0x81, 0, next(256) as u8, next(256) as u8];
            bytes[12..16].copy_from_slice(if next(3) == 0 { &tag } else { &[8, 0, 0x45, 0] });
            Frame { outgoing: next(2) == 0, bytes }
        });
        trace.push(Moment { now, frames: frames.collect() });
        now = now + Duration::from_millis(1 + next(90));
    }
    trace
}

fn config() -> AgentConfig {
    AgentConfig { max_delay: Duration::from_millis(100), seed: SEED, ..sim::config() }
}

/// Counters that depend on the time.
struct Counters(Instant);

impl CounterSource for Counters {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        let octets = self.0.as_millis() * 125;
        let if_index = source.index();
        emit(&[
            &IfCounters { if_index, if_in_octets: octets, ..IfCounters::UNKNOWN },
            &EthernetCounters { dot3_stats_fcs_errors: 7, ..EthernetCounters::UNKNOWN },
        ]);
    }
}

/// An uplink that accepts everything.
#[derive(Default)]
struct Sink(Datagrams);

impl Transport for Sink {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        self.0.push(datagram.to_vec());
        Ok(())
    }
}

impl Uplink for Sink {
    fn poll(&mut self, _: Instant) {}

    fn is_ready(&mut self) -> bool {
        true
    }

    fn poll_timeout(&mut self, _: Instant) -> Option<Instant> {
        None
    }

    fn set_collector(&mut self, _: SocketAddr) -> Result<u32, CollectorError> {
        Err(CollectorError::Unsupported)
    }
}

/// A MAC that holds at most one frame.
#[derive(Default)]
struct Mac(Option<Vec<u8>>);
struct Rx(Vec<u8>);
struct Tx;

impl Device for Mac {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Rx, Tx)> {
        self.0.take().map(|frame| (Rx(frame), Tx))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Tx> {
        Some(Tx)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        DeviceCapabilities::default()
    }
}

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Tx {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        write(&mut vec![0xa5; len])
    }
}
