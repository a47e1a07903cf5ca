//! Frames received by a small firmware: ARP, the sampler, the queue and the node. Two bytes of the
//! input are the length of the frame that follows. Every frame sent must be ARP, or a datagram that
//! the decoder accepts and whose samples hold the start of a received frame.
#![no_main]

use std::net::{Ipv4Addr, SocketAddrV4};

use flowmote_decoder::flow::SampledHeader;
use flowmote_decoder::{Datagram, Sample};
use flowmote_baremetal::{
    FrameDevice, HEAD_BYTES, Node, NodeParts, PacketSample, Port, PortSampler, RawUplink,
    SampleQueue, UdpSender, UdpSenderConfig,
};
use flowmote_core::record::counter::IfCounters;
use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSource, DataSource, DatagramHead, Duration, Encoding,
    Instant, SendError, SourceSlot,
};
use libfuzzer_sys::fuzz_target;

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 6343);

fuzz_target!(|input: &[u8]| {
    let port = PortSampler::new(1, 1);
    let queue = SampleQueue::<4>::new();
    let ports = [Port { if_index: 3, sampler: &port }];
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0; 600]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let wire = Wire { input, rest: input, port: &port, queue: &queue, seen: 0 };
    let uplink = RawUplink::new(wire, UdpSender::new(sender()));
    let parts = NodeParts { agent, ports: &ports, samples: &queue, counters: Counters, uplink };
    let mut node = Node::new(Instant::ZERO, parts, Duration::from_secs(1)).unwrap();
    // Longer than samples wait for an ARP reply.
    for turn in 0..8 {
        node.poll(Instant::from_millis(turn * 300));
    }
    let seen = node.uplink_mut().device_mut().seen;
    let meta = port.meta();
    assert_eq!(meta.sample_pool, seen, "each frame counts once");
    let sampled = node.stats().flow_samples as u32;
    assert!(sampled + meta.drops <= seen && seen <= sampled + meta.drops + 4, "or still queued");
});

/// Delivers the frames of the input, samples them all, and checks every frame sent.
struct Wire<'a> {
    input: &'a [u8],
    rest: &'a [u8],
    port: &'a PortSampler,
    queue: &'a SampleQueue<4>,
    seen: u32,
}

impl FrameDevice for Wire<'_> {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        assert_eq!((head.len(), &head[6..12]), (HEAD_BYTES, &MAC[..]), "head length and source address");
        if payload.is_empty() {
            assert_eq!(head[12..14], [8, 6], "ARP");
            return Ok(());
        }
        assert_eq!(head[12..14], [8, 0], "IPv4");
        let datagram = Datagram::parse(payload).unwrap();
        for sample in datagram.samples() {
            let Sample::Flow(sample) = sample.unwrap() else { continue };
            let records = &mut sample.records().flatten();
            let header = records.find_map(|record| record.read::<SampledHeader<'_>>());
            let header = header.expect("a header").header;
            let came =
                header.is_empty() || self.input.windows(header.len()).any(|bytes| bytes == header);
            assert!(came, "header of no received frame");
        }
        Ok(())
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let Some((&[high, low], rest)) = self.rest.split_first_chunk() else { return false };
        let length = usize::from(u16::from_be_bytes([high & 7, low])).min(rest.len());
        let (frame, rest) = rest.split_at(length);
        self.rest = rest;
        self.seen += 1;
        self.port.offer(self.queue, |meta| PacketSample::received(3, meta, frame));
        take(frame);
        true
    }
}

struct Counters;

impl CounterSource for Counters {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        emit(&[&IfCounters { if_index: source.index(), ..IfCounters::UNKNOWN }]);
    }
}

fn config() -> AgentConfig {
    let head = DatagramHead {
        address: ADDRESS.into(),
        sub_agent_id: 0,
        encoding: Encoding::Compact,
        max_bytes: 600,
    };
    let max_delay = Duration::from_millis(100);
    AgentConfig { head, header_bytes: 128, max_delay, discard_limit: 10, seed: 1 }
}

fn sender() -> UdpSenderConfig {
    UdpSenderConfig {
        mac: MAC,
        address: ADDRESS,
        prefix: 24,
        gateway: None,
        port: 6343,
        collector: COLLECTOR,
    }
}
