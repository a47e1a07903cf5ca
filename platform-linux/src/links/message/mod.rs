//! Parser of `RTM_NEWLINK`, `RTM_DELLINK`, `RTM_NEWADDR` and `RTM_DELADDR` (rtnetlink(7)).
//!
//! Only the dozen attributes in use are parsed, of about eighty. A crate that parses all of them
//! rejects the whole link when a newer kernel changes the format of an attribute that is not used
//! here.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::kernel::netlink::attributes::{
    as_mac, as_str, as_u16, as_u32, as_u64, attributes, find,
};
use crate::kernel::netlink::{Malformed, Message};

/// A message of the link or address groups.
#[derive(Debug, PartialEq)]
pub(crate) enum RouteMessage<'a> {
    /// The complete state of a link.
    Link(Box<LinkMessage<'a>>),
    /// The link with this index was deleted.
    LinkGone(u32),
    /// An address of the link with this index, new or with changed flags.
    Address(u32, Address),
    /// An address was removed from the link with this index.
    AddressGone(u32, Address),
    /// A message without the state of a link: bridge ports, wireless events, other types.
    Other,
}

impl<'a> RouteMessage<'a> {
    /// Parses a message.
    ///
    /// # Errors
    /// A body shorter than its fixed header or without the attributes that its type requires.
    pub(crate) fn parse(message: Message<'a>) -> Result<Self, Malformed> {
        match message.kind {
            libc::RTM_NEWLINK | libc::RTM_DELLINK => parse_link(message),
            libc::RTM_NEWADDR => {
                let (index, address) = parse_address(message.body)?;
                Ok(Self::Address(index, address))
            }
            libc::RTM_DELADDR => {
                let (index, address) = parse_address(message.body)?;
                Ok(Self::AddressGone(index, address))
            }
            _ => Ok(Self::Other),
        }
    }
}

/// The attributes of a link message, borrowed from it.
#[derive(Clone, Debug, PartialEq, Default)]
pub(crate) struct LinkMessage<'a> {
    pub(crate) index: u32,
    /// ARPHRD number.
    pub(crate) hardware: u16,
    /// `IFF_*`.
    pub(crate) flags: u32,
    /// Name without its NUL: any bytes except `/`, `:` and white space (`dev_valid_name`).
    pub(crate) name: &'a [u8],
    /// Alternative names (`ip link property`), then the alias (`ip link set alias`): any bytes.
    pub(crate) other_names: Vec<&'a [u8]>,
    pub(crate) mac: Option<[u8; 6]>,
    pub(crate) mtu: u32,
    /// Index of the bridge, bond, team or VRF that the link is a port of.
    pub(crate) master: Option<u32>,
    /// Index of the link below (VLAN) or of the peer (veth), if it is in the same namespace.
    pub(crate) parent: Option<u32>,
    /// The link below, or the peer, is in another namespace, which has this id here.
    pub(crate) elsewhere: Option<i32>,
    /// Number of users of promiscuous mode.
    pub(crate) promiscuity: u32,
    pub(crate) kind: Option<&'a str>,
    /// `IFLA_INFO_DATA`: attributes defined by the kind.
    pub(crate) kind_data: &'a [u8],
    /// Kind of the master.
    pub(crate) slave_kind: Option<&'a str>,
    /// `IFLA_INFO_SLAVE_DATA`: attributes of a port, defined by the kind of its master.
    pub(crate) slave_data: &'a [u8],
    /// Name of the device, such as `virtio2` or `0000:00:05.0`; Linux 5.14 and later.
    pub(crate) device: Option<&'a str>,
    pub(crate) stats: Option<LinkStats>,
}

