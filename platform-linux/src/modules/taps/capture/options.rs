//! How to open a tap.

use core::num::NonZeroU32;
use std::io;

use crate::kernel::sys::ring::{Geometry, page_size};

/// What [`Tap::open`](super::Tap::open) needs to know.
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// ifIndex.
    pub if_index: u32,
    /// Name of the interface, for messages only.
    pub name: String,
    /// N of 1-in-N, up to 2^31. Rate 0 of sFlow, sampling off, is no tap.
    pub sampling_rate: NonZeroU32,
    /// Bytes of each packet to keep, 14 to 1024; 128 is usual, 256 where tunnels are.
    pub header_bytes: u32,
    /// Hold the interface in promiscuous mode.
    pub promiscuous: bool,
    /// The interface is the loopback: what it sends it also receives, and only that is taken.
    pub loopback: bool,
    /// MTU in bytes: where the kernel does not tell segment sizes, no packet is said to be longer
    /// than fits the link.
    pub mtu: u32,
    /// Shape of the ring; `None` chooses by the rate, see [`RingShape::for_rate`].
    pub ring: Option<RingShape>,
}

impl TapOptions {
    /// The largest N.
    pub const MAX_SAMPLING_RATE: u32 = 1 << 31;

    pub(super) fn check(&self) -> io::Result<()> {
        check_rate(self.sampling_rate)?;
        if !(14..=1024).contains(&self.header_bytes) {
            return Err(invalid(format!("header bytes {}: must be 14 to 1024", self.header_bytes)));
        }
        Ok(())
    }
}

/// Shape of a receive ring. All of it counts as resident memory of the process, since
/// `vm_insert_page` puts the pages in at `mmap` (net/packet/af_packet.c, packet_mmap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingShape {
    /// Bytes of a block, a power of two from 16 KiB up.
    pub block_size: u32,
    /// Number of blocks, at least 2.
    pub blocks: u32,
}

impl RingShape {
    /// 128 KiB, some 600 samples, where they come one by one; 256 KiB below 1 in 256; 2 MiB, some
    /// 9,000 samples of 128 bytes, below 1 in 32; 8 MiB where a flood is copied up as good as
    /// whole (N below 4): 50,000 samples of 60 bytes are 140 ms of 370,000 packets/s, and a
    /// scheduler with other work has been seen to keep a reader waiting for 60 ms.
    #[must_use]
    pub fn for_rate(rate: NonZeroU32) -> Self {
        match rate.get() {
            0..4 => Self { block_size: 128 << 10, blocks: 64 },
            4..32 => Self { block_size: 128 << 10, blocks: 16 },
            32..256 => Self { block_size: 32 << 10, blocks: 8 },
            _ => Self { block_size: 16 << 10, blocks: 8 },
        }
    }

    /// Bytes of the whole ring.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.block_size as usize * self.blocks as usize
    }

    /// Half as much, or `None` when it cannot get smaller.
    pub(super) fn half(self) -> Option<Self> {
        (self.blocks >= 4).then_some(Self { blocks: self.blocks / 2, ..self })
    }

    pub(super) fn geometry(self) -> io::Result<Geometry> {
        let (block_size, blocks) = (self.block_size, self.blocks);
        if !block_size.is_power_of_two() || block_size < 16 << 10 || blocks < 2 {
            let shape = "at least 2 blocks of a power of two from 16 KiB up are needed";
            return Err(invalid(format!("ring of {blocks} blocks of {block_size} bytes: {shape}")));
        }
        // Blocks are whole pages, and a page may be 64 KiB.
        let block_size = block_size.max(page_size());
        let blocks = u32::try_from(self.bytes() / block_size as usize).unwrap_or(blocks).max(2);
        Ok(Geometry { block_size, blocks, retire_ms: RETIRE_MS })
    }
}

pub(super) fn check_rate(rate: NonZeroU32) -> io::Result<()> {
    if rate.get() > TapOptions::MAX_SAMPLING_RATE {
        return Err(invalid(format!("sampling rate {rate}: must be at most 2^31")));
    }
    Ok(())
}

fn invalid(message: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

/// A block is handed over at the second tick of this timer that finds it the same one, so a
/// packet waits for at most twice as long; an empty block is never handed over
/// (net/packet/af_packet.c, prb_retire_rx_blk_timer_expired).
const RETIRE_MS: u32 = 50;
