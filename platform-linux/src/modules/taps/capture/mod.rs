//! The packet path: samples of the packets of one interface, selected in the kernel.
//!
//! ```text
//! kernel, per packet              shared memory                    our thread
//! filter: count, skip, choose ──▶ counters, one line per CPU ────▶ sample_pool, no system call
//!         └─ chosen bytes ──────▶ TPACKET_V3 ring of blocks ─────▶ Tap::drain ─▶ Packet
//! ```
//!
//! A packet that is not selected costs the filter and nothing else. A selected one costs no system
//! call, no allocation and no copy beyond that of the kernel into the ring.
//!
//! Beside packet sockets there are [`Hooks`], by the same choice, where their programs can be loaded.
//!
//! Everything counts wire packets: an skb of GRO or TSO counts as one for each of its segments, is
//! as likely to be sampled as they are together, and may become several samples.

mod capturing;
mod classic;
mod conversion;
mod cpus;
mod filter;
mod frame;
mod hooks;
mod losses;
mod options;
mod packet;
mod reader;
mod segments;
mod shared_losses;
mod shortfalls;
mod tap;

pub use capturing::Capture;
pub use filter::TableSize;
pub use hooks::{Attachment, Hooks, Pace};
pub use options::{Keep, RingShape, TapOptions, Way};
pub use packet::{Origin, Packet, PacketKind, VlanTag};
pub use tap::{Drained, LinkFault, Method, Tap, TapStats};
