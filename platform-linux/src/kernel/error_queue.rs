//! The error queue of a UDP socket, ip(7) and ipv6(7): what became of datagrams that were sent.
//!
//! Without it only some ICMP errors reach a connected socket: port unreachable does, host and
//! network unreachable do not (net/ipv4/udp.c, `__udp4_lib_err`). When a neighbour does not
//! respond, the kernel sends itself an ICMP error for each datagram that waits for it
//! (net/ipv4/route.c, `ipv4_link_failure`; net/ipv6/route.c, `ip6_link_failure`).

use std::fmt;
use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::os::fd::AsRawFd;

use libc::{SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6, sock_extended_err};
use nix::cmsg_space;
use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};

/// An error about an earlier datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Report {
    cause: Cause,
    reporter: Option<IpAddr>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Type and code of ICMP.
    V4(u8, u8),
    /// Type and code of `ICMPv6`.
    V6(u8, u8),
    /// The error of the socket, where the queue had no room for its details.
    Errno(i32),
}

/// Has the kernel queue errors. Best effort: without the option port unreachable is still the error
/// of a later send(2).
pub(crate) fn enable(socket: &UdpSocket) {
    // Both: IPv4 errors reach an IPv6 socket that is connected to an IPv4-mapped address.
    let _ = setsockopt(socket, sockopt::Ipv4RecvErr, &true);
    let _ = setsockopt(socket, sockopt::Ipv6RecvErr, &true);
}

/// Takes the next error; `None` if there is none.
///
/// # Errors
/// Those of recvmsg(2).
pub(crate) fn take(socket: &UdpSocket) -> io::Result<Option<Report>> {
    loop {
        match next(socket) {
            Ok(Some(report)) => return Ok(Some(report)),
            // A local error, such as EMSGSIZE: send(2) has returned it already.
            Ok(None) => {}
            Err(Errno::EINTR) => {}
            // The error of the socket is set without an entry if the queue had no room.
            Err(Errno::EAGAIN) => return pending(socket),
            Err(error) => return Err(error.into()),
        }
    }
}

fn next(socket: &UdpSocket) -> nix::Result<Option<Report>> {
    // The datagram itself is in the message too; it is of no use here.
    let mut no_payload: [IoSliceMut<'_>; 0] = [];
    let mut control = cmsg_space!(sock_extended_err, libc::sockaddr_in6);
    let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
    let message = recvmsg::<()>(socket.as_raw_fd(), &mut no_payload, Some(&mut control), flags)?;
    Ok(message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv4RecvErr(error, from) => {
            let ip = from.map(|from| Ipv4Addr::from(u32::from_be(from.sin_addr.s_addr)).into());
            report(&error, ip)
        }
        ControlMessageOwned::Ipv6RecvErr(error, from) => {
            let ip = from.map(|from| Ipv6Addr::from(from.sin6_addr.s6_addr).to_canonical());
            report(&error, ip)
        }
        _ => None,
    }))
}

fn report(error: &sock_extended_err, reporter: Option<IpAddr>) -> Option<Report> {
    let (kind, code) = (error.ee_type, error.ee_code);
    let cause = match error.ee_origin {
        SO_EE_ORIGIN_ICMP => Cause::V4(kind, code),
        SO_EE_ORIGIN_ICMP6 => Cause::V6(kind, code),
        _ => return None,
    };
    Some(Report { cause, reporter: reporter.filter(|ip| !ip.is_unspecified()) })
}

fn pending(socket: &UdpSocket) -> io::Result<Option<Report>> {
    Ok(socket.take_error()?.map(|error| Report::of(&error)))
}

impl Report {
    /// A report made from the error of send(2) or of the socket.
    pub(crate) fn of(error: &io::Error) -> Self {
        Self { cause: Cause::Errno(error.raw_os_error().unwrap_or(0)), reporter: None }
    }

    /// Returns true if the datagram was larger than the path permits. Only that one is lost: the
    /// kernel fragments those that follow.
    pub(crate) fn is_too_big(&self) -> bool {
        matches!(self.cause, Cause::V4(3, 4) | Cause::V6(2, _) | Cause::Errno(libc::EMSGSIZE))
    }

