//! Lookups of TCP sockets in other network namespaces, such as those of containers: an eBPF program,
//! which is run for no packet.
//!
//! ```text
//! queries ──▶ table in shared memory ──▶ program, once for each ──▶ bpf_sk_lookup_tcp in the namespace
//!                  ▲                                                      │
//! replies ◀────────┴───────────────────── fields of the socket ◀──────────┘
//! ```
//!
//! sock_diag(7) looks sockets up only in the network namespace in which it was opened. To enter
//! another one takes CAP_SYS_ADMIN as often as a container starts. This takes CAP_NET_ADMIN once, to
//! load the program, and enters nothing.

mod fields;
mod program;

use core::sync::atomic::{AtomicU64, Ordering};
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use crate::kernel::btf::Btf;
use crate::kernel::netlink::sock_diag::{Found, Query, Reply, is_handshake};
use crate::kernel::refusal;
use crate::kernel::sys::bpf::{self, SlotMap};
use crate::modules::tcp::elsewhere::fields::Fields;
use crate::modules::tcp::elsewhere::program::{
    ENTRY_WORDS, HEADER_WORDS, TABLE_WORDS, Word, program,
};

/// The loaded program with its table.
#[derive(Debug)]
pub(super) struct Elsewhere {
    program: OwnedFd,
    table: SlotMap,
    fields: Fields,
    /// Why fields are missing, if some are.
    shortfall: Option<String>,
}

impl Elsewhere {
    /// Loads the program.
    ///
    /// # Errors
    /// Names what is missing: CAP_BPF, CAP_NET_ADMIN, a newer kernel.
    pub(super) fn open() -> Result<Self, String> {
        let all = Btf::of_kernel().and_then(|btf| Self::load(Fields::of(&btf)?));
        let refused = match all {
            Ok(elsewhere) => return Ok(elsewhere),
            Err(error) => error,
        };
        let some = Self::load(Fields::stable());
        let mut some = some.map_err(|error| refusal::explain_classifier(&error))?;
        some.shortfall = Some(explain(&refused));
        Ok(some)
    }

    fn load(fields: Fields) -> io::Result<Self> {
        let (table, map) = SlotMap::new(TABLE_WORDS, 0)?;
        let instructions = program(map.as_raw_fd(), &fields)?;
        let program = bpf::load_classifier(&instructions)?;
        Ok(Self { program, table, fields, shortfall: None })
    }

    /// The reason for which replies lack some fields of `tcp_info`, if they do.
    pub(super) fn shortfall(&self) -> Option<&str> {
        self.shortfall.as_deref()
    }

    /// Looks up sockets of the network namespaces of the queries, at most
    /// [`MAX_QUERIES`](crate::kernel::netlink::sock_diag::MAX_QUERIES), and passes
    /// the position of each query with its reply to `visit`.
    ///
    /// # Errors
    /// Those of [`bpf::run`].
    pub(super) fn look_up<'q>(
        &self,
        queries: impl Iterator<Item = &'q Query> + Clone,
        visit: &mut dyn FnMut(usize, Reply),
    ) -> io::Result<()> {
        let words = self.table.table().split_at_checked(HEADER_WORDS);
        let (header, entries) = words.unwrap_or_default();
        let pairs = || queries.clone().zip(entries.chunks_exact(ENTRY_WORDS));
        let count = pairs().count();
        if count == 0 {
            return Ok(());
        }
        pairs().for_each(|(query, entry)| write(query, entry));
        store(header, 0, 0);
        bpf::run(self.program.as_fd(), &FRAME, count as u32)?;
        for (number, (query, entry)) in pairs().enumerate() {
            visit(number, self.reply(query, entry));
        }
        Ok(())
    }

    fn reply(&self, query: &Query, entry: &[AtomicU64]) -> Reply {
        match load(entry, Word::State) as u8 {
            0 => Reply::NoSocket,
            TCP_LISTEN => Reply::Found(Found { remote: NOBODY, ..found(query) }),
            state if is_handshake(state) => Reply::Found(found(query)),
            _ => {
                let (info, cookie) = self.fields.read(&|word| load(entry, word));
                Reply::Found(Found { cookie, tcp: Some(info), ..found(query) })
            }
        }
    }
}

/// Why the program cannot read the memory of a socket. The kernel refuses the same in several ways.
fn explain(error: &io::Error) -> String {
    if !refusal::may_read_memory() {
        "CAP_PERFMON is missing".to_owned()
    } else if error.kind() == io::ErrorKind::NotFound {
        "this kernel has no types (CONFIG_DEBUG_INFO_BTF)".to_owned()
    } else {
        error.to_string()
    }
}

/// A socket of these addresses without a connection.
fn found(query: &Query) -> Found {
    Found { local: query.local, remote: query.remote, cookie: 0, tcp: None, cgroup: None }
}

/// Writes a query as the program expects it, and clears the reply.
fn write(query: &Query, entry: &[AtomicU64]) {
    let (tuple, length) = tuple(query);
    store(
        entry,
        Word::Namespace as usize,
        u64::from(query.namespace.unwrap_or(-1).cast_unsigned()),
    );
    store(entry, Word::Length as usize, length as u64);
    for (number, bytes) in tuple.as_chunks().0.iter().enumerate() {
        store(entry, Word::Tuple as usize + number, u64::from_ne_bytes(*bytes));
    }
    store(entry, Word::State as usize, 0);
}

/// `struct bpf_sock_tuple` (linux/bpf.h) of a packet that the socket receives, and its length.
fn tuple(query: &Query) -> ([u8; TUPLE_BYTES], usize) {
    let mut tuple = [0; TUPLE_BYTES];
    let mut length = 0;
    let mut push = |bytes: &[u8]| {
        if let Some(room) = tuple.get_mut(length..length + bytes.len()) {
            room.copy_from_slice(bytes);
        }
        length += bytes.len();
    };
    let (source, destination) = (query.remote, query.local);
    for (address, _) in [source, destination] {
        match address {
            IpAddr::V4(address) => push(&address.octets()),
            IpAddr::V6(address) => push(&address.octets()),
        }
    }
    for (_, port) in [source, destination] {
        push(&port.to_be_bytes());
    }
    (tuple, length)
}

fn load(entry: &[AtomicU64], word: Word) -> u64 {
    entry.get(word as usize).map_or(0, |word| word.load(Ordering::Relaxed))
}

fn store(entry: &[AtomicU64], at: usize, value: u64) {
    if let Some(word) = entry.get(at) {
        word.store(value, Ordering::Relaxed);
    }
}

const NOBODY: (IpAddr, u16) = (IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
/// An Ethernet frame of no protocol; the kernel refuses a shorter one.
const FRAME: [u8; 64] = [0; 64];
/// `struct bpf_sock_tuple` for IPv6 has 36, in whole words.
const TUPLE_BYTES: usize = 40;
/// include/net/tcp_states.h
const TCP_LISTEN: u8 = 10;

#[cfg(test)]
pub(super) mod testing;
#[cfg(test)]
mod tests;
