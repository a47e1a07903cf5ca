//! `bpf(2)`: the filter of a tap, the programs of tc hooks and of a tracepoint, and the maps in which
//! they count.

use core::ffi::CStr;
use core::slice;
use core::sync::atomic::AtomicU64;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use super::mmap::Mapping;
use super::syscall::{Call, LinkCreate, MapCreate, ProgramKind, call};

/// The filter's counters of one interface on one CPU, in one cache line. Only that CPU writes them,
/// except `range`, which only user space writes.
#[derive(Debug, Default)]
#[repr(C, align(64))]
pub(crate) struct Slot {
    /// Wire packets seen.
    pub(crate) seen: AtomicU64,
    /// The value of `seen` with which the next packet is chosen; at or below `seen`: choices are due.
    pub(crate) next: AtomicU64,
    /// Upper bound of skips, which are drawn from 1 to this: 2N-1.
    pub(crate) range: AtomicU64,
    /// The `range` that was in force when `next` was drawn.
    pub(crate) drawn_for: AtomicU64,
    /// skbs of which at least one packet was chosen.
    pub(crate) chosen_skbs: AtomicU64,
    /// Packets chosen.
    pub(crate) chosen: AtomicU64,
    /// Those of them for which the ring of a hook had no room. A packet socket counts them itself.
    pub(crate) lost: AtomicU64,
}

/// The map of the slots, mapped into this process so that reading a counter is a load instead of a
/// system call. It is a `BPF_MAP_TYPE_ARRAY` with a single value: the program then addresses it
/// directly (`BPF_PSEUDO_MAP_VALUE`), without a lookup. The value begins with a table of `entries`
/// words, which the program searches for an interface; the slots follow.
///
/// It holds no descriptor: the mapping keeps the map alive (kernel/bpf/syscall.c, `bpf_map_mmap`),
/// and so does the program.
#[derive(Debug)]
pub(crate) struct SlotMap {
    mapping: Mapping,
    entries: usize,
    slots: usize,
}

impl SlotMap {
    /// Creates a zeroed map. `entries` is a multiple of 8, so that the slots are aligned. The
    /// descriptor is needed to load the program only.
    ///
    /// # Errors
    /// `EPERM` without `CAP_BPF`, `EINVAL` before Linux 5.5 (no `BPF_F_MMAPABLE`), `ENOMEM`.
    pub(crate) fn new(entries: usize, slots: usize) -> io::Result<(Self, OwnedFd)> {
        let table = entries.checked_mul(size_of::<u64>());
        let bytes = table.and_then(|table| {
            u32::try_from(slots.checked_mul(size_of::<Slot>())?.checked_add(table)?).ok()
        });
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
        Ok((Self { mapping, entries, slots }, fd))
    }

    /// The table.
    pub(crate) fn table(&self) -> &[AtomicU64] {
        let Some(start) = self.mapping.at(0, self.entries * size_of::<u64>()) else {
            return &[];
        };
        // SAFETY: the mapping is page-aligned, holds `entries` words and lives as long as `self`;
        // both sides access them as atomics only.
        unsafe { slice::from_raw_parts(start.cast().as_ptr(), self.entries) }
    }

    /// The slots.
    pub(crate) fn slots(&self) -> &[Slot] {
        let table = self.entries * size_of::<u64>();
        let Some(start) = self.mapping.at(table, self.slots * size_of::<Slot>()) else {
            return &[];
        };
        // SAFETY: the mapping is page-aligned, and the table a multiple of a slot's alignment by the
        // contract of `new`; it holds `slots` slots there and lives as long as `self`; each field is an
        // atomic, so the writes of the program on other CPUs are no data race.
        unsafe { slice::from_raw_parts(start.cast().as_ptr(), self.slots) }
    }
}

/// Loads a socket filter and returns its descriptor.
///
/// # Errors
/// `EPERM` without `CAP_BPF`, or before Linux 5.11 beyond `RLIMIT_MEMLOCK`. `EINVAL` or `EACCES` if
/// the verifier rejects the program, with its reason in the text.
pub(crate) fn load_socket_filter(instructions: &[[u8; 8]]) -> io::Result<OwnedFd> {
    load(ProgramKind::SocketFilter, instructions)
}

/// Loads a program for the tc hooks of interfaces and returns its descriptor.
///
/// # Errors
/// `EPERM` without `CAP_BPF` and `CAP_NET_ADMIN`; else as [`load_socket_filter`].
pub(crate) fn load_classifier(instructions: &[[u8; 8]]) -> io::Result<OwnedFd> {
    load(ProgramKind::Classifier, instructions)
}

/// Runs a program of [`load_classifier`] so many times, in this thread and in its network namespace,
/// for an Ethernet frame that goes nowhere. Nothing waits for it.
///
/// # Errors
/// `EINTR` if a signal arrives between two runs, `ENOMEM`. `EPERM` without `CAP_BPF` before Linux 5.19
/// where `kernel.unprivileged_bpf_disabled` is set.
pub(crate) fn run(program: BorrowedFd<'_>, frame: &[u8], repetitions: u32) -> io::Result<()> {
    let program = program.as_raw_fd();
    call(Call::ProgramRun { program, packet: frame, repetitions }).map(drop)
}

