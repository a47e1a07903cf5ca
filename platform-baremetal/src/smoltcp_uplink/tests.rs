use core::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::collections::VecDeque;
use std::vec::Vec;
use std::{rc::Rc, vec};

use core::cell::RefCell;
use smoltcp::iface::Config;
use smoltcp::phy::{DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::udp::{PacketBuffer, PacketMetadata};
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpCidr};

use super::*;

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

/// A stack with room for two datagrams, as host number `host`.
fn stack(cable: Cable, host: u8, collector: SocketAddr) -> SmoltcpUplink<'static, Cable> {
    let mut device = cable;
    let mac = HardwareAddress::Ethernet(EthernetAddress([2, 0, 0, 0, 0, host]));
    let mut interface = Interface::new(Config::new(mac), &mut device, time(at(0)));
    interface.update_ip_addrs(|addresses| {
        addresses.push(IpCidr::new(IpAddress::Ipv4(v4(host)), 24)).unwrap();
        addresses.push(IpCidr::new(IpAddress::Ipv6(v6(host)), 64)).unwrap();
    });
    let buffer = || PacketBuffer::new(vec![PacketMetadata::EMPTY; 4], vec![0xa5; 200]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(6343).unwrap();
    let mut sockets = SocketSet::new(vec![]);
    let handle = sockets.add(socket);
    SmoltcpUplink::new(SmoltcpParts { interface, device, sockets, handle, collector }, 100)
}

fn received(stack: &mut SmoltcpUplink<'_, Cable>) -> Vec<Vec<u8>> {
    let mut all = vec![];
    while let Ok((bytes, _)) = stack.socket().unwrap().recv() {
        all.push(bytes.to_vec());
    }
    all
}

#[test]
fn a_neighbour_that_answers_late_costs_no_datagram() {
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
        // The first question is lost on the wire, and everything smoltcp says at its start.
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
fn another_collector_does_not_wait_behind_one_that_is_gone() {
    let cable = Cable::default();
    let other_end = Cable { sent: Rc::clone(&cable.arrived), arrived: Rc::clone(&cable.sent) };
    let gone = SocketAddr::V4(SocketAddrV4::new(v4(99), 6343));
    let here = SocketAddr::V4(SocketAddrV4::new(v4(2), 6343));
    let mut device = stack(cable, 1, gone);
    let mut peer = stack(other_end, 2, here);
    device.send(&[1; 100]).unwrap();
    device.poll(at(0));
    assert_eq!(device.set_collector(here), Ok(()));
    device.send(&[2; 100]).unwrap();
    for millis in (0..3000).step_by(100) {
        device.poll(at(millis));
        peer.poll(at(millis));
    }
    assert_eq!(received(&mut peer), [vec![2; 100]]);
}

#[test]
fn without_an_address_nothing_is_sent_silently() {
    let collector = SocketAddr::V4(SocketAddrV4::new(v4(2), 6343));
    let mut device = stack(Cable::default(), 1, collector);
    device.interface_mut().update_ip_addrs(|addresses| addresses.clear());
    assert!(!device.is_ready());
    assert_eq!(device.send(&[1; 100]), Err(SendError));
}
