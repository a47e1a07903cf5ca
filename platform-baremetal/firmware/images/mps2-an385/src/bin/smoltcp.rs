//! End station with smoltcp: answers ping and UDP echo over IPv4 and IPv6, and samples its own
//! traffic.
#![no_std]
#![no_main]

use core::net::{IpAddr, SocketAddr};
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use flowmote_baremetal::{
    Node, NodeParts, Port, PortSampler, SampleQueue, SampledDevice, SmoltcpParts, SmoltcpUplink,
};
use flowmote_core::{Duration, SourceSlot};
use mps2_an385::board::{self, Board};
use mps2_an385::chip::lan9118::MAX_FRAME;
use mps2_an385::console::Console;
use mps2_an385::counters::MacCounters;
use mps2_an385::ethernet::{BUFFER, ETHERNET, IF_INDEX};
use mps2_an385::settings::{
    ADDRESS, ADDRESS_V6, COLLECTOR, DATAGRAM, ECHO_PORT, POLLING, PREFIX, SAMPLING_RATE, SFLOW_PORT,
};
use mps2_an385::station::{self, Operator};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::udp::{self, PacketBuffer, PacketMetadata};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv6Address};

/// The sampler of the only port.
static SAMPLER: PortSampler = PortSampler::new(SAMPLING_RATE, 0x5eed);

/// The queue of samples. The node processes at most 16 frames per poll, each of which may be
/// answered.
static SAMPLES: SampleQueue<48> = SampleQueue::new();

#[entry]
fn main() -> ! {
    // The main loop polls the peripherals; interrupts only end its sleep.
    cortex_m::interrupt::disable();
    let Some(mut board) = Board::take() else { board::panicked() };
    let Ok(mac) = ETHERNET.with(|chip| chip.start()) else {
        board::fail(&mut board.serial, "no LAN9118")
    };
    let seed = seed(mac);

    let device = Device { receive: [0; BUFFER], send: [0; BUFFER] };
    let mut device = SampledDevice::new(device, IF_INDEX, &SAMPLER, &SAMPLES);
    let interface = interface(mac, seed, &mut device);

    let (mut echo_rx, mut echo_tx) = (Memory::<2, 3072>::NEW, Memory::<2, 3072>::NEW);
    let (mut agent_rx, mut agent_tx) = (Memory::<1, 0>::NEW, Memory::<4, { 3 * DATAGRAM }>::NEW);
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let echo = bound(&mut sockets, ECHO_PORT, echo_rx.buffer(), echo_tx.buffer());
    let mut echo = Echo { handle: echo, stuck: None };
    let handle = bound(&mut sockets, SFLOW_PORT, agent_rx.buffer(), agent_tx.buffer());
    let collector = SocketAddr::V4(COLLECTOR);
    let parts = SmoltcpParts { interface, device, sockets, handle, collector };
    let uplink = SmoltcpUplink::new(parts, DATAGRAM);

    let (mut sources, mut datagram) = ([SourceSlot::VACANT; 1], [0; DATAGRAM]);
    let agent = station::agent(seed, &mut sources, &mut datagram);
    let ports = [Port { if_index: IF_INDEX, sampler: &SAMPLER }];
    let counters = MacCounters(&ETHERNET);
    let parts = NodeParts { agent, ports: &ports, samples: &SAMPLES, counters, uplink };
    let Ok(mut node) = Node::new(board.clock.now(), parts, POLLING) else {
        board::fail(&mut board.serial, "more ports than slots")
    };

    let (mut operator, mut console) = (Operator::<IpAddr>::new(), Console::new());
    board.serial.text("ready\n");
    loop {
        board::forget_interrupts();
        ETHERNET.with(|chip| chip.acknowledge());
        let now = board.clock.now();
        let due = node.poll(now);
        let echoed = echo.serve(now, node.uplink_mut().sockets_mut());
        let line = console.poll(&mut board.serial);
        let commanded = line.is_some();
        if let Some(line) = line {
            operator.serve(now, line, &mut node, &mut board.serial);
        }
        let busy = || echoed || commanded || ETHERNET.with(|chip| chip.has_frame());
        board.sleeper.sleep(now, due, busy);
    }
}

/// The UDP echo service.
struct Echo {
    handle: SocketHandle,
    /// Since when a reply has been waiting for its neighbour.
    stuck: Option<flowmote_core::Instant>,
}

