//! The sFlow agent that firmware links: `no_std`, no allocator, no unsafe code.
//!
//! `flowmote-core` samples, schedules and encodes. This crate connects it to the packets, counters
//! and network of a microcontroller or a switch. Packets enter in one of three ways, see
//! `docs/porting.md`:
//!
//! 1. [`SampledDevice`] (feature `smoltcp`) wraps the device of a smoltcp firmware.
//! 2. [`PortSampler::offer`] in an interrupt or DMA handler copies the header into a queue.
//! 3. [`Node::handle_flow_sample`] accepts samples that a switch chip made.
//!
//! ```text
//! interrupt, DMA handler, SampledDevice            main loop
//!  PortSampler::offer ── PacketSample ──▶ queue ──▶ Node::poll ─┬▶ Agent ──▶ Uplink ──▶ collector
//!                                        full: drops += 1       └▶ CounterSource: MAC, switch chip
//! ```
//!
//! Nothing here panics or blocks, and every loss is counted.
#![no_std]
#![forbid(unsafe_code)]
// As in `flowmote-core`, no code here can panic. The proof is made at link time by
// `platform-baremetal/firmware/prover`.
#![cfg_attr(
    not(test),
    deny(
        clippy::indexing_slicing,
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::arithmetic_side_effects,
        clippy::integer_division_remainder_used
    )
)]

#[cfg(test)]
extern crate std;

#[macro_use]
mod logging;

mod chip;
mod clock;
mod node;
mod packet;
mod uplink;

pub use crate::chip::ksz9477::{Ksz9477, Ksz9477Error, Ksz9477Port};
pub use crate::chip::mib::MibCounter;
pub use crate::clock::{Clock64, SharedClock};
pub use crate::node::{Node, NodeParts, Port};
pub use crate::packet::port_sampler::{Chosen, PortSampler};
pub use crate::packet::queue::SampleQueue;
pub use crate::packet::sample::PacketSample;
#[cfg(feature = "smoltcp")]
pub use crate::packet::sampled_device::{SampledDevice, SampledRxToken, SampledTxToken};
pub use crate::uplink::raw::{FrameDevice, RawUplink};
#[cfg(feature = "smoltcp")]
pub use crate::uplink::smoltcp_uplink::{SmoltcpParts, SmoltcpUplink, UdpTransport};
pub use crate::uplink::udp_sender::{HEAD_BYTES, Neighbour, UdpSender, UdpSenderConfig};
pub use crate::uplink::{CollectorError, Uplink};
