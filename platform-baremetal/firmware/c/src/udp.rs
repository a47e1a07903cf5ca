//! UDP over IPv4 for firmware without an IP stack.

use core::net::{Ipv4Addr, SocketAddrV4};

use flowmote_baremetal::{HEAD_BYTES, Neighbour, UdpSender, UdpSenderConfig};
use flowmote_core::Instant;

use crate::codes::*;
use crate::pointers::{bytes, checked, read, write};

/// Bytes of the headers that flowmote_udp_head writes, and of an ARP frame.
pub const FLOWMOTE_UDP_HEAD_BYTES: usize = 42;
/// 64-bit words of a sender, on 32-bit and 64-bit targets.
pub const FLOWMOTE_UDP_WORDS: usize = 10;

/// Memory for one sender: static and opaque.
#[repr(C)]
pub struct flowmote_udp {
    opaque: [u64; FLOWMOTE_UDP_WORDS],
}

/// Configuration of a sender. Addresses are bytes in network order.
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

/// The content of a [`flowmote_udp`].
struct State {
    magic: u32,
    sender: UdpSender,
}

const _: () = assert!(size_of::<State>() <= size_of::<flowmote_udp>());
const _: () = assert!(align_of::<State>() <= align_of::<flowmote_udp>());
const _: () = assert!(FLOWMOTE_UDP_HEAD_BYTES == HEAD_BYTES);

/// Initialises a sender in `udp`, whose `size` is sizeof (flowmote_udp). The MAC address of the
/// next hop is unknown at first. FLOWMOTE_E_SIZE, FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_init(
    udp: *mut flowmote_udp,
    size: usize,
    config: *const flowmote_udp_config,
) -> i32 {
    let init = || {
        checked(udp)?;
        // SAFETY: `read` refuses a null or misaligned `config`; else it is a valid structure.
        let config = sender_config(unsafe { read(config) }?)?;
        if size < size_of::<flowmote_udp>() {
            return Err(FLOWMOTE_E_SIZE);
        }
        let state = State { magic: MAGIC, sender: UdpSender::new(config) };
        // SAFETY: `checked` refused null and misaligned pointers, `size` was compared, and a
        // `State` fits a `flowmote_udp` (asserted above).
        unsafe { write(udp.cast::<State>(), state) }?;
        Ok(FLOWMOTE_OK)
    };
    code(init())
}

/// Changes the collector: a unicast IPv4 address of 4 bytes and a UDP port other than 0.
/// FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_set_collector(
    udp: *mut flowmote_udp,
    collector: *const u8,
    collector_port: u16,
) -> i32 {
    let set = || {
        // SAFETY: the header requires 4 bytes at `collector`; null is refused.
        let address = unsafe { read(collector.cast::<[u8; 4]>()) }?;
        let collector = socket(address, collector_port)?;
        // SAFETY: a "main loop" function: no other call borrows the sender meanwhile.
        unsafe { sender(udp) }?.set_collector(collector);
        Ok(FLOWMOTE_OK)
    };
    code(set())
}

/// Handles ARP in a received frame of `length` bytes without FCS. FLOWMOTE_YES: `answer`
/// (FLOWMOTE_UDP_HEAD_BYTES bytes) is an ARP reply to send, padded to 60 bytes. FLOWMOTE_OK:
/// nothing to send; the firmware may process the frame. FLOWMOTE_E_RANGE. Main loop.
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
        // SAFETY: the header requires `length` bytes at `frame`; null is refused.
        let frame = unsafe { bytes(frame, length) }?;
        // SAFETY: a "main loop" function: no other call borrows the sender meanwhile.
        let reply = unsafe { sender(udp) }?.handle_frame(Instant::from_millis(now_ms), frame);
        // SAFETY: the header requires FLOWMOTE_UDP_HEAD_BYTES bytes at `answer`.
        unsafe { store(reply, answer) }
    };
    code(receive())
}

