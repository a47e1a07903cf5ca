//! One network interface as the kernel describes it.

use super::message::{Address, LinkMessage};

/// A network interface, in the kernel's words a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// ifIndex.
    pub index: u32,
    /// Name, at most 15 bytes; what is not UTF-8 in it is replaced.
    pub name: String,
    /// `IFLA_IFALIAS`: another name that an administrator gave it.
    pub alias: Option<String>,
    /// `IFLA_INFO_KIND`: `veth`, `bridge`, `bond`, `vlan`, `tun` ...; `None` for the driver of a
    /// real device.
    pub kind: Option<String>,
    /// ARPHRD number (linux/if_arp.h): 1 Ethernet, 772 loopback, 65534 none ...
    pub hardware: u16,
    /// Hardware address, where it has six bytes.
    pub mac: Option<[u8; 6]>,
    /// Largest packet without link header, bytes.
    pub mtu: u32,
    /// Meant to be up (`IFF_UP`).
    pub admin_up: bool,
    /// Able to pass packets: carrier, and neither dormant nor held down (`IFF_LOWER_UP` and
    /// `IFF_RUNNING`).
    pub carrier: bool,
    /// ifIndex of the bridge, bond, team or VRF that this link is a port of.
    pub master: Option<u32>,
    /// Kind of that master.
    pub master_kind: Option<String>,
    /// ifIndex of the link beneath a VLAN or tunnel; of the other end of a veth pair. `None` also
    /// if that is in another network namespace.
    pub parent: Option<u32>,
    /// Someone wants it promiscuous.
    pub promiscuous: bool,
    /// There is a device behind it: `IFLA_PARENT_DEV_NAME`.
    pub device: bool,
    /// Bits per second; `None`: not known.
    pub speed_bps: Option<u64>,
    /// `Some(false)`: half duplex; `None`: not known.
    pub full_duplex: Option<bool>,
    /// IPv4 and IPv6 addresses in the order in which the kernel told them.
    pub addresses: Vec<Address>,
}

impl Link {
    /// The link of the message, its speed, duplex and addresses still unknown.
    pub(crate) fn new(message: &LinkMessage<'_>) -> Self {
        let flag = |bit: i32| message.flags & bit.cast_unsigned() != 0;
        Self {
            index: message.index,
            name: String::from_utf8_lossy(message.name).into_owned(),
            alias: message.alias.map(str::to_owned),
            kind: message.kind.map(str::to_owned),
            hardware: message.hardware,
            mac: message.mac,
            mtu: message.mtu,
            admin_up: flag(libc::IFF_UP),
            carrier: flag(libc::IFF_LOWER_UP) && flag(libc::IFF_RUNNING),
            master: message.master,
            master_kind: message.slave_kind.map(str::to_owned),
            parent: message.parent,
            promiscuous: message.promiscuity > 0,
            device: message.device.is_some(),
            speed_bps: None,
            full_duplex: None,
            addresses: Vec::new(),
        }
    }

    /// Whether its counters are polled even if nobody samples it: a physical adapter or an
    /// aggregate of such (bond, team; rule A17 wants the aggregate as a data source too).
    ///
    /// Not polled of their own accord are loopback and the plumbing inside the host: bridges, veth
    /// and tap ends, VLANs, tunnels, dummies. Their packets cross a real interface too, or never
    /// leave the host.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.is_physical() || self.is_aggregate()
    }

    /// Whether a device is behind it: NIC, virtio, ENA, SR-IOV function, Wi-Fi, modem.
    ///
    /// Kernels before 5.14 do not name the device. There a link counts as physical that has no
    /// kind, as drivers of devices have none and nearly all virtual links have one, and whose
    /// medium is one that devices have.
    #[must_use]
    pub fn is_physical(&self) -> bool {
        let medium = matches!(self.hardware, libc::ARPHRD_ETHER | libc::ARPHRD_INFINIBAND);
        self.device || (self.kind.is_none() && medium)
    }

    /// Whether it joins others into one: bond or team.
    #[must_use]
    pub fn is_aggregate(&self) -> bool {
        matches!(self.kind.as_deref(), Some("bond" | "team"))
    }

    /// Whether it is a member of a bond or team.
    #[must_use]
    pub fn is_aggregate_member(&self) -> bool {
        self.master.is_some() && matches!(self.master_kind.as_deref(), Some("bond" | "team"))
    }

    /// Whether it is the loopback interface.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.hardware == libc::ARPHRD_LOOPBACK
    }

    /// Adds an address or updates it; whether anything changed.
    pub(crate) fn put_address(&mut self, address: Address) -> bool {
        match self.addresses.iter_mut().find(|known| known.is_same(address)) {
            Some(known) if *known == address => return false,
            Some(known) => *known = address,
            None => self.addresses.push(address),
        }
        true
    }

    /// Removes an address; whether it was there.
    pub(crate) fn remove_address(&mut self, address: Address) -> bool {
        let before = self.addresses.len();
        self.addresses.retain(|known| !known.is_same(address));
        self.addresses.len() != before
    }

    /// What [`Changes::other`](super::Changes::other) stands for.
    pub(crate) fn rest(&self) -> impl PartialEq {
        (
            self.kind.clone(),
            (self.hardware, self.mac, self.mtu),
            (self.parent, self.promiscuous, self.device),
        )
    }
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
    fn carrier_needs_running_too() {
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
    fn addresses_are_kept_once() {
        let mut link = link(None, libc::ARPHRD_ETHER, None);
        let tentative =
            Address { ip: [192, 0, 2, 1].into(), prefix_len: 24, scope: 0, flags: 0x40 };
        let ready = Address { flags: 0x80, ..tentative };
        assert!(link.put_address(tentative) && link.put_address(ready));
        assert!(!link.put_address(ready));
        assert_eq!(link.addresses, [ready]);
        assert!(link.remove_address(tentative) && !link.remove_address(tentative));
    }
}
