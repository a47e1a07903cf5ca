//! A TPACKET_V3 receive ring: blocks that the kernel fills and user space gives back.

use core::mem;
use core::slice;
use core::sync::atomic::{AtomicU32, Ordering};
use std::io;
use std::os::fd::BorrowedFd;

use super::mmap::Mapping;

/// Dimensions of a receive ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Bytes of a block; a multiple of the page size.
    pub(crate) block_size: u32,
    /// Number of blocks.
    pub(crate) blocks: u32,
    /// Milliseconds after which the kernel hands over a block that is neither full nor empty.
    pub(crate) retire_ms: u32,
}

impl Geometry {
    /// Bytes of the whole ring.
    pub(crate) fn length(self) -> usize {
        self.block_size as usize * self.blocks as usize
    }
}

/// Bytes of a memory page; a power of two from 4096.
pub(crate) fn page_size() -> u32 {
    // SAFETY: takes no pointers.
    let bytes = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    u32::try_from(bytes).unwrap_or(4096)
}

/// A mapped ring and the position of its reader.
#[derive(Debug)]
pub(crate) struct BlockRing {
    mapping: Mapping,
    geometry: Geometry,
    next: u32,
    /// Blocks given back since the ring was mapped.
    returned: u64,
}

/// A place between two packets, in the order in which the kernel wrote them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Position {
    /// Number of the block, counted from the first one that the kernel filled.
    pub(crate) block: u64,
    /// Packets of the block before this place.
    pub(crate) packet: u32,
}

impl BlockRing {
    /// Maps the ring that `PACKET_RX_RING` created for the socket.
    pub(super) fn map(fd: BorrowedFd<'_>, geometry: Geometry) -> io::Result<Self> {
        let mapping = Mapping::shared(fd, geometry.length())?;
        Ok(Self { mapping, geometry, next: 0, returned: 0 })
    }

    /// The dimensions of the ring.
    pub(crate) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Returns the next block if the kernel has handed it over. Costs one load and no system call.
    pub(crate) fn ready(&mut self) -> Option<ReadyBlock<'_>> {
        // Acquire pairs with the barrier of the kernel before it sets the status
        // (net/packet/af_packet.c, prb_flush_block and prb_close_block): what it wrote into the
        // block is visible once TP_STATUS_USER is.
        let status = self.word(self.next, STATUS_OFFSET)?.load(Ordering::Acquire);
        if status & TP_STATUS_USER == 0 {
            return None;
        }
        Some(ReadyBlock { ring: self, status })
    }

    /// Number of the block that is read next.
    pub(crate) fn block(&self) -> u64 {
        self.returned
    }

    /// The place of the packet that the kernel writes next.
    pub(crate) fn end(&self) -> Position {
        let blocks = self.geometry.blocks;
        let is_ready = |ahead: &u32| {
            let status = self.word((self.next + ahead) % blocks, STATUS_OFFSET);
            status.is_some_and(|word| word.load(Ordering::Acquire) & TP_STATUS_USER != 0)
        };
        let ready = (0..blocks).take_while(is_ready).count() as u32;
        // prb_fill_curr_block counts a packet when it reserves its room. In a block that the kernel
        // has not begun to fill the number is 0, because `ReadyBlock::drop` has cleared it.
        let packets = match ready < blocks {
            true => self.word((self.next + ready) % blocks, PACKETS_OFFSET),
            false => None,
        };
        Position {
            block: self.returned + u64::from(ready),
            packet: packets.map_or(0, |packets| packets.load(Ordering::Relaxed)),
        }
    }

    /// A word of the descriptor of a block.
    fn word(&self, block: u32, offset: usize) -> Option<&AtomicU32> {
        let start = block as usize * self.geometry.block_size as usize;
        let word = self.mapping.at(start.checked_add(offset)?, size_of::<u32>())?;
        // SAFETY: inside the mapping, aligned to 4 because blocks are pages, alive as long as
        // `self`, and accessed by both sides as one atomic word.
        Some(unsafe { AtomicU32::from_ptr(word.cast().as_ptr()) })
    }
}

/// A block that belongs to user space until it is dropped.
#[derive(Debug)]
pub(crate) struct ReadyBlock<'a> {
    ring: &'a mut BlockRing,
    status: u32,
}

impl ReadyBlock<'_> {
    /// The whole block including its descriptor. The reader checks every offset in it.
    pub(crate) fn bytes(&self) -> &[u8] {
        let length = self.ring.geometry.block_size as usize;
        let Some(start) = self.ring.mapping.at(self.ring.next as usize * length, length) else {
            return &[];
        };
        // SAFETY: inside the mapping, and while the status is TP_STATUS_USER the kernel does
        // not write to the block; we take that status away only in `drop`, which ends the borrow.
        unsafe { slice::from_raw_parts(start.as_ptr(), length) }
    }

    /// Returns true if the kernel had lost skbs when it handed the block over, and `lost_skbs` has
    /// not been read since.
    pub(crate) fn losing(&self) -> bool {
        self.status & TP_STATUS_LOSING != 0
    }

    /// Keeps the block for the next call of [`BlockRing::ready`], because it was not read to its end.
    pub(crate) fn keep(self) {
        mem::forget(self);
    }
}

impl Drop for ReadyBlock<'_> {
    fn drop(&mut self) {
        let ring = &mut *self.ring;
        if let Some(packets) = ring.word(ring.next, PACKETS_OFFSET) {
            packets.store(0, Ordering::Relaxed);
        }
        if let Some(status) = ring.word(ring.next, STATUS_OFFSET) {
            // Release pairs with the kernel's read of the status before it writes into the block
            // again (prb_curr_blk_in_use, prb_open_block): our reads are over by then.
            status.store(TP_STATUS_KERNEL, Ordering::Release);
        }
        ring.returned += 1;
        ring.next = (ring.next + 1) % ring.geometry.blocks;
    }
}

const TP_STATUS_KERNEL: u32 = 0;
const TP_STATUS_USER: u32 = 1 << 0;
const TP_STATUS_LOSING: u32 = 1 << 2;
/// `block_status` in `struct tpacket_block_desc`.
const STATUS_OFFSET: usize = 8;
/// `num_pkts`, which the kernel counts up while it fills the block.
const PACKETS_OFFSET: usize = 12;
