//! One network interface, from the attributes of `RTM_NEWLINK` (linux/if_link.h).

use super::forwarding;
use super::message::{Address, LinkMessage};

/// A network interface; rtnetlink calls it a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// ifIndex, 1 to 2^31-1.
    pub index: u32,
    /// Name, at most 15 bytes; bytes that are not UTF-8 are replaced.
    pub name: String,
    /// Alternative names (`IFLA_ALT_IFNAME`, at most 127 bytes), then the description set by an
    /// administrator (`IFLA_IFALIAS`, the ifAlias of RFC 2863, at most 255 bytes). They can have any
    /// character; bytes that are not UTF-8 are replaced.
    pub other_names: Vec<String>,
    /// `IFLA_INFO_KIND`: `veth`, `bridge`, `bond`, `vlan`, `tun` and so on; `None` for the drivers of
    /// most devices.
    pub kind: Option<String>,
    /// ARPHRD number (linux/if_arp.h): 1 Ethernet, 772 loopback, 65534 no link-layer header.
    pub hardware: u16,
    /// MAC address; `None` if the hardware address has another length than six bytes.
    pub mac: Option<[u8; 6]>,
    /// Largest packet in bytes, without the link-layer header.
    pub mtu: u32,
    /// Administratively up (`IFF_UP`).
    pub admin_up: bool,
    /// Operational: has carrier and is neither dormant nor held down (`IFF_LOWER_UP` and
    /// `IFF_RUNNING`).
    pub carrier: bool,
    /// ifIndex of the bridge, bond, team or VRF that this link is a port of.
    pub master: Option<u32>,
    /// `IFLA_INFO_SLAVE_KIND`: the kind of the master.
    pub master_kind: Option<String>,
    /// ifIndex of the link below a VLAN or tunnel, or of the other end of a veth pair. `None` if
    /// that link is in another network namespace.
    pub parent: Option<u32>,
    /// The link below, or the other end of the veth pair, is in another network namespace. This is
    /// the id of that namespace in the one of the link (`IFLA_LINK_NETNSID`).
    pub elsewhere: Option<i32>,
    /// Takes the place of an adapter in a namespace that has none, such as `eth0` of a container.
    pub uplink: bool,
    /// VLAN id of a VLAN sub-interface.
    pub vlan_id: Option<u16>,
    /// A bridge that keeps its stations by VLAN (`IFLA_BR_VLAN_FILTERING`).
    pub filters_vlans: bool,
    /// In promiscuous mode, by at least one user (`IFLA_PROMISCUITY`).
    pub promiscuous: bool,
    /// Belongs to a device: a PCI function, a virtio or USB device (`IFLA_PARENT_DEV_NAME`, Linux
    /// 5.14 and later).
    pub device: bool,
    /// Bits per second; `None` if unknown.
    pub speed_bps: Option<u64>,
    /// False for half duplex; `None` if unknown.
    pub full_duplex: Option<bool>,
    /// IPv4 and IPv6 addresses in the order in which the kernel reported them.
    pub addresses: Vec<Address>,
}

impl Link {
    /// The link of a message. Its speed, duplex and addresses come from elsewhere.
    pub(crate) fn new(message: &LinkMessage<'_>) -> Self {
        let flag = |bit: i32| message.flags & bit.cast_unsigned() != 0;
        Self {
            index: message.index,
            name: lossy(message.name),
            other_names: message.other_names.iter().map(|name| lossy(name)).collect(),
            kind: message.kind.map(str::to_owned),
            hardware: message.hardware,
            mac: message.mac,
            mtu: message.mtu,
            admin_up: flag(libc::IFF_UP),
            carrier: flag(libc::IFF_LOWER_UP) && flag(libc::IFF_RUNNING),
            master: message.master,
            master_kind: message.slave_kind.map(str::to_owned),
            parent: message.parent,
            elsewhere: message.elsewhere,
            uplink: false,
            vlan_id: message.kind_data_of("vlan").and_then(forwarding::vlan_id),
            filters_vlans: message.kind_data_of("bridge").is_some_and(forwarding::filters_vlans),
            promiscuous: message.promiscuity > 0,
            device: message.device.is_some(),
            speed_bps: None,
            full_duplex: None,
            addresses: Vec::new(),
        }
    }

    /// Returns true if the link has this name, alternative name or alias.
    #[must_use]
    pub fn is_called(&self, name: &str) -> bool {
        self.name == name || self.other_names.iter().any(|other| other == name)
    }

