//! The forwarding decision: which ports a frame goes to, or why it goes nowhere.
//!
//! IEEE 802.1Q in its independent learning form: one station table, its key VLAN and address.

mod stations;
mod vlan;

use flowmote_core::{DropReason, Instant};

pub use self::stations::Stations;
pub use self::vlan::{Vlan, VlanTable};
use crate::frame::{Frame, is_multicast};
use crate::port::{Port, PortSet};

/// A learning switch: VLANs, stations and the address of the switch itself.
#[derive(Debug)]
pub struct Switch<'a> {
    vlans: VlanTable,
    stations: &'a mut Stations,
    own: [u8; 6],
    management: u16,
}

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Its VLAN: that of the tag, else that of the port.
    pub vlan: u16,
    /// Where to, never empty, never the port that it came in by; with [`Port::CPU`] if the switch
    /// itself is meant too.
    pub ports: PortSet,
    /// Those of them that want it with a tag.
    pub tagged: PortSet,
}

impl<'a> Switch<'a> {
    /// A switch that knows `stations`. Frames for `own` in the VLAN `management` are its own.
    #[must_use]
    pub fn new(
        vlans: VlanTable,
        stations: &'a mut Stations,
        own: [u8; 6],
        management: u16,
    ) -> Self {
        Self { vlans, stations, own, management }
    }

    /// Decides about a frame that came in, and learns where its sender is.
    ///
    /// # Errors
    /// Why the frame is discarded.
    #[inline]
    pub fn forward(
        &mut self,
        now: Instant,
        input: Port,
        frame: &Frame<'_>,
    ) -> Result<Forwarding, DropReason> {
        let (destination, source) = (frame.destination(), frame.source());
        check_addresses(destination, source)?;
        let vlan = self.vlans.classify(input, frame.tci)?;
        if source != self.own {
            self.stations.learn(now, (vlan.id, source), input);
        }
        let ports = match self.find(now, &vlan, destination) {
            Some(port) if port == input => return Err(DropReason::PORT_LOOPBACK_FILTER),
            Some(port) => only(port),
            None => flood(&vlan, destination).without(input),
        };
        if ports.is_empty() {
            return Err(DropReason::PORT_LIST_IS_EMPTY);
        }
        Ok(Forwarding { vlan: vlan.id, ports, tagged: vlan.tagged })
    }

    /// Decides about a frame that the switch itself sends; `None` if no port can have it.
    #[must_use]
    pub fn forward_own(&self, now: Instant, destination: [u8; 6]) -> Option<Forwarding> {
        let vlan = self.vlans.find(self.management)?;
        let ports = match self.find(now, &vlan, destination) {
            Some(port) => only(port),
            None => flood(&vlan, destination).without(Port::CPU),
        };
        let forwarding = Forwarding { vlan: vlan.id, ports, tagged: vlan.tagged };
        (!ports.is_empty()).then_some(forwarding)
    }

    /// The address of the switch itself.
    #[must_use]
    pub fn own_address(&self) -> [u8; 6] {
        self.own
    }

    /// Who was learnt.
    #[must_use]
    pub fn stations(&self) -> &Stations {
        self.stations
    }

    /// Behind which port a station is, if it is known.
    #[inline]
    fn find(&self, now: Instant, vlan: &Vlan, destination: [u8; 6]) -> Option<Port> {
        if is_multicast(destination) {
            return None;
        }
        if destination == self.own && vlan.members.contains(Port::CPU) {
            return Some(Port::CPU);
        }
        self.stations.find(now, (vlan.id, destination))
    }
}

/// All members; but a station that nobody knows is none of the business of the switch itself.
fn flood(vlan: &Vlan, destination: [u8; 6]) -> PortSet {
    if is_multicast(destination) { vlan.members } else { vlan.members.without(Port::CPU) }
}

/// What no port takes, whatever the VLAN.
fn check_addresses(destination: [u8; 6], source: [u8; 6]) -> Result<(), DropReason> {
    if is_multicast(source) {
        return Err(DropReason::SRC_MAC_IS_MULTICAST);
    }
    if source == destination {
        return Err(DropReason::SRC_MAC_IS_DMAC);
    }
    // IEEE 802.1Q table 8-1: never forwarded by a bridge (BPDU, PAUSE, LACP, LLDP).
    if let [0x01, 0x80, 0xc2, 0, 0, 0..=0x0f] = destination {
        return Err(DropReason::DMAC_IS_RESERVED);
    }
    Ok(())
}

fn only(port: Port) -> PortSet {
    PortSet::EMPTY.with(port)
}

#[cfg(test)]
mod tests;