impl Echo {
    /// Answers one datagram; returns false if there was none.
    fn serve(&mut self, now: flowmote_core::Instant, sockets: &mut SocketSet<'_>) -> bool {
        let socket = sockets.get_mut::<udp::Socket<'_>>(self.handle);
        self.unblock(now, socket);
        if !socket.can_recv() || !socket.can_send() {
            return false;
        }
        let mut payload = [0; MAX_FRAME];
        // Two echo services would answer each other without end.
        if let Ok((length, from)) = socket.recv_slice(&mut payload)
            && from.endpoint.port != ECHO_PORT
        {
            // Without room the reply is lost, as UDP permits.
            let _ = socket.send_slice(payload.get(..length).unwrap_or_default(), from.endpoint);
        }
        true
    }

    /// Drops replies whose neighbour does not answer. smoltcp repeats its request without end, so a
    /// forged sender address would block the service.
    fn unblock(&mut self, now: flowmote_core::Instant, socket: &mut udp::Socket<'_>) {
        if socket.send_queue() == 0 {
            self.stuck = None;
            return;
        }
        let since = *self.stuck.get_or_insert(now);
        if now.since(since) >= PATIENCE {
            socket.close();
            // Cannot fail: the socket is closed and the port is not 0.
            let _ = socket.bind(ECHO_PORT);
            self.stuck = None;
        }
    }
}

/// The smoltcp device of the controller.
struct Device {
    receive: [u8; BUFFER],
    send: [u8; BUFFER],
}

struct RxToken<'a>(&'a [u8]);

struct TxToken<'a>(&'a mut [u8]);

impl phy::Device for Device {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, now: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        let Self { receive, send } = self;
        // Leave the frame in the controller until it can be answered.
        let answer = transmit(send, now)?;
        Some((RxToken(ETHERNET.receive(receive)?), answer))
    }

    fn transmit(&mut self, now: Instant) -> Option<TxToken<'_>> {
        transmit(&mut self.send, now)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = ETHERNET_MTU;
        capabilities
    }
}

fn transmit(buffer: &mut [u8], _now: Instant) -> Option<TxToken<'_>> {
    ETHERNET.with(|chip| chip.has_room()).then_some(TxToken(buffer))
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, take: F) -> R {
        take(self.0)
    }
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, write: F) -> R {
        // smoltcp stays within the MTU of `capabilities`, and the buffer is longer.
        let frame = &mut self.0[..length];
        let result = write(frame);
        // There was room; the driver counts frames that the controller fails to send.
        let _ = ETHERNET.with(|chip| chip.send(frame, &[]));
        result
    }
}

/// Buffer for one direction of a socket.
struct Memory<const PACKETS: usize, const BYTES: usize> {
    packets: [PacketMetadata; PACKETS],
    bytes: [u8; BYTES],
}

impl<const PACKETS: usize, const BYTES: usize> Memory<PACKETS, BYTES> {
    const NEW: Self = Self { packets: [PacketMetadata::EMPTY; PACKETS], bytes: [0; BYTES] };

    fn buffer(&mut self) -> PacketBuffer<'_> {
        PacketBuffer::new(&mut self.packets[..], &mut self.bytes[..])
    }
}

fn bound<'a>(
    sockets: &mut SocketSet<'a>,
    port: u16,
    rx: PacketBuffer<'a>,
    tx: PacketBuffer<'a>,
) -> SocketHandle {
    let mut socket = udp::Socket::new(rx, tx);
    // Cannot fail: the socket is new and the port is not 0.
    let _ = socket.bind(port);
    sockets.add(socket)
}

fn interface(mac: [u8; 6], seed: u64, device: &mut impl phy::Device) -> Interface {
    let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
    config.random_seed = seed;
    let mut interface = Interface::new(config, device, Instant::ZERO);
    let ours = [
        IpCidr::new(IpAddress::Ipv4(ADDRESS), PREFIX),
        IpCidr::new(IpAddress::Ipv6(ADDRESS_V6), 64),
        IpCidr::new(IpAddress::Ipv6(link_local(mac)), 64),
    ];
    // Cannot fail: the feature `iface-max-addr-count-3` gives room for three.
    interface.update_ip_addrs(|addresses| addresses.extend(ours));
    interface
}

/// Returns the link-local address: fe80::/64 and the modified EUI-64 of the MAC address (RFC 4291,
/// appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Address {
    let pair = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Address::new(0xfe80, 0, 0, 0, pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f))
}

/// Returns a seed from the MAC address, because stations must not sample in step.
fn seed([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

const ETHERNET_MTU: usize = 1514;
/// The longest that a reply waits for the address of its neighbour.
const PATIENCE: Duration = Duration::from_secs(3);

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    board::panicked()
}