/// A hook of tcx, which sees each packet of an interface in one direction (Linux 6.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum Hook {
    /// `BPF_TCX_INGRESS`: packets that the interface has received.
    Ingress = 46,
    /// `BPF_TCX_EGRESS`: packets that it is to send.
    Egress = 47,
}

/// Has a hook of an interface call a program, before all others that are there, until the returned
/// descriptor is closed or the interface is deleted. Requires no capability.
///
/// # Errors
/// `EINVAL` before Linux 6.6, `ENODEV`, `ERANGE` if the hook has 64 programs.
pub(crate) fn attach(program: BorrowedFd<'_>, hook: Hook, if_index: u32) -> io::Result<OwnedFd> {
    let attributes = LinkCreate {
        program: program.as_raw_fd(),
        if_index,
        attach_type: hook as u32,
        // A verdict of another program would end the list before ours.
        flags: BPF_F_BEFORE,
        ..LinkCreate::default()
    };
    owned(call(Call::LinkCreate { attributes: &attributes })?)
}

/// Loads a program and has a tracepoint call it, in all processes, until the returned descriptor is
/// closed.
///
/// # Errors
/// `EPERM` without `CAP_BPF` and `CAP_PERFMON`, `ENOENT` if there is no such tracepoint, `EINVAL` if
/// it has fewer arguments than the program reads; else as [`load_socket_filter`].
pub(crate) fn trace(tracepoint: &CStr, instructions: &[[u8; 8]]) -> io::Result<OwnedFd> {
    let program = load(ProgramKind::RawTracepoint, instructions)?;
    let attached = Call::TracepointOpen { name: tracepoint, program: program.as_raw_fd() };
    owned(call(attached)?)
}

fn load(kind: ProgramKind, instructions: &[[u8; 8]]) -> io::Result<OwnedFd> {
    let load = |log: &mut [u8]| {
        // Required to read memory of the kernel (`bpf_probe_read_kernel` is GPL-only).
        let license = c"Dual MIT/GPL";
        call(Call::ProgramLoad { kind, instructions, license, log }).and_then(owned)
    };
    load(&mut []).or_else(|error| match error.raw_os_error() {
        Some(libc::EINVAL | libc::EACCES) => {
            // A log makes the verifier slow, so only the second attempt has one. It has to hold all
            // of it: before Linux 6.4 the end, where the reason is, would be missing.
            let mut log = vec![0; VERIFIER_LOG];
            load(&mut log).map_err(|_| with_reason(error, &log))
        }
        _ => Err(error),
    })
}

/// Adds the last line of the verifier's log that is not a statistic.
fn with_reason(error: io::Error, log: &[u8]) -> io::Error {
    let text = log.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = String::from_utf8_lossy(text);
    let reason = text.lines().rev().find(|line| !line.is_empty() && !line.starts_with(STATISTIC));
    match reason {
        Some(reason) => {
            io::Error::new(error.kind(), format!("{error}; verifier: {}", reason.escape_debug()))
        }
        None => error,
    }
}

/// Takes ownership of the descriptor that a system call just returned.
pub(super) fn owned(result: usize) -> io::Result<OwnedFd> {
    let fd = i32::try_from(result).map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the kernel just opened this descriptor for us; nothing else owns or closes it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // Close-on-exec is set: `bpf(2)` always sets it, sockets are opened with SOCK_CLOEXEC.
    debug_assert!(fd.as_raw_fd() >= 0);
    Ok(fd)
}

const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1 << 10;
const BPF_F_BEFORE: u32 = 1 << 3;
const VERIFIER_LOG: usize = 1 << 20;
/// "processed 61 insns (limit 1000000) ...".
const STATISTIC: &str = "processed ";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::sys::fake::{Scripted, errno};

    /// A verifier that refuses with `number` and writes `text` where it is given room.
    fn refusal(number: i32, text: &'static [u8]) -> io::Error {
        let _kernel = Scripted::kernel(move |call| {
            if let Call::ProgramLoad { log, .. } = call
                && let Some(room) = log.get_mut(..text.len())
            {
                room.copy_from_slice(text);
            }
            errno(number)
        });
        load_socket_filter(&[[0; 8]]).unwrap_err()
    }

    #[test]
    fn rejected_program_names_the_verifiers_reason() {
        let log = b"0: (bf) r6 = r1\n9: (0f) r7 += r0\nR7 has two ranges\nprocessed 12 insns\n";
        let error = refusal(libc::EACCES, log);
        assert_eq!(error.kind(), io::ErrorKind::PermissionDenied);
        let text = error.to_string();
        assert!(text.ends_with("(os error 13); verifier: R7 has two ranges"), "{text}");
    }

    #[test]
    fn refusal_without_a_log_keeps_its_errno() {
        assert_eq!(refusal(libc::EPERM, b"unread\n").raw_os_error(), Some(libc::EPERM));
        assert_eq!(refusal(libc::EINVAL, b"").raw_os_error(), Some(libc::EINVAL));
    }
}