    /// The cause in words. `own` is the source address of the socket: an unreachable host that
    /// this host reports itself is a neighbour that does not respond.
    pub(crate) fn in_words(&self, own: Option<IpAddr>) -> impl fmt::Display {
        let reporter = match (self.cause, self.reporter) {
            (Cause::V4(3, 1), ip) if ip.is_some() && ip == own => {
                return "the next hop does not respond to ARP".to_owned();
            }
            (Cause::V6(1, 3), ip) if ip.is_some() && ip == own => {
                return "the next hop does not respond to neighbour discovery".to_owned();
            }
            (Cause::Errno(errno), _) => return io::Error::from_raw_os_error(errno).to_string(),
            (_, Some(ip)) => format!(" from {ip}"),
            (_, None) => String::new(),
        };
        format!("ICMP {}{reporter}", self.cause)
    }
}

/// The names of the IANA registries of ICMP and `ICMPv6`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            Self::V4(3, 0) => "network unreachable",
            Self::V4(3, 1) => "host unreachable",
            Self::V4(3, 2) => "protocol unreachable",
            Self::V4(3, 3) | Self::V6(1, 4) => "port unreachable",
            Self::V4(3, 4) => "fragmentation needed",
            Self::V4(3, 9 | 10 | 13) | Self::V6(1, 1) => "administratively prohibited",
            Self::V6(1, 0) => "no route to destination",
            Self::V6(1, 3) => "address unreachable",
            Self::V6(1, 6) => "route rejected",
            Self::V6(2, _) => "packet too big",
            Self::V4(11, _) | Self::V6(3, _) => "time exceeded",
            Self::V4(12, _) | Self::V6(4, _) => "parameter problem",
            Self::V4(kind, code) | Self::V6(kind, code) => {
                return write!(f, "type {kind} code {code}");
            }
            Self::Errno(errno) => return write!(f, "errno {errno}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(origin: u8, kind: u8, code: u8, reporter: Option<&str>) -> String {
        let error = sock_extended_err {
            ee_errno: 0,
            ee_origin: origin,
            ee_type: kind,
            ee_code: code,
            ee_pad: 0,
            ee_info: 0,
            ee_data: 0,
        };
        let own = reporter.filter(|ip| ip.ends_with('1')).map(|ip| ip.parse().unwrap());
        let report = report(&error, reporter.map(|ip| ip.parse().unwrap())).unwrap();
        report.in_words(own).to_string()
    }

    #[test]
    fn reports_in_words() {
        let (v4, v6) = (SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6);
        for (origin, kind, code, reporter, expected) in [
            (v4, 3, 3, Some("192.0.2.9"), "ICMP port unreachable from 192.0.2.9"),
            (v4, 3, 1, Some("192.0.2.9"), "ICMP host unreachable from 192.0.2.9"),
            (v4, 3, 1, Some("192.0.2.1"), "the next hop does not respond to ARP"),
            (v4, 3, 13, None, "ICMP administratively prohibited"),
            (v4, 3, 7, Some("0.0.0.0"), "ICMP type 3 code 7"),
            (v6, 1, 3, Some("2001:db8::9"), "ICMP address unreachable from 2001:db8::9"),
            (v6, 1, 3, Some("2001:db8::1"), "the next hop does not respond to neighbour discovery"),
            (v6, 1, 4, None, "ICMP port unreachable"),
            (v6, 3, 0, None, "ICMP time exceeded"),
        ] {
            assert_eq!(words(origin, kind, code, reporter), expected);
        }
        let refused = Report::of(&io::Error::from_raw_os_error(libc::ECONNREFUSED));
        assert!(refused.in_words(None).to_string().starts_with("Connection refused"));
    }

    #[test]
    fn only_a_datagram_that_is_too_big_is_lost_alone() {
        for (cause, expected) in [
            (Cause::V4(3, 4), true),
            (Cause::V6(2, 0), true),
            (Cause::V4(3, 3), false),
            (Cause::V6(1, 4), false),
            (Cause::V4(2, 0), false),
        ] {
            assert_eq!(Report { cause, reporter: None }.is_too_big(), expected, "{cause:?}");
        }
    }

    #[test]
    fn errors_of_loopback_are_taken_one_by_one() {
        for any in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(closed) = UdpSocket::bind(any) else { continue };
            let address = closed.local_addr().unwrap();
            drop(closed);
            let socket = UdpSocket::bind(any).unwrap();
            enable(&socket);
            socket.connect(address).unwrap();
            assert_eq!(take(&socket).unwrap(), None);
            socket.send(b"lost").unwrap();
            let words = take(&socket).unwrap().unwrap().in_words(None).to_string();
            assert_eq!(words, format!("ICMP port unreachable from {}", address.ip()));
            assert_eq!(take(&socket).unwrap(), None);
            socket.send(b"the error is no longer pending").unwrap();
        }
    }
}
