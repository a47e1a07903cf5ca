//! Packets, sampled by the library or by a switch chip.

use core::sync::atomic::Ordering;

use flowmote_baremetal::PacketSample;
use flowmote_core::record::flow::{HeaderProtocol, SampledHeader};
use flowmote_core::{
    DataSource, DiscardedPacket, DropReason, HandleError, Instant, Interface, SampleMeta,
};

use crate::codes::*;
use crate::pointers::{bytes, read, write};
use crate::state::{self, MainLoop, Port, flowmote};

/// direction: the device received the packet for itself.
pub const FLOWMOTE_RECEIVED: u32 = 0;
/// direction: the device itself sends the packet by this port.
pub const FLOWMOTE_SENT: u32 = 1;
/// direction: the port received the packet and the device forwarded it, see output.
pub const FLOWMOTE_SWITCHED: u32 = 2;
/// direction: as FLOWMOTE_SWITCHED, to `output` ports (0: number unknown).
pub const FLOWMOTE_FLOODED: u32 = 3;

/// Description of a packet.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_packet {
    /// Its first bytes, from the destination MAC on; read during the call only.
    pub header: *const u8,
    /// Number of header bytes: 0 to 65535; those beyond FLOWMOTE_HEADER_BYTES are ignored.
    pub header_length: u32,
    /// Length of the frame on the wire in bytes, including the FCS: at least header_length.
    pub frame_length: u32,
    /// FLOWMOTE_RECEIVED, _SENT, _SWITCHED or _FLOODED.
    pub direction: u32,
    /// ifIndex of the egress port (0: unknown), or number of ports that it is flooded to.
    pub output: u32,
    /// Nanoseconds since 1970; 0: unknown.
    pub timestamp_ns: u64,
    /// Bytes after the header, for a packet in two buffers such as headers and datagram; null:
    /// none. Only flowmote_packet_seen reads it, and only for FLOWMOTE_SENT.
    pub payload: *const u8,
    /// Number of payload bytes: 0 to 65535; with header_length at most frame_length.
    pub payload_length: u32,
}

/// State of a sampler, to be attached to a sample.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_meta {
    /// N of 1-in-N.
    pub sampling_rate: u32,
    /// Packets that could have been sampled, modulo 2^32.
    pub sample_pool: u32,
    /// Samples lost, modulo 2^32.
    pub drops: u32,
}

/// Counts a packet of `port`; if it is sampled, copies it into the queue and returns FLOWMOTE_YES.
/// For one port, call from one interrupt priority, or from the main loop with that interrupt off.
/// FLOWMOTE_E_PORT, FLOWMOTE_E_RANGE: not counted. FLOWMOTE_E_QUEUE_FULL. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_packet_seen(
    state: *const flowmote,
    port: u32,
    packet: *const flowmote_packet,
) -> i32 {
    let seen = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, samples) = unsafe { state::port(state, port) }?;
        // SAFETY: null and misaligned are refused, and the packet is unchanged during the call.
        let packet = unsafe { crate::pointers::borrow(packet) }?;
        // SAFETY: the packet promises `header_length` bytes, unchanged during the call.
        let header = unsafe { header(packet) }?;
        // SAFETY: the packet promises `payload_length` bytes, unchanged during the call.
        let payload = unsafe { payload(packet) }?;
        match port.sampler.advance(1) {
            None => Ok(FLOWMOTE_OK),
            Some(chosen) => queue((port, samples), packet, (chosen.meta, header, payload)),
        }
    };
    code(seen())
}

/// Slow path of `flowmote_packet_seen`, out of line so that the fast path needs little stack.
#[cold]
#[inline(never)]
fn queue(
    (port, samples): (&Port, &state::Queue),
    packet: &flowmote_packet,
    chosen: (SampleMeta, &[u8], &[u8]),
) -> Answer {
    if samples.push(|| sample(port, packet, chosen)) {
        return Ok(FLOWMOTE_YES);
    }
    port.sampler.dropped();
    Err(FLOWMOTE_E_QUEUE_FULL)
}

/// Encodes a packet that a switch chip sampled, with the rate, pool and drops of the chip.
/// FLOWMOTE_E_PORT, FLOWMOTE_E_RANGE, FLOWMOTE_E_FULL, FLOWMOTE_E_TOO_LARGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_sample(
    state: *mut flowmote,
    now_ms: u64,
    port: u32,
    packet: *const flowmote_packet,
    meta: *const flowmote_meta,
) -> i32 {
    let take = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, _) = unsafe { state::port(state, port) }?;
        // SAFETY: null and misaligned are refused; else both are valid structures.
        let (packet, meta) = (unsafe { read(packet) }?, unsafe { read(meta) }?);
        // SAFETY: the packet promises `header_length` bytes, unchanged during the call.
        let header = unsafe { header(&packet) }?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let flowmote_meta { sampling_rate, sample_pool, drops } = meta;
        let meta = SampleMeta { sampling_rate, sample_pool, drops };
        let now = Instant::from_millis(now_ms);
        let sample = sample(port, &packet, (meta, header, &[]));
        handled(sample.with_flow_sample(|flow| agent.handle_flow_sample(now, flow)))
    };
    code(take())
}

