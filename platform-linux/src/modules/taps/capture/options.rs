//! Options of a tap.

use core::num::NonZeroU32;
use std::io;

use crate::kernel::sys::ring::{Geometry, page_size};

/// Arguments of [`Tap::open`](super::Tap::open).
#[derive(Clone, Debug)]
pub struct TapOptions {
    /// ifIndex.
    pub if_index: u32,
    /// Name of the interface, for messages only.
    pub name: String,
    /// N of 1-in-N, up to 2^31. There is no tap for rate 0 (sampling off).
    pub sampling_rate: NonZeroU32,
    /// Bytes of each packet to keep, 14 to 1024; 128 is usual, 256 where tunnels are.
    pub header_bytes: u32,
    /// Hold the interface in promiscuous mode.
    pub promiscuous: bool,
    /// The interface is the loopback: every packet is both sent and received, so that only received
    /// ones are sampled.
    pub loopback: bool,
    /// MTU in bytes. Without segment sizes from the kernel it limits `frame_length`.
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

/// Shape of a receive ring. All of it counts as resident memory of the process from mmap(2) on,
/// because packet_mmap (net/packet/af_packet.c) maps every page with `vm_insert_page`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingShape {
    /// Bytes of a block, a power of two from 16 KiB up.
    pub block_size: u32,
    /// Number of blocks, at least 2.
    pub blocks: u32,
}

impl RingShape {
    /// The shape for 1 in `rate`: 128 KiB (about 600 samples), 256 KiB below 256, 2 MiB (about
    /// 9,000 samples of 128 bytes) below 32, 8 MiB below 4.
    ///
    /// At such low N a flood is copied almost completely. 8 MiB are 50,000 samples of 60 bytes, or
    /// 140 ms at 370,000 packets/s; a busy scheduler has been seen to delay the reader by 60 ms.
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

    /// Half the size, or `None` for the smallest ring.
    pub(super) fn half(self) -> Option<Self> {
        (self.blocks >= 4).then_some(Self { blocks: self.blocks / 2, ..self })
    }

    pub(super) fn geometry(self) -> io::Result<Geometry> {
        let (block_size, blocks) = (self.block_size, self.blocks);
        if !block_size.is_power_of_two() || block_size < 16 << 10 || blocks < 2 {
            let shape = "at least 2 blocks of a power of two from 16 KiB up are needed";
            return Err(invalid(format!("ring of {blocks} blocks of {block_size} bytes: {shape}")));
        }
        // packet_set_ring requires blocks of whole pages, and arm64 has pages of up to 64 KiB.
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

/// The retire timer, in milliseconds. prb_retire_rx_blk_timer_expired (net/packet/af_packet.c) hands
/// a block over on the second tick that finds it open, so that a packet waits for at most twice
/// this time. It never hands over an empty block: an idle interface causes no wake-up.
const RETIRE_MS: u32 = 50;
