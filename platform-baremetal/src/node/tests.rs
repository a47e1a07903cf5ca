use core::net::{IpAddr, Ipv4Addr, SocketAddrV4};
use std::vec::Vec;

use flowmote_core::record::counter::IfCounters;
use flowmote_core::{AgentConfig, CounterRecord, DatagramHead, Encoding, Interface, SourceSlot};

use super::*;
use crate::packet::sample::PacketSample;
use crate::uplink::raw::{FrameDevice, RawUplink};
use crate::uplink::udp_sender::{UdpSender, UdpSenderConfig};

/// A device that remembers what was sent, and is stricter than most: one frame out a turn.
#[derive(Default)]
struct Wire {
    incoming: Vec<Vec<u8>>,
    outgoing: Vec<Vec<u8>>,
}

impl FrameDevice for Wire {
    fn send(&mut self, head: &[u8], payload: &[u8]) -> Result<(), SendError> {
        self.outgoing.push([head, payload].concat());
        Ok(())
    }

    fn receive(&mut self, take: &mut dyn FnMut(&[u8])) -> bool {
        let Some(frame) = self.incoming.pop() else { return false };
        take(&frame);
        true
    }
}

struct Counters;

impl CounterSource for Counters {
    fn counters(&mut self, source: DataSource, emit: &mut dyn FnMut(&[&dyn CounterRecord])) {
        emit(&[&IfCounters { if_index: source.index(), ..IfCounters::UNKNOWN }]);
    }
}

const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const ANSWER: [u8; 42] = [
    2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 6, 0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 2, 192, 0, 2,
    2, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
];

fn config() -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: 600,
        },
        header_bytes: 64,
        max_delay: Duration::from_millis(100),
        discard_limit: 10,
        seed: 1,
    }
}

fn uplink() -> RawUplink<Wire> {
    let sender = UdpSender::new(UdpSenderConfig {
        mac: MAC,
        address: Ipv4Addr::new(192, 0, 2, 1),
        prefix: 24,
        gateway: None,
        port: 6343,
        collector: SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 6343),
    });
    RawUplink::new(Wire::default(), sender)
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Lets `act` play with a node of one port that samples every packet, and a queue of 7.
fn with_node(
    polling: Duration,
    act: impl FnOnce(&mut Node<'_, Counters, RawUplink<Wire>, 7>, &mut dyn FnMut(usize)),
) {
    let port = PortSampler::new(1, 1);
    let ports = [Port { if_index: 3, sampler: &port }];
    let queue = SampleQueue::<7>::new();
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0xa5; 600]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let parts =
        NodeParts { agent, ports: &ports, samples: &queue, counters: Counters, uplink: uplink() };
    let mut node = Node::new(at(0), parts, polling).unwrap();
    act(&mut node, &mut |packets| {
        for _ in 0..packets {
            port.offer(&queue, |meta| PacketSample::received(3, meta, &[0x5a; 80]));
        }
    });
}

fn sent(node: &mut Node<'_, Counters, RawUplink<Wire>, 7>) -> Vec<Vec<u8>> {
    core::mem::take(&mut node.uplink_mut().device_mut().outgoing)
}

#[test]
fn samples_wait_while_the_neighbour_is_resolved() {
    with_node(Duration::ZERO, |node, packets| {
        packets(7);
        assert_eq!(node.poll(at(10)), Some(at(1010)));
        assert_eq!(sent(node).len(), 1, "the question");
        node.poll(at(900));
        assert_eq!(node.stats().flow_samples, 0, "they wait in the queue");
        node.uplink_mut().device_mut().incoming.push(ANSWER.to_vec());
        node.poll(at(950));
        assert_eq!(node.poll(at(1050)), Some(at(60_950)));
        let frames = sent(node);
        assert_eq!(node.stats().flow_samples, 7);
        assert_eq!((node.stats().send_errors, node.ports()[0].sampler.meta().drops), (0, 0));
        assert_eq!(node.stats().datagrams, frames.len() as u64);
        assert!(frames.iter().all(|frame| frame[42..46] == [0, 0, 0, 5]));
    });
}

