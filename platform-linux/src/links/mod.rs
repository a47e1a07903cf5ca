//! The network interfaces of the host, followed by rtnetlink.
//!
//! [`Links`] dumps links and addresses once and then keeps its table by the kernel's
//! notifications, so nobody ever has to scan. When notifications were lost it dumps again and
//! reports what differs. [`LinkReader`] asks about one link, for its counters.
//!
//! A link is known by its ifIndex: a name can be given to another link, an index in practice is
//! not used twice. A re-created interface is a new link.

mod bond;
mod ethtool;
mod link;
mod message;
mod reader;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

pub use ethtool::EthernetReader;
pub use link::Link;
pub use message::{Address, LinkStats};
pub use reader::{LinkReader, Reading};

use nix::sys::socket::SockProtocol;

use crate::kernel::netlink::{Message, Messages, NetlinkSocket, ReceiveError};
use message::RouteMessage;

/// All links of one network namespace: that of the thread that opened it.
#[derive(Debug)]
pub struct Links {
    events: NetlinkSocket,
    reader: LinkReader,
    table: Table,
    /// Notifications were lost and the table has not been repaired yet.
    stale: bool,
    stats: LinksStats,
}

/// What happened to a link, by its ifIndex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// It is new.
    Added(u32),
    /// Something about it is different now.
    Changed(u32, Changes),
    /// It has another name.
    Renamed(u32),
    /// It has gone; [`Links::get`] no longer knows it.
    Removed(u32),
    /// An address of it was added, changed or removed.
    AddressesChanged(u32),
}

/// What is different about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Changes {
    /// Up or down, administratively or by its carrier.
    pub state: bool,
    /// Speed or duplex.
    pub speed: bool,
    /// The bridge or bond above it, or its place below one.
    pub master: bool,
    /// MAC address, MTU, promiscuity or what else [`Link`] tells.
    pub other: bool,
}

/// What went wrong so far. All are counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LinksStats {
    /// Times that the kernel had to drop notifications because they were not read in time.
    pub overruns: u64,
    /// Messages skipped because they made no sense.
    pub malformed: u64,
    /// Dumps after the first, each to repair an overrun.
    pub dumps: u64,
}

impl Links {
    /// Subscribes, then dumps all links and addresses. Those that are there now are in the table
    /// and are not told as events.
    ///
    /// # Errors
    /// What the kernel says to the socket calls or to the dump.
    pub fn open() -> io::Result<Self> {
        let mut links = Self {
            events: NetlinkSocket::open(SockProtocol::NetlinkRoute, GROUPS)?,
            reader: LinkReader::open()?,
            table: Table::default(),
            stale: true,
            stats: LinksStats::default(),
        };
        links.load(&mut Vec::new())?;
        Ok(links)
    }

    /// Takes at most `budget` notifications and appends what they changed to `events`. Call it
    /// whenever the descriptor is readable, and again after an error; it never waits.
    ///
    /// The table is ahead of the events: it may already lack a link whose `Added` is told.
    ///
    /// # Errors
    /// What the kernel says to `recv` or to a dump that became necessary. The table stays usable.
    pub fn poll(&mut self, budget: usize, events: &mut Vec<LinkEvent>) -> io::Result<()> {
        for _ in 0..budget {
            if !self.step(events)? {
                return Ok(());
            }
        }
        // Nothing may ever come again to wake the caller for the repair.
        if self.stale {
            self.step(events)?;
        }
        Ok(())
    }

    /// All links, by ifIndex.
    pub fn iter(&self) -> impl Iterator<Item = &Link> {
        self.table.links.values()
    }

    /// The link with this ifIndex.
    #[must_use]
    pub fn get(&self, index: u32) -> Option<&Link> {
        self.table.links.get(&index)
    }

    /// The link with this name.
    #[must_use]
    pub fn by_name(&self, name: &str) -> Option<&Link> {
        self.iter().find(|link| link.name == name)
    }

    /// Whether its counters go into sums over the adapters of the host, once each: physical, and
    /// not a function that a physical master already counts in (as a VF below Hyper-V's netvsc or
    /// below virtio's failover).
    #[must_use]
    pub fn counts_once(&self, link: &Link) -> bool {
        let master = link.master.and_then(|index| self.get(index));
        link.is_physical() && !master.is_some_and(Link::is_physical)
    }

    /// What went wrong so far.
    #[must_use]
    pub fn stats(&self) -> LinksStats {
        self.stats
    }

    /// Takes one datagram; whether there may be more.
    fn step(&mut self, events: &mut Vec<LinkEvent>) -> io::Result<bool> {
        match self.events.receive() {
            Ok(None) if self.stale => {
                self.stats.dumps = self.stats.dumps.saturating_add(1);
                self.load(events)?;
                return Ok(false);
            }
            Ok(None) => return Ok(false),
            // Older than the dump to come: taken over it, it would turn back the time.
            Ok(Some(_)) if self.stale => {}
            Ok(Some(datagram)) => {
                for message in Messages::new(datagram) {
                    let applied =
                        message.and_then(|message| self.table.apply(message, &self.reader, events));
                    self.stats.malformed += u64::from(applied.is_err());
                }
            }
            Err(ReceiveError::Overrun) => {
                self.stats.overruns = self.stats.overruns.saturating_add(1);
                self.stale = true;
            }
            Err(ReceiveError::Io(error)) => return Err(error),
        }
        Ok(true)
    }

