//! `bpf(2)`: the map that the filter counts in, and the filter itself.

use core::slice;
use core::sync::atomic::{AtomicI64, AtomicU64};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::mmap::Mapping;
use super::syscall::{Call, MapCreate, call};

/// What the filter keeps for one CPU, one cache line: only that CPU writes it, but for
/// `draw_range`, which only user space writes. So neither side needs an atomic read-modify-write.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// Wire packets seen.
    pub(crate) seen: AtomicU64,
    /// Wire packets still to pass, the chosen one included; zero or less: choices are due.
    pub(crate) skip: AtomicI64,
    /// Skips are drawn from 1 to this.
    pub(crate) draw_range: AtomicU64,
    /// skbs in which a packet was chosen.
    pub(crate) chosen_skbs: AtomicU64,
    /// Packets chosen.
    pub(crate) chosen: AtomicU64,
}

/// The map of the slots, mapped into this process: reading a counter is a load, not a system
/// call. A `BPF_MAP_TYPE_ARRAY` of one value, so that the program addresses it directly.
#[derive(Debug)]
pub(crate) struct SlotMap {
    fd: OwnedFd,
    mapping: Mapping,
    slots: usize,
}

impl SlotMap {
    /// Makes a map of `slots` zeroed slots.
    ///
    /// # Errors
    /// What `bpf(2)` and `mmap(2)` answer: EPERM without CAP_BPF, EINVAL before Linux 5.5.
    pub(crate) fn new(slots: usize) -> io::Result<Self> {
        let bytes = slots.checked_mul(size_of::<Slot>()).and_then(|n| u32::try_from(n).ok());
        let bytes = bytes.ok_or_else(|| io::Error::from_raw_os_error(libc::E2BIG))?;
        let attributes = MapCreate {
            map_type: BPF_MAP_TYPE_ARRAY,
            key_size: size_of::<u32>() as u32,
            value_size: bytes,
            max_entries: 1,
            map_flags: BPF_F_MMAPABLE,
        };
        let fd = owned(call(Call::MapCreate { attributes: &attributes })?)?;
        let mapping = Mapping::shared(fd.as_fd(), bytes as usize)?;
        Ok(Self { fd, mapping, slots })
    }

    /// The slots, by CPU number.
    pub(crate) fn slots(&self) -> &[Slot] {
        let Some(start) = self.mapping.at(0, self.slots * size_of::<Slot>()) else {
            return &[];
        };
        // SAFETY: the mapping is page-aligned, holds `slots` slots and lives as long as `self`;
        // each field is an atomic, so the writes of the program on other CPUs are no data race.
        unsafe { slice::from_raw_parts(start.cast().as_ptr(), self.slots) }
    }
}

impl AsFd for SlotMap {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Loads a socket filter and answers its descriptor.
///
/// # Errors
/// What `bpf(2)` answers: EPERM without CAP_BPF, EINVAL or EACCES if the verifier refuses it.
pub(crate) fn load_socket_filter(instructions: &[[u8; 8]]) -> io::Result<OwnedFd> {
    // No helper in use is GPL-only; the kernel wants to be told the truth all the same.
    owned(call(Call::ProgramLoad { instructions, license: c"Dual MIT/GPL" })?)
}

/// The descriptor that a system call just answered.
pub(super) fn owned(result: usize) -> io::Result<OwnedFd> {
    let fd = i32::try_from(result).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the kernel just opened this descriptor for us and nobody else knows it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // `bpf(2)` opens close-on-exec; sockets are asked to. A descriptor is never negative.
    debug_assert!(fd.as_raw_fd() >= 0);
    Ok(fd)
}

const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1 << 10;
