//! The `virt` machine of QEMU (hw/arm/virt.c): where its devices are, and how they are driven.
//!
//! All unsafe code of the image is in here.
#![allow(unsafe_code, reason = "registers, DMA and the entry of the image are in here")]

mod clock;
mod nics;
mod pages;
pub(crate) mod processor;
mod serial;
mod start;

pub(crate) use self::clock::Clock;
pub(crate) use self::nics::Nics;
pub(crate) use self::serial::Serial;