    /// Returns true if the counters of the link are polled even when it is not sampled: a physical
    /// adapter, or an aggregate of those (bond, team; rule A17 of docs/sflow-wire.md requires the
    /// aggregate to be a data source too), or the uplink of a container.
    ///
    /// Loopback, bridges, other veth ends, tap ends, VLANs, tunnels and dummies are polled only when
    /// selected. Their packets also cross a real interface, or never leave the host.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.is_adapter() || self.is_aggregate()
    }

    /// Returns true for a physical link, and for the uplink of a container.
    #[must_use]
    pub fn is_adapter(&self) -> bool {
        self.is_physical() || self.uplink
    }

    /// Returns true if the link belongs to a device: NIC, virtio, ENA, SR-IOV function, Wi-Fi, modem.
    ///
    /// Before Linux 5.14 the kernel does not name the device. There, a link counts as physical if
    /// it has no kind, as drivers of devices set none and nearly all virtual links have one, and if
    /// its medium is Ethernet or InfiniBand.
    #[must_use]
    pub fn is_physical(&self) -> bool {
        let medium = matches!(self.hardware, libc::ARPHRD_ETHER | libc::ARPHRD_INFINIBAND);
        self.device || (self.kind.is_none() && medium)
    }

    /// Returns true for a bond or team.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind.as_deref(), Some("bond" | "team"))
    }

    /// Returns true for a member of a bond or team.
    #[must_use]
    pub fn is_aggregate_member(&self) -> bool {
        self.master.is_some() && matches!(self.master_kind.as_deref(), Some("bond" | "team"))
    }

    /// Returns true for one of two ends that pass all packets to each other. The link below a VLAN or
    /// tunnel may be [`elsewhere`](Self::elsewhere) too, and packets do not come from there.
    #[must_use]
    pub fn is_pair(&self) -> bool {
        matches!(self.kind.as_deref(), Some("veth" | "netkit"))
    }

    /// Returns true for the loopback interface.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.hardware == libc::ARPHRD_LOOPBACK
    }

    /// Adds an address or updates its flags. Returns true if that changed anything.
    pub(crate) fn upsert_address(&mut self, address: Address) -> bool {
        match self.addresses.iter_mut().find(|known| known.is_same(address)) {
            Some(known) if *known == address => return false,
            Some(known) => *known = address,
            None => self.addresses.push(address),
        }
        true
    }

    /// Removes an address. Returns true if the link had it.
    pub(crate) fn remove_address(&mut self, address: Address) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|known| !known.is_same(address));
        self.addresses.len() != before
    }

    /// The properties whose change is reported as `Changes::other`.
    pub(crate) fn other_properties(&self) -> impl PartialEq {
        (
            (self.kind.clone(), self.other_names.clone()),
            (self.hardware, self.mac, self.mtu),
            (self.parent, self.elsewhere, self.promiscuous, self.device),
            (self.vlan_id, self.filters_vlans),
        )
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(kind: Option<&'static str>, hardware: u16, device: Option<&'static str>) -> Link {
        Link::new(&LinkMessage {
            index: 2,
            name: b"x",
            kind,
            hardware,
            device,
            ..Default::default()
        })
    }

    #[test]
    fn real_links_are_adapters_and_aggregates() {
        let ethernet = libc::ARPHRD_ETHER;
        for (kind, hardware, device) in [
            (None, ethernet, Some("0000:00:05.0")),
            (None, ethernet, None), // before Linux 5.14
            (Some("dsa"), ethernet, Some("switch0")),
            (Some("ipoib"), libc::ARPHRD_INFINIBAND, Some("0000:00:05.0")),
            (Some("wwan"), libc::ARPHRD_NONE, Some("wwan0")),
        ] {
            assert!(link(kind, hardware, device).is_physical(), "{kind:?}");
            assert!(link(kind, hardware, device).is_real(), "{kind:?}");
        }
        for kind in ["bond", "team"] {
            let link = link(Some(kind), ethernet, None);
            assert!(link.is_real() && !link.is_physical(), "{kind}");
        }
        for kind in ["veth", "bridge", "vlan", "dummy", "tun", "ifb", "macvlan", "vxlan"] {
            assert!(!link(Some(kind), ethernet, None).is_real(), "{kind}");
        }
        assert!(!link(None, libc::ARPHRD_LOOPBACK, None).is_real());
        assert!(!link(None, libc::ARPHRD_TUNNEL, None).is_real());
    }

    #[test]
    fn carrier_requires_running() {
        let state = |flags: i32| {
            let flags = flags.cast_unsigned();
            let link = Link::new(&LinkMessage { index: 2, flags, ..LinkMessage::default() });
            (link.admin_up, link.carrier)
        };
        assert_eq!(state(libc::IFF_UP | libc::IFF_RUNNING | libc::IFF_LOWER_UP), (true, true));
        assert_eq!(state(libc::IFF_UP | libc::IFF_LOWER_UP), (true, false), "dormant");
        assert_eq!(state(libc::IFF_UP), (true, false));
        assert_eq!(state(0), (false, false));
    }

    #[test]
    fn address_is_stored_once_with_its_latest_flags() {
        let mut link = link(None, libc::ARPHRD_ETHER, None);
        let tentative =
            Address { ip: [192, 0, 2, 1].into(), prefix_len: 24, scope: 0, flags: 0x40 };
        let ready = Address { flags: 0x80, ..tentative };
        assert!(link.upsert_address(tentative) && link.upsert_address(ready));
        assert!(!link.upsert_address(ready));
        assert_eq!(link.addresses, [ready]);
        assert!(link.remove_address(tentative) && !link.remove_address(tentative));
    }
}
