//! The life of an agent: made, asked, emptied.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::Ordering;

use flowmote_core::{AgentConfig, DataSource, DatagramHead, Duration, Encoding, Instant};

use crate::codes::*;
use crate::pointers::{checked, read, write};
use crate::state::{
    self, FLOWMOTE_DATAGRAM_BYTES, FLOWMOTE_HEADER_BYTES, FLOWMOTE_MAX_SAMPLING_RATE,
    FLOWMOTE_STATE_SIZE, MainLoop, flowmote,
};

/// What an agent is told once.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_config {
    /// The identity of the device: 4 bytes of IPv4 or 16 of IPv6, as on the wire.
    pub agent_address: [u8; 16],
    /// 4 or 16.
    pub agent_address_length: u32,
    /// Tells apart several agents of one device; else 0.
    pub sub_agent_id: u32,
    /// Packet header bytes a sample carries: 16 to FLOWMOTE_HEADER_BYTES.
    pub header_bytes: u32,
    /// Bytes of a datagram: 512 to FLOWMOTE_DATAGRAM_BYTES.
    pub datagram_bytes: u32,
    /// Milliseconds that a sample may wait for its datagram to fill: 0 to 1000.
    pub max_delay_ms: u32,
    /// Discarded packets told a second and port; the text of sFlow says 10.
    pub discard_limit: u32,
    /// A number that no other device has, such as the unique id of the chip.
    pub seed: u64,
}

/// Totals since flowmote_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_stats {
    /// Datagrams made.
    pub datagrams: u64,
    /// Their bytes, without UDP and IP headers.
    pub datagram_bytes: u64,
    /// Flow samples in them.
    pub flow_samples: u64,
    /// Counter samples in them.
    pub counter_samples: u64,
    /// Discarded packets in them.
    pub discarded_packets: u64,
    /// Discarded packets held back by the limit.
    pub discards_suppressed: u64,
    /// Discarded packets that flowmote_discards_lost has told.
    pub discards_lost: u64,
}

/// Makes an agent in `state`, whose `size` is sizeof (flowmote). What was there is forgotten: no
/// interrupt may use it meanwhile. FLOWMOTE_E_SIZE, FLOWMOTE_E_RANGE. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_init(
    state: *mut flowmote,
    size: usize,
    config: *const flowmote_config,
) -> i32 {
    let init = || {
        checked(state)?;
        // SAFETY: as the caller says.
        let config = agent_config(unsafe { read(config) }?)?;
        if size < FLOWMOTE_STATE_SIZE {
            return Err(FLOWMOTE_E_SIZE);
        }
        // SAFETY: not null, aligned, large enough; the rest as the caller says.
        unsafe { state::make(state, config) };
        Ok(FLOWMOTE_OK)
    };
    code(init())
}

/// Adds a port. `if_index` is 1 to 0xFFFFFF, `sampling_rate` the N of 1 in N, at most
/// FLOWMOTE_MAX_SAMPLING_RATE (0: off), `polling_ms` the milliseconds between two readings of its
/// counters (0: never). Stores in `port` the number by which other functions know it; only then may
/// an interrupt use it. FLOWMOTE_E_RANGE, FLOWMOTE_E_EXISTS, FLOWMOTE_E_PORTS_FULL. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_add_port(
    state: *mut flowmote,
    now_ms: u64,
    if_index: u32,
    sampling_rate: u32,
    polling_ms: u32,
    port: *mut u32,
) -> i32 {
    let add = || {
        checked(port)?;
        // SAFETY: as the caller says.
        let MainLoop { agent, count, ports, .. } = unsafe { state::main_loop(state) }?;
        if if_index == 0 || sampling_rate > FLOWMOTE_MAX_SAMPLING_RATE {
            return Err(FLOWMOTE_E_RANGE);
        }
        let number = count.load(Ordering::Relaxed);
        let slot = ports.get(number as usize).ok_or(FLOWMOTE_E_PORTS_FULL)?;
        let source = DataSource::interface(if_index);
        let now = Instant::from_millis(now_ms);
        agent.add_source(now, source, Duration::from_millis(polling_ms)).map_err(add_error)?;
        slot.if_index.store(if_index, Ordering::Relaxed);
        slot.sampler.set_sampling_rate(sampling_rate);
        count.store(number.wrapping_add(1), Ordering::Release);
        // SAFETY: as the caller says.
        unsafe { write(port, number) }?;
        Ok(FLOWMOTE_OK)
    };
    code(add())
}

/// Has the counters of a port read every `polling_ms` milliseconds from now on, 0: never.
/// FLOWMOTE_E_PORT. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_set_polling(
    state: *mut flowmote,
    now_ms: u64,
    port: u32,
    polling_ms: u32,
) -> i32 {
    let set = || {
        // SAFETY: as the caller says.
        let (found, _) = unsafe { state::port(state, port) }?;
        // SAFETY: as the caller says.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let source = DataSource::interface(found.if_index.load(Ordering::Relaxed));
        let polling = Duration::from_millis(polling_ms);
        agent.set_polling(Instant::from_millis(now_ms), source, polling);
        Ok(FLOWMOTE_OK)
    };
    code(set())
}

