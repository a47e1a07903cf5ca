//! The packet path: samples of the packets of one interface, chosen in the kernel.
//!
//! ```text
//! kernel, per packet              shared memory                    our thread
//! filter: count, skip, choose ──▶ counters, one line per CPU ────▶ sample_pool, no system call
//!         └─ chosen bytes ──────▶ TPACKET_V3 ring of blocks ─────▶ Tap::drain ─▶ Packet
//! ```
//!
//! [`Tap`] is the seam: what comes out of [`Tap::drain`] does not tell how it was chosen. A packet
//! that is not chosen costs the filter and nothing else; a chosen one costs no system call, no
//! allocation and no copy beyond that of the kernel into the ring.
//!
//! Everything counts wire packets. An skb of GRO or TSO stands for as many as its segments, has as
//! many chances, and may come out as several samples.

mod assembler;
mod classic;
mod filter;
mod frame;
mod losses;
mod options;
mod packet;
mod random;
mod reader;
mod segments;
mod tap;

pub use options::{RingShape, TapOptions};
pub use packet::{Packet, PacketKind, VlanTag};
pub use tap::{Drained, LinkFault, Method, Tap, TapStats};
