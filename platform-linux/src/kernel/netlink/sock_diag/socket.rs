//! Parser of `struct inet_diag_msg` (linux/inet_diag.h) with its attributes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::super::attributes::{as_u64, attributes};
use super::tcp_info::TcpInfo;

/// A socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    /// Its own address and port; unspecified for a UDP socket that is bound to every address.
    pub(crate) local: (IpAddr, u16),
    /// Those of its peer; unspecified and 0 for a socket that listens or is not connected.
    pub(crate) remote: (IpAddr, u16),
    /// A number that no other socket has had since the host was started.
    pub(crate) cookie: u64,
    /// The state of its connection; `None` for UDP, in a handshake, whose end changes nearly all of it,
    /// and for a connection that waits for its last packets (TIME_WAIT).
    pub(crate) tcp: Option<TcpInfo>,
    /// The control group (cgroup v2) that created it; `None` before Linux 5.8.
    pub(crate) cgroup: Option<u64>,
}

impl Found {
    /// Parses the body of a message; `None` if it is too short or of another family.
    pub(super) fn parse(body: &[u8]) -> Option<Self> {
        let (header, rest) = body.split_first_chunk::<HEADER_BYTES>()?;
        let [family, state, ..] = *header;
        let port = |at: usize| Some(u16::from_be_bytes(*header.get(at..)?.first_chunk()?));
        let mut found = Self {
            local: (address(family, header.get(8..)?)?, port(4)?),
            remote: (address(family, header.get(24..)?)?, port(6)?),
            cookie: as_u64(header.get(44..)?)?,
            tcp: None,
            cgroup: None,
        };
        for (kind, value) in attributes(rest) {
            match kind {
                INET_DIAG_INFO if !is_handshake(state) => found.tcp = TcpInfo::parse(value),
                INET_DIAG_CGROUP_ID => found.cgroup = as_u64(value),
                _ => {}
            }
        }
        Some(found)
    }
}

/// An address of IPv4 or IPv6. That of an IPv6 socket that speaks IPv4 is the IPv4 address.
fn address(family: u8, bytes: &[u8]) -> Option<IpAddr> {
    match i32::from(family) {
        libc::AF_INET => Some(Ipv4Addr::from(*bytes.first_chunk::<4>()?).into()),
        libc::AF_INET6 => {
            Some(IpAddr::from(Ipv6Addr::from(*bytes.first_chunk::<16>()?)).to_canonical())
        }
        _ => None,
    }
}

/// Returns true for a state (include/net/tcp_states.h) before the connection is there.
pub(crate) fn is_handshake(state: u8) -> bool {
    matches!(state, TCP_SYN_SENT | TCP_SYN_RECV)
}

const TCP_SYN_SENT: u8 = 2;
const TCP_SYN_RECV: u8 = 3;
const HEADER_BYTES: usize = 72;
const INET_DIAG_INFO: u16 = 2;
const INET_DIAG_CGROUP_ID: u16 = 21;
