//! Agent lifecycle: initialisation, polling, transmission.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::sync::atomic::Ordering;

use flowmote_core::{AgentConfig, DataSource, DatagramHead, Duration, Encoding, Instant};

use crate::codes::*;
use crate::pointers::{checked, read, write};
use crate::state::{
    self, FLOWMOTE_DATAGRAM_BYTES, FLOWMOTE_HEADER_BYTES, FLOWMOTE_MAX_SAMPLING_RATE,
    FLOWMOTE_STATE_SIZE, MainLoop, flowmote,
};

/// Configuration of an agent.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_config {
    /// The identity of the device: 4 bytes of IPv4 or 16 of IPv6, as on the wire.
    pub agent_address: [u8; 16],
    /// 4 or 16.
    pub agent_address_length: u32,
    /// Distinguishes several agents of one device; 0 if there is only one.
    pub sub_agent_id: u32,
    /// Packet header bytes per sample: 16 to FLOWMOTE_HEADER_BYTES.
    pub header_bytes: u32,
    /// Bytes of a datagram: 512 to FLOWMOTE_DATAGRAM_BYTES.
    pub datagram_bytes: u32,
    /// Milliseconds that a sample may wait for its datagram to fill: 0 to 1000.
    pub max_delay_ms: u32,
    /// Maximum discarded packets reported per second and port; the standard recommends 10.
    pub discard_limit: u32,
    /// Seed of the random numbers: different on every device, such as the unique id of the chip.
    pub seed: u64,
}

/// Totals since flowmote_init.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct flowmote_stats {
    /// Datagrams encoded.
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
    /// Discarded packets reported to flowmote_discards_lost.
    pub discards_lost: u64,
}

/// Initialises an agent in `state`, whose `size` is sizeof (flowmote). Previous content is
/// discarded: no interrupt may use the state during the call. FLOWMOTE_E_SIZE, FLOWMOTE_E_RANGE.
/// Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_init(
    state: *mut flowmote,
    size: usize,
    config: *const flowmote_config,
) -> i32 {
    let init = || {
        checked(state)?;
        // SAFETY: `read` refuses a null or misaligned `config`; else it is a valid structure.
        let config = agent_config(unsafe { read(config) }?)?;
        if size < FLOWMOTE_STATE_SIZE {
            return Err(FLOWMOTE_E_SIZE);
        }
        // SAFETY: `checked` refused null and misaligned pointers, the size was compared, and the
        // header requires that nothing else uses the state during this call.
        unsafe { state::make(state, config) };
        Ok(FLOWMOTE_OK)
    };
    code(init())
}

/// Adds a port. `if_index` is 1 to 0xFFFFFF, `sampling_rate` the N of 1-in-N, at most
/// FLOWMOTE_MAX_SAMPLING_RATE (0: off), `polling_ms` the interval of its counter samples in
/// milliseconds (0: never). Stores in `port` the number that other functions take; an interrupt may
/// use it from then on. FLOWMOTE_E_RANGE, FLOWMOTE_E_EXISTS, FLOWMOTE_E_PORTS_FULL. Main loop.
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
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
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
        // SAFETY: `port` was checked above, and the header requires it to be writable.
        unsafe { write(port, number) }?;
        Ok(FLOWMOTE_OK)
    };
    code(add())
}

/// Changes the interval of the counter samples of a port to `polling_ms` milliseconds, 0: never.
/// FLOWMOTE_E_PORT. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_set_polling(
    state: *mut flowmote,
    now_ms: u64,
    port: u32,
    polling_ms: u32,
) -> i32 {
    let set = || {
        // SAFETY: shared borrows only; `port` refuses memory that `flowmote_init` did not fill.
        let (found, _) = unsafe { state::port(state, port) }?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let source = DataSource::interface(found.if_index.load(Ordering::Relaxed));
        let polling = Duration::from_millis(polling_ms);
        agent.set_polling(Instant::from_millis(now_ms), source, polling);
        Ok(FLOWMOTE_OK)
    };
    code(set())
}

