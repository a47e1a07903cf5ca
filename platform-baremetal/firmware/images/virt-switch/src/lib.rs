//! A VLAN-aware learning switch with an sFlow agent, without the hardware access.
//!
//! `no_std`, no allocator, no unsafe code. It shows how samples made by a switch chip reach the
//! agent of `flowmote-baremetal`: [`Bridge`] plays the chip, [`Control`] is the firmware of its
//! processor. The image (`main.rs`) passes frames from the ports to [`Control::receive`] and calls
//! [`Control::poll`] when it is due; a [`Wire`] sends.
//!
//! ```text
//! port ──▶ Frame::parse ──▶ Switch::forward ──▶ Wire::send, a call for each port ──▶ PortSampler
//!              │                 │                     │                        │ chosen
//!              └─── DropReason ──┴─────── full ring ───┤                        ▼
//!  Bridge                              for the switch  │ CpuQueue          SampleQueue
//! ─────────────────────────────────────────────────────┼────────────────────────┼─────────
//!  Control            handle_discard ◀─────────────────┤                        │
//!                                                      ▼                        ▼
//!               Bridge::send_own ◀── CpuPort ◀── RawUplink ◀── Agent ◀──── Node::poll
//! ```
#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects
    )
)]

#[cfg(test)]
extern crate std;

mod bridge;
mod config;
mod console;
mod control;
mod counters;
mod cpu_port;
mod frame;
mod port;
mod switch;

pub use crate::bridge::{BURST, Bridge, Discards, Wire, WireError};
pub use crate::config::configured_switch;
pub use crate::console::Console;
pub use crate::control::{Control, DATAGRAM_BYTES, Load, Memory, sampled_ports, samplers};
pub use crate::counters::{CpuCounters, Packets, PortCounters};
pub use crate::cpu_port::{CpuPort, PortRegisters};
pub use crate::frame::{Frame, MTU};
pub use crate::port::{PORTS, Port, PortSet};
pub use crate::switch::{Forwarding, Stations, Switch, Vlan, VlanTable};
