//! UDP over IPv4 for firmware without an IP stack.

use core::net::{Ipv4Addr, SocketAddrV4};

use flowmote_baremetal::{HEAD_BYTES, Neighbour, UdpSender, UdpSenderConfig};
use flowmote_core::Instant;

use crate::codes::*;
use crate::pointers::{bytes, checked, read, write};

/// Bytes of the headers that flowmote_udp_head writes, and of an ARP frame.
pub const FLOWMOTE_UDP_HEAD_BYTES: usize = 42;
/// Words of the state of a sender, on 32-bit and on 64-bit targets.
pub const FLOWMOTE_UDP_WORDS: usize = 10;

/// The memory of a sender: static, and left alone.
#[repr(C)]
pub struct flowmote_udp {
    opaque: [u64; FLOWMOTE_UDP_WORDS],
}

/// What a sender is told. Addresses are bytes as on the wire.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_udp_config {
    /// MAC address of the device.
    pub mac: [u8; 6],
    /// IPv4 address of the device.
    pub address: [u8; 4],
    /// IPv4 address of the router for collectors outside the prefix; 0.0.0.0: none.
    pub gateway: [u8; 4],
    /// IPv4 address of the collector.
    pub collector: [u8; 4],
    /// Length of the network prefix: 0 to 32.
    pub prefix: u8,
    /// UDP port of the device: not 0.
    pub port: u16,
    /// UDP port of the collector, usually 6343: not 0.
    pub collector_port: u16,
}

/// What a [`flowmote_udp`] holds.
struct State {
    magic: u32,
    sender: UdpSender,
}

const _: () = assert!(size_of::<State>() <= size_of::<flowmote_udp>());
const _: () = assert!(align_of::<State>() <= align_of::<flowmote_udp>());
const _: () = assert!(FLOWMOTE_UDP_HEAD_BYTES == HEAD_BYTES);

/// Makes a sender in `udp`, whose `size` is sizeof (flowmote_udp). It does not know its neighbour
/// yet. FLOWMOTE_E_SIZE, FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_init(
    udp: *mut flowmote_udp,
    size: usize,
    config: *const flowmote_udp_config,
) -> i32 {
    let init = || {
        checked(udp)?;
        // SAFETY: as the caller says.
        let config = sender_config(unsafe { read(config) }?)?;
        if size < size_of::<flowmote_udp>() {
            return Err(FLOWMOTE_E_SIZE);
        }
        let state = State { magic: MAGIC, sender: UdpSender::new(config) };
        // SAFETY: as the caller says; size and alignment are asserted above.
        unsafe { write(udp.cast::<State>(), state) }?;
        Ok(FLOWMOTE_OK)
    };
    code(init())
}

/// Sends to another collector from now on: 4 bytes of IPv4, of one host, and a UDP port that is not
/// 0. FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_set_collector(
    udp: *mut flowmote_udp,
    collector: *const u8,
    collector_port: u16,
) -> i32 {
    let set = || {
        // SAFETY: as the caller says.
        let address = unsafe { read(collector.cast::<[u8; 4]>()) }?;
        let collector = socket(address, collector_port)?;
        // SAFETY: as the caller says.
        unsafe { sender(udp) }?.set_collector(collector);
        Ok(FLOWMOTE_OK)
    };
    code(set())
}

/// Takes a received frame of `length` bytes, without FCS, and looks for ARP in it. FLOWMOTE_YES:
/// `answer` (FLOWMOTE_UDP_HEAD_BYTES bytes) is an ARP frame to send, padded to 60 bytes.
/// FLOWMOTE_OK: nothing to answer; the frame may be anybody's. FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_receive(
    udp: *mut flowmote_udp,
    now_ms: u64,
    frame: *const u8,
    length: usize,
    answer: *mut u8,
) -> i32 {
    let receive = || {
        checked(answer)?;
        // SAFETY: as the caller says.
        let frame = unsafe { bytes(frame, length) }?;
        // SAFETY: as the caller says.
        let reply = unsafe { sender(udp) }?.handle_frame(Instant::from_millis(now_ms), frame);
        // SAFETY: as the caller says.
        unsafe { store(reply, answer) }
    };
    code(receive())
}

