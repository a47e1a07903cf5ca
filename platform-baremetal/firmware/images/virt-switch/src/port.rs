//! The ports of the switch, and sets of them.

/// Number of front ports.
pub const PORTS: usize = 4;
const CPU: u8 = PORTS as u8;

/// A front port, or the CPU port of the switch itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Port(u8);

impl Port {
    /// The CPU port: the address of the switch in the management VLAN.
    pub const CPU: Self = Self(CPU);

    /// The first front port.
    pub const FIRST: Self = Self(0);

    /// Returns the front port with this number, from 1; `None` if it does not exist.
    #[must_use]
    pub fn numbered(number: u32) -> Option<Self> {
        let index = u8::try_from(number).ok()?.checked_sub(1)?;
        (usize::from(index) < PORTS).then_some(Self(index))
    }

    /// Returns all front ports in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..PORTS as u8).map(Self)
    }

    /// Returns the index of the port in a table of [`PORTS`]; that of [`Port::CPU`] is past its
    /// end.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }

    /// Returns the ifIndex: the number on the front, from 1.
    #[must_use]
    pub fn if_index(self) -> u32 {
        u32::from(self.0) + 1
    }

    fn bit(self) -> u8 {
        1u8.unbounded_shl(self.0.into())
    }
}

/// A set of ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PortSet(u8);

impl PortSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Returns the set of the ports with these numbers: front ports from 1, [`Port::CPU`] as
    /// [`PORTS`] + 1. Other numbers are ignored.
    #[must_use]
    pub const fn of(numbers: &[u8]) -> Self {
        let mut bits = 0;
        let mut rest = numbers;
        while let [number, behind @ ..] = rest {
            if let Some(index @ 0..=CPU) = number.checked_sub(1) {
                bits |= 1u8.unbounded_shl(index as u32);
            }
            rest = behind;
        }
        Self(bits)
    }

    /// Returns the set with `port` added.
    #[must_use]
    pub fn with(self, port: Port) -> Self {
        Self(self.0 | port.bit())
    }

    /// Returns the set with `port` removed.
    #[must_use]
    pub fn without(self, port: Port) -> Self {
        Self(self.0 & !port.bit())
    }

    /// Returns true if `port` is in the set.
    #[must_use]
    pub fn contains(self, port: Port) -> bool {
        self.0 & port.bit() != 0
    }

    /// Returns true if the set is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Returns the number of front ports in the set.
    #[must_use]
    pub fn front(self) -> u32 {
        self.without(Port::CPU).0.count_ones()
    }

    /// Returns the front ports of the set, in order.
    pub fn iter(self) -> impl Iterator<Item = Port> {
        Port::all().filter(move |port| self.contains(*port))
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use super::*;

    #[test]
    fn port_numbers_start_at_one() {
        assert_eq!(Port::numbered(0), None);
        assert_eq!(Port::numbered(1).map(Port::index), Some(0));
        assert_eq!(Port::numbered(4).map(Port::if_index), Some(4));
        assert_eq!(Port::numbered(5), None);
        assert_eq!(Port::numbered(257), None);
    }

    #[test]
    fn set_contains_the_added_ports() {
        let set = PortSet::of(&[1, 3, 5, 9, 0]);
        assert_eq!(set.iter().map(Port::if_index).collect::<Vec<_>>(), [1, 3]);
        assert!(set.contains(Port::CPU));
        assert_eq!(set.front(), 2);
        let one = Port::numbered(1).unwrap();
        assert!(!set.without(one).contains(one));
        assert_eq!(set.without(one).with(one), set);
        assert!(PortSet::of(&[2]).without(Port::numbered(2).unwrap()).is_empty());
    }
}
