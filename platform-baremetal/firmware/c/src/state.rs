//! The memory of an agent, which the caller gives.

use core::ptr::{addr_of, addr_of_mut};
use core::sync::atomic::{AtomicU32, Ordering};

use flowmote_baremetal::{PortSampler, SampleQueue};
use flowmote_core::{Agent, AgentConfig, SourceSlot};

use crate::codes::{FLOWMOTE_E_PORT, FLOWMOTE_E_STATE};
use crate::pointers::checked;

/// Ports an agent has at most.
pub const FLOWMOTE_PORTS: usize = 4;
/// Largest N of 1 in N.
pub const FLOWMOTE_MAX_SAMPLING_RATE: u32 = 0x8000_0000;
/// Samples that wait for the main loop at most.
pub const FLOWMOTE_SLOTS: usize = 4;
/// Packet header bytes that a sample carries at most.
pub const FLOWMOTE_HEADER_BYTES: usize = 128;
/// Bytes of a datagram at most, without UDP and IP headers.
pub const FLOWMOTE_DATAGRAM_BYTES: usize = 1400;
/// Words of the state.
pub const FLOWMOTE_STATE_WORDS: usize = 368;
/// Bytes of the state: sizeof (flowmote).
pub const FLOWMOTE_STATE_SIZE: usize = 2944;

/// The memory of an agent: static, and left alone; a copy is no agent. It has the same size on
/// 32-bit and on 64-bit targets, and the alignment of uint64_t.
#[repr(C)]
pub struct flowmote {
    opaque: [u64; FLOWMOTE_STATE_WORDS],
}

/// What it holds. Interrupts use `ports`, `samples` and `magic`, which may be shared.
pub(crate) struct State {
    magic: AtomicU32,
    count: AtomicU32,
    ports: [Port; FLOWMOTE_PORTS],
    pub(crate) samples: Queue,
    agent: Agent<'static>,
    sources: [SourceSlot; FLOWMOTE_PORTS],
    buffer: [u8; FLOWMOTE_DATAGRAM_BYTES],
}

pub(crate) type Queue = SampleQueue<FLOWMOTE_SLOTS, FLOWMOTE_HEADER_BYTES>;

/// A port that may be shared.
pub(crate) struct Port {
    pub(crate) if_index: AtomicU32,
    pub(crate) sampler: PortSampler,
}

/// What the main loop has for itself.
pub(crate) struct MainLoop<'a> {
    pub(crate) agent: &'a mut Agent<'static>,
    pub(crate) samples: &'a Queue,
    pub(crate) count: &'a AtomicU32,
    pub(crate) ports: &'a [Port; FLOWMOTE_PORTS],
}

const _: () = assert!(size_of::<State>() <= FLOWMOTE_STATE_SIZE);
const _: () = assert!(align_of::<State>() <= align_of::<flowmote>());
const _: () = assert!(size_of::<flowmote>() == FLOWMOTE_STATE_SIZE);
const _: () = assert!(FLOWMOTE_MAX_SAMPLING_RATE == flowmote_core::MAX_SAMPLING_RATE);

/// Makes an agent in memory whose content does not matter.
///
/// # Safety
/// `memory` is not null, is aligned, has the size of a [`flowmote`], lives for ever, and nobody
/// else uses it meanwhile.
pub(crate) unsafe fn make(memory: *mut flowmote, config: AgentConfig) {
    let state = memory.cast::<State>();
    let vacant = |port: u64| Port {
        if_index: AtomicU32::new(0),
        sampler: PortSampler::new(0, config.seed.wrapping_add(port.wrapping_mul(SPREAD))),
    };
    // SAFETY: every field lies within the memory, which the caller gives away; fields are written
    // without being read, and the references made of two of them are to nobody else's use.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one structure, field by field")]
    unsafe {
        addr_of_mut!((*state).sources).write([SourceSlot::VACANT; FLOWMOTE_PORTS]);
        addr_of_mut!((*state).buffer).write([0; FLOWMOTE_DATAGRAM_BYTES]);
        let sources = &mut *addr_of_mut!((*state).sources);
        let buffer = &mut *addr_of_mut!((*state).buffer);
        addr_of_mut!((*state).agent).write(Agent::new(config, sources, buffer));
        addr_of_mut!((*state).samples).write(SampleQueue::new());
        addr_of_mut!((*state).ports).write([1, 2, 3, 4].map(vacant));
        addr_of_mut!((*state).count).write(AtomicU32::new(0));
        addr_of_mut!((*state).magic).write(AtomicU32::new(magic_at(memory)));
    }
}

/// The queue and a port, for any context.
///
/// # Safety
/// `memory` is a [`flowmote`] that lives for ever, unless it is null or misaligned.
pub(crate) unsafe fn port<'a>(
    memory: *const flowmote,
    port: u32,
) -> Result<(&'a Port, &'a Queue), i32> {
    // SAFETY: as the caller says.
    let state = unsafe { made(memory) }?;
    // SAFETY: `made` found a whole state, which lives as long as it is used. Nothing ever borrows
    // these three fields exclusively after `init`.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one structure, field by field")]
    let (count, ports, samples) = unsafe {
        (&*addr_of!((*state).count), &*addr_of!((*state).ports), &*addr_of!((*state).samples))
    };
    if port >= count.load(Ordering::Acquire) {
        return Err(FLOWMOTE_E_PORT);
    }
    Ok((ports.get(port as usize).ok_or(FLOWMOTE_E_PORT)?, samples))
}

/// All of it, for the main loop.
///
/// # Safety
/// As [`port`], and nobody else has what the main loop has for itself.
pub(crate) unsafe fn main_loop<'a>(memory: *mut flowmote) -> Result<MainLoop<'a>, i32> {
    // SAFETY: as the caller says.
    let state = unsafe { made(memory) }?.cast_mut();
    // SAFETY: made, lives for ever; the first two belong to the main loop, and the rest is shared.
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one structure, field by field")]
    Ok(unsafe {
        MainLoop {
            agent: &mut *addr_of_mut!((*state).agent),
            samples: &*addr_of!((*state).samples),
            count: &*addr_of!((*state).count),
            ports: &*addr_of!((*state).ports),
        }
    })
}

/// # Safety
/// As [`port`].
unsafe fn made(memory: *const flowmote) -> Result<*const State, i32> {
    let state = checked(memory)?.cast::<State>();
    // SAFETY: `checked` refused null and misaligned pointers, so the field lies within the memory
    // that the caller promises.
    let magic = unsafe { addr_of!((*state).magic) };
    // SAFETY: any bytes are a valid `AtomicU32`, and the field is only accessed as one.
    let magic = unsafe { &*magic };
    if magic.load(Ordering::Acquire) != magic_at(memory) {
        return Err(FLOWMOTE_E_STATE);
    }
    Ok(state)
}

/// What a state says of itself. A copy of it does not: the agent in it points into the original.
fn magic_at(memory: *const flowmote) -> u32 {
    MAGIC ^ memory.addr() as u32
}

const MAGIC: u32 = 0x7346_6C77;
/// The golden ratio: seeds of ports far from each other.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
