//! The network interfaces of the host, kept current by rtnetlink, rtnetlink(7).
//!
//! [`Links`] dumps links and addresses once and then applies the kernel's notifications to its
//! table, so that interfaces are never scanned periodically. After lost notifications it dumps
//! again and reports the differences. [`LinkReader`] queries single links, for their counters.
//!
//! A link is identified by its ifIndex: a name can move to another link, whereas the kernel does
//! not reuse an index until 2^31 links have been created (net/core/dev.c, `dev_index_reserve`). A
//! link that was deleted and created again is a new link.

mod bond;
mod ethtool;
mod forwarding;
mod link;
mod message;
mod peers;
mod reader;
mod table;
mod uplink;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub use ethtool::EthernetReader;
pub use forwarding::{Flow, Forwarding, Way};
pub use link::Link;
pub use message::{Address, LinkStats};
pub(crate) use peers::Peers;
pub use reader::{LinkReader, LinkReading};
pub use table::{Changes, LinkEvent};

use nix::sys::socket::SockProtocol;

use crate::kernel::netlink::{Messages, NetlinkSocket, ReceiveError};
use table::LinkTable;

/// All links of the network namespace of the thread that opened it.
#[derive(Debug)]
pub struct Links {
    events: NetlinkSocket,
    reader: LinkReader,
    table: LinkTable,
    /// Notifications were lost and the table has not been repaired yet.
    stale: bool,
    stats: LinksStats,
}

/// Counters of rtnetlink problems since [`Links::open`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LinksStats {
    /// Overruns of the receive queue: notifications were lost because they were not read in time.
    pub overruns: u64,
    /// Messages skipped because they contradict their type or are longer than 1 MiB.
    pub malformed: u64,
    /// Dumps after the first, each to repair an overrun.
    pub dumps: u64,
}

impl Links {
    /// Subscribes to notifications, then dumps all links and addresses. Existing links are in the
    /// table and are not reported as events.
    ///
    /// # Errors
    /// `EMFILE` or `ENFILE` if too many files are open, else the errno of the failed dump.
    pub fn open() -> io::Result<Self> {
        let mut links = Self {
            // Before the dump: a change during the dump is then seen as a notification.
            events: NetlinkSocket::open(SockProtocol::NetlinkRoute, GROUPS)?,
            reader: LinkReader::open()?,
            table: LinkTable::default(),
            stale: true,
            stats: LinksStats::default(),
        };
        links.refill_table(&mut Vec::new())?;
        Ok(links)
    }

    /// Applies at most `budget` datagrams of notifications and appends the changes to `events`.
    /// Never blocks. Call it when the descriptor is readable, and again some time after an error.
    ///
    /// The table may be ahead of the events: it can already lack a link whose `Added` is reported.
    ///
    /// # Errors
    /// The errno of `recvmsg`, or of the dump that repairs an overrun. The table stays usable and
    /// the repair is tried again at the next call.
    pub fn poll(&mut self, budget: usize, events: &mut Vec<LinkEvent>) -> io::Result<()> {
        let polled = self.apply(budget, events);
        self.table.mark_uplinks();
        polled
    }

    fn apply(&mut self, budget: usize, events: &mut Vec<LinkEvent>) -> io::Result<()> {
        for _ in 0..budget {
            if !self.receive_one(events)? {
                return Ok(());
            }
        }
        // The queue may be empty by now, so that the descriptor would never wake the caller for
        // the repair.
        if self.stale {
            self.receive_one(events)?;
        }
        Ok(())
    }

    /// All links in the order of ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.table.iter()
    }

    /// The link with this ifIndex.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.table.get(index)
    }

    /// Those of `indices` that a link has.
    pub(crate) fn existing(&self, indices: impl Iterator<Item = u32>) -> impl Iterator<Item = u32> {
        indices.filter(|index| self.get(*index).is_some())
    }

    /// The link with this name, else the first that has it as alternative name or alias.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        let named = self.iter().find(|link| link.name == name);
        named.or_else(|| self.iter().find(|link| link.is_called(name)))
    }

    /// Returns true if the counters of `link` belong in sums over the adapters of the host: it is
    /// physical or the uplink of a container, and not a function whose packets a physical master
    /// counts too (a VF below Hyper-V's netvsc or virtio's failover).
    #[must_use]
    pub fn counts_once(&self, link: &Link) -> bool {
        let master = link.master.and_then(|index| self.get(index));
        link.is_adapter() && !master.is_some_and(Link::is_physical)
    }

    /// Returns true if packets of `link` can leave the host by an adapter. False for bridges without
    /// one, such as docker0, and for tunnels and dummies.
    #[must_use]
    pub fn leads_out(&self, link: &Link) -> bool {
        self.table.leads_out(link)
    }

    /// Counters of problems so far.
    #[must_use]
    pub fn stats(&self) -> LinksStats {
        let malformed = self.stats.malformed.saturating_add(self.reader.skipped());
        LinksStats { malformed, ..self.stats }
    }

    /// Applies one datagram. Returns true if there may be more.
    fn receive_one(&mut self, events: &mut Vec<LinkEvent>) -> io::Result<bool> {
        match self.events.receive() {
            Ok(None) if self.stale => {
                self.stats.dumps = self.stats.dumps.saturating_add(1);
                self.refill_table(events)?;
                return Ok(false);
            }
            Ok(None) => return Ok(false),
            // Predates the dump we are about to request; applying it afterwards would undo newer
            // state.
            Ok(Some(_)) if self.stale => {}
            Ok(Some(datagram)) => {
                for message in Messages::new(datagram) {
                    let applied = message.and_then(|message| {
                        self.table.apply_notification(message, &self.reader, events)
                    });
                    self.stats.malformed += u64::from(applied.is_err());
                }
            }
            Err(ReceiveError::Overrun) => {
                self.stats.overruns = self.stats.overruns.saturating_add(1);
                self.stale = true;
            }
            Err(ReceiveError::TooLong) => {
                self.stats.malformed = self.stats.malformed.saturating_add(1);
            }
            Err(ReceiveError::Io(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Dumps all links and addresses into a new table and reports the differences to the old one.
    fn refill_table(&mut self, events: &mut Vec<LinkEvent>) -> io::Result<()> {
        let mut fresh = LinkTable::default();
        let (mut malformed, mut dumped) = (0_u64, Err(io::ErrorKind::Interrupted.into()));
        for _ in 0..DUMP_ATTEMPTS {
            // A dump that was interrupted by a change may lack links: start from nothing.
            fresh = LinkTable::default();
            malformed = 0;
            dumped = self.reader.dump(&mut |message| {
                malformed += u64::from(fresh.insert_dumped(message).is_err());
            });
            if !matches!(&dumped, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
        }
        self.stats.malformed = self.stats.malformed.saturating_add(malformed);
        dumped?;
        fresh.read_speeds(&self.reader);
        self.table.replace_with(fresh, events);
        self.table.mark_uplinks();
        self.stale = false;
        Ok(())
    }
}

impl AsFd for Links {
    /// Readable when [`Links::poll`] has work.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// `RTNLGRP_LINK` (1), `RTNLGRP_IPV4_IFADDR` (5) and `RTNLGRP_IPV6_IFADDR` (9) as bits n-1.
const GROUPS: u32 = 1 | 1 << 4 | 1 << 8;
/// A dump during which a link changes is inconsistent (`NLM_F_DUMP_INTR`) and is repeated.
const DUMP_ATTEMPTS: usize = 4;

#[cfg(test)]
mod tests;
