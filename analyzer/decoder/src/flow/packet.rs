//! The sampled packet: its first bytes, or fields taken from them.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::structure::structures;
use crate::value::MacAddress;

structures! { Flow:
    /// Flow record 0:1, at least 16 bytes (source: sFlow version 5).
    ///
    /// Preferred form; any flow_sample must contain packet-header information (this, or one or more
    /// of 2/3/4).
    ///
    /// Captured length is at most sFlowFsMaximumHeaderSize (default 128; 256 recommended for
    /// tunnels).
    ///
    /// Payload length of the inner packet = frame_length - stripped - offset_of_layer.
    ///
    /// The reference agent adds 4 bytes for the FCS to the length of an Ethernet frame and sends 4
    /// in `stripped`. For a bare IP packet it adds 18 and sends 18.
    SampledHeader<'a> = 0:1 as "sampled_header" {
        /// 1 Ethernet, 7 PPP, 11 IPv4, 12 IPv6, 13 MPLS, 14 POS, 15 802.11, 18 InfiniBand; others
        /// are possible.
        Enumeration protocol: u32,
        /// Original frame length on the wire, bytes; for a layer-2 protocol: all octets of the
        /// frame including FCS, without preamble/framing bits. Bytes added to make up for
        /// encapsulation removed by hardware are added here and to stripped.
        Identity frame_length: u32,
        /// Octets removed from the frame before `header` was taken (leading encapsulation + its
        /// trailers + trailer of the outermost layer kept). Plain 802.3: >= 4 (FCS); 8 when a VLAN
        /// tag was also removed. Versions 2 and 4 lack it.
        Identity stripped: u32 [5..],
        /// The first bytes of the packet, from the destination MAC address on if it is Ethernet.
        Identity header: &'a [u8],
    }

    /// Flow record 0:2, 24 bytes (source: sFlow version 5).
    ///
    /// Each MAC address is padded from 6 to 8 bytes. Some agents omit the pads; their records have 20
    /// bytes and are read as well.
    SampledEthernet = 0:2 as "sampled_ethernet" {
        /// MAC frame length as received, bytes: excludes lower-layer encapsulation and framing
        /// bits, includes FCS.
        Identity length: u32,
        /// Source MAC.
        Identity src_mac: MacAddress,
        /// Destination MAC.
        Identity dst_mac: MacAddress,
        /// Ethernet type, in the low 16 bits.
        Identity ether_type "type": u32,
    }

    /// Flow record 0:3, 32 bytes (source: sFlow version 5).
    SampledIpv4 = 0:3 as "sampled_ipv4" {
        /// IP packet length (IP header included), bytes, no lower layer.
        Identity length: u32,
        /// IP protocol (6 TCP, 17 UDP, 1 ICMP).
        Identity protocol: u32,
        /// Source address.
        Identity src_ip: Ipv4Addr,
        /// Destination address.
        Identity dst_ip: Ipv4Addr,
        /// TCP/UDP source port or equivalent.
        Identity src_port: u32,
        /// TCP/UDP destination port or equivalent.
        Identity dst_port: u32,
        /// TCP flag byte, low 8 bits.
        Enumeration tcp_flags: u32,
        /// IPv4 TOS byte (DSCP+ECN).
        Identity tos: u32,
    }

    /// Flow record 0:4, 56 bytes (source: sFlow version 5).
    SampledIpv6 = 0:4 as "sampled_ipv6" {
        /// Length of the whole IPv6 packet in bytes, no lower layer (40 + payload length: derived,
        /// the header has no such field).
        Identity length: u32,
        /// IPv6 next header.
        Identity protocol: u32,
        /// Source address.
        Identity src_ip: Ipv6Addr,
        /// Destination address.
        Identity dst_ip: Ipv6Addr,
        /// Source port or equivalent.
        Identity src_port: u32,
        /// Destination port or equivalent.
        Identity dst_port: u32,
        /// TCP flag byte.
        Enumeration tcp_flags: u32,
        /// IP priority (traffic class).
        Identity priority: u32,
    }
}
