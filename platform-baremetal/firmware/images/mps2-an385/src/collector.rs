//! Addresses of a collector, as typed on the console.

use core::fmt::Write;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::str;

use crate::board::Uart0;
use crate::console;
use crate::settings::{ADDRESS, ADDRESS_V6};

/// The type of collector addresses in an image: [`Ipv4Addr`] or [`IpAddr`].
pub trait Collector: Copy + From<Ipv4Addr> + Into<IpAddr> {
    /// The syntax, for an error message.
    const USAGE: &str;

    /// Parses an address; `None` if it is invalid, or if the uplink would accept but not reach it.
    fn parse(word: &[u8]) -> Option<Self>;

    /// Writes it on the console.
    fn show(self, serial: &mut Uart0);
}

impl Collector for Ipv4Addr {
    const USAGE: &str = "collector A.B.C.D: in 192.0.2.0/24, no IPv6 here";

    /// Does not check reachability: `UdpSender` does.
    fn parse(word: &[u8]) -> Option<Self> {
        console::address(word)
    }

    fn show(self, serial: &mut Uart0) {
        serial.address(self);
    }
}

impl Collector for IpAddr {
    const USAGE: &str = "collector A.B.C.D or X:X::X: in 192.0.2.0/24, 2001:db8::/64 or fe80::/64";

    /// Checks that the host is on the network: smoltcp accepts any, and there is no router.
    fn parse(word: &[u8]) -> Option<Self> {
        if let Some(address) = console::address(word) {
            let ([a, b, c, _], [x, y, z, host]) = (ADDRESS.octets(), address.octets());
            let host = !matches!(host, 0 | 255) && address != ADDRESS;
            return ([a, b, c] == [x, y, z] && host).then_some(address.into());
        }
        let address: Ipv6Addr = str::from_utf8(word).ok()?.parse().ok()?;
        let ([a, b, c, d, ..], [x, y, z, w, ..]) = (ADDRESS_V6.segments(), address.segments());
        let ours = [x, y, z, w] == [a, b, c, d] || [x, y, z, w] == [0xfe80, 0, 0, 0];
        // All zeros after the prefix is the subnet-router anycast address (RFC 4291, 2.6.1).
        let host = address.to_bits() as u64 != 0 && address != ADDRESS_V6;
        (ours && host).then_some(address.into())
    }

    fn show(self, serial: &mut Uart0) {
        // Writing to the console cannot fail.
        let _ = write!(serial, "{self}");
    }
}
