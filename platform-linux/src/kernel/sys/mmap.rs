//! Memory shared with the kernel.

use core::ptr::{self, NonNull};
use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

use super::syscall::{Call, call};

/// A shared mapping of a descriptor, unmapped on drop. It outlives the descriptor.
#[derive(Debug)]
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

impl Mapping {
    /// Maps the first `length` bytes of `fd` for reading and writing.
    ///
    /// # Errors
    /// What `mmap(2)` answers.
    pub(super) fn shared(fd: BorrowedFd<'_>, length: usize) -> io::Result<Self> {
        let address = call(Call::Map { fd: fd.as_raw_fd(), length })?;
        let start = NonNull::new(ptr::with_exposed_provenance_mut(address))
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENOMEM))?;
        Ok(Self { start, length })
    }

    /// Where `length` bytes at `offset` are, if they are all inside the mapping. What may be done
    /// there is for the caller to argue: the kernel uses the memory too.
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
        // Fails only for arguments that do not come from a mapping.
        let _ = call(Call::Unmap {
            address: self.start.as_ptr().expose_provenance(),
            length: self.length,
        });
    }
}

// SAFETY: the mapping belongs to the process, not to the thread that made it.
unsafe impl Send for Mapping {}
