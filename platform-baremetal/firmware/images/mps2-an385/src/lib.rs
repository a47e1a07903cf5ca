//! Arm's MPS2 board with the FPGA image AN385 (Cortex-M3), as far as an end station needs it.
//!
//! The board is `mps2-an385` of QEMU, and its documents are Arm DAI 0385 (memory map, interrupts),
//! DDI 0479 (UART) and Microchip's data sheet DS00002266 (LAN9118).
//!
//! - [`board`]: which peripheral is where, the clock, sleeping
//! - [`lan9118`]: the Ethernet controller, and [`ethernet`]: the one of this board, shared
//! - [`counters`]: what the controller counted, as sFlow records
//! - [`serial`]: the UART, and text without `core::fmt`, which would be a third of the small image
//! - [`console`]: the lines of the operator, [`station`]: what they do, and [`collector`]: addresses
#![no_std]

pub mod board;
pub mod chip;
pub mod collector;
pub mod console;
pub mod counters;
pub mod ethernet;
mod memory;
mod registers;
pub mod serial;
pub mod settings;
pub mod station;
mod vectors;
