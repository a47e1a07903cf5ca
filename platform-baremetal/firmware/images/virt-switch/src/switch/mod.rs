//! The forwarding decision: the egress ports of a frame, or the reason to discard it.
//!
//! IEEE 802.1Q with independent learning: one station table, keyed by VLAN and address.

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

/// A decision to forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// VLAN of the frame: from the tag, else that of the port.
    pub vlan: u16,
    /// Egress ports: never empty, never the ingress port. Includes [`Port::CPU`] if the frame is
    /// also for the switch itself.
    pub ports: PortSet,
    /// The egress ports that send it tagged.
    pub tagged: PortSet,
}

impl<'a> Switch<'a> {
    /// Creates a switch with the station table `stations`. Frames to the address `own` in the VLAN
    /// `management` are for the switch itself.
    #[must_use]
    pub fn new(
        vlans: VlanTable,
        stations: &'a mut Stations,
        own: [u8; 6],
        management: u16,
    ) -> Self {
        Self { vlans, stations, own, management }
    }

    /// Decides about a received frame, and learns the port of its sender.
    ///
    /// # Errors
    /// The reason to discard the frame.
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
        // A frame with our own source address is a loop or an attack: never learn it.
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

    /// Decides about a frame that the switch itself sends; `None` if there is no egress port.
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

    /// Returns the MAC address of the switch itself.
    #[must_use]
    pub fn own_address(&self) -> [u8; 6] {
        self.own
    }

    /// Returns the station table.
    #[must_use]
    pub fn stations(&self) -> &Stations {
        self.stations
    }

    /// Returns the port of a station, if known.
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

/// Returns the ports to flood to: all members, without the CPU port for an unknown unicast address.
fn flood(vlan: &Vlan, destination: [u8; 6]) -> PortSet {
    if is_multicast(destination) { vlan.members } else { vlan.members.without(Port::CPU) }
}

/// Checks the addresses, independently of the VLAN.
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
