//! Configuration of the image: VLANs, addresses, and initial values of what the console can change.

use core::net::{Ipv4Addr, SocketAddrV4};

use crate::port::{PORTS, PortSet};
use crate::switch::{Stations, Switch, Vlan, VlanTable};

/// Creates the switch of the image, with MAC address `own` and the VLANs listed in the README.
#[must_use]
pub fn configured_switch(own: [u8; 6], stations: &mut Stations) -> Switch<'_> {
    Switch::new(VLANS, stations, own, MANAGEMENT)
}

/// Ports 1 to 3 are access ports of VLAN 10, port 3 also carries VLAN 20 with a tag. Port 4 is the
/// trunk: 10 and 20 tagged, and untagged VLAN 1, the management VLAN.
const VLANS: VlanTable = VlanTable {
    vlans: &[
        Vlan { id: MANAGEMENT, members: PortSet::of(&[4, CPU]), tagged: PortSet::EMPTY },
        Vlan { id: 10, members: PortSet::of(&[1, 2, 3, 4]), tagged: PortSet::of(&[4]) },
        Vlan { id: 20, members: PortSet::of(&[3, 4]), tagged: PortSet::of(&[3, 4]) },
    ],
    pvids: [Some(10), Some(10), Some(10), Some(MANAGEMENT)],
};

/// The management VLAN.
const MANAGEMENT: u16 = 1;

/// IPv4 address of the switch, which is also the agent address.
pub(crate) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Prefix length of [`ADDRESS`]. Collectors must be inside: there is no router.
pub(crate) const PREFIX: u8 = 24;

/// UDP port of collectors, and source port of the switch.
pub(crate) const SFLOW_PORT: u16 = 6343;

/// The initial collector: none.
pub(crate) const NO_COLLECTOR: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, SFLOW_PORT);

const CPU: u8 = PORTS as u8 + 1;