/// FLOWMOTE_YES: `question` (FLOWMOTE_UDP_HEAD_BYTES bytes) is an ARP request to send now, padded
/// to 60 bytes. Call at least once a second. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_poll(
    udp: *mut flowmote_udp,
    now_ms: u64,
    question: *mut u8,
) -> i32 {
    let poll = || {
        checked(question)?;
        // SAFETY: a "main loop" function: no other call borrows the sender meanwhile.
        let request = unsafe { sender(udp) }?.poll(Instant::from_millis(now_ms));
        // SAFETY: the header requires FLOWMOTE_UDP_HEAD_BYTES bytes at `question`.
        unsafe { store(request, question) }
    };
    code(poll())
}

/// FLOWMOTE_YES: the MAC address of the next hop is known, so datagrams can be sent. Until then
/// keep samples in the agent, for one second at most, by not calling flowmote_poll_counters and
/// flowmote_poll_transmit. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_ready(udp: *mut flowmote_udp) -> i32 {
    // SAFETY: a "main loop" function: no other call borrows the sender meanwhile.
    let known = unsafe { sender(udp) }.map(|sender| sender.neighbour() != Neighbour::Unknown);
    code(known.map(yes))
}

/// Writes the Ethernet, IPv4 and UDP headers (FLOWMOTE_UDP_HEAD_BYTES bytes) of a datagram.
/// FLOWMOTE_E_NEIGHBOUR: the next hop is unknown; keep the datagram or drop it.
/// FLOWMOTE_E_TOO_LARGE, FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_udp_head(
    udp: *mut flowmote_udp,
    datagram: *const u8,
    length: usize,
    head: *mut u8,
) -> i32 {
    let write_head = || {
        checked(head)?;
        // SAFETY: the header requires `length` bytes at `datagram`; null is refused.
        let datagram = unsafe { bytes(datagram, length) }?;
        if length > FLOWMOTE_UDP_PAYLOAD {
            return Err(FLOWMOTE_E_TOO_LARGE);
        }
        // SAFETY: a "main loop" function: no other call borrows the sender meanwhile.
        let written = unsafe { sender(udp) }?.head(datagram).ok_or(FLOWMOTE_E_NEIGHBOUR)?;
        // SAFETY: the header requires FLOWMOTE_UDP_HEAD_BYTES bytes at `head`.
        unsafe { store(Some(written), head) }?;
        Ok(FLOWMOTE_OK)
    };
    code(write_head())
}

/// # Safety
/// `udp` is null, misaligned, or a [`flowmote_udp`] of which no other borrow exists.
unsafe fn sender<'a>(udp: *mut flowmote_udp) -> Result<&'a mut UdpSender, i32> {
    let state = checked(udp.cast_const())?.cast_mut().cast::<State>();
    // SAFETY: `checked` refused null and misaligned pointers, and any bytes are a valid `u32`; no
    // reference to the sender is made before the number is known to be right.
    if unsafe { (*state).magic } != MAGIC {
        return Err(FLOWMOTE_E_STATE);
    }
    // SAFETY: the number shows that `flowmote_udp_init` made it, and the caller promises that no
    // other borrow exists.
    Ok(unsafe { &mut (*state).sender })
}

/// # Safety
/// `to` points to [`HEAD_BYTES`] writable bytes.
unsafe fn store(frame: Option<[u8; HEAD_BYTES]>, to: *mut u8) -> Answer {
    if let Some(frame) = frame {
        // SAFETY: the caller vouches for room; an array of bytes has no alignment to violate.
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

/// The socket address of a collector: unicast, and a port other than 0.
fn socket(address: [u8; 4], port: u16) -> Result<SocketAddrV4, i32> {
    let ip = Ipv4Addr::from(address);
    if port == 0 || ip.is_unspecified() || ip.is_multicast() || ip.is_broadcast() {
        return Err(FLOWMOTE_E_RANGE);
    }
    Ok(SocketAddrV4::new(ip, port))
}

const MAGIC: u32 = 0x7346_5564;
/// Maximum payload of a UDP datagram over IPv4.
const FLOWMOTE_UDP_PAYLOAD: usize = 65_507;
