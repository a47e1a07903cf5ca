//! The `virt` machine with a Cortex-A53 (hw/arm/virt.c): GICv2, PL011, generic timer.

mod clock;
pub(crate) mod processor;
mod start;
mod uart;

pub(crate) use self::clock::Clock;
pub(super) use self::start::{STACK_BEGIN, STACK_END};
pub(super) use self::uart::Uart;

/// VIRT_MMIO: address of the first virtio slot, bytes per slot, number of slots.
pub(super) const VIRTIO: usize = 0x0a00_0000;
pub(super) const VIRTIO_STEP: usize = 0x200;
pub(super) const VIRTIO_SLOTS: usize = 32;
