//! Records of the connection of an application transaction. One of them is sent with every
//! [`AppOperation`](super::AppOperation) or [`HttpRequest`](super::HttpRequest) that used a network
//! socket (rule A26).

use core::net::{Ipv4Addr, Ipv6Addr};

use crate::record::{DataFormat, FlowRecord};
use crate::xdr::Encoder;

/// Both ends of an IPv4 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SocketIpv4 {
    /// IP protocol, such as 6 for TCP.
    pub protocol: u32,
    /// Local address.
    pub local_ip: Ipv4Addr,
    /// Remote address.
    pub remote_ip: Ipv4Addr,
    /// Local port.
    pub local_port: u32,
    /// Remote port.
    pub remote_port: u32,
}

impl SocketIpv4 {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.words([
            self.protocol,
            self.local_ip.to_bits(),
            self.remote_ip.to_bits(),
            self.local_port,
            self.remote_port,
        ]);
    }
}

/// Both ends of an IPv6 connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SocketIpv6 {
    /// IP protocol, such as 6 for TCP.
    pub protocol: u32,
    /// Local address.
    pub local_ip: Ipv6Addr,
    /// Remote address.
    pub remote_ip: Ipv6Addr,
    /// Local port.
    pub local_port: u32,
    /// Remote port.
    pub remote_port: u32,
}

impl SocketIpv6 {
    fn encode(&self, xdr: &mut Encoder<'_>) {
        xdr.u32(self.protocol);
        xdr.opaque_fixed(&self.local_ip.octets());
        xdr.opaque_fixed(&self.remote_ip.octets());
        xdr.words([self.local_port, self.remote_port]);
    }
}

/// `extended_socket_ipv4` (0:2100): the connection between this application and its client or
/// server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedSocketIpv4(pub SocketIpv4);

impl FlowRecord for ExtendedSocketIpv4 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2100)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.0.encode(xdr);
    }
}

/// `extended_socket_ipv6` (0:2101): the connection between this application and its client or
/// server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedSocketIpv6(pub SocketIpv6);

impl FlowRecord for ExtendedSocketIpv6 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2101)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.0.encode(xdr);
    }
}

/// `extended_proxy_socket_ipv4` (0:2102): the connection from a proxy to its upstream server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedProxySocketIpv4(pub SocketIpv4);

impl FlowRecord for ExtendedProxySocketIpv4 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2102)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.0.encode(xdr);
    }
}

/// `extended_proxy_socket_ipv6` (0:2103): the connection from a proxy to its upstream server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedProxySocketIpv6(pub SocketIpv6);

impl FlowRecord for ExtendedProxySocketIpv6 {
    fn format(&self) -> DataFormat {
        DataFormat::standard(2103)
    }

    fn encode(&self, xdr: &mut Encoder<'_>) {
        self.0.encode(xdr);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::testing::{self, word};

    const IPV4: SocketIpv4 = SocketIpv4 {
        protocol: word(1),
        local_ip: Ipv4Addr::new(192, 0, 2, 2),
        remote_ip: Ipv4Addr::new(192, 0, 2, 3),
        local_port: word(4),
        remote_port: word(5),
    };

    const IPV6: SocketIpv6 = SocketIpv6 {
        protocol: word(1),
        local_ip: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2),
        remote_ip: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 3),
        local_port: word(4),
        remote_port: word(5),
    };

    #[test]
    fn extended_socket_ipv4() {
        testing::flow_vector(
            &ExtendedSocketIpv4(IPV4),
            include_str!("../../../../tests/vectors/synthetic/flow-0-2100.hex"),
        );
    }

    #[test]
    fn extended_socket_ipv6() {
        testing::flow_vector(
            &ExtendedSocketIpv6(IPV6),
            include_str!("../../../../tests/vectors/synthetic/flow-0-2101.hex"),
        );
    }

    #[test]
    fn extended_proxy_socket_ipv4() {
        testing::flow_vector(
            &ExtendedProxySocketIpv4(IPV4),
            include_str!("../../../../tests/vectors/synthetic/flow-0-2102.hex"),
        );
    }

    #[test]
    fn extended_proxy_socket_ipv6() {
        testing::flow_vector(
            &ExtendedProxySocketIpv6(IPV6),
            include_str!("../../../../tests/vectors/synthetic/flow-0-2103.hex"),
        );
    }
}
