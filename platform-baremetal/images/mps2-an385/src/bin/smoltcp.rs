//! End station with smoltcp: answers ping and UDP echo over IPv4 and IPv6, and samples its own
//! traffic.
#![no_std]
#![no_main]

use core::net::Ipv4Addr;
use core::panic::PanicInfo;

use cortex_m_rt::entry;
use flowmote_core::{Sampler, SendError, Source, Transport};
use mps2_an385::board::{self, Board};
use mps2_an385::console::Console;
use mps2_an385::lan9118::MAX_FRAME;
use mps2_an385::port::{BUFFER, Port};
use mps2_an385::station::{self, ADDRESS, DATAGRAM, ECHO_PORT, SAMPLING_RATE, SFLOW_PORT, Station, Uplink};
use smoltcp::iface::{Config, Interface, PollIngressSingleResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{self, DeviceCapabilities, Medium};
use smoltcp::socket::udp::{self, PacketBuffer, PacketMetadata};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, HardwareAddress, IpAddress, IpCidr, Ipv6Address};

#[entry]
fn main() -> ! {
    // The main loop looks at the peripherals itself; interrupts only end its sleep.
    cortex_m::interrupt::disable();
    let Some(mut board) = Board::take() else { board::panicked() };
    if board.ethernet.start(false).is_err() {
        board::fail(&mut board.serial, "no LAN9118");
    }
    let Ok(mac) = board.ethernet.mac_address() else { board::fail(&mut board.serial, "no MAC") };
    let seed = seed(mac);
    let mut device = Device {
        port: Port::new(board.ethernet, Sampler::new(SAMPLING_RATE, seed)),
        receive: [0; BUFFER],
        send: [0; BUFFER],
    };
    let now = board.clock.now();
    let mut interface = interface(mac, seed, &mut device, milliseconds(now));

    let (mut echo_rx, mut echo_tx) = (Buffer::<2, 3072>::NEW, Buffer::<2, 3072>::NEW);
    let (mut export_rx, mut export_tx) = (Buffer::<1, 0>::NEW, Buffer::<4, { 3 * DATAGRAM }>::NEW);
    let mut storage = [SocketStorage::EMPTY; 2];
    let mut sockets = SocketSet::new(&mut storage[..]);
    let echo = bound(&mut sockets, ECHO_PORT, echo_rx.packets(), echo_tx.packets());
    let export = bound(&mut sockets, SFLOW_PORT, export_rx.packets(), export_tx.packets());

    let (mut sources, mut datagram) = ([Source::VACANT; 1], [0; DATAGRAM]);
    let mut station = Station::new(now, seed, &mut sources, &mut datagram);
    let mut console = Console::new();
    board.serial.text("ready\n");
    loop {
        board::forget_interrupts();
        device.port.ethernet.acknowledge();
        let now = board.clock.now();
        let busy = network(&mut interface, &mut device, &mut sockets, echo, milliseconds(now));
        if let Some(line) = console.poll(&mut board.serial) {
            let (port, serial) = (&mut device.port, &mut board.serial);
            let result = line.and_then(|command| station.obey(now, command, port, serial));
            station::answer(result, &mut board.serial);
            continue;
        }
        let collector = station.collector();
        let socket = sockets.get_mut(export);
        let due = station.poll(now, &mut Export { port: &mut device.port, socket, collector });
        interface.poll_egress(milliseconds(now), &mut device, &mut sockets);
        let delay = interface.poll_delay(milliseconds(now), &sockets);
        let idle = delay.map_or(board::LONGEST, |delay| delay.total_millis() as u32).min(due);
        board.sleeper.sleep(idle, || busy);
    }
}

/// Handles one received frame and echoes one datagram; returns whether there may be more.
fn network(
    interface: &mut Interface,
    device: &mut Device,
    sockets: &mut SocketSet<'_>,
    echo: SocketHandle,
    now: Instant,
) -> bool {
    let result = interface.poll_ingress_single(now, device, sockets);
    let socket = sockets.get_mut::<udp::Socket<'_>>(echo);
    if socket.can_send() {
        let mut payload = [0; MAX_FRAME];
        if let Ok((length, from)) = socket.recv_slice(&mut payload)
            && from.endpoint.port != ECHO_PORT
        {
            // No room for the answer: it is UDP.
            let _ = socket.send_slice(payload.get(..length).unwrap_or_default(), from.endpoint);
        }
    }
    result != PollIngressSingleResult::None
}

