//! The table of links, its changes, and the events that report them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::link::Link;
use super::message::RouteMessage;
use super::reader::LinkReader;
use super::uplink;
use crate::kernel::netlink::{Malformed, Message};

/// A change of a link, identified by its ifIndex.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkEvent {
    /// The link is new.
    Added(u32),
    /// Properties of the link changed.
    Changed(u32, Changes),
    /// The link has another name.
    Renamed(u32),
    /// The link was deleted; [`Links::get`](super::Links::get) no longer returns it.
    Removed(u32),
    /// An address of the link was added, changed or removed.
    AddressesChanged(u32),
}

/// The properties of a link that changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Changes {
    /// Administrative state or carrier.
    pub state: bool,
    /// Speed or duplex.
    pub speed: bool,
    /// The bridge, bond, team or VRF that the link is a port of.
    pub master: bool,
    /// Any other property of [`Link`] except name and addresses.
    pub other: bool,
}

/// Links by ifIndex.
#[derive(Debug, Default)]
pub(super) struct LinkTable {
    links: BTreeMap<u32, Link>,
}

impl LinkTable {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Link> {
        self.links.values()
    }

    pub(super) fn get(&self, index: u32) -> Option<&Link> {
        self.links.get(&index)
    }

    /// Marks the links that take the place of adapters, after any change.
    pub(super) fn mark_uplinks(&mut self) {
        uplink::mark(&mut self.links);
    }

    /// See [`Links::leads_out`](super::Links::leads_out).
    pub(super) fn leads_out(&self, link: &Link) -> bool {
        uplink::leads_out(&self.links, link, uplink::MAX_DEPTH)
    }

    /// Applies a notification and reports the change. `reader` supplies speed and duplex, which
    /// notifications lack.
    pub(super) fn apply_notification(
        &mut self,
        message: Message<'_>,
        reader: &LinkReader,
        events: &mut Vec<LinkEvent>,
    ) -> Result<(), Malformed> {
        match RouteMessage::parse(message)? {
            // RTM_NEWLINK reports changes as well as new links.
            RouteMessage::Link(message) => {
                let mut link = Link::new(&message);
                (link.speed_bps, link.full_duplex) = reader.speed(&link.name);
                self.upsert(link, events);
            }
            RouteMessage::LinkGone(index) => {
                if self.links.remove(&index).is_some() {
                    events.push(LinkEvent::Removed(index));
                }
            }
            RouteMessage::Address(index, address) => {
                let changed =
                    self.links.get_mut(&index).is_some_and(|link| link.upsert_address(address));
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

    /// Inserts the link or address of a dump message, without events.
    pub(super) fn insert_dumped(&mut self, message: Message<'_>) -> Result<(), Malformed> {
        match RouteMessage::parse(message)? {
            RouteMessage::Link(message) => {
                self.links.insert(message.index, Link::new(&message));
            }
            // Links are dumped before addresses: one without link was deleted in between.
            RouteMessage::Address(index, address) => {
                if let Some(link) = self.links.get_mut(&index) {
                    link.upsert_address(address);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Reads speed and duplex of every link.
    pub(super) fn read_speeds(&mut self, reader: &LinkReader) {
        for link in self.links.values_mut() {
            (link.speed_bps, link.full_duplex) = reader.speed(&link.name);
        }
    }

    /// Inserts a link or replaces the one with its ifIndex, whose addresses it keeps: a link
    /// message carries none.
    pub(super) fn upsert(&mut self, mut link: Link, events: &mut Vec<LinkEvent>) {
        let index = link.index;
        match self.links.entry(index) {
            Entry::Vacant(entry) => {
                entry.insert(link);
                events.push(LinkEvent::Added(index));
            }
            Entry::Occupied(mut entry) => {
                link.addresses = core::mem::take(&mut entry.get_mut().addresses);
                report_changes(entry.get(), &link, events);
                entry.insert(link);
            }
        }
    }

    /// Replaces the table by a newly dumped one and reports the differences.
    pub(super) fn replace_with(&mut self, fresh: Self, events: &mut Vec<LinkEvent>) {
        // Removals are reported first, so that a consumer frees what belonged to a name before
        // another link has it.
        self.links.retain(|index, _| {
            let kept = fresh.links.contains_key(index);
            events.extend((!kept).then_some(LinkEvent::Removed(*index)));
            kept
        });
        for (index, mut link) in fresh.links {
            let addresses = core::mem::take(&mut link.addresses);
            self.upsert(link, events);
            let Some(link) = self.links.get_mut(&index) else { continue };
            if link.addresses != addresses {
                link.addresses = addresses;
                events.push(LinkEvent::AddressesChanged(index));
            }
        }
    }
}

fn report_changes(old: &Link, new: &Link, events: &mut Vec<LinkEvent>) {
    if old.name != new.name {
        events.push(LinkEvent::Renamed(new.index));
    }
    let changes = Changes {
        state: (old.admin_up, old.carrier) != (new.admin_up, new.carrier),
        speed: (old.speed_bps, old.full_duplex) != (new.speed_bps, new.full_duplex),
        master: (old.master, &old.master_kind) != (new.master, &new.master_kind),
        other: old.other_properties() != new.other_properties(),
    };
    if changes != Changes::default() {
        events.push(LinkEvent::Changed(new.index, changes));
    }
}
