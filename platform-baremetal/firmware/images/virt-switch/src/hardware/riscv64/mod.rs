//! The `virt` machine with RV64GC in machine mode (hw/riscv/virt.c): PLIC, 16550, CLINT.

mod clock;
pub(crate) mod processor;
mod start;
mod uart;

pub(crate) use self::clock::Clock;
pub(super) use self::start::{STACK_BEGIN, STACK_END};
pub(super) use self::uart::Uart;

/// VIRT_VIRTIO: address of the first virtio slot, bytes per slot, number of slots.
pub(super) const VIRTIO: usize = 0x1000_1000;
pub(super) const VIRTIO_STEP: usize = 0x1000;
pub(super) const VIRTIO_SLOTS: usize = 8;