    /// Dumps everything into the table and reports the differences.
    fn load(&mut self, events: &mut Vec<LinkEvent>) -> io::Result<()> {
        let mut fresh = Table::default();
        let (mut malformed, mut dumped) = (0_u64, Err(io::ErrorKind::Interrupted.into()));
        for _ in 0..DUMP_ATTEMPTS {
            fresh = Table::default();
            malformed = 0;
            dumped = self.reader.dump(&mut |message| {
                malformed += u64::from(fresh.store(message).is_err());
            });
            if !matches!(&dumped, Err(error) if error.kind() == io::ErrorKind::Interrupted) {
                break;
            }
        }
        self.stats.malformed = self.stats.malformed.saturating_add(malformed);
        dumped?;
        for link in fresh.links.values_mut() {
            (link.speed_bps, link.full_duplex) = self.reader.speed(&link.name);
        }
        self.table.replace(fresh, events);
        self.stale = false;
        Ok(())
    }
}

impl AsFd for Links {
    /// Readable when [`Links::poll`] has something to do.
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.events.as_fd()
    }
}

/// Links by ifIndex.
#[derive(Debug, Default)]
struct Table {
    links: BTreeMap<u32, Link>,
}

impl Table {
    /// Takes over a notification.
    fn apply(
        &mut self,
        message: Message<'_>,
        reader: &LinkReader,
        events: &mut Vec<LinkEvent>,
    ) -> Result<(), crate::kernel::netlink::Malformed> {
        match RouteMessage::parse(message)? {
            RouteMessage::Link(message) => {
                let mut link = Link::new(&message);
                (link.speed_bps, link.full_duplex) = reader.speed(&link.name);
                self.put(link, events);
            }
            RouteMessage::LinkGone(index) => {
                if self.links.remove(&index).is_some() {
                    events.push(LinkEvent::Removed(index));
                }
            }
            RouteMessage::Address(index, address) => {
                let changed =
                    self.links.get_mut(&index).is_some_and(|link| link.put_address(address));
                events.extend(changed.then_some(LinkEvent::AddressesChanged(index)));
            }
            RouteMessage::AddressGone(index, address) => {
                let changed =
                    self.links.get_mut(&index).is_some_and(|link| link.remove_address(address));
                events.extend(changed.then_some(LinkEvent::AddressesChanged(index)));
            }
            RouteMessage::Other => {}
        }
        Ok(())
    }

    /// Takes over a message of a dump, without events.
    fn store(&mut self, message: Message<'_>) -> Result<(), crate::kernel::netlink::Malformed> {
        match RouteMessage::parse(message)? {
            RouteMessage::Link(message) => {
                self.links.insert(message.index, Link::new(&message));
            }
            RouteMessage::Address(index, address) => {
                if let Some(link) = self.links.get_mut(&index) {
                    link.put_address(address);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Takes over a link as it is now, with the addresses that it has here.
    fn put(&mut self, mut link: Link, events: &mut Vec<LinkEvent>) {
        let index = link.index;
        match self.links.entry(index) {
            Entry::Vacant(entry) => {
                entry.insert(link);
                events.push(LinkEvent::Added(index));
            }
            Entry::Occupied(mut entry) => {
                link.addresses = core::mem::take(&mut entry.get_mut().addresses);
                tell_difference(entry.get(), &link, events);
                entry.insert(link);
            }
        }
    }

    /// Becomes the fresh table and tells the differences.
    fn replace(&mut self, fresh: Self, events: &mut Vec<LinkEvent>) {
        self.links.retain(|index, _| {
            let kept = fresh.links.contains_key(index);
            events.extend((!kept).then_some(LinkEvent::Removed(*index)));
            kept
        });
        for (index, mut link) in fresh.links {
            let addresses = core::mem::take(&mut link.addresses);
            self.put(link, events);
            let Some(link) = self.links.get_mut(&index) else { continue };
            if link.addresses != addresses {
                link.addresses = addresses;
                events.push(LinkEvent::AddressesChanged(index));
            }
        }
    }
}

fn tell_difference(old: &Link, new: &Link, events: &mut Vec<LinkEvent>) {
    if old.name != new.name {
        events.push(LinkEvent::Renamed(new.index));
    }
    let changes = Changes {
        state: (old.admin_up, old.carrier) != (new.admin_up, new.carrier),
        speed: (old.speed_bps, old.full_duplex) != (new.speed_bps, new.full_duplex),
        master: (old.master, &old.master_kind) != (new.master, &new.master_kind),
        other: old.rest() != new.rest(),
    };
    if changes != Changes::default() {
        events.push(LinkEvent::Changed(new.index, changes));
    }
}

/// RTNLGRP_LINK (1), RTNLGRP_IPV4_IFADDR (5) and RTNLGRP_IPV6_IFADDR (9) as bits n-1.
const GROUPS: u32 = 1 | 1 << 4 | 1 << 8;
/// A dump during which links change is inconsistent and is tried again.
const DUMP_ATTEMPTS: usize = 4;

#[cfg(test)]
mod tests;
