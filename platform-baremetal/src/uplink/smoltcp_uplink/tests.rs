use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::collections::VecDeque;
use std::vec::Vec;
use std::{rc::Rc, vec};

use core::cell::RefCell;
use smoltcp::iface::Config;
use smoltcp::phy::{DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use flowmote_core::{
    Agent, AgentConfig, CounterRecord, CounterSource, DataSource, DatagramHead, Duration, Encoding,
    SourceSlot,
};

use super::*;
use crate::node::{Node, NodeParts, Port};
use crate::packet::port_sampler::PortSampler;
use crate::packet::queue::SampleQueue;
use crate::packet::sample::PacketSample;

/// One end of a cable; a frame longer than the MTU is refused, which smoltcp must not make.
#[derive(Clone, Default)]
struct Cable {
    sent: Rc<RefCell<VecDeque<Vec<u8>>>>,
    arrived: Rc<RefCell<VecDeque<Vec<u8>>>>,
}

struct Rx(Vec<u8>);
struct Tx(Cable);

impl Device for Cable {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Rx, Tx)> {
        let frame = self.arrived.borrow_mut().pop_front()?;
        Some((Rx(frame), Tx(self.clone())))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<Tx> {
        Some(Tx(self.clone()))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(&self.0)
    }
}

impl TxToken for Tx {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        assert!(len <= 1514);
        let mut frame = vec![0xa5; len];
        let result = write(&mut frame);
        self.0.sent.borrow_mut().push_back(frame);
        result
    }
}

const V4: [u8; 4] = [192, 0, 2, 0];
const V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0);

fn v4(host: u8) -> Ipv4Addr {
    Ipv4Addr::new(V4[0], V4[1], V4[2], host)
}

fn v6(host: u8) -> Ipv6Addr {
    Ipv6Addr::from_bits(V6.to_bits() | u128::from(host))
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// A stack with room for two datagrams of 100 bytes, as host number `host`.
fn stack(cable: Cable, host: u8, collector: SocketAddr) -> SmoltcpUplink<'static, Cable> {
    stack_for(100, cable, host, collector)
}

fn stack_for(
    bytes: usize,
    cable: Cable,
    host: u8,
    collector: SocketAddr,
) -> SmoltcpUplink<'static, Cable> {
    let mut device = cable;
    let mac = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, host]));
    let mut interface = Interface::new(Config::new(mac), &mut device, time(at(0)));
    interface.update_ip_addrs(|addresses| {
        addresses.push(IpCidr::new(IpAddress::Ipv4(v4(host)), 24)).unwrap();
        addresses.push(IpCidr::new(IpAddress::Ipv6(v6(host)), 64)).unwrap();
    });
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 4], vec![0xa5; 2 * bytes]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(6343).unwrap();
    let mut sockets = SocketSet::new(vec![]);
    let handle = sockets.add(socket);
    SmoltcpUplink::new(SmoltcpParts { interface, device, sockets, handle, collector }, bytes)
}

fn received(stack: &mut SmoltcpUplink<'_, Cable>) -> Vec<Vec<u8>> {
    let mut all = vec![];
    while let Ok((bytes, _)) = stack.socket().unwrap().recv() {
        all.push(bytes.to_vec());
    }
    all
}

#[test]
fn late_neighbour_loses_no_datagram() {
    let collectors = [
        SocketAddr::V4(SocketAddrV4::new(v4(2), 6343)),
        SocketAddr::V6(SocketAddrV6::new(v6(2), 6343, 0, 0)),
    ];
    for collector in collectors {
        let cable = Cable::default();
        let other_end = Cable { sent: Rc::clone(&cable.arrived), arrived: Rc::clone(&cable.sent) };
        let mut device = stack(cable.clone(), 1, collector);
        let mut peer = stack(other_end, 2, collector);
        device.send(&[1; 100]).unwrap();
        device.poll(at(0));
        device.send(&[2; 100]).unwrap();
        assert!(!device.is_ready(), "the buffer is full");
        assert_eq!(device.send(&[3; 100]), Err(SendError));
        // The first question is lost on the wire, and everything smoltcp sends at its start.
        cable.sent.borrow_mut().clear();
        for millis in (100..3000).step_by(100) {
            device.poll(at(millis));
            peer.poll(at(millis));
        }
        assert_eq!(received(&mut peer), [vec![1; 100], vec![2; 100]], "{collector}");
        assert!(device.is_ready());
    }
}

