//! The two `virt` machines of QEMU: the devices that they share, and a folder for each machine.
//!
//! All unsafe code of the image is here.
#![allow(unsafe_code, reason = "registers, DMA and the entry of the image are here")]

#[cfg(target_arch = "aarch64")]
mod aarch64;
mod nics;
mod pages;
#[cfg(target_arch = "riscv64")]
mod riscv64;
mod serial;
mod stack;

#[cfg(target_arch = "aarch64")]
use self::aarch64 as machine;
pub(crate) use self::machine::{Clock, processor};
pub(crate) use self::nics::Nics;
#[cfg(target_arch = "riscv64")]
use self::riscv64 as machine;
pub(crate) use self::serial::Serial;
pub(crate) use self::stack::{paint_stack, stack_used};
