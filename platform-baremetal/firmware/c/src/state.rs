//! The state of an agent, in memory that the caller provides.

use core::ptr::{addr_of, addr_of_mut};
use core::sync::atomic::{AtomicU32, Ordering};

use flowmote_baremetal::{PortSampler, SampleQueue};
use flowmote_core::{Agent, AgentConfig, SourceSlot};

use crate::codes::{FLOWMOTE_E_PORT, FLOWMOTE_E_STATE};
use crate::pointers::checked;

/// Maximum number of ports of an agent.
pub const FLOWMOTE_PORTS: usize = 4;
/// Maximum N of 1-in-N sampling: 2^31.
pub const FLOWMOTE_MAX_SAMPLING_RATE: u32 = 0x8000_0000;
/// Capacity of the sample queue between interrupts and main loop.
pub const FLOWMOTE_SLOTS: usize = 4;
/// Maximum packet header bytes in a sample.
pub const FLOWMOTE_HEADER_BYTES: usize = 128;
/// Maximum bytes of a datagram, without UDP and IP headers.
pub const FLOWMOTE_DATAGRAM_BYTES: usize = 1400;
/// 64-bit words of a state.
pub const FLOWMOTE_STATE_WORDS: usize = 368;
/// Bytes of a state: sizeof (flowmote).
pub const FLOWMOTE_STATE_SIZE: usize = 2944;

/// Memory for one agent: static, opaque, and not to be copied, because the state points into
/// itself. Same size on 32-bit and 64-bit targets, alignment of uint64_t.
#[repr(C)]
pub struct flowmote {
    opaque: [u64; FLOWMOTE_STATE_WORDS],
}

/// The content of a [`flowmote`]. Interrupts share `magic`, `count`, `ports` and `samples`; the
/// rest belongs to the main loop.
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

/// A port, shared by interrupts and main loop.
pub(crate) struct Port {
    pub(crate) if_index: AtomicU32,
    pub(crate) sampler: PortSampler,
}

/// A borrow of the state for the main loop: the agent exclusively, the rest shared.
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

/// Initialises an agent, whatever the memory held before.
///
/// # Safety
/// `memory` is not null, is aligned, has the size of a [`flowmote`], outlives every use of the
/// agent, and is not accessed by anything else meanwhile.
pub(crate) unsafe fn make(memory: *mut flowmote, config: AgentConfig) {
    let state = memory.cast::<State>();
    let vacant = |port: u64| Port {
        if_index: AtomicU32::new(0),
        sampler: PortSampler::new(0, config.seed.wrapping_add(port.wrapping_mul(SPREAD))),
    };
    // SAFETY: every field lies within memory that the caller owns exclusively. Fields are written
    // before they are read. The agent holds the only references to `sources` and `buffer`, which
    // nothing accesses by name afterwards.
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

/// A port and the queue, for any context.
///
/// # Safety
/// `memory` is null, misaligned, or a [`flowmote`] that outlives every use of it.
pub(crate) unsafe fn port<'a>(
    memory: *const flowmote,
    port: u32,
) -> Result<(&'a Port, &'a Queue), i32> {
    // SAFETY: the caller vouches for memory of a whole `flowmote`.
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

/// The whole state, for the main loop.
///
/// # Safety
/// As [`port`], and no other [`MainLoop`] of this state exists.
pub(crate) unsafe fn main_loop<'a>(memory: *mut flowmote) -> Result<MainLoop<'a>, i32> {
    // SAFETY: the caller vouches for memory of a whole `flowmote`.
    let state = unsafe { made(memory) }?.cast_mut();
    // SAFETY: `made` found a whole state. The caller promises that no other `MainLoop` exists, so
    // the agent is borrowed exclusively; the other fields are only ever shared.
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

/// The mark of an initialised state. It depends on the address, so that a copy is refused: the
/// agent in a copy still points into the original.
fn magic_at(memory: *const flowmote) -> u32 {
    MAGIC ^ memory.addr() as u32
}

const MAGIC: u32 = 0x7346_6C77;
/// 2^64 divided by the golden ratio: spreads the seeds of the ports over the whole range.
const SPREAD: u64 = 0x9E37_79B9_7F4A_7C15;
