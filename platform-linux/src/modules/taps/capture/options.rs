//! Options of a tap.

use core::num::NonZeroU32;
use std::io;

use crate::config::Direction;
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
    /// N of the configuration, which the ring is sized for. `sampling_rate` is a multiple of it while
    /// a budget of samples is exceeded.
    pub configured_rate: NonZeroU32,
    /// The packets that are sampled and counted.
    pub direction: Direction,
    /// Bytes of each packet to keep, 14 to 1024; 128 is usual, 256 where tunnels are.
    pub header_bytes: u32,
    /// Hold the interface in promiscuous mode.
    pub promiscuous: bool,
    /// Packet socket or tc hooks.
    pub way: Way,
    /// ARPHRD_* of the interface.
    pub hardware_type: u16,
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

    /// What the filter keeps.
    #[must_use]
    pub fn keep(&self) -> Keep {
        Keep { bytes: self.header_bytes, direction: self.direction }
    }

    /// The shape of the ring.
    #[must_use]
    pub fn ring_shape(&self) -> RingShape {
        self.ring.unwrap_or(RingShape::for_rate(self.configured_rate))
    }

    pub(super) fn check(&self) -> io::Result<()> {
        check_rate(self.sampling_rate)?;
        if !(14..=1024).contains(&self.header_bytes) {
            return Err(invalid(format!("header bytes {}: must be 14 to 1024", self.header_bytes)));
        }
        Ok(())
    }
}

/// Where in the kernel packets are sampled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// At a packet socket.
    #[default]
    Socket,
    /// At the tc hooks of the interface.
    Hooks,
}

/// What a filter keeps of the packets that it sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keep {
    /// Bytes of each chosen packet.
    pub bytes: u32,
    /// The packets that it counts and chooses from.
    pub direction: Direction,
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
    /// The shape for 1 in `rate`: 128 KiB (576 samples of 128 bytes), 256 KiB below 256, 2 MiB
    /// below 32, 8 MiB below 4.
    ///
    /// N times the size is at least 8 MiB: at every rate the reader may be late by 150 ms in a
    /// flood of 340,000 packets/s of 64 bytes, each of which takes 152 bytes. On a busy machine of
    /// 2 CPUs a process that should run was seen to wait for 144 ms (docs/benchmarks.md, Rings).
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ring_holds_as_much_of_a_flood_at_every_rate() {
        let bytes = |rate| RingShape::for_rate(NonZeroU32::new(rate).unwrap()).bytes();
        for rate in 1..=1000 {
            assert!(bytes(rate) * rate as usize >= 8 << 20, "1 in {rate}");
            assert!(bytes(rate) >= bytes(rate + 1), "1 in {rate}");
        }
        assert_eq!(bytes(u32::MAX), 128 << 10);
    }
}