impl<'a> LinkMessage<'a> {
    fn attribute(&mut self, kind: u16, value: &'a [u8]) -> Result<(), Malformed> {
        match kind {
            libc::IFLA_IFNAME => self.name = until_nul(value),
            // The kernel writes the alias before the list of alternative names.
            libc::IFLA_IFALIAS => self.other_names.push(until_nul(value)),
            IFLA_PROP_LIST => self.alternative_names(value),
            libc::IFLA_ADDRESS => self.mac = as_mac(value),
            libc::IFLA_MTU => self.mtu = as_u32(value).ok_or(Malformed)?,
            libc::IFLA_MASTER => self.master = as_u32(value).filter(|&index| index != 0),
            libc::IFLA_LINK => self.parent = as_u32(value).filter(|&index| index != 0),
            libc::IFLA_PROMISCUITY => self.promiscuity = as_u32(value).ok_or(Malformed)?,
            libc::IFLA_LINKINFO => self.link_info(value),
            IFLA_PARENT_DEV_NAME => self.device = as_str(value),
            libc::IFLA_STATS64 => self.stats = LinkStats::parse(value),
            _ => {}
        }
        Ok(())
    }

    fn alternative_names(&mut self, list: &'a [u8]) {
        let names = attributes(list).filter(|(kind, _)| *kind == IFLA_ALT_IFNAME);
        self.other_names.splice(0..0, names.map(|(_, name)| until_nul(name)));
    }

    /// `IFLA_INFO_DATA` of a link of this kind.
    pub(super) fn kind_data_of(&self, kind: &str) -> Option<&'a [u8]> {
        (self.kind == Some(kind)).then_some(self.kind_data)
    }

    fn link_info(&mut self, info: &'a [u8]) {
        for (kind, value) in attributes(info) {
            match kind {
                IFLA_INFO_KIND => self.kind = as_str(value),
                IFLA_INFO_DATA => self.kind_data = value,
                IFLA_INFO_SLAVE_KIND => self.slave_kind = as_str(value),
                IFLA_INFO_SLAVE_DATA => self.slave_data = value,
                _ => {}
            }
        }
    }
}

/// The counters of `struct rtnl_link_stats64` (linux/if_link.h) for which sFlow has fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Packets received without error.
    pub rx_packets: u64,
    /// Packets sent without error.
    pub tx_packets: u64,
    /// Bytes of `rx_packets`, with the link-layer header and without FCS.
    pub rx_bytes: u64,
    /// Bytes of `tx_packets`, with the link-layer header and without FCS.
    pub tx_bytes: u64,
    /// Packets received with errors of any kind.
    pub rx_errors: u64,
    /// Packets not sent because of errors.
    pub tx_errors: u64,
    /// Packets received and dropped by the driver or the stack.
    pub rx_dropped: u64,
    /// Packets dropped before transmission.
    pub tx_dropped: u64,
    /// Multicast packets received.
    pub multicast: u64,
    /// Packets that the device dropped because it had no buffer.
    pub rx_missed_errors: u64,
    /// Packets dropped because the link has no receive handler for them, such as on an inactive bond
    /// member; Linux 4.6 and later.
    pub rx_nohandler: u64,
}

impl LinkStats {
    /// Parses the structure; `None` if it is shorter than in Linux 2.6.35, which introduced it.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let word = |position: usize| words.get(position).copied().map(u64::from_ne_bytes);
        Some(Self {
            rx_packets: word(0)?,
            tx_packets: word(1)?,
            rx_bytes: word(2)?,
            tx_bytes: word(3)?,
            rx_errors: word(4)?,
            tx_errors: word(5)?,
            rx_dropped: word(6)?,
            tx_dropped: word(7)?,
            multicast: word(8)?,
            rx_missed_errors: word(15)?,
            rx_nohandler: word(23).unwrap_or(0),
        })
    }
}

/// An IP address of an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Address {
    /// The local address.
    pub ip: IpAddr,
    /// Length of the prefix in bits.
    pub prefix_len: u8,
    /// `RT_SCOPE_*`: 0 universe, 253 link, 254 host.
    pub scope: u8,
    /// `IFA_F_*`: 0x01 secondary or temporary, 0x08 duplicate, 0x20 deprecated, 0x40 tentative,
    /// 0x80 permanent, 0x100 made by SLAAC's management.
    pub flags: u32,
}

