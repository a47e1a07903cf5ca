//! The VLAN filter: which VLAN a frame belongs to, and whether its port may say so.

use flowmote_core::DropReason;

use crate::port::{PORTS, Port, PortSet};

/// A VLAN and its member ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vlan {
    /// 1 to 4094.
    pub id: u16,
    /// Who sends into it and gets its frames.
    pub members: PortSet,
    /// Those of them that get its frames with a tag.
    pub tagged: PortSet,
}

/// All VLANs, and the one that each port puts untagged frames into.
#[derive(Clone, Copy, Debug)]
pub struct VlanTable {
    /// The VLANs; a handful, so they are searched one by one.
    pub vlans: &'static [Vlan],
    /// PVID of each port; `None`: the port takes tagged frames only.
    pub pvids: [Option<u16>; PORTS],
}

impl VlanTable {
    /// The VLAN of a frame with this tag that came in by `input`. VLAN id 0 is a tag that carries
    /// a priority only.
    ///
    /// # Errors
    /// VLAN_TAG_MISMATCH: no VLAN id, and the port has none to give; INGRESS_VLAN_FILTER: there
    /// is no such VLAN, or the port is no member.
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

    /// The VLAN with this id.
    #[must_use]
    #[inline]
    pub fn find(&self, id: u16) -> Option<Vlan> {
        self.vlans.iter().find(|vlan| vlan.id == id).copied()
    }
}