/// Returns FLOWMOTE_YES and the ifIndex of a port whose counters are due: pass them to
/// flowmote_counters, and repeat until FLOWMOTE_OK. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_poll_counters(
    state: *mut flowmote,
    now_ms: u64,
    if_index: *mut u32,
) -> i32 {
    let poll = || {
        checked(if_index)?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let Some(source) = agent.poll_counters(Instant::from_millis(now_ms)) else {
            return Ok(FLOWMOTE_OK);
        };
        // SAFETY: `if_index` was checked above, and the header requires it to be writable.
        unsafe { write(if_index, source.index()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// Encodes the samples in the queue, and returns FLOWMOTE_YES with a datagram of `length` bytes if
/// one is ready to be sent. The datagram is valid until the next main loop function is called.
/// Repeat until FLOWMOTE_OK. Main loop.
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
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let node = unsafe { state::main_loop(state) }?;
        let Some(bytes) = next_datagram(node, Instant::from_millis(now_ms)) else {
            return Ok(FLOWMOTE_OK);
        };
        // SAFETY: `datagram` was checked above, and the header requires it to be writable.
        unsafe { write(datagram, bytes.as_ptr()) }?;
        // SAFETY: `length` was checked above, and the header requires it to be writable.
        unsafe { write(length, bytes.len()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// Returns FLOWMOTE_YES and the time, in milliseconds since boot, by which to call
/// flowmote_poll_counters and flowmote_poll_transmit (0: immediately); FLOWMOTE_OK: nothing is due.
/// In either case call them soon after flowmote_packet_seen returned FLOWMOTE_YES in an interrupt.
/// Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_poll_timeout(state: *mut flowmote, at_ms: *mut u64) -> i32 {
    let poll = || {
        checked(at_ms)?;
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
        let MainLoop { agent, .. } = unsafe { state::main_loop(state) }?;
        let Some(at) = agent.poll_timeout() else { return Ok(FLOWMOTE_OK) };
        // SAFETY: `at_ms` was checked above, and the header requires it to be writable.
        unsafe { write(at_ms, at.as_millis()) }?;
        Ok(FLOWMOTE_YES)
    };
    code(poll())
}

/// Stores the totals of the agent. Main loop.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn flowmote_totals(state: *mut flowmote, stats: *mut flowmote_stats) -> i32 {
    let totals = || {
        // SAFETY: a "main loop" function: no other call borrows the agent meanwhile.
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
        // SAFETY: `stats`: null and misaligned are refused; else the header requires it to be
        // writable.
        unsafe { write(stats, totals) }?;
        Ok(FLOWMOTE_OK)
    };
    code(totals())
}

/// Moves samples from the queue into the datagram until it is ready or the queue is empty.
fn next_datagram<'a>(node: MainLoop<'a>, now: Instant) -> Option<&'a [u8]> {
    let MainLoop { agent, samples, .. } = node;
    let mut header = [0; FLOWMOTE_HEADER_BYTES];
    // Each turn removes a sample or ends the loop, and the queue holds at most `FLOWMOTE_SLOTS`.
    for _ in 0..=crate::state::FLOWMOTE_SLOTS {
        if agent.poll_timeout().is_some_and(|at| at == Instant::ZERO) {
            break;
        }
        let Some(sample) = samples.peek(&mut header) else { break };
        let fit = sample.with_flow_sample(|flow| agent.handle_flow_sample(now, flow));
        // A sample that does not fit stays in the queue and starts the next datagram.
        if fit != Err(flowmote_core::HandleError::Full) {
            samples.remove();
        }
    }
    agent.poll_transmit(now)
}

fn agent_config(config: flowmote_config) -> Result<AgentConfig, i32> {
    let within = |value: u32, min: usize, max: usize| {
        let value = value as usize;
        if (min..=max).contains(&value) { Ok(value) } else { Err(FLOWMOTE_E_RANGE) }
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