/// FLOWMOTE_YES: `question` (FLOWMOTE_UDP_HEAD_BYTES bytes) is an ARP frame to send now, padded to
/// 60 bytes. Call at least once a second. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_poll(
    udp: *mut flowmote_udp,
    now_ms: u64,
    question: *mut u8,
) -> i32 {
    let poll = || {
        checked(question)?;
        // SAFETY: as the caller says.
        let request = unsafe { sender(udp) }?.poll(Instant::from_millis(now_ms));
        // SAFETY: as the caller says.
        unsafe { store(request, question) }
    };
    code(poll())
}

/// FLOWMOTE_YES: the MAC address of the next hop is known, so that datagrams can leave. As long as
/// it is not, samples are best left in the agent, though not for more than a second: do not call
/// flowmote_poll_counters and flowmote_poll_transmit. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_ready(udp: *mut flowmote_udp) -> i32 {
    // SAFETY: as the caller says.
    let known = unsafe { sender(udp) }.map(|sender| sender.neighbour() != Neighbour::Unknown);
    code(known.map(yes))
}

/// Writes the Ethernet, IPv4 and UDP headers (FLOWMOTE_UDP_HEAD_BYTES bytes) that go before a
/// datagram. FLOWMOTE_E_NEIGHBOUR as long as the next hop is not known: keep the datagram, or lose
/// it. FLOWMOTE_E_TOO_LARGE, FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_head(
    udp: *mut flowmote_udp,
    datagram: *const u8,
    length: usize,
    head: *mut u8,
) -> i32 {
    let write_head = || {
        checked(head)?;
        // SAFETY: as the caller says.
        let datagram = unsafe { bytes(datagram, length) }?;
        if length > FLOWMOTE_UDP_PAYLOAD {
            return Err(FLOWMOTE_E_TOO_LARGE);
        }
        // SAFETY: as the caller says.
        let written = unsafe { sender(udp) }?.head(datagram).ok_or(FLOWMOTE_E_NEIGHBOUR)?;
        // SAFETY: as the caller says.
        unsafe { store(Some(written), head) }?;
        Ok(FLOWMOTE_OK)
    };
    code(write_head())
}

/// # Safety
/// The pointer is valid, and nobody else uses the sender.
unsafe fn sender<'a>(udp: *mut flowmote_udp) -> Result<&'a mut UdpSender, i32> {
    let state = checked(udp.cast_const())?.cast_mut().cast::<State>();
    // SAFETY: `checked` refused null and misaligned pointers, and any bytes are a valid `u32`; no
    // reference to the sender is made before the number is known to be right.
    if unsafe { (*state).magic } != MAGIC {
        return Err(FLOWMOTE_E_STATE);
    }
    // SAFETY: made by `flowmote_udp_init`, and only the main loop uses it.
    Ok(unsafe { &mut (*state).sender })
}

/// # Safety
/// `to` has room for a head.
unsafe fn store(frame: Option<[u8; HEAD_BYTES]>, to: *mut u8) -> Answer {
    if let Some(frame) = frame {
        // SAFETY: as the caller says.
        unsafe { write(to.cast::<[u8; HEAD_BYTES]>(), frame) }?;
    }
    Ok(yes(frame.is_some()))
}

fn sender_config(config: flowmote_udp_config) -> Result<UdpSenderConfig, i32> {
    if config.prefix > 32 || config.port == 0 {
        return Err(FLOWMOTE_E_RANGE);
    }
    let gateway = Ipv4Addr::from(config.gateway);
    Ok(UdpSenderConfig {
        mac: config.mac,
        address: Ipv4Addr::from(config.address),
        prefix: config.prefix,
        gateway: (!gateway.is_unspecified()).then_some(gateway),
        port: config.port,
        collector: socket(config.collector, config.collector_port)?,
    })
}

/// The address of a collector, which is one host.
fn socket(address: [u8; 4], port: u16) -> Result<SocketAddrV4, i32> {
    let ip = Ipv4Addr::from(address);
    if port == 0 || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
        return Err(FLOWMOTE_E_RANGE);
    }
    Ok(SocketAddrV4::new(ip, port))
}

const MAGIC: u32 = 0x7346_5564;
/// What fits a UDP datagram over IPv4.
const FLOWMOTE_UDP_PAYLOAD: usize = 65_507;
