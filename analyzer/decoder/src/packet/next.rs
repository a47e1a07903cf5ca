//! The protocol of the next header, by the number that announces it.

use super::guess;

/// The protocol of the next header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ethernet,
    /// The tag of a VLAN, announced by this TPID.
    Vlan(u16),
    VnTag,
    ETag,
    ITag,
    Llc,
    Mpls,
    Pppoe,
    Ppp,
    Ieee80211,
    /// A frame of an A-MPDU, after its delimiter.
    Ampdu,
    /// A subframe of an A-MSDU.
    Amsdu,
    Arp,
    Ipv4,
    Ipv6,
    /// An extension header of this protocol number.
    Ipv6Extension(u8),
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
    Sctp,
    Gre,
    Erspan,
    Eoip,
    L2tp,
    /// L2TP version 3 directly in IP.
    L2tpIp,
    Vxlan,
    VxlanGpe,
    Nsh,
    Geneve,
    GtpU,
    Payload,
}

impl Next {
    /// The first protocol of a sampled header, as claimed by its number.
    #[inline]
    pub(super) fn claimed(header_protocol: u32) -> Self {
        match header_protocol {
            1 => Self::Ethernet,
            7 | 14 => Self::Ppp,
            11 => Self::Ipv4,
            12 => Self::Ipv6,
            13 => Self::Mpls,
            15 => Self::Ieee80211,
            16 => Self::Ampdu,
            17 => Self::Amsdu,
            _ => Self::Payload,
        }
    }

    /// The first protocol of a sampled header: the claimed one, unless the bytes contradict it.
    #[inline]
    pub(super) fn first(header_protocol: u32, packet: &[u8], beyond: usize) -> Self {
        let claimed = Self::claimed(header_protocol);
        let evident = match claimed {
            Self::Ethernet => matches!(
                packet,
                [_, _, _, _, _, _, _, _, _, _, _, _, 0x08 | 0x81, 0, ..]
                    | [_, _, _, _, _, _, _, _, _, _, _, _, 0x86, 0xdd, ..]
            ),
            Self::Ipv4 | Self::Ipv6 => Self::from_ip_version(packet) == claimed,
            Self::Payload => matches!(header_protocol, 2..=10 | 18),
            _ => true,
        };
        if evident { claimed } else { guess::first(claimed, packet, beyond) }
    }

    #[inline(always)]
    pub(super) fn from_ether_type(ether_type: u16) -> Self {
        match ether_type {
            0x0800 => Self::Ipv4,
            0x86dd => Self::Ipv6,
            0x8100 => Self::Vlan(ether_type),
            _ => Self::from_other_ether_type(ether_type),
        }
    }

    /// Out of line, so that the common types stay small wherever they are matched.
    #[inline(never)]
    fn from_other_ether_type(ether_type: u16) -> Self {
        match ether_type {
            0x88a8 | 0x9100 | 0x9200 | 0x9300 => Self::Vlan(ether_type),
            0x0806 => Self::Arp,
            0x8847 | 0x8848 => Self::Mpls,
            0x8863 | 0x8864 => Self::Pppoe,
            // Transparent Ethernet bridging, in GRE and GENEVE.
            0x6558 => Self::Ethernet,
            0x880b => Self::Ppp,
            0x8926 => Self::VnTag,
            0x893f => Self::ETag,
            0x88e7 => Self::ITag,
            0x894f => Self::Nsh,
            // IEEE 802.3: a length, not a type.
            0..=0x05dc => Self::Llc,
            _ => Self::Payload,
        }
    }

    #[inline(always)]
    pub(super) fn from_ip_protocol(protocol: u8) -> Self {
        match protocol {
            6 => Self::Tcp,
            17 => Self::Udp,
            1 => Self::Icmp,
            58 => Self::Icmpv6,
            132 => Self::Sctp,
            47 => Self::Gre,
            4 => Self::Ipv4,
            41 => Self::Ipv6,
            137 => Self::Mpls,
            115 => Self::L2tpIp,
            0 | 43 | 44 | 51 | 60 | 135 | 139 | 140 => Self::Ipv6Extension(protocol),
            _ => Self::Payload,
        }
    }

    /// IPv4 or IPv6, by the version in the next byte.
    pub(super) fn from_ip_version(rest: &[u8]) -> Self {
        match rest.first().map(|byte| byte >> 4) {
            Some(4) => Self::Ipv4,
            Some(6) => Self::Ipv6,
            _ => Self::Payload,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Ethernet => "ethernet",
            Self::Vlan(_) => "vlan",
            Self::VnTag => "vn_tag",
            Self::ETag => "e_tag",
            Self::ITag => "i_tag",
            Self::Llc => "llc",
            Self::Mpls => "mpls",
            Self::Pppoe => "pppoe",
            Self::Ppp => "ppp",
            Self::Ieee80211 | Self::Ampdu => "ieee80211",
            Self::Amsdu => "ethernet",
            Self::Arp => "arp",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Ipv6Extension(_) => "ipv6_extension",
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Icmpv6 => "icmpv6",
            Self::Sctp => "sctp",
            Self::Gre => "gre",
            Self::Erspan => "erspan",
            Self::Eoip => "eoip",
            Self::L2tp | Self::L2tpIp => "l2tp",
            Self::Vxlan => "vxlan",
            Self::VxlanGpe => "vxlan_gpe",
            Self::Nsh => "nsh",
            Self::Geneve => "geneve",
            Self::GtpU => "gtp_u",
            Self::Payload => "payload",
        }
    }
}