/// The way out through a socket, which keeps datagrams while the neighbour is being resolved.
struct Export<'d, 's> {
    port: &'d mut Port,
    socket: &'d mut udp::Socket<'s>,
    collector: Ipv4Addr,
}

impl Transport for Export<'_, '_> {
    fn send(&mut self, datagram: &[u8]) -> Result<(), SendError> {
        self.socket.send_slice(datagram, (self.collector, SFLOW_PORT)).map_err(|_| SendError)
    }
}

impl Uplink for Export<'_, '_> {
    fn port(&mut self) -> &mut Port {
        self.port
    }

    fn is_ready(&mut self) -> bool {
        self.socket.can_send()
    }
}

/// The port as smoltcp wants it.
struct Device {
    port: Port,
    receive: [u8; BUFFER],
    send: [u8; BUFFER],
}

struct RxToken<'a>(&'a [u8]);

struct TxToken<'a> {
    port: &'a mut Port,
    buffer: &'a mut [u8],
}

impl phy::Device for Device {
    type RxToken<'a> = RxToken<'a>;
    type TxToken<'a> = TxToken<'a>;

    fn receive(&mut self, _now: Instant) -> Option<(RxToken<'_>, TxToken<'_>)> {
        if !self.port.ethernet.has_room() {
            return None;
        }
        let frame = self.port.receive(&mut self.receive)?;
        Some((RxToken(frame), TxToken { port: &mut self.port, buffer: &mut self.send }))
    }

    fn transmit(&mut self, _now: Instant) -> Option<TxToken<'_>> {
        let has_room = self.port.ethernet.has_room();
        has_room.then_some(TxToken { port: &mut self.port, buffer: &mut self.send })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = ETHERNET_MTU;
        capabilities
    }
}

impl phy::RxToken for RxToken<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl phy::TxToken for TxToken<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        // smoltcp keeps to the MTU that it was told, and the buffer is longer.
        let frame = &mut self.buffer[..length];
        let result = f(frame);
        // The controller has counted what it did not send.
        let _ = self.port.send(&[frame]);
        result
    }
}

/// Memory of one direction of a socket.
struct Buffer<const PACKETS: usize, const BYTES: usize> {
    metadata: [PacketMetadata; PACKETS],
    bytes: [u8; BYTES],
}

impl<const PACKETS: usize, const BYTES: usize> Buffer<PACKETS, BYTES> {
    const NEW: Self = Self { metadata: [PacketMetadata::EMPTY; PACKETS], bytes: [0; BYTES] };

    fn packets(&mut self) -> PacketBuffer<'_> {
        PacketBuffer::new(&mut self.metadata[..], &mut self.bytes[..])
    }
}

fn bound<'a>(sockets: &mut SocketSet<'a>, port: u16, rx: PacketBuffer<'a>, tx: PacketBuffer<'a>) -> SocketHandle {
    let mut socket = udp::Socket::new(rx, tx);
    // Open for the first time, and the port is not 0.
    let _ = socket.bind(port);
    sockets.add(socket)
}

fn interface(mac: [u8; 6], seed: u64, device: &mut Device, now: Instant) -> Interface {
    let mut config = Config::new(HardwareAddress::Ethernet(EthernetAddress(mac)));
    config.random_seed = seed;
    let mut interface = Interface::new(config, device, now);
    interface.update_ip_addrs(|addresses| {
        let addresses_of_ours = [
            IpCidr::new(IpAddress::Ipv4(ADDRESS), 24),
            IpCidr::new(IpAddress::Ipv6(ADDRESS_V6), 64),
            IpCidr::new(IpAddress::Ipv6(link_local(mac)), 64),
        ];
        // There is room for as many.
        addresses_of_ours.into_iter().for_each(|address| drop(addresses.push(address)));
    });
    interface
}

/// fe80:: and the modified EUI-64 of the MAC address (RFC 4291, appendix A).
fn link_local([a, b, c, d, e, f]: [u8; 6]) -> Ipv6Address {
    let pair = |high, low| u16::from_be_bytes([high, low]);
    Ipv6Address::new(0xfe80, 0, 0, 0, pair(a ^ 2, b), pair(c, 0xff), pair(0xfe, d), pair(e, f))
}

/// Stations must differ; the clock would be the same at each power-on.
fn seed([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn milliseconds(now: flowmote_core::Instant) -> Instant {
    Instant::from_millis(now.as_millis().cast_signed())
}

const ADDRESS_V6: Ipv6Address = Ipv6Address::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x85);
const ETHERNET_MTU: usize = 1514;

#[panic_handler]
fn panic(_info: &PanicInfo<'_>) -> ! {
    board::panicked()
}
