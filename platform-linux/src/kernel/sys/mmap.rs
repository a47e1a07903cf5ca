//! Memory shared with the kernel.

use core::ptr::{self, NonNull};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::syscall::{Call, call};

/// A mapping, unmapped on drop. That of a descriptor is shared, and stays valid after the
/// descriptor is closed.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Maps the first `length` bytes of `fd` for reading and writing.
    ///
    /// # Errors
    /// `EINVAL` if the descriptor cannot be mapped at this length, `ENOMEM`.
    pub(super) fn shared(fd: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        Self::at_address(call(Call::Map { fd: fd.as_raw_fd(), length })?, length)
    }

    /// Maps `length` bytes of `fd` from `offset` for reading.
    ///
    /// # Errors
    /// As above.
    pub(super) fn readable(fd: BorrowedFd<'_>, length: usize, offset: usize) -> io::Result<Self> {
        let offset = libc::off_t::try_from(offset)
            .map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
        let fd = fd.as_raw_fd();
        Self::at_address(call(Call::MapReadable { fd, length, offset })?, length)
    }

    /// Occupies `length` bytes of address space, which nothing can access.
    ///
    /// # Errors
    /// `ENOMEM` above the limit of address space (RLIMIT_AS).
    pub(super) fn reserve(length: usize) -> io::Result<Self> {
        Self::at_address(call(Call::Reserve { length })?, length)
    }

    fn at_address(address: usize, length: usize) -> io::Result<Self> {
        let start = NonNull::new(ptr::with_exposed_provenance_mut(address))
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { start, length })
    }

    /// The address of `length` bytes at `offset`; `None` unless all are inside the mapping. Callers
    /// must justify each access, because the kernel accesses the memory too.
    pub(super) fn at(&self, offset: usize, length: usize) -> Option<NonNull<u8>> {
        if offset.checked_add(length)? > self.length {
            return None;
        }
        // SAFETY: `offset` was just checked to lie inside the one mapped object.
        Some(unsafe { self.start.add(offset) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // munmap(2) fails only with EINVAL, for arguments that no mapping has.
        let _ = call(Call::Unmap {
            address: self.start.as_ptr().expose_provenance(),
            length: self.length,
        });
    }
}

// SAFETY: the mapping belongs to the process, not to the thread that created it.
unsafe impl Send for Mapping {}
// SAFETY: a shared reference only gives addresses away; each access has its own argument.
unsafe impl Sync for Mapping {}
