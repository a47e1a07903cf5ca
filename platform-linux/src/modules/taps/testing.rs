//! A tap of a scripted kernel, for tests.

use core::cell::Cell;
use core::mem::offset_of;
use core::num::NonZeroU32;
use std::rc::Rc;

use crate::config::Direction;
use crate::kernel::sys::bpf::Slot;
use crate::kernel::sys::fake::{Scripted, anonymous_memory, descriptor, write_memory};
use crate::kernel::sys::syscall::Call;
use crate::modules::taps::capture::{RingShape, Tap, TapOptions, Way};

pub(super) fn options() -> TapOptions {
    TapOptions {
        if_index: 7,
        name: "eth9".into(),
        sampling_rate: NonZeroU32::MIN,
        configured_rate: NonZeroU32::MIN,
        direction: Direction::Both,
        header_bytes: 64,
        promiscuous: false,
        way: Way::Socket,
        hardware_type: libc::ARPHRD_ETHER,
        loopback: false,
        mtu: 1500,
        ring: Some(RingShape { block_size: 16 << 10, blocks: 4 }),
    }
}

/// A tap with these [`options`] whose filter has chosen `packets` that are still in the ring. Until
/// the tap is stopped, the filter sees one more packet whenever the lost ones are read.
pub(super) fn tap_with_packets_in_its_ring(packets: u64) -> (Tap, Scripted) {
    let counters = Rc::new(Cell::new(None));
    let first = Rc::clone(&counters);
    let (mut seen, mut is_stopped) = (packets, false);
    let kernel = Scripted::kernel(move |call| {
        Some(match call {
            Call::Socket { .. } | Call::MapCreate { .. } | Call::ProgramLoad { .. } => descriptor(),
            Call::Reserve { length } => anonymous_memory(*length),
            Call::Map { length, .. } => {
                let memory = anonymous_memory(*length);
                // The counters of the filter come before the ring.
                first.set(first.get().or(memory.as_ref().ok().copied()));
                memory
            }
            Call::Unmap { .. } => return None,
            Call::AttachClassic { .. } => {
                is_stopped = true;
                Ok(0)
            }
            Call::GetOption { value, .. } => {
                value.fill(0);
                seen += u64::from(!is_stopped);
                let slot: usize = first.get().unwrap();
                write_memory(slot + offset_of!(Slot, seen), &seen.to_ne_bytes());
                Ok(value.len())
            }
            _ => Ok(0),
        })
    });
    let tap = Tap::open(&options()).unwrap();
    let slot: usize = counters.get().unwrap();
    for counter in [offset_of!(Slot, seen), offset_of!(Slot, chosen_skbs), offset_of!(Slot, chosen)]
    {
        write_memory(slot + counter, &packets.to_ne_bytes());
    }
    (tap, kernel)
}
