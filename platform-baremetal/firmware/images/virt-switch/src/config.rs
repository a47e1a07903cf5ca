//! What the image is built with; what a console command can change is only where it starts.

use core::net::{Ipv4Addr, SocketAddrV4};

use crate::port::{PORTS, PortSet};
use crate::switch::{Stations, Switch, Vlan, VlanTable};

/// The switch of the image, with MAC address `own`. The README has a table of its VLANs.
#[must_use]
pub fn configured_switch(own: [u8; 6], stations: &mut Stations) -> Switch<'_> {
    Switch::new(VLANS, stations, own, MANAGEMENT)
}

/// Ports 1 to 3 are access ports of VLAN 10, port 3 also carries VLAN 20 with a tag. Port 4 is the
/// trunk: 10 and 20 with a tag, and without one VLAN 1, where the switch itself is.
const VLANS: VlanTable = VlanTable {
    vlans: &[
        Vlan { id: MANAGEMENT, members: PortSet::of(&[4, CPU]), tagged: PortSet::EMPTY },
        Vlan { id: 10, members: PortSet::of(&[1, 2, 3, 4]), tagged: PortSet::of(&[4]) },
        Vlan { id: 20, members: PortSet::of(&[3, 4]), tagged: PortSet::of(&[3, 4]) },
    ],
    pvids: [Some(10), Some(10), Some(10), Some(MANAGEMENT)],
};

/// The VLAN of the switch itself.
const MANAGEMENT: u16 = 1;

/// Address of the switch itself, and agent address.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Length of the network part of [`ADDRESS`]; collectors are inside, there is no router.
pub(crate) const PREFIX: u8 = 24;

/// UDP port of collectors; ours is the same.
pub(crate) const SFLOW_PORT: u16 = 6343;

/// Where datagrams go until a collector is named: nowhere.
pub(crate) const NO_COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SFLOW_PORT);

const CPU: u8 = PORTS as u8 + 1;
