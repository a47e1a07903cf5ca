//! Records of packet headers by field, for hardware that cannot copy the first bytes of a packet.

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// `sampled_ethernet` (0:2): the fields of an Ethernet header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SampledEthernet {
    /// Bytes of the frame as received, including FCS.
    pub length: u32,
    /// Source MAC address.
    pub src_mac: [u8; 6],
    /// Destination MAC address.
    pub dst_mac: [u8; 6],
    /// EtherType, in the low 16 bits; `type` in the specification.
    pub ether_type: u32,
}

impl FlowRecord for SampledEthernet {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.length);
        xdr.mac(self.src_mac);
        xdr.mac(self.dst_mac);
        xdr.u32(self.ether_type);
    }
}

/// `sampled_ipv4` (0:3): the fields of IPv4 and transport headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SampledIpv4 {
    /// Bytes of the packet with IP header, without link layer.
    pub length: u32,
    /// IP protocol, such as 6 for TCP.
    pub protocol: u32,
    /// Source address.
    pub src_ip: Ipv4Addr,
    /// Destination address.
    pub dst_ip: Ipv4Addr,
    /// Source port of TCP, UDP or a similar protocol; 0: none.
    pub src_port: u32,
    /// Destination port of TCP, UDP or a similar protocol; 0: none.
    pub dst_port: u32,
    /// TCP flags, FIN in bit 0; 0: not TCP.
    pub tcp_flags: u32,
    /// Type of service, 8 bits: DSCP and ECN.
    pub tos: u32,
}

impl FlowRecord for SampledIpv4 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(3)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.length,
            self.protocol,
            self.src_ip.to_bits(),
            self.dst_ip.to_bits(),
            self.src_port,
            self.dst_port,
            self.tcp_flags,
            self.tos,
        ]);
    }
}

/// `sampled_ipv6` (0:4): the fields of IPv6 and transport headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SampledIpv6 {
    /// Bytes of the packet with IP header, without link layer: 40 plus the payload length.
    pub length: u32,
    /// Next header, such as 6 for TCP.
    pub protocol: u32,
    /// Source address.
    pub src_ip: Ipv6Addr,
    /// Destination address.
    pub dst_ip: Ipv6Addr,
    /// Source port of TCP, UDP or a similar protocol; 0: none.
    pub src_port: u32,
    /// Destination port of TCP, UDP or a similar protocol; 0: none.
    pub dst_port: u32,
    /// TCP flags, FIN in bit 0; 0: not TCP.
    pub tcp_flags: u32,
    /// Traffic class, 8 bits.
    pub priority: u32,
}

impl FlowRecord for SampledIpv6 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(4)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([self.length, self.protocol]);
        xdr.opaque_fixed(&self.src_ip.octets());
        xdr.opaque_fixed(&self.dst_ip.octets());
        xdr.words([self.src_port, self.dst_port, self.tcp_flags, self.priority]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, mac, word};

    #[test]
    fn sampled_ethernet() {
        let record = SampledEthernet {
            length: word(1),
            src_mac: mac(2),
            dst_mac: mac(3),
            ether_type: word(4),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-2.hex"),
        );
    }

    #[test]
    fn sampled_ipv4() {
        let record = SampledIpv4 {
            length: word(1),
            protocol: word(2),
            src_ip: Ipv4Addr::new(192, 0, 2, 3),
            dst_ip: Ipv4Addr::new(192, 0, 2, 4),
            src_port: word(5),
            dst_port: word(6),
            tcp_flags: word(7),
            tos: word(8),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-3.hex"),
        );
    }

    #[test]
    fn sampled_ipv6() {
        let record = SampledIpv6 {
            length: word(1),
            protocol: word(2),
            src_ip: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3),
            dst_ip: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 4),
            src_port: word(5),
            dst_port: word(6),
            tcp_flags: word(7),
            priority: word(8),
        };
        testing::flow_vector(
            &record,
            include_str!("../../../../tests/vectors/synthetic/flow-0-4.hex"),
        );
    }
}
