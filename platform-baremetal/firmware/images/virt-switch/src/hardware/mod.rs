//! The two `virt` machines of QEMU: what they have in common, and a folder for what each has of
//! its own.
//!
//! All unsafe code of the image is in here.
#![allow(unsafe_code, reason = "registers, DMA and the entry of the image are in here")]

#[cfg(target_arch = "aarch64")]
#[path = "aarch64/mod.rs"]
mod machine;
#[cfg(target_arch = "riscv64")]
#[path = "riscv64/mod.rs"]
mod machine;
mod nics;
mod pages;
mod serial;
mod stack;

pub(crate) use self::machine::{Clock, processor};
pub(crate) use self::nics::Nics;
pub(crate) use self::serial::Serial;
pub(crate) use self::stack::{paint_stack, stack_used};
