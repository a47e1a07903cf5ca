//! Arm's MPS2 board with the FPGA image AN385 (Cortex-M3), as far as an end station needs it.
//!
//! The board is `mps2-an385` of QEMU, and its documents are Arm DAI 0385 (memory map, interrupts),
//! DDI 0479 (UART) and Microchip's data sheet DS00002266 (LAN9118).
//!
//! - [`board`]: which peripheral is where, and sleeping
//! - [`lan9118`]: the Ethernet controller
//! - [`serial`]: the UART, and text without `core::fmt`, which would be a third of the small image
//! - [`console`]: the commands of the operator
//! - [`counters`]: what the controller counted, as sFlow records
//! - [`port`]: the controller as a data source, with sampler and queue
//! - [`station`]: the agent, and what the operator may change
#![no_std]

pub mod board;
pub mod console;
pub mod counters;
pub mod lan9118;
pub mod port;
mod registers;
pub mod serial;
pub mod station;