impl Address {
    /// Returns true if both are the same entry of an interface, regardless of flags: address and
    /// prefix identify it (net/ipv4/devinet.c, `__inet_insert_ifa`).
    pub(crate) fn is_same(self, other: Self) -> bool {
        (self.ip, self.prefix_len) == (other.ip, other.prefix_len)
    }
}

fn until_nul(value: &[u8]) -> &[u8] {
    value.split(|&byte| byte == 0).next().unwrap_or_default()
}

fn parse_link<'a>(message: Message<'a>) -> Result<RouteMessage<'a>, Malformed> {
    let (header, rest) = message.body.split_first_chunk::<16>().ok_or(Malformed)?;
    let [family, ..] = *header;
    // Bridge ports are reported on the same group with family AF_BRIDGE: a port that leaves its
    // bridge as RTM_DELLINK, although the link itself stays (net/bridge/br_netlink.c,
    // br_ifinfo_notify).
    if i32::from(family) != libc::AF_UNSPEC {
        return Ok(RouteMessage::Other);
    }
    let mut link = LinkMessage {
        hardware: header.get(2..).and_then(as_u16).ok_or(Malformed)?,
        index: header.get(4..).and_then(as_u32).filter(|&index| index != 0).ok_or(Malformed)?,
        flags: header.get(8..).and_then(as_u32).ok_or(Malformed)?,
        ..LinkMessage::default()
    };
    if message.kind == libc::RTM_DELLINK {
        return Ok(RouteMessage::LinkGone(link.index));
    }
    // Wireless events arrive as RTM_NEWLINK with IFLA_WIRELESS alone (net/wireless/wext-core.c,
    // rtnetlink_ifinfo_prep). A full description always has an MTU.
    if find(rest, libc::IFLA_MTU).is_none() {
        return Ok(RouteMessage::Other);
    }
    attributes(rest).try_for_each(|(kind, value)| link.attribute(kind, value))?;
    // With IFLA_LINK_NETNSID the parent is in another namespace, and its index would denote an
    // unrelated link of this one.
    if let Some(id) = find(rest, IFLA_LINK_NETNSID) {
        link.parent = None;
        link.elsewhere = Some(as_u32(id).ok_or(Malformed)?.cast_signed());
    }
    if link.name.is_empty() {
        return Err(Malformed);
    }
    Ok(RouteMessage::Link(Box::new(link)))
}

fn parse_address(body: &[u8]) -> Result<(u32, Address), Malformed> {
    let (header, rest) = body.split_first_chunk::<8>().ok_or(Malformed)?;
    let [_, prefix_len, flags, scope, index @ ..] = *header;
    let mut flags = u32::from(flags);
    let (mut peer, mut local) = (None, None);
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFA_ADDRESS => peer = as_ip(value),
            libc::IFA_LOCAL => local = as_ip(value),
            IFA_FLAGS => flags = as_u32(value).ok_or(Malformed)?,
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the far end and IFA_LOCAL the own address. IPv6 sends
    // IFA_LOCAL only for such links, IPv4 always (linux/if_addr.h).
    let ip = local.or(peer).ok_or(Malformed)?;
    Ok((u32::from_ne_bytes(index), Address { ip, prefix_len, scope, flags }))
}

fn as_ip(value: &[u8]) -> Option<IpAddr> {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return Some(Ipv4Addr::from(octets).into());
    }
    <[u8; 16]>::try_from(value).ok().map(|octets| Ipv6Addr::from(octets).into())
}

/// The low 32 bits of a `u64` attribute: an sFlow counter of 32 bits wraps at the same points.
pub(crate) fn as_counter32(value: &[u8]) -> Option<u32> {
    as_u64(value).map(|count| (count & u64::from(u32::MAX)) as u32)
}

const IFLA_INFO_KIND: u16 = 1;
const IFLA_INFO_DATA: u16 = 2;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_LINK_NETNSID: u16 = 37;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_PARENT_DEV_NAME: u16 = 56;
const IFA_FLAGS: u16 = 8;

#[cfg(test)]
mod tests;
