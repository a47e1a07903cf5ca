//! A packet socket that samples one interface, or several.

mod capturing;
mod interfaces;
mod open;
mod stats;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use super::capturing::Capture;
use super::filter::Table;
use super::frame::Cursor;
use super::options::{Keep, RingShape};
use super::packet::Packet;
use super::reader::Reader;
use super::shared_losses::SharedLosses;
use crate::kernel::sys::packet::PacketSocket;
use crate::kernel::sys::ring::{BlockRing, Position};

pub use self::stats::TapStats;

/// Samples of the packets of one interface or of several, both directions.
///
/// Wait until [`fd`](AsFd::as_fd) is readable (EPOLLIN), then call [`drain`](Self::drain) until
/// [`Drained::more`] is false. On EPOLLERR call [`take_fault`](Self::take_fault), which also stops
/// epoll from reporting it again. Dropping the tap closes the socket, and with it the filter, the
/// ring and promiscuous mode, which takes the kernel some 20 ms (packet_release waits for RCU).
#[derive(Debug)]
pub struct Tap {
    socket: PacketSocket,
    ring: BlockRing,
    /// The position in a block that was not read to its end.
    cursor: Option<Cursor>,
    /// The ifIndex that the socket is bound to; 0 if the table selects the interfaces.
    bound: u32,
    /// The interfaces of a shared tap.
    table: Option<Table>,
    readers: BTreeMap<u32, Reader>,
    shared_losses: SharedLosses,
    keep: Keep,
    /// PACKET_VNET_HDR is on.
    vnet: bool,
    /// The kernel has lost skbs whose number was not read yet.
    losing: bool,
    malformed: u64,
    shortfalls: Vec<String>,
}

/// The kind of filter that selects packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// An eBPF socket filter: exact pool, uniform skips with mean N.
    Ebpf,
    /// A classic BPF filter: see [`Tap::shortfalls`].
    Classic,
    /// eBPF programs at tc hooks: as the socket filter, and the input of forwarded packets.
    Hooks,
}

/// The outcome of [`Tap::drain`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Samples passed to `visit`.
    pub samples: usize,
    /// The budget was used up before the ring was empty.
    pub more: bool,
}

/// A state of the interface in which the tap receives nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFault {
    /// The interface is administratively down. The tap receives packets again once it is up.
    Down,
    /// The interface was deleted. The tap receives nothing any more and is to be closed.
    Gone,
    /// Another error of the socket (errno).
    Other(i32),
}

impl Tap {
    /// Ends reception. What is in the ring can still be read: the kernel hands over the last block
    /// within twice the retire time.
    ///
    /// # Errors
    /// Those of SO_ATTACH_FILTER.
    pub fn stop(&self) -> io::Result<()> {
        self.socket.stop()
    }

    /// The ring in use, which is smaller than requested if memory was short.
    #[must_use]
    pub fn ring(&self) -> RingShape {
        let geometry = self.ring.geometry();
        RingShape { block_size: geometry.block_size, blocks: geometry.blocks }
    }

    /// Returns the reason why the tap receives nothing, if there is one, and clears the error for
    /// which epoll reports EPOLLERR. An interface is taken down before it is deleted, so that
    /// `Down` may become `Gone`.
    ///
    /// # Errors
    /// Those of getsockopt(SO_ERROR) and getsockname(2).
    pub fn take_fault(&mut self) -> io::Result<Option<LinkFault>> {
        // packet_notifier (net/packet/af_packet.c) sets ENETDOWN once on NETDEV_DOWN and keeps the
        // binding; on NETDEV_UNREGISTER it sets the ifindex to -1, for good.
        let error = self.socket.take_error()?;
        if self.socket.bound_interface()? != self.bound.cast_signed() {
            return Ok(Some(LinkFault::Gone));
        }
        Ok(error.map(|error| match error.raw_os_error() {
            Some(libc::ENETDOWN) => LinkFault::Down,
            other => LinkFault::Other(other.unwrap_or_default()),
        }))
    }

    /// Reads the next block that is ready, at most until `budget` is reached. Returns the number of
    /// samples, `None` if no block is ready.
    fn read_block(&mut self, budget: usize, visit: &mut dyn FnMut(&Packet<'_>)) -> Option<usize> {
        let number = self.ring.block();
        let block = self.ring.ready()?;
        self.losing |= block.losing();
        let cursor = self.cursor.take().map_or_else(|| Cursor::start(block.bytes()), Ok);
        // A block too short for its descriptor announces no packets.
        let Ok(mut cursor) = cursor else { return Some(0) };
        let (mut samples, mut malformed) = (0, 0);
        while samples < budget && !cursor.is_done() {
            let position = Position { block: number, packet: cursor.passed() };
            match cursor.next(block.bytes(), self.vnet) {
                Ok(Some(frame)) => {
                    self.shared_losses.read += 1;
                    // None: the interface has left.
                    if let Some(reader) = self.readers.get_mut(&frame.if_index) {
                        samples += reader.read(&frame, position, visit) as usize;
                    }
                }
                // The kernel has counted it as dropped.
                Ok(None) => {}
                Err(error) => malformed += error.packets,
            }
        }
        if cursor.is_done() {
            drop(block);
        } else {
            // The block stays ours, so that the kernel does not write into it meanwhile.
            self.cursor = Some(cursor);
            block.keep();
        }
        self.add_malformed(malformed);
        Some(samples)
    }

    /// Counts skbs that could not be read. Those of a shared ring are lost to an unknown interface,
    /// which [`attribute`](Self::attribute) finds.
    fn add_malformed(&mut self, skbs: u32) {
        self.malformed += u64::from(skbs);
        self.shared_losses.read += u64::from(skbs);
        if !self.is_shared() {
            self.readers.values_mut().for_each(|reader| reader.add_malformed(skbs));
        }
    }
}

impl AsFd for Tap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

#[cfg(test)]
mod tests;