/// Encodes a packet that the device discarded for `reason`, a code of the sFlow dropped packet
/// notifications such as 258 (ACL). Packets beyond the limit are only counted. Timestamp and number
/// of flooded ports are not exported. FLOWMOTE_E_PORT, FLOWMOTE_E_RANGE, FLOWMOTE_E_FULL,
/// FLOWMOTE_E_TOO_LARGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_discard(
    state: *mut flowmote,
    now_ms: u64,
    port: u32,
    packet: *const flowmote_packet,
    reason: u32,
) -> i32 {
    let take = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, _) = unsafe { state::port(state, port) }?;
        // SAFETY: `read` refuses a null or misaligned `packet`; else it is a valid structure.
        let packet = unsafe { read(packet) }?;
        // SAFETY: the packet promises `header_length` bytes, unchanged during the call.
        let header = unsafe { header(&packet) }?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let if_index = port.if_index.load(Ordering::Relaxed);
        let (input, output) = match packet.direction {
            FLOWMOTE_SENT => (0, if_index),
            FLOWMOTE_SWITCHED => (if_index, packet.output),
            _ => (if_index, 0),
        };
        let fit: Result<(), HandleError> = agent.handle_discard(
            Instant::from_millis(now_ms),
            &DiscardedPacket {
                source: DataSource::interface(if_index),
                input,
                output,
                reason: DropReason::new(reason),
                header: SampledHeader {
                    protocol: HeaderProtocol::ETHERNET,
                    frame_length: packet.frame_length,
                    stripped: 4,
                    header,
                },
                records: &[],
            },
        );
        handled(fit)
    };
    code(take())
}

/// Counts `lost` discarded packets of `port` that were not passed to flowmote_discard for lack of
/// resources, or not again after FLOWMOTE_E_FULL. The next notification reports them as drops.
/// FLOWMOTE_E_PORT. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_discards_lost(state: *mut flowmote, port: u32, lost: u32) -> i32 {
    let note = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, _) = unsafe { state::port(state, port) }?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        agent.discards_lost(DataSource::interface(port.if_index.load(Ordering::Relaxed)), lost);
        Ok(FLOWMOTE_OK)
    };
    code(note())
}

/// Changes the sampling rate of a port to 1-in-`sampling_rate` from the next packet on, at most
/// FLOWMOTE_MAX_SAMPLING_RATE; 0: off. FLOWMOTE_E_PORT, FLOWMOTE_E_RANGE. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_set_sampling_rate(
    state: *const flowmote,
    port: u32,
    sampling_rate: u32,
) -> i32 {
    let set = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, _) = unsafe { state::port(state, port) }?;
        if sampling_rate > state::FLOWMOTE_MAX_SAMPLING_RATE {
            return Err(FLOWMOTE_E_RANGE);
        }
        port.sampler.set_sampling_rate(sampling_rate);
        Ok(FLOWMOTE_OK)
    };
    code(set())
}

/// Stores sampling rate, packets counted and samples lost of a port. FLOWMOTE_E_PORT. Any context.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_port_meta(
    state: *const flowmote,
    port: u32,
    meta: *mut flowmote_meta,
) -> i32 {
    let store = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (port, _) = unsafe { state::port(state, port) }?;
        let SampleMeta { sampling_rate, sample_pool, drops } = port.sampler.meta();
        // SAFETY: `meta`: null and misaligned are refused; else the header requires it to be
        // writable.
        unsafe { write(meta, flowmote_meta { sampling_rate, sample_pool, drops }) }?;
        Ok(FLOWMOTE_OK)
    };
    code(store())
}

/// The header bytes of a packet whose other fields are within their ranges.
///
/// # Safety
/// `packet.header` points to `header_length` bytes that stay unchanged while borrowed.
unsafe fn header<'a>(packet: &flowmote_packet) -> Result<&'a [u8], i32> {
    let length = packet.header_length;
    if packet.direction > FLOWMOTE_FLOODED || length > 65_535 || length > packet.frame_length {
        return Err(FLOWMOTE_E_RANGE);
    }
    // SAFETY: the caller vouches for `header_length` bytes; `bytes` refuses null.
    unsafe { bytes(packet.header, packet.header_length as usize) }
}

/// The bytes after the header of a packet to send.
///
/// # Safety
/// `packet.payload` points to `payload_length` bytes that stay unchanged while borrowed.
unsafe fn payload<'a>(packet: &flowmote_packet) -> Result<&'a [u8], i32> {
    if packet.direction != FLOWMOTE_SENT {
        return Ok(&[]);
    }
    let length = packet.payload_length;
    // No overflow: `header` limited the other summand to 65535.
    if length > 65_535 || length.wrapping_add(packet.header_length) > packet.frame_length {
        return Err(FLOWMOTE_E_RANGE);
    }
    // SAFETY: the caller vouches for `payload_length` bytes; `bytes` refuses null.
    unsafe { bytes(packet.payload, length as usize) }
}

fn sample<'a>(
    port: &Port,
    packet: &flowmote_packet,
    (meta, header, payload): (SampleMeta, &'a [u8], &'a [u8]),
) -> PacketSample<'a> {
    let if_index = port.if_index.load(Ordering::Relaxed);
    let output = match (packet.direction, packet.output) {
        (FLOWMOTE_FLOODED, ports) => Interface::Multiple(ports),
        (_, 0) => Interface::Unknown,
        (_, if_index) => Interface::Index(if_index),
    };
    let mut sample = match packet.direction {
        FLOWMOTE_RECEIVED => PacketSample::received(if_index, meta, header),
        FLOWMOTE_SENT => PacketSample::sent_in_parts(if_index, meta, header, payload),
        _ => PacketSample::switched(if_index, meta, header, output),
    };
    sample.frame_length = packet.frame_length;
    sample.timestamp_ns = packet.timestamp_ns;
    sample
}
