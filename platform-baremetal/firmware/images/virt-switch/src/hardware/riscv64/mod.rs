//! The `virt` machine with RV64GC in machine mode (hw/riscv/virt.c): PLIC, 16550, CLINT.

mod clock;
pub(crate) mod processor;
mod start;
mod uart;

pub(crate) use self::clock::Clock;
pub(super) use self::start::{STACK_BEGIN, STACK_END};
pub(super) use self::uart::Uart;

/// VIRT_VIRTIO: where the virtio devices are, one every so many bytes, and how many can be.
pub(super) const VIRTIO: usize = 0x1000_1000;
pub(super) const VIRTIO_STEP: usize = 0x1000;
pub(super) const VIRTIO_SLOTS: usize = 8;
