//! Datagrams that did not get through: dropped by the kernel because the receive buffer of a socket was
//! full, or refused because of their sender.
//!
//! Drops are read from the socket's line in /proc/net/udp, which is always current. SO_RXQ_OVFL reports drops
//! with the next datagram only, so drops at the end of a burst would be missing from the summary.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use std::fs::{self, File};
use std::io;
use std::net::UdpSocket;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// The lines of sockets in /proc/net/udp or /proc/net/udp6, and their counts of refused datagrams.
#[derive(Debug, Default)]
pub(crate) struct Drops {
    path: &'static str,
    inodes: Vec<u64>,
    /// Empty if all senders are allowed.
    refused: Vec<Arc<AtomicU64>>,
}

impl Drops {
    /// The drops of `socket`, found by its inode.
    pub(crate) fn of(socket: &UdpSocket, refused: Option<Arc<AtomicU64>>) -> io::Result<Self> {
        let v4 = socket.local_addr()?.is_ipv4();
        let fd: OwnedFd = socket.as_fd().try_clone_to_owned()?;
        let inode = File::from(fd).metadata()?.ino();
        Ok(Self {
            path: if v4 { "/proc/net/udp" } else { "/proc/net/udp6" },
            inodes: vec![inode],
            refused: refused.into_iter().collect(),
        })
    }

    /// Adds those of another socket of the same address.
    pub(crate) fn add(&mut self, other: Self) {
        self.path = other.path;
        self.inodes.extend(other.inodes);
        self.refused.extend(other.refused);
    }

    /// Datagrams refused; `None` if all senders are allowed.
    pub(crate) fn refused(&self) -> Option<u64> {
        let counts = self.refused.iter().map(|refused| refused.load(Ordering::Relaxed));
        counts.reduce(|sum, count| sum + count)
    }

    /// Datagrams dropped since the sockets were created; `None` without /proc or after a socket was
    /// closed.
    pub(crate) fn count(&self) -> Option<u64> {
        let table = fs::read_to_string(self.path).ok()?;
        self.inodes.iter().map(|inode| parse(&table, *inode)).sum()
    }
}

/// The count, as part of a report line.
impl fmt::Display for Drops {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.count() {
            Some(count) => write!(f, "{count} dropped by the kernel")?,
            None => f.write_str("kernel drops unknown: cannot read /proc/net/udp")?,
        }
        match self.refused() {
            Some(count) => write!(f, ", {count} refused by --allow"),
            None => Ok(()),
        }
    }
}

/// Finds the line of `inode`: the inode is the tenth word of a line, the drops are the last
/// (`udp4_format_sock` in net/ipv4/udp.c).
fn parse(table: &str, inode: u64) -> Option<u64> {
    let inode = inode.to_string();
    let mut lines = table.lines().map(|line| line.split_ascii_whitespace());
    let mut words = lines.find(|words| words.clone().nth(9) == Some(&inode))?;
    // Some kernel versions print the 32-bit counter as signed (%d), others as unsigned (%u).
    words.next_back()?.parse().ok().map(|drops: i64| (drops as u32).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "   sl  local_address rem_address   st tx_queue rx_queue tr tm->when \
        retrnsmt   uid  timeout inode ref pointer drops            \n \
        3576: 0100007F:D399 0100007F:18C7 01 00000000:00000000 00:00000000 00000000 65534        \
        0 83038 2 0000000056a7851f 0         \n \
        3577: 00000000:18C7 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        \
        0 83039 2 0000000056a78520 -1        \n";

    #[test]
    fn drops_are_those_of_the_inode() {
        assert_eq!(parse(TABLE, 83038), Some(0));
        assert_eq!(parse(TABLE, 83039), Some(u64::from(u32::MAX)));
        assert_eq!(parse(TABLE, 0), None);
        assert_eq!(parse("", 83038), None);
    }

    #[test]
    fn full_buffer_counts_drops() {
        use nix::sys::socket::{setsockopt, sockopt::RcvBuf};
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let drops = Drops::of(&socket, None).unwrap();
        assert_eq!(drops.count(), Some(0));
        setsockopt(&socket, RcvBuf, &4096).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..64 {
            sender.send_to(&[0xa5; 1400], socket.local_addr().unwrap()).unwrap();
        }
        let dropped = drops.count().unwrap();
        assert!((1..64).contains(&dropped), "{dropped}");
        drop(socket);
        assert_eq!(drops.count(), None);
    }
}