#[test]
fn without_a_neighbour_losses_are_counted() {
    with_node(Duration::from_secs(1), |node, packets| {
        for second in 0..10 {
            packets(9);
            node.poll(at(second * 1000));
        }
        let (stats, meta) = (*node.stats(), node.ports()[0].sampler.meta());
        assert_eq!(meta.sample_pool, 90);
        assert!(meta.drops >= 9 * 2, "more than the queue holds");
        assert_eq!(stats.flow_samples + u64::from(meta.drops), 90);
        assert!(stats.send_errors > 0 && stats.counter_samples > 0);
        assert_eq!(stats.send_errors, stats.datagrams);
    });
}

#[test]
fn chip_sample_keeps_its_own_pool_and_drops() {
    with_node(Duration::ZERO, |node, _| {
        let meta = flowmote_core::SampleMeta { sampling_rate: 512, sample_pool: 7, drops: 2 };
        let sample = PacketSample::switched(3, meta, &[0; 64], Interface::Index(4));
        node.uplink_mut().device_mut().incoming.push(ANSWER.to_vec());
        node.poll(at(0));
        sample.with_flow_sample(|flow| node.handle_flow_sample(at(1), flow)).unwrap();
        sent(node);
        node.poll(at(101));
        let frame = &sent(node)[0];
        // Sequence 1, source 0:3, rate, pool, drops, input, output.
        let words = [1, 3, 512, 7, 2, 3, 4_u32].map(u32::to_be_bytes).concat();
        assert_eq!(frame[42 + 28 + 8..][..28], words);
        let unknown = PacketSample::received(9, meta, &[0; 64]);
        let refused = unknown.with_flow_sample(|flow| node.handle_flow_sample(at(102), flow));
        assert_eq!(refused, Err(HandleError::UnknownSource));
    });
}

#[test]
fn rate_interval_and_collector_change_at_run_time() {
    with_node(Duration::ZERO, |node, packets| {
        node.uplink_mut().device_mut().incoming.push(ANSWER.to_vec());
        node.poll(at(0));
        assert!(node.set_sampling_rate(3, 0));
        assert!(!node.set_sampling_rate(4, 1), "no such port");
        packets(5);
        node.set_polling(at(0), Duration::from_secs(2));
        node.poll(at(2000));
        assert_eq!((node.stats().flow_samples, node.stats().counter_samples), (0, 1));
        assert_eq!(node.ports()[0].sampler.meta().sample_pool, 5);

        let to = |text: &str| text.parse::<SocketAddr>().unwrap();
        for wrong in ["0.0.0.0:6343", "224.0.0.1:6343", "255.255.255.255:1", "192.0.2.9:0"] {
            assert_eq!(node.set_collector(to(wrong)), Err(CollectorError::NotUnicast));
        }
        let v6 = node.set_collector(to("[2001:db8::1]:6343"));
        assert_eq!(v6, Err(CollectorError::Unsupported));
        node.set_collector(to("192.0.2.77:6000")).unwrap();
        sent(node);
        node.poll(at(2100));
        assert_eq!(sent(node)[0][38..42], [192, 0, 2, 77], "asks for the new one");
    });
}

#[test]
fn more_ports_than_sources_are_refused() {
    let port = PortSampler::new(1, 1);
    let ports = [Port { if_index: 3, sampler: &port }, Port { if_index: 4, sampler: &port }];
    let queue = SampleQueue::<2>::new();
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0; 600]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let parts =
        NodeParts { agent, ports: &ports, samples: &queue, counters: Counters, uplink: uplink() };
    let refused = Node::new(at(0), parts, Duration::ZERO).err();
    assert_eq!(refused, Some(AddError::TableFull));
}
