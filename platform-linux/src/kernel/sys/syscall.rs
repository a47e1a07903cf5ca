//! The system calls of the packet path, all through one function.

use core::ffi::CStr;
use core::ptr;
use std::io;
use std::os::fd::RawFd;

use libc::{c_int, c_void, sock_filter, sock_fprog, sockaddr_ll, socklen_t};

/// A system call and its arguments.
#[derive(Debug)]
pub(crate) enum Call<'a> {
    /// `socket(2)`; returns the descriptor.
    Socket { domain: c_int, kind: c_int, protocol: c_int },
    /// `setsockopt(2)` with a value that contains no pointer.
    SetOption { fd: RawFd, level: c_int, name: c_int, value: &'a [u8] },
    /// `getsockopt(2)`; returns the number of bytes written to `value`.
    GetOption { fd: RawFd, level: c_int, name: c_int, value: &'a mut [u8] },
    /// `setsockopt(2)` `SO_ATTACH_FILTER`: replaces the filter of the socket atomically.
    AttachClassic { fd: RawFd, program: &'a [sock_filter] },
    /// `bind(2)` of a packet socket.
    Bind { fd: RawFd, address: &'a sockaddr_ll },
    /// `getsockname(2)` of a packet socket.
    Name { fd: RawFd, address: &'a mut sockaddr_ll },
    /// `connect(2)` with AF_UNSPEC, which ends the connection of a socket.
    Dissolve { fd: RawFd },
    /// `mmap(2)`, shared, readable and writable, from offset 0; returns the address.
    Map { fd: RawFd, length: usize },
    /// `mmap(2)`, shared and readable, from `offset`; returns the address.
    MapReadable { fd: RawFd, length: usize, offset: libc::off_t },
    /// `mmap(2)` of private memory that cannot be accessed; returns the address.
    Reserve { length: usize },
    /// `munmap(2)` of a mapping that `Map` or `Reserve` created.
    Unmap { address: usize, length: usize },
    /// `bpf(2)` `BPF_MAP_CREATE`; returns the descriptor.
    MapCreate { attributes: &'a MapCreate },
    /// `bpf(2)` `BPF_PROG_LOAD`; returns the descriptor. The verifier writes to `log`, up to a NUL,
    /// unless it is empty.
    ProgramLoad {
        kind: ProgramKind,
        instructions: &'a [[u8; 8]],
        license: &'a CStr,
        log: &'a mut [u8],
    },
    /// `bpf(2)` `BPF_RAW_TRACEPOINT_OPEN`; returns the descriptor of the attachment.
    TracepointOpen { name: &'a CStr, program: RawFd },
    /// `bpf(2)` `BPF_LINK_CREATE` at a hook of an interface; returns the descriptor of the link.
    LinkCreate { attributes: &'a LinkCreate },
    /// `bpf(2)` `BPF_PROG_TEST_RUN`: runs a program, in this thread, for a packet.
    ProgramRun { program: RawFd, packet: &'a [u8], repetitions: u32 },
}

/// `BPF_PROG_TYPE_*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum ProgramKind {
    /// A filter of a socket.
    SocketFilter = 1,
    /// A program at a hook of traffic control.
    Classifier = 3,
    /// A program that a tracepoint calls.
    RawTracepoint = 17,
}

/// The head of `union bpf_attr` for `BPF_MAP_CREATE` (include/uapi/linux/bpf.h).
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub(crate) struct MapCreate {
    /// `BPF_MAP_TYPE_*`.
    pub(crate) map_type: u32,
    /// Bytes of a key.
    pub(crate) key_size: u32,
    /// Bytes of a value.
    pub(crate) value_size: u32,
    /// Number of values.
    pub(crate) max_entries: u32,
    /// `BPF_F_*`.
    pub(crate) map_flags: u32,
}

/// The head of `union bpf_attr` for `BPF_LINK_CREATE`, with the fields of a tcx link.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(crate) struct LinkCreate {
    /// Descriptor of the program.
    pub(crate) program: RawFd,
    /// The interface.
    pub(crate) if_index: u32,
    /// `enum bpf_attach_type`.
    pub(crate) attach_type: u32,
    /// `BPF_F_*`.
    pub(crate) flags: u32,
    /// The program beside which this one is placed; 0 for the end of the list.
    pub(crate) relative: u32,
    pub(crate) padding: u32,
    /// The revision of the list; 0 for any.
    pub(crate) revision: u64,
}

/// Makes the call and returns its non-negative result.
///
/// # Errors
/// The errno of the failed call.
pub(crate) fn call(call: Call<'_>) -> io::Result<usize> {
    #[cfg(test)]
    let call = match super::fake::intercept(call) {
        Ok(result) => return result,
        Err(call) => call,
    };
    kernel(call)
}

fn kernel(call: Call<'_>) -> io::Result<usize> {
    match call {
        Call::Socket { domain, kind, protocol } => {
            // SAFETY: takes no pointers.
            let fd = unsafe { libc::socket(domain, kind, protocol) };
            checked(fd as isize)
        }
        Call::SetOption { fd, level, name, value } => set_option(fd, level, name, value),
        Call::GetOption { fd, level, name, value } => {
            let mut length = value.len() as socklen_t;
            let value = value.as_mut_ptr().cast::<c_void>();
            // SAFETY: `value` is writable for `length` bytes, and both live through the call.
            let result = unsafe { libc::getsockopt(fd, level, name, value, &raw mut length) };
            checked(result as isize).map(|_| length as usize)
        }
        Call::AttachClassic { fd, program } => attach_classic(fd, program),
        Call::Bind { fd, address } => {
            let (address, length) = (ptr::from_ref(address).cast(), ADDRESS_LENGTH);
            // SAFETY: `address` points to a whole sockaddr_ll of `length` bytes.
            checked(unsafe { libc::bind(fd, address, length) } as isize)
        }
        Call::Name { fd, address } => {
            let mut length = ADDRESS_LENGTH;
            let address = ptr::from_mut(address).cast();
            // SAFETY: `address` is writable for `length` bytes; any bytes are a sockaddr_ll.
            checked(unsafe { libc::getsockname(fd, address, &raw mut length) } as isize)
        }
        Call::Dissolve { fd } => {
            let none = libc::sockaddr {
                sa_family: libc::AF_UNSPEC as libc::sa_family_t,
                sa_data: [0; 14],
            };
            let (address, length) =
                (ptr::from_ref(&none), size_of::<libc::sockaddr>() as socklen_t);
            // SAFETY: `address` points to a whole sockaddr of `length` bytes.
            checked(unsafe { libc::connect(fd, address, length) } as isize)
        }
        Call::Map { fd, length } => {
            map(length, libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED, (fd, 0))
        }
        Call::MapReadable { fd, length, offset } => {
            map(length, libc::PROT_READ, libc::MAP_SHARED, (fd, offset))
        }
        Call::Reserve { length } => {
            map(length, libc::PROT_NONE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, (-1, 0))
        }
        Call::Unmap { address, length } => {
            let address = ptr::with_exposed_provenance_mut(address);
            // SAFETY: only `Mapping::drop` makes this call, once, when nothing borrowed from the
            // mapping is left.
            checked(unsafe { libc::munmap(address, length) } as isize)
        }
        Call::MapCreate { attributes } => bpf(BPF_MAP_CREATE, &mut { *attributes }),
        Call::ProgramLoad { kind, instructions, license, log } => {
            load(kind, instructions, license, log)
        }
        Call::TracepointOpen { name, program } => {
            let name = name.as_ptr().expose_provenance() as u64;
            bpf(BPF_RAW_TRACEPOINT_OPEN, &mut TracepointOpen { name, program, padding: 0 })
        }
        Call::LinkCreate { attributes } => bpf(BPF_LINK_CREATE, &mut { *attributes }),
        Call::ProgramRun { program, packet, repetitions } => run(program, packet, repetitions),
    }
}

fn set_option(fd: RawFd, level: c_int, name: c_int, value: &[u8]) -> io::Result<usize> {
    let (value, length) = (value.as_ptr().cast::<c_void>(), value.len() as socklen_t);
    // SAFETY: `value` is readable for `length` bytes and, by the contract of `SetOption`, holds
    // no pointer that the kernel would follow.
    checked(unsafe { libc::setsockopt(fd, level, name, value, length) } as isize)
}

fn attach_classic(fd: RawFd, program: &[sock_filter]) -> io::Result<usize> {
    let length =
        program.len().try_into().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let program = sock_fprog { len: length, filter: program.as_ptr().cast_mut() };
    let (value, length) = (ptr::from_ref(&program).cast::<c_void>(), size_of::<sock_fprog>());
    let length = length as socklen_t;
    // SAFETY: `value` is a sock_fprog whose `filter` points to `len` instructions; the kernel
    // copies them (net/core/filter.c, sk_attach_filter) and writes nothing.
    let result =
        unsafe { libc::setsockopt(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, value, length) };
    checked(result as isize)
}

fn map(
    length: usize,
    protection: c_int,
    flags: c_int,
    (fd, offset): (RawFd, libc::off_t),
) -> io::Result<usize> {
    // SAFETY: with a null hint and without MAP_FIXED, which no caller passes, the kernel chooses
    // unused addresses.
    let address = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, fd, offset) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    Ok(address.expose_provenance())
}

fn load(
    kind: ProgramKind,
    instructions: &[[u8; 8]],
    license: &CStr,
    log: &mut [u8],
) -> io::Result<usize> {
    let log_size =
        u32::try_from(log.len()).map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let mut attributes = ProgramLoad {
        program_type: kind as u32,
        instruction_count: u32::try_from(instructions.len())
            .map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?,
        instructions: instructions.as_ptr().expose_provenance() as u64,
        license: license.as_ptr().expose_provenance() as u64,
        log_level: u32::from(log_size > 0),
        log_size,
        // The kernel refuses an address without a level (kernel/bpf/verifier.c, bpf_check).
        log_buffer: match log_size {
            0 => 0,
            _ => log.as_mut_ptr().expose_provenance() as u64,
        },
    };
    bpf(BPF_PROG_LOAD, &mut attributes)
}

fn run(program: RawFd, packet: &[u8], repetitions: u32) -> io::Result<usize> {
    let length = packet.len().try_into().map_err(|_| io::Error::from_raw_os_error(libc::E2BIG))?;
    let mut attributes = ProgramRun {
        program,
        length,
        packet: packet.as_ptr().expose_provenance() as u64,
        repetitions,
        ..ProgramRun::default()
    };
    bpf(BPF_PROG_TEST_RUN, &mut attributes)
}

/// `bpf(2)`; `T` is the head of `union bpf_attr` that the command reads.
fn bpf<T>(command: c_int, attributes: &mut T) -> io::Result<usize> {
    let attributes: *mut T = attributes;
    // SAFETY: `attributes` is readable and writable for the size passed, which covers the results of
    // `BPF_PROG_TEST_RUN` (net/bpf/test_run.c, bpf_test_finish); the kernel takes the rest of the union
    // as zero (kernel/bpf/syscall.c, __sys_bpf). The pointers inside are to slices that the caller
    // of `call` still borrows. Beside these results the commands in use write nothing but the verifier's
    // log, at most `log_size` bytes of it, to a slice that the caller borrows exclusively.
    checked(unsafe { libc::syscall(libc::SYS_bpf, command, attributes, size_of::<T>()) } as isize)
}

fn checked(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

/// The head of `union bpf_attr` for `BPF_PROG_LOAD` (include/uapi/linux/bpf.h).
#[repr(C)]
struct ProgramLoad {
    program_type: u32,
    instruction_count: u32,
    instructions: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log_buffer: u64,
}

/// The head of `union bpf_attr` for `BPF_RAW_TRACEPOINT_OPEN`.
#[repr(C)]
struct TracepointOpen {
    name: u64,
    program: RawFd,
    padding: u32,
}

/// The head of `union bpf_attr` for `BPF_PROG_TEST_RUN`, up to its last result.
#[derive(Default)]
#[repr(C)]
struct ProgramRun {
    program: RawFd,
    result: u32,
    length: u32,
    length_after: u32,
    packet: u64,
    /// 0: not requested.
    packet_after: u64,
    repetitions: u32,
    duration: u32,
}

const ADDRESS_LENGTH: socklen_t = size_of::<sockaddr_ll>() as socklen_t;
const BPF_MAP_CREATE: c_int = 0;
const BPF_PROG_LOAD: c_int = 5;
const BPF_PROG_TEST_RUN: c_int = 10;
const BPF_RAW_TRACEPOINT_OPEN: c_int = 17;
const BPF_LINK_CREATE: c_int = 28;
