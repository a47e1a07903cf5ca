//! A VLAN-aware learning switch with an sFlow agent: everything that does not touch hardware.
//!
//! `no_std`, no allocator, no unsafe code. The image (`main.rs`) brings frames from its ports to
//! [`Node::receive`], calls [`Node::poll`] when it is due, and gives both a [`Wire`] to send on;
//! tests on the host do the same with a vector.
//!
//! ```text
//! port ──▶ Frame::parse ──▶ Switch::forward ──▶ Wire::send, a call for each port ──▶ Sampler
//!              │                 │                     │                        │
//!              └─── DropReason ──┴─────── full ring ───┴──▶ Agent ◀─────────────┘
//!                                                             │ datagrams
//!                     Switch::forward_own ◀── Host (ARP, UDP) ◀┘
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
mod counters;
mod frame;
mod host;
mod node;
mod port;
mod switch;

pub use crate::bridge::{Wire, WireError};
pub use crate::console::Console;
pub use crate::counters::{Packets, PortCounters};
pub use crate::frame::{Frame, MTU};
pub use crate::host::Host;
pub use crate::node::{DATAGRAM_BYTES, Load, Node};
pub use crate::port::{PORTS, Port, PortSet};
pub use crate::switch::{Forwarding, Stations, Switch, Vlan, VlanTable};