#[test]
fn new_collector_does_not_wait_for_an_unreachable_one() {
    let cable = Cable::default();
    let other_end = Cable { sent: Rc::clone(&cable.arrived), arrived: Rc::clone(&cable.sent) };
    let gone = SocketAddr::V4(SocketAddrV4::new(v4(99), 6343));
    let here = SocketAddr::V4(SocketAddrV4::new(v4(2), 6343));
    let mut device = stack(cable, 1, gone);
    let mut peer = stack(other_end, 2, here);
    device.send(&[1; 100]).unwrap();
    device.poll(at(0));
    assert_eq!(device.set_collector(here), Ok(1), "waited for its neighbour");
    device.send(&[2; 100]).unwrap();
    for millis in (0..3000).step_by(100) {
        device.poll(at(millis));
        peer.poll(at(millis));
    }
    assert_eq!(received(&mut peer), [vec![2; 100]]);
    assert_eq!(device.set_collector(gone), Ok(0), "nothing waits");
}

#[test]
fn send_without_an_address_is_an_error() {
    let collector = SocketAddr::V4(SocketAddrV4::new(v4(2), 6343));
    let mut device = stack(Cable::default(), 1, collector);
    device.interface_mut().update_ip_addrs(|addresses| addresses.clear());
    assert!(!device.is_ready());
    assert_eq!(device.send(&[1; 100]), Err(SendError));
}

#[test]
fn change_to_ipv6_loses_no_sample() {
    let (old, new) = (SocketAddr::from((v4(2), 6343)), SocketAddr::from((v6(2), 6343)));
    let cable = Cable::default();
    let other_end = Cable { sent: Rc::clone(&cable.arrived), arrived: Rc::clone(&cable.sent) };
    let mut peer = stack_for(1200, other_end, 2, old);
    let (port, queue) = (PortSampler::new(1, 1), SampleQueue::<8, 16>::new());
    let ports = [Port { if_index: 1, sampler: &port }];
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0xa5; 300]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let uplink = stack_for(300, cable, 1, old);
    let parts = NodeParts { agent, ports: &ports, samples: &queue, counters: Nothing, uplink };
    let mut node = Node::new(at(0), parts, Duration::ZERO).unwrap();

    let (mut offered, mut datagrams) = (0, vec![]);
    for millis in (0..6000).step_by(50) {
        if millis == 3000 {
            node.set_collector(new).unwrap();
        }
        if millis < 5000 && millis % 100 == 0 {
            port.offer(&queue, |meta| PacketSample::received(1, meta, &[7; 60]));
            offered += 1;
        }
        node.poll(at(millis));
        // After the change the neighbour receives nothing for most of a second.
        if (3000..3900).contains(&millis) {
            peer.device_mut().arrived.borrow_mut().clear();
        }
        peer.poll(at(millis));
        datagrams.extend(received(&mut peer));
    }
    let stats = *node.stats();
    assert_eq!(node.uplink_mut().parts.collector, new);
    assert_eq!((stats.send_errors, port.meta().drops), (0, 0));
    assert_eq!((stats.flow_samples, stats.datagrams), (offered, datagrams.len() as u64));
    for (number, datagram) in (1_u32..).zip(&datagrams) {
        assert_eq!(datagram[16..20], number.to_be_bytes(), "sequence number");
    }
}

#[test]
fn datagrams_waiting_for_the_old_collector_count_as_lost() {
    let gone = SocketAddr::from((v4(99), 6343));
    let (port, queue) = (PortSampler::new(1, 1), SampleQueue::<8, 16>::new());
    let ports = [Port { if_index: 1, sampler: &port }];
    let (mut sources, mut buffer) = ([SourceSlot::VACANT; 1], [0xa5; 300]);
    let agent = Agent::new(config(), &mut sources, &mut buffer);
    let uplink = stack_for(300, Cable::default(), 1, gone);
    let parts = NodeParts { agent, ports: &ports, samples: &queue, counters: Nothing, uplink };
    let mut node = Node::new(at(0), parts, Duration::ZERO).unwrap();
    port.offer(&queue, |meta| PacketSample::received(1, meta, &[7; 60]));
    for millis in (0..500).step_by(50) {
        node.poll(at(millis));
    }
    assert_eq!((node.stats().datagrams, node.stats().send_errors), (1, 0));
    node.set_collector(SocketAddr::from((v4(2), 6343))).unwrap();
    assert_eq!(node.stats().send_errors, 1);
}

/// No counters.
struct Nothing;

impl CounterSource for Nothing {
    fn counters(&mut self, _: DataSource, _: &mut dyn FnMut(&[&dyn CounterRecord])) {}
}

fn config() -> AgentConfig {
    AgentConfig {
        head: DatagramHead {
            address: v4(1).into(),
            sub_agent_id: 0,
            encoding: Encoding::Compact,
            max_bytes: 300,
        },
        header_bytes: 16,
        max_delay: Duration::from_millis(100),
        discard_limit: 10,
        seed: 1,
    }
}
