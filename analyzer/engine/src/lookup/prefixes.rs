//! Labels of networks, found by the longest prefix.

use core::net::IpAddr;

use foldhash::{HashMap, HashMapExt};

/// Networks of both IP versions with a value each.
///
/// A look-up probes the lengths that occur, longest first: user objects have few of them.
#[derive(Clone, Debug)]
pub(crate) struct Prefixes<V> {
    v4: Vec<Length<V>>,
    v6: Vec<Length<V>>,
}

/// The networks of one prefix length.
#[derive(Clone, Debug)]
struct Length<V> {
    bits: u8,
    networks: HashMap<u128, V>,
}

impl<V> Default for Prefixes<V> {
    fn default() -> Self {
        Self { v4: Vec::new(), v6: Vec::new() }
    }
}

impl<V> Prefixes<V> {
    /// Adds a network. A network that is there already gets the new value.
    pub(crate) fn insert(&mut self, network: Network, value: V) {
        let Network { address, bits } = network;
        let (lengths, word) = match address {
            IpAddr::V4(_) => (&mut self.v4, left(address)),
            IpAddr::V6(_) => (&mut self.v6, left(address)),
        };
        // Longest first.
        let at = lengths.partition_point(|length| length.bits > bits);
        if lengths.get(at).is_none_or(|length| length.bits != bits) {
            lengths.insert(at, Length { bits, networks: HashMap::new() });
        }
        if let Some(length) = lengths.get_mut(at) {
            length.networks.insert(masked(word, bits), value);
        }
    }

    /// The value of the longest prefix that contains `address`.
    pub(crate) fn get(&self, address: IpAddr) -> Option<&V> {
        let lengths = if address.is_ipv4() { &self.v4 } else { &self.v6 };
        let word = left(address);
        lengths.iter().find_map(|length| length.networks.get(&masked(word, length.bits)))
    }
}

/// A network: an address and the number of its bits that count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Parses `192.0.2.0/24`, or an address, which stands for itself alone. Bits beyond the length
    /// are ignored.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            Some(bits) => bits.trim().parse().ok().filter(|bits| *bits <= longest)?,
            None => longest,
        };
        Some(Self { address, bits })
    }
}

/// The bits of an address from the left end of a word on.
fn left(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()) << 96,
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn masked(word: u128, bits: u8) -> u128 {
    word & u128::MAX.checked_shl(128 - u32::from(bits)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn longest_prefix_wins() {
        let mut prefixes = Prefixes::default();
        for (network, label) in
            [("0.0.0.0/0", "all"), ("192.0.2.0/24", "net"), ("192.0.2.7", "host"), ("::/0", "six")]
        {
            prefixes.insert(Network::parse(network).unwrap(), label);
        }
        assert_eq!(prefixes.get(ip("192.0.2.7")), Some(&"host"));
        assert_eq!(prefixes.get(ip("192.0.2.8")), Some(&"net"));
        assert_eq!(prefixes.get(ip("198.51.100.1")), Some(&"all"));
        assert_eq!(prefixes.get(ip("2001:db8::1")), Some(&"six"));
    }

    #[test]
    fn versions_are_apart() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(Network::parse("0.0.0.0/0").unwrap(), ());
        assert_eq!(prefixes.get(ip("::1")), None);
    }

    #[test]
    fn bits_beyond_the_length_are_ignored() {
        let mut prefixes = Prefixes::default();
        prefixes.insert(Network::parse("2001:db8::1/32").unwrap(), 32);
        assert_eq!(prefixes.get(ip("2001:db8:ffff::")), Some(&32));
    }

    #[test]
    fn networks_are_checked() {
        for text in ["", "192.0.2.0/33", "::/129", "192.0.2/24", "a/8", "1.2.3.4/", "1.2.3.4/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
