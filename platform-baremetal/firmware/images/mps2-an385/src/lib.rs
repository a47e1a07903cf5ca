//! Arm's MPS2 board with the FPGA image AN385 (Cortex-M3): the parts that an end station needs.
//!
//! The board is `mps2-an385` of QEMU, and its documents are Arm DAI 0385 (memory map, interrupts),
//! DDI 0479 (UART) and Microchip's data sheet DS00002266 (LAN9118).
//!
//! - [`board`]: addresses of the peripherals, the clock, sleep
//! - [`chip`]: drivers of Ethernet controllers, and [`ethernet`]: the one of this board, shared
//! - [`counters`]: counter samples from the controller
//! - [`serial`]: the UART, and text without `core::fmt`, which would be a third of the small image
//! - [`console`]: input lines, [`station`]: the agent and its commands, [`settings`]: addresses and
//!   initial values, [`collector`]: addresses typed by the operator
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