/// FLOWMOTE_YES and the ifIndex of a port whose counters are due: answer with flowmote_counters,
/// and ask again until FLOWMOTE_OK. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_poll_counters(
    state: *mut flowmote,
    now_ms: u64,
    if_index: *mut u32,
) -> i32 {
    let poll = || {
        checked(if_index)?;
        // SAFETY: as the caller says.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let Some(source) = agent.poll_counters(Instant::from_millis(now_ms)) else {
            return Ok(FLOWMOTE_OK);
        };
        // SAFETY: as the caller says.
        unsafe { write(if_index, source.index()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// Encodes what the queue holds, and answers FLOWMOTE_YES with a datagram of `length` bytes to
/// send, if one is ready. It is there until the next main loop function is called. Ask again until
/// FLOWMOTE_OK. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_poll_transmit(
    state: *mut flowmote,
    now_ms: u64,
    datagram: *mut *const u8,
    length: *mut usize,
) -> i32 {
    let poll = || {
        checked(datagram)?;
        checked(length)?;
        // SAFETY: as the caller says.
        let node = unsafe { state::main_loop(state) }?;
        let Some(bytes) = next_datagram(node, Instant::from_millis(now_ms)) else {
            return Ok(FLOWMOTE_OK);
        };
        // SAFETY: as the caller says.
        unsafe { write(datagram, bytes.as_ptr()) }?;
        // SAFETY: as the caller says.
        unsafe { write(length, bytes.len()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// FLOWMOTE_YES and when, in milliseconds since boot, to call flowmote_poll_counters and
/// flowmote_poll_transmit at the latest (0: at once); FLOWMOTE_OK: nothing is due. Either way call
/// them soon after flowmote_packet_seen answered FLOWMOTE_YES in an interrupt. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_poll_timeout(state: *mut flowmote, at_ms: *mut u64) -> i32 {
    let poll = || {
        checked(at_ms)?;
        // SAFETY: as the caller says.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let Some(at) = agent.poll_timeout() else { return Ok(FLOWMOTE_OK) };
        // SAFETY: as the caller says.
        unsafe { write(at_ms, at.as_millis()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// Stores the totals of the agent. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_totals(state: *mut flowmote, stats: *mut flowmote_stats) -> i32 {
    let totals = || {
        // SAFETY: as the caller says.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let totals = agent.stats();
        let totals = flowmote_stats {
            datagrams: totals.datagrams,
            datagram_bytes: totals.datagram_bytes,
            flow_samples: totals.flow_samples,
            counter_samples: totals.counter_samples,
            discarded_packets: totals.discarded_packets,
            discards_suppressed: totals.discards_suppressed,
            discards_lost: totals.discards_lost,
        };
        // SAFETY: as the caller says.
        unsafe { write(stats, totals) }?;
        Ok(FLOWMOTE_OK)
    };
    code(totals())
}

/// Moves samples from the queue into the datagram, until one is ready or none is left.
fn next_datagram<'a>(node: MainLoop<'a>, now: Instant) -> Option<&'a [u8]> {
    let MainLoop { agent, samples, .. } = node;
    let mut header = [0; FLOWMOTE_HEADER_BYTES];
    // Each turn takes a sample or ends, and no more wait than there are slots.
    for _ in 0..=crate::state::FLOWMOTE_SLOTS {
        if agent.poll_timeout().is_some_and(|at| at == Instant::ZERO) {
            break;
        }
        let Some(sample) = samples.peek(&mut header) else { break };
        let fit = sample.with_flow_sample(|flow| agent.handle_flow_sample(now, flow));
        // One that the datagram has no room for begins the next.
        if fit != Err(flowmote_core::HandleError::Full) {
            samples.remove();
        }
    }
    agent.poll_transmit(now)
}

fn agent_config(config: flowmote_config) -> Result<AgentConfig, i32> {
    let within = |value: u32, least: usize, most: usize| {
        let value = value as usize;
        if (least..=most).contains(&value) { Ok(value) } else { Err(FLOWMOTE_E_RANGE) }
    };
    let [a, b, c, d, ..] = config.agent_address;
    let address = match config.agent_address_length {
        4 => IpAddr::V4(Ipv4Addr::new(a, b, c, d)),
        16 => IpAddr::V6(Ipv6Addr::from_octets(config.agent_address)),
        _ => return Err(FLOWMOTE_E_RANGE),
    };
    within(config.max_delay_ms, 0, 1000)?;
    Ok(AgentConfig {
        head: DatagramHead {
            address,
            sub_agent_id: config.sub_agent_id,
            encoding: Encoding::Compact,
            max_bytes: within(config.datagram_bytes, 512, FLOWMOTE_DATAGRAM_BYTES)?,
        },
        header_bytes: within(config.header_bytes, 16, FLOWMOTE_HEADER_BYTES)?,
        max_delay: Duration::from_millis(config.max_delay_ms),
        discard_limit: config.discard_limit,
        seed: config.seed,
    })
}
