//! Receiving datagrams in batches.

use std::io::{self, IoSliceMut};
use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::sys::socket::{MsgFlags, MultiHeaders, recvmmsg};

/// Room for the datagrams of one system call, without memory until it is used.
#[derive(Debug)]
pub(super) struct Inbox {
    headers: MultiHeaders<()>,
    bytes: Box<[u8]>,
}

impl Inbox {
    pub(super) fn new() -> Self {
        Self {
            headers: MultiHeaders::preallocate(BATCH, None),
            bytes: vec![0; BATCH * MAX_MESSAGE].into_boxed_slice(),
        }
    }

    /// Passes the datagrams that have arrived to `handle`, `None` for one that is too long. At most
    /// [`BATCH`]; returns their number.
    pub(super) fn receive(
        &mut self,
        socket: &UdpSocket,
        mut handle: impl FnMut(Option<&[u8]>),
    ) -> io::Result<usize> {
        let mut slots = self.bytes.chunks_exact_mut(MAX_MESSAGE);
        let mut slots: [[IoSliceMut<'_>; 1]; BATCH] =
            core::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let (descriptor, flags) = (socket.as_raw_fd(), MsgFlags::MSG_DONTWAIT);
        let received = match recvmmsg(descriptor, &mut self.headers, &mut slots, flags, None) {
            Ok(received) => received,
            Err(Errno::EAGAIN | Errno::EINTR) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        let mut count = 0;
        for message in received {
            let is_cut = message.flags.contains(MsgFlags::MSG_TRUNC);
            let bytes = message.iovs().next().unwrap_or_default();
            handle((!is_cut).then_some(bytes));
            count += 1;
        }
        Ok(count)
    }
}

/// Datagrams of one system call.
pub(super) const BATCH: usize = 16;
/// Bytes of the longest message, as in hsflowd.
pub(super) const MAX_MESSAGE: usize = 10_000;
