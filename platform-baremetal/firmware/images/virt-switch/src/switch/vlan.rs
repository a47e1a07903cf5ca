//! The VLAN filter: classification of frames, and membership of their ports.

use flowmote_core::DropReason;

use crate::port::{PORTS, Port, PortSet};

/// A VLAN and its member ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// VLAN id: 1 to 4094.
    pub id: u16,
    /// Member ports: they accept and receive its frames.
    pub members: PortSet,
    /// Member ports that send its frames tagged.
    pub tagged: PortSet,
}

/// All VLANs, and the VLAN of untagged frames for each port.
#[derive(Clone, Copy, Debug)]
pub struct VlanTable {
    /// The VLANs; few enough for a linear search.
    pub vlans: &'static [Vlan],
    /// PVID of each port; `None`: the port accepts only tagged frames.
    pub pvids: [Option<u16>; PORTS],
}

impl VlanTable {
    /// Returns the VLAN of a frame with this tag received at `input`. VLAN id 0 marks a tag that
    /// carries only a priority.
    ///
    /// # Errors
    /// VLAN_TAG_MISMATCH: no VLAN id, and the port has no PVID. INGRESS_VLAN_FILTER: the VLAN does
    /// not exist, or the port is not a member.
    #[inline]
    pub fn classify(&self, input: Port, tci: Option<u16>) -> Result<Vlan, DropReason> {
        let id = match tci.map(|tci| tci & 0x0fff) {
            None | Some(0) => self.pvids.get(input.index()).copied().flatten(),
            id => id,
        };
        let vlan = self.find(id.ok_or(DropReason::VLAN_TAG_MISMATCH)?);
        let vlan = vlan.filter(|vlan| vlan.members.contains(input));
        vlan.ok_or(DropReason::INGRESS_VLAN_FILTER)
    }

    /// Returns the VLAN with this id.
    #[must_use]
    #[inline]
    pub fn find(&self, id: u16) -> Option<Vlan> {
        self.vlans.iter().find(|vlan| vlan.id == id).copied()
    }
}
