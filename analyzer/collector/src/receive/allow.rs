//! The networks from which datagrams are accepted.

use core::net::{IpAddr, Ipv6Addr};
use core::str::FromStr;

/// The values of `--allow`. Without any, all senders are allowed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Allow(Vec<Network>);

/// A network in CIDR notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    /// The number of leading bits that are compared.
    prefix: u32,
}

impl Allow {
    pub(crate) fn new(networks: &[Network]) -> Self {
        Self(networks.to_vec())
    }

    /// True if there is no list, so that nothing is refused.
    pub(crate) fn all(&self) -> bool {
        self.0.is_empty()
    }

    /// True if datagrams of `sender` are accepted.
    pub(crate) fn permits(&self, sender: IpAddr) -> bool {
        self.all() || self.0.iter().any(|network| network.contains(sender))
    }
}

impl Network {
    /// True if the network has this address.
    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        let differ = match (self.address, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
            (IpAddr::V6(own), IpAddr::V6(ip)) => (own.to_bits() ^ ip.to_bits()).leading_zeros(),
            _ => return false,
        };
        differ >= self.prefix
    }
}

/// Parses `192.0.2.0/24`, `2001:db8::/32`, or an address, which stands for itself. An IPv4-mapped
/// network (`::ffff:192.0.2.0/120`) is the IPv4 network.
impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected 192.0.2.0/24, 2001:db8::/32 or an address".to_owned();
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| expected())?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = match prefix {
            Some(prefix) => prefix.parse().ok().filter(|p| *p <= bits).ok_or_else(expected)?,
            None => bits,
        };
        match address.to_canonical() {
            IpAddr::V4(v4) if bits == 128 && prefix >= MAPPED => {
                Ok(Self { address: v4.into(), prefix: prefix - MAPPED })
            }
            _ => Ok(Self { address, prefix }),
        }
    }
}

/// Bits before the IPv4 address in an IPv4-mapped address.
const MAPPED: u32 = Ipv6Addr::BITS - 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn permits(networks: &[&str], sender: &str) -> bool {
        let networks: Vec<Network> = networks.iter().map(|text| text.parse().unwrap()).collect();
        Allow::new(&networks).permits(sender.parse().unwrap())
    }

    #[test]
    fn senders_are_compared_by_prefix() {
        for (networks, sender, permitted) in [
            (&[][..], "203.0.113.1", true),
            (&["192.0.2.0/24"], "192.0.2.255", true),
            (&["192.0.2.0/24"], "192.0.3.0", false),
            (&["192.0.2.128/25"], "192.0.2.127", false),
            (&["192.0.2.1"], "192.0.2.1", true),
            (&["192.0.2.1"], "192.0.2.2", false),
            (&["192.0.2.9/24"], "192.0.2.1", true),
            (&["0.0.0.0/0"], "203.0.113.1", true),
            (&["0.0.0.0/0"], "2001:db8::1", false),
            (&["::/0"], "203.0.113.1", false),
            (&["2001:db8::/32", "192.0.2.1"], "2001:db8:ffff::1", true),
            (&["2001:db8::/33"], "2001:db8:8000::", false),
            (&["::ffff:192.0.2.0/120"], "192.0.2.9", true),
            (&["::ffff:192.0.2.0/120"], "192.0.3.9", false),
            (&["192.0.2.0/24"], "::ffff:192.0.2.9", true),
        ] {
            assert_eq!(permits(networks, sender), permitted, "{networks:?} {sender}");
        }
    }

    #[test]
    fn invalid_networks_are_refused() {
        for text in
            ["", "x", "192.0.2.0/33", "2001:db8::/129", "192.0.2.0/", "192.0.2/24", "1.2.3.4/-1"]
        {
            assert!(text.parse::<Network>().unwrap_err().contains("192.0.2.0/24"), "{text}");
        }
    }
}
